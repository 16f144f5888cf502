import type { Node } from '@pgsql/types'
import { nodeOf, statementOf } from './statement.ts'
import type { Statement } from './statement.ts'

/**
 * How the tool that owns a folder sends a file to the server; it decides what can stand in it and how long locks are
 * held.
 * - `grouped`: kei's runner: the grammar decides; maximal transactional groups, the rest alone.
 * - `transaction`: the runner opens one transaction around the file and sends statement by statement (goose, Atlas,
 *   Flyway).
 * - `transaction-query`: the runner opens one transaction and sends the whole file in it as one string (sqlx, dbmate).
 * - `statement`: each statement on its own, no transaction (goose `NO TRANSACTION`, Atlas `txmode none`).
 * - `simple-query`: the whole file as one string: an implicit transaction (golang-migrate, Prisma).
 */
export type TransactionMode = 'grouped' | 'transaction' | 'transaction-query' | 'statement' | 'simple-query'

/** Whether the runner has opened a transaction before it sends the first statement. */
export function opensTransaction(mode: TransactionMode): boolean {
  return mode === 'transaction' || mode === 'transaction-query'
}

/**
 * How one statement stands to a transaction block.
 * - `inside`: runs in one.
 * - `outside`: PostgreSQL refuses it in one (CREATE INDEX CONCURRENTLY, VACUUM …).
 * - `control`: it is one's boundary or moves within one (BEGIN, COMMIT, SAVEPOINT …).
 * - `may-commit`: CALL, and DO whose code can commit; they can only do so outside a block.
 */
export type TransactionBehaviour = 'inside' | 'outside' | 'control' | 'may-commit'

/** Statements that commit together, or one that is sent with no transaction around it. */
export interface StatementGroup {
  kind: 'transaction' | 'alone'
  statements: Statement[]
  /** The file itself ends this transaction with ROLLBACK (or PREPARE TRANSACTION): nothing of it is committed. */
  rolledBack?: true
}

/**
 * How a statement stands to a transaction block on PostgreSQL 16 to 18, by its text alone.
 * Source: the calls of PreventInTransactionBlock in PostgreSQL's sources; the test beside this file asks the servers.
 *
 * What the text does not show: on a partitioned table REINDEX, and CLUSTER of that table, are refused in a block too
 * but are `inside` here; DROP SUBSCRIPTION is `outside` here but runs in a block once its slot is NONE.
 */
export function behaviourOf(statement: Statement): TransactionBehaviour {
  switch (statement.tag) {
    case 'TransactionStmt':
      return isTwoPhaseEnd(statement) ? 'outside' : 'control'
    case 'CallStmt':
      return 'may-commit'
    case 'DoStmt':
      return canCommit(statement) ? 'may-commit' : 'inside'
    default:
      return isRefusedInBlock(statement) ? 'outside' : 'inside'
  }
}

/**
 * The groups in which a runner of that mode sends the statements, in order, also where PostgreSQL will refuse one
 * (`refusals` names those). Statements that only begin or end a transaction are in no group.
 *
 * A BEGIN … COMMIT that the file writes is kept whole in every mode. In mode `grouped` a statement that uses an enum
 * value added earlier in its group starts the next one: the value cannot be used before it is committed (55P04), on
 * 16 not even where the type is as new.
 */
export function groupStatements(statements: readonly Statement[], mode: TransactionMode): StatementGroup[] {
  const groups: StatementGroup[] = []
  let current: Statement[] = []
  // Enum values that a statement of the current group adds.
  let added: string[] = []
  // Whether a transaction is open, and whether the file rather than the runner opened it.
  let open = opensByItself(mode, statements.length)
  let written = false

  const close = (rolledBack = false) => {
    if (current.length > 0) groups.push({ kind: 'transaction', statements: current, ...(rolledBack && { rolledBack }) })
    current = []
    added = []
  }

  for (const statement of statements) {
    const boundary = boundaryOf(statement)
    if (boundary?.kind === 'begin') {
      // Inside an open transaction the server only warns; kei's runner begins a group of its own.
      if (mode === 'grouped' && !written) close()
      open = true
      written = true
    } else if (boundary?.kind === 'end') {
      close(boundary.rolledBack)
      written = boundary.chain
      open = boundary.chain || mode === 'grouped' || isOneString(mode)
    } else if (!open || (mode === 'grouped' && !written && !fitsGroup(statement))) {
      close()
      groups.push({ kind: 'alone', statements: [statement] })
    } else {
      if (mode === 'grouped' && !written && usesAnyOf(statement, added)) close()
      current.push(statement)
      added.push(...addedEnumValues(statement))
    }
  }
  close()
  return groups
}

