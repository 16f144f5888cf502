import type { AlterTableCmd, Node, RangeVar } from '@pgsql/types'
import type { LockMode } from '../../findings/lock-mode.ts'
import type { Observation } from '../../findings/observation.ts'
import { compareLockModes, lockModes } from '../../findings/lock-mode.ts'
import { textNameOf } from '../../sql/identifier.ts'
import { ownerOfIndex, resolveName } from '../../sql/schema-draft.ts'
import type { SchemaDraft } from '../../sql/schema-draft.ts'
import { nodeOf, statementOf } from '../../sql/statement.ts'
import type { NodeTag, Statement } from '../../sql/statement.ts'
import { isNewTable } from '../new-tables.ts'
import { observationOf } from '../observed.ts'
import type { HistorySubject, MigrationSubject, StatementSubject } from '../subject.ts'

/** A lock of SHARE or stronger, which keeps writers waiting, on a table that was there before the file. */
export interface TableLock {
  /** As a `SchemaText` names it. */
  table: string
  /** As PostgreSQL prints it where that was seen. */
  printed: string
  mode: LockMode
}

/** The schema before a statement is dear to read out of order, and these are asked for again at later statements. */
const seen = new WeakMap<StatementSubject, readonly TableLock[]>()
const written = new WeakMap<StatementSubject, readonly TableLock[]>()
const none: readonly TableLock[] = []

/**
 * The locks that a statement takes on tables that others may be using, the strongest on each: as the shadow showed
 * them, without those that its transaction held already, else as the text tells.
 */
export function tableLocks(subject: StatementSubject): readonly TableLock[] {
  const observation = observationOf(subject)
  if (observation === undefined) return writtenLocks(subject)
  let locks = seen.get(subject)
  if (locks === undefined) seen.set(subject, (locks = readLocks(subject, observation)))
  return locks
}

/** As `tableLocks`, by the text alone and whatever its transaction holds already; those of its code are among them. */
export function writtenLocks(subject: StatementSubject): readonly TableLock[] {
  if (!lockingTags.has(subject.statement.tag) && subject.inner.length === 0) return none
  let locks = written.get(subject)
  if (locks === undefined) written.set(subject, (locks = readWrittenLocks(subject)))
  return locks
}

function readLocks(subject: StatementSubject, observation: Observation): TableLock[] {
  const { migration, statement } = subject
  const byText = writtenLocks(subject)
  const draft = migration.history.before(subject)
  const left = tablesLeft(migration.history)
  const isTable = (table: string) =>
    draft.tables.has(table) || left.has(table) || byText.some((lock) => lock.table === table)
  const made = new Set(observation.created.map(({ name }) => name))
  return observation.locks.flatMap(({ relation, mode }) => {
    const table = textNameOf(relation)
    if (compareLockModes(mode, 'SHARE') < 0 || made.has(relation)) return []
    if (!isTable(table) || !mayBeUsed(draft, migration, table, statement.index)) return []
    return [{ table, printed: relation, mode }]
  })
}

type WrittenLocks = Map<string, LockMode>

const namesLeft = new WeakMap<HistorySubject, ReadonlySet<string>>()

/** The relations that the traced history left. */
function tablesLeft(history: HistorySubject): ReadonlySet<string> {
  const names = namesLeft.get(history) ?? new Set(history.catalog?.relations.map(({ name }) => textNameOf(name)))
  namesLeft.set(history, names)
  return names
}

function readWrittenLocks(subject: StatementSubject): TableLock[] {
  const { migration, statement } = subject
  const locks: WrittenLocks = new Map()
  const draft = migration.history.before(subject)
  for (const each of [subject, ...subject.inner]) addLocks(locks, draft, each.statement)
  return [...locks].flatMap(([table, mode]) =>
    mayBeUsed(draft, migration, table, statement.index) ? [{ table, printed: table, mode }] : [],
  )
}

function mayBeUsed(draft: SchemaDraft, migration: MigrationSubject, table: string, before: number): boolean {
  const kind = draft.tables.get(table)?.kind
  return kind !== 'temporary table' && kind !== 'view' && !isNewTable(migration, table, before)
}

/** The statements that `addLocks` knows to lock a table. */
const lockingTags: ReadonlySet<NodeTag> = new Set([
  'AlterObjectSchemaStmt',
  'AlterPolicyStmt',
  'AlterTableStmt',
  'ClusterStmt',
  'CreatePolicyStmt',
  'CreateStmt',
  'CreateTrigStmt',
  'DropStmt',
  'IndexStmt',
  'LockStmt',
  'RefreshMatViewStmt',
  'RenameStmt',
  'RuleStmt',
  'TruncateStmt',
])

function addLocks(locks: WrittenLocks, draft: SchemaDraft, statement: Statement): void {
  const take = (table: string, mode: LockMode) => {
    const before = locks.get(table)
    if (before === undefined || compareLockModes(mode, before) > 0) locks.set(table, mode)
  }
  const named = (relation: RangeVar) => resolveName(draft, relation.schemaname, relation.relname ?? '')
  /** With the partitions and their partitions, which a lock on the parent reaches unless it is written ONLY. */
  const takeAll = (relation: RangeVar, mode: LockMode) => {
    const reached = [named(relation)]
    for (const table of reached) {
      take(table, mode)
      if (!relation.inh || draft.tables.get(table)?.kind !== 'partitioned table') continue
      for (const other of draft.tables.values()) if (other.partitionOf === table) reached.push(other.name)
    }
  }
  const isThere = (relation: RangeVar) => draft.tables.has(named(relation))

  switch (statement.tag) {
    case 'AlterTableStmt': {
      const alter = statementOf(statement, 'AlterTableStmt')
      if (alter?.objtype !== 'OBJECT_TABLE' || alter.relation === undefined) return
      if (alter.missing_ok && !isThere(alter.relation)) return
      for (const node of alter.cmds ?? []) {
        const command = nodeOf(node, 'AlterTableCmd')
        if (command === undefined) continue
        const mode = modeOfCommand(command)
        if (mode !== undefined) takeAll(alter.relation, mode)
        for (const [other, otherMode] of othersOfCommand(draft, named(alter.relation), command)) take(other, otherMode)
      }
      return
    }
    case 'CreateStmt': {
      const create = statementOf(statement, 'CreateStmt')
      const elements = (create?.tableElts ?? []).flatMap((element) => [
        element,
        ...(nodeOf(element, 'ColumnDef')?.constraints ?? []),
      ])
      for (const referenced of referencedBy(draft, elements)) take(referenced, 'SHARE ROW EXCLUSIVE')
      if (create?.partbound === undefined) return
      for (const parent of create.inhRelations ?? []) {
        const relation = nodeOf(parent, 'RangeVar')
        if (relation === undefined) continue
        take(named(relation), 'ACCESS EXCLUSIVE')
        for (const other of defaultPartitions(draft, named(relation))) take(other, 'ACCESS EXCLUSIVE')
      }
      return
    }
    case 'DropStmt': {
      const drop = statementOf(statement, 'DropStmt')
      for (const object of drop?.concurrent ? [] : (drop?.objects ?? [])) {
        const names = (nodeOf(object, 'List')?.items ?? []).map((item) => nodeOf(item, 'String')?.sval ?? '')
        for (const table of lockedByDrop(draft, drop?.removeType ?? '', names)) take(table, 'ACCESS EXCLUSIVE')
      }
      return
    }
    case 'RenameStmt': {
      const rename = statementOf(statement, 'RenameStmt')
      const kinds = ['OBJECT_TABLE', 'OBJECT_COLUMN', 'OBJECT_TABCONSTRAINT', 'OBJECT_TRIGGER', 'OBJECT_POLICY']
      if (rename?.relation === undefined || !kinds.includes(rename.renameType ?? '')) return
      // ALTER TABLE … RENAME is understood of indexes and views too.
      if (isThere(rename.relation)) takeAll(rename.relation, 'ACCESS EXCLUSIVE')
      return
    }
    case 'AlterObjectSchemaStmt': {
      const move = statementOf(statement, 'AlterObjectSchemaStmt')
      if (move?.objectType === 'OBJECT_TABLE' && move.relation) take(named(move.relation), 'ACCESS EXCLUSIVE')
      return
    }
    case 'TruncateStmt':
    case 'LockStmt': {
      const lock = statementOf(statement, 'LockStmt')
      const mode = lock ? lockModes[(lock.mode ?? 0) - 1] : 'ACCESS EXCLUSIVE'
      for (const node of (lock ?? statementOf(statement, 'TruncateStmt'))?.relations ?? []) {
        const relation = nodeOf(node, 'RangeVar')
        if (relation && mode !== undefined && compareLockModes(mode, 'SHARE') >= 0) takeAll(relation, mode)
      }
      return
    }
    case 'IndexStmt': {
      const index = statementOf(statement, 'IndexStmt')
      if (index?.relation && !index.concurrent) takeAll(index.relation, 'SHARE')
      return
    }
    case 'CreateTrigStmt': {
      const relation = statementOf(statement, 'CreateTrigStmt')?.relation
      if (relation) take(named(relation), 'SHARE ROW EXCLUSIVE')
      return
    }
    default: {
      const relation =
        statementOf(statement, 'CreatePolicyStmt')?.table ??
        statementOf(statement, 'AlterPolicyStmt')?.table ??
        statementOf(statement, 'RuleStmt')?.relation ??
        statementOf(statement, 'ClusterStmt')?.relation
      if (relation) take(named(relation), 'ACCESS EXCLUSIVE')
      const refresh = statementOf(statement, 'RefreshMatViewStmt')
      if (refresh?.relation) take(named(refresh.relation), refresh.concurrent ? 'EXCLUSIVE' : 'ACCESS EXCLUSIVE')
    }
  }
}