/** A statement that cannot do what it says when a runner of this mode sends it. */
export interface Refusal {
  statement: Statement
  /**
   * - `outside-in-transaction`: PostgreSQL refuses it with SQLSTATE 25001, it is in a transaction block.
   * - `rollback-by-file`: kei's runner itself refuses a file that rolls back or prepares what it did.
   */
  reason: 'outside-in-transaction' | 'rollback-by-file'
}

/** The statements of a file that are bound to be refused when a runner of that mode sends it. */
export function refusals(statements: readonly Statement[], mode: TransactionMode): Refusal[] {
  const refused: Refusal[] = []
  for (const group of groupStatements(statements, mode)) {
    if (group.kind === 'alone') continue
    for (const statement of group.statements) {
      if (behaviourOf(statement) === 'outside') refused.push({ statement, reason: 'outside-in-transaction' })
    }
  }
  if (mode === 'grouped') {
    for (const statement of statements) {
      const boundary = boundaryOf(statement)
      if (boundary?.kind === 'end' && boundary.rolledBack) refused.push({ statement, reason: 'rollback-by-file' })
    }
  }
  return refused.sort((a, b) => a.statement.start - b.statement.start)
}

/** A string of one statement has no block around it; any longer one is a block from its first statement on. */
function opensByItself(mode: TransactionMode, count: number): boolean {
  switch (mode) {
    case 'grouped':
    case 'transaction':
    case 'transaction-query':
      return true
    case 'simple-query':
      return count > 1
    case 'statement':
      return false
  }
}

/** What follows a COMMIT in a string of several statements is in an implicit transaction again. */
function isOneString(mode: TransactionMode): boolean {
  return mode === 'simple-query' || mode === 'transaction-query'
}

function fitsGroup(statement: Statement): boolean {
  const behaviour = behaviourOf(statement)
  return behaviour === 'inside' || behaviour === 'control'
}

/** A statement that begins a transaction block, or ends one; `chain` begins the next at once (COMMIT AND CHAIN). */
type Boundary = { kind: 'begin' } | { kind: 'end'; rolledBack: boolean; chain: boolean }

/** Undefined for everything that neither opens nor closes a transaction block, SAVEPOINT and its like among them. */
export function boundaryOf(statement: Statement): Boundary | undefined {
  const control = statementOf(statement, 'TransactionStmt')
  switch (control?.kind) {
    case 'TRANS_STMT_BEGIN':
    case 'TRANS_STMT_START':
      return { kind: 'begin' }
    case 'TRANS_STMT_COMMIT':
      return { kind: 'end', rolledBack: false, chain: control.chain ?? false }
    case 'TRANS_STMT_ROLLBACK':
    case 'TRANS_STMT_PREPARE':
      return { kind: 'end', rolledBack: true, chain: control.chain ?? false }
    default:
      return undefined
  }
}

function isTwoPhaseEnd(statement: Statement): boolean {
  const kind = statementOf(statement, 'TransactionStmt')?.kind
  return kind === 'TRANS_STMT_COMMIT_PREPARED' || kind === 'TRANS_STMT_ROLLBACK_PREPARED'
}

/**
 * Whether a DO block's code names COMMIT, ROLLBACK or CALL. Reading words rather than the language's grammar errs
 * towards "can", in every language: a block that is then run alone still works.
 */
function canCommit(statement: Statement): boolean {
  return /commit|rollback|\bcall\b/i.test(optionText(statementOf(statement, 'DoStmt')?.args, 'as') ?? '')
}