/** What a command locks its table in; undefined below SHARE. Source: AlterTableGetLockLevel of the server's sources. */
function modeOfCommand(command: AlterTableCmd): LockMode | undefined {
  switch (command.subtype) {
    case 'AT_SetStatistics':
    case 'AT_ClusterOn':
    case 'AT_DropCluster':
    case 'AT_SetOptions':
    case 'AT_ResetOptions':
    case 'AT_SetRelOptions':
    case 'AT_ResetRelOptions':
    case 'AT_ValidateConstraint':
    case 'AT_AttachPartition':
    case 'AT_DetachPartitionFinalize':
      return undefined
    case 'AT_DetachPartition':
      return nodeOf(command.def, 'PartitionCmd')?.concurrent ? undefined : 'ACCESS EXCLUSIVE'
    case 'AT_EnableTrig':
    case 'AT_EnableAlwaysTrig':
    case 'AT_EnableReplicaTrig':
    case 'AT_EnableTrigAll':
    case 'AT_EnableTrigUser':
    case 'AT_DisableTrig':
    case 'AT_DisableTrigAll':
    case 'AT_DisableTrigUser':
      return 'SHARE ROW EXCLUSIVE'
    case 'AT_AddConstraint':
      return nodeOf(command.def, 'Constraint')?.contype === 'CONSTR_FOREIGN'
        ? 'SHARE ROW EXCLUSIVE'
        : 'ACCESS EXCLUSIVE'
    default:
      return 'ACCESS EXCLUSIVE'
  }
}

/** The other tables that a command locks: those that a foreign key references, partitions. */
function othersOfCommand(draft: SchemaDraft, table: string, command: AlterTableCmd): [string, LockMode][] {
  const { foreignKeys = [] } = draft.tables.get(table) ?? {}
  switch (command.subtype) {
    case 'AT_AddConstraint':
    case 'AT_AddColumn': {
      const { def } = command
      const constraints = def === undefined ? [] : (nodeOf(def, 'ColumnDef')?.constraints ?? [def])
      return referencedBy(draft, constraints).map((other) => [other, 'SHARE ROW EXCLUSIVE'])
    }
    case 'AT_DropConstraint':
    case 'AT_DropColumn': {
      const name = command.name ?? ''
      const gone = foreignKeys.filter((key) =>
        command.subtype === 'AT_DropColumn' ? key.columns.includes(name) : key.name === name,
      )
      return gone.map((key) => [key.referencedTable, 'ACCESS EXCLUSIVE'])
    }
    case 'AT_AttachPartition':
    case 'AT_DetachPartition': {
      const partition = nodeOf(command.def, 'PartitionCmd')
      if (partition?.name?.relname === undefined || partition.concurrent) return []
      const name = resolveName(draft, partition.name.schemaname, partition.name.relname)
      return [name, ...defaultPartitions(draft, table)].map((other) => [other, 'ACCESS EXCLUSIVE'])
    }
    default:
      return []
  }
}

function referencedBy(draft: SchemaDraft, nodes: readonly Node[]): string[] {
  return nodes.flatMap((node) => {
    const referenced = nodeOf(node, 'Constraint')?.pktable
    return referenced?.relname === undefined ? [] : [resolveName(draft, referenced.schemaname, referenced.relname)]
  })
}

function defaultPartitions(draft: SchemaDraft, parent: string): string[] {
  if (!draft.partitioned.has(parent)) return []
  return [...draft.tables.values()].flatMap((table) =>
    table.partitionOf === parent && table.defaultPartition ? [table.name] : [],
  )
}

/** What a DROP locks besides the object: an index's table, a trigger's, the tables that a dropped one references. */
function lockedByDrop(draft: SchemaDraft, objectType: string, names: readonly string[]): string[] {
  const name = names.at(-1) ?? ''
  switch (objectType) {
    case 'OBJECT_TABLE': {
      const table = draft.tables.get(resolveName(draft, names.at(-2), name))
      return table ? [table.name, ...table.foreignKeys.map((key) => key.referencedTable)] : []
    }
    case 'OBJECT_INDEX': {
      const owner = ownerOfIndex(draft, names.at(-2), name)
      return owner ? [owner.name] : []
    }
    case 'OBJECT_TRIGGER':
    case 'OBJECT_POLICY':
    case 'OBJECT_RULE':
      return [resolveName(draft, names.at(-3), names.at(-2) ?? '')]
    default:
      return []
  }
}