function isRefusedInBlock(statement: Statement): boolean {
  switch (statement.tag) {
    case 'VacuumStmt':
      return statementOf(statement, 'VacuumStmt')?.is_vacuumcmd === true
    case 'IndexStmt':
      return statementOf(statement, 'IndexStmt')?.concurrent === true
    case 'DropStmt':
      return statementOf(statement, 'DropStmt')?.concurrent === true
    case 'ReindexStmt': {
      const reindex = statementOf(statement, 'ReindexStmt')
      const oneRelation = reindex?.kind === 'REINDEX_OBJECT_INDEX' || reindex?.kind === 'REINDEX_OBJECT_TABLE'
      return !oneRelation || isOptionOn(reindex.params, 'concurrently', false)
    }
    case 'AlterTableStmt':
      return (statementOf(statement, 'AlterTableStmt')?.cmds ?? []).some((command) => {
        const fields = nodeOf(command, 'AlterTableCmd')
        return fields?.subtype === 'AT_DetachPartition' && nodeOf(fields.def, 'PartitionCmd')?.concurrent === true
      })
    case 'ClusterStmt':
      return statementOf(statement, 'ClusterStmt')?.relation === undefined
    case 'DiscardStmt':
      return statementOf(statement, 'DiscardStmt')?.target === 'DISCARD_ALL'
    case 'AlterDatabaseStmt':
      return hasOption(statementOf(statement, 'AlterDatabaseStmt')?.options, 'tablespace')
    case 'CreateSubscriptionStmt': {
      const options = statementOf(statement, 'CreateSubscriptionStmt')?.options
      return isOptionOn(options, 'create_slot', isOptionOn(options, 'connect', true))
    }
    case 'AlterSubscriptionStmt': {
      const alter = statementOf(statement, 'AlterSubscriptionStmt')
      switch (alter?.kind) {
        case 'ALTER_SUBSCRIPTION_REFRESH':
          return true
        case 'ALTER_SUBSCRIPTION_SET_PUBLICATION':
        case 'ALTER_SUBSCRIPTION_ADD_PUBLICATION':
        case 'ALTER_SUBSCRIPTION_DROP_PUBLICATION':
          return isOptionOn(alter.options, 'refresh', true)
        case 'ALTER_SUBSCRIPTION_OPTIONS':
          // Changes the slot on the publisher: `failover` from 17, `two_phase` from 18; unknown options before.
          return hasOption(alter.options, 'failover') || hasOption(alter.options, 'two_phase')
        default:
          return false
      }
    }
    case 'CreatedbStmt':
    case 'DropdbStmt':
    case 'CreateTableSpaceStmt':
    case 'DropTableSpaceStmt':
    case 'AlterSystemStmt':
    case 'DropSubscriptionStmt':
      return true
    default:
      return false
  }
}

function hasOption(options: readonly Node[] | undefined, name: string): boolean {
  return (options ?? []).some((option) => nodeOf(option, 'DefElem')?.defname === name)
}

/** The option read as PostgreSQL's defGetBoolean does: named without a value it is on. */
export function isOptionOn(options: readonly Node[] | undefined, name: string, whenAbsent: boolean): boolean {
  const option = (options ?? []).map((node) => nodeOf(node, 'DefElem')).findLast((found) => found?.defname === name)
  if (option === undefined) return whenAbsent
  if (option.arg === undefined) return true
  const number = nodeOf(option.arg, 'Integer')
  if (number !== undefined) return number.ival === 1
  const text = nodeOf(option.arg, 'String')?.sval?.toLowerCase()
  return text === 'true' || text === 'on'
}

function optionText(options: readonly Node[] | undefined, name: string): string | undefined {
  const option = (options ?? []).map((node) => nodeOf(node, 'DefElem')).find((found) => found?.defname === name)
  return nodeOf(option?.arg, 'String')?.sval
}

/** RENAME VALUE has an old value too; its new name can be used at once. */
function addedEnumValues(statement: Statement): string[] {
  const alter = statementOf(statement, 'AlterEnumStmt')
  return alter?.newVal !== undefined && alter.oldVal === undefined ? [alter.newVal] : []
}

/**
 * Whether the statement names one of the enum values: as a literal anywhere in its tree, or quoted within the code of
 * a function or DO block. ALTER TYPE … ADD VALUE 'b' AFTER 'a' names a value without using it.
 */
function usesAnyOf(statement: Statement, values: readonly string[]): boolean {
  if (values.length === 0 || statement.tag === 'AlterEnumStmt') return false
  const waiting: unknown[] = [statement.node]
  while (waiting.length > 0) {
    const next = waiting.pop()
    if (typeof next === 'string') {
      if (values.some((value) => next === value || next.includes(`'${value.replaceAll("'", "''")}'`))) return true
    } else if (typeof next === 'object' && next !== null) {
      for (const child of Object.values(next)) waiting.push(child)
    }
  }
  return false
}
