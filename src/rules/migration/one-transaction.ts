import type { AlterTableCmd, Node, RangeVar } from '@pgsql/types'
import { positionsOf } from '../../sql/positions.ts'
import { leftInSession } from '../../sql/session-state.ts'
import { namesOf, nodeOf, statementOf } from '../../sql/statement.ts'
import type { Statement } from '../../sql/statement.ts'
import type { MigrationSubject } from '../subject.ts'

/**
 * Why the statements before number `cut` and those from it on belong into one transaction, words that follow "because ":
 * what the first ones switch off, take away or set is switched on or made again only after it. Undefined where they
 * can be committed one after the other.
 */
export function whyOneTransaction({ text, statements }: MigrationSubject, cut: number): string | undefined {
  const line = ({ statement }: { statement: Statement }) => positionsOf(text)(statement.start).line
  const after = statements.slice(cut)
  const closed = new Map<string, number>()
  for (const subject of after) {
    for (const each of [subject, ...subject.inner]) {
      for (const key of closes(each.statement)) if (!closed.has(key)) closed.set(key, subject.statement.index)
    }
  }
  const open = new Map<string, { says: string; index: number }>()
  for (const subject of statements.slice(0, cut)) {
    for (const { statement } of [subject, ...subject.inner]) {
      const { index } = subject.statement
      const own = ownOf(statement)
      if (own !== undefined) return `${own} of line ${line(subject)} is for what follows, too`
      for (const key of closes(statement)) open.delete(key)
      for (const { key, says } of opens(statement)) open.set(key, { says, index })
    }
  }
  for (const [key, { says, index }] of open) {
    const end = statements[closed.get(key) ?? -1]
    const start = statements[index]
    if (start && end) return `${says} from line ${line(start)} to line ${line(end)}, in between for everybody`
  }
  return undefined
}

/** A limit of time, which can be set again in every part of a file. */
export function isTimeout(statement: Statement): boolean {
  const set = statementOf(statement, 'VariableSetStmt')
  return set?.kind === 'VAR_SET_VALUE' && /_timeout$/i.test(set.name ?? '')
}

/** What a statement does to its own session or transaction alone. */
function ownOf(statement: Statement): string | undefined {
  const { tag } = statement
  if (isTimeout(statement)) return undefined
  if (tag === 'LockStmt') return 'the LOCK TABLE'
  if (tag === 'ConstraintsSetStmt') return 'the SET CONSTRAINTS'
  const set = statementOf(statement, 'VariableSetStmt')
  if (set) return set.kind === 'VAR_RESET' || set.kind === 'VAR_RESET_ALL' ? undefined : `the SET ${set.name ?? ''}`
  const isTemporary = [
    statementOf(statement, 'CreateStmt')?.relation,
    statementOf(statement, 'CreateTableAsStmt')?.into?.rel,
  ].some((relation) => relation?.relpersistence === 't')
  if (isTemporary) return 'the temporary table'
  return leftInSession(statement)
}

/** What a statement switches off or takes away, for another to bring back. */
function opens(statement: Statement): { key: string; says: string }[] {
  const drop = statementOf(statement, 'DropStmt')
  if (drop) {
    return (drop.objects ?? []).map((object) => {
      const name = droppedName(object)
      return { key: `object ${name}`, says: `${name} is missing` }
    })
  }
  const rename = statementOf(statement, 'RenameStmt')
  if (rename && rename.subname === undefined && rename.relation?.relname !== undefined) {
    return [{ key: `object ${rename.relation.relname}`, says: `${rename.relation.relname} is missing` }]
  }
  const grant = statementOf(statement, 'GrantStmt')
  if (grant && !grant.is_grant) {
    return relationsOf(grant.objects).map((name) => ({
      key: `grant ${name}`,
      says: `privileges on ${name} are missing`,
    }))
  }
  const alter = statementOf(statement, 'AlterTableStmt')
  const table = alter?.relation?.relname ?? ''
  return (alter?.cmds ?? []).flatMap((each) => openedBy(nodeOf(each, 'AlterTableCmd'), table) ?? [])
}

function openedBy(command: AlterTableCmd | undefined, table: string): { key: string; says: string } | undefined {
  const column = `${table}.${command?.name ?? ''}`
  switch (command?.subtype) {
    case 'AT_DisableTrig':
    case 'AT_DisableTrigAll':
    case 'AT_DisableTrigUser':
      return { key: `trigger ${table}`, says: `triggers of ${table} are off` }
    case 'AT_DisableRule':
      return { key: `rule ${table}`, says: `rules of ${table} are off` }
    case 'AT_NoForceRowSecurity':
      return { key: `force ${table}`, says: `row security of ${table} is not forced on its owner` }
    case 'AT_DisableRowSecurity':
      return { key: `security ${table}`, says: `row security of ${table} is off` }
    case 'AT_DropConstraint':
      return { key: `constraint ${table}`, says: `a constraint of ${table} is missing` }
    case 'AT_DropNotNull':
      return { key: `not null ${column}`, says: `${column} may be NULL` }
    case 'AT_ColumnDefault':
      return command.def === undefined ? { key: `default ${column}`, says: `${column} has no default` } : undefined
    case 'AT_DropColumn':
      return { key: `column ${column}`, says: `${column} is missing` }
    default:
      return undefined
  }
}

/** What a statement switches on or makes. */
function closes(statement: Statement): string[] {
  const alter = statementOf(statement, 'AlterTableStmt')
  if (alter) {
    const table = alter.relation?.relname ?? ''
    return (alter.cmds ?? []).flatMap((each) => closedBy(nodeOf(each, 'AlterTableCmd'), table) ?? [])
  }
  const rename = statementOf(statement, 'RenameStmt')
  if (rename) return rename.subname === undefined ? [`object ${rename.newname ?? ''}`] : []
  const grant = statementOf(statement, 'GrantStmt')
  if (grant) return grant.is_grant ? relationsOf(grant.objects).map((name) => `grant ${name}`) : []
  const made = madeBy(statement)
  return made === undefined ? [] : [`object ${made}`]
}

function closedBy(command: AlterTableCmd | undefined, table: string): string | undefined {
  const column = `${table}.${command?.name ?? ''}`
  switch (command?.subtype) {
    case 'AT_EnableTrig':
    case 'AT_EnableTrigAll':
    case 'AT_EnableTrigUser':
    case 'AT_EnableAlwaysTrig':
    case 'AT_EnableReplicaTrig':
      return `trigger ${table}`
    case 'AT_EnableRule':
    case 'AT_EnableAlwaysRule':
    case 'AT_EnableReplicaRule':
      return `rule ${table}`
    case 'AT_ForceRowSecurity':
      return `force ${table}`
    case 'AT_EnableRowSecurity':
      return `security ${table}`
    case 'AT_AddConstraint':
      return `constraint ${table}`
    case 'AT_SetNotNull':
      return `not null ${column}`
    case 'AT_ColumnDefault':
      return command.def === undefined ? undefined : `default ${column}`
    case 'AT_AddColumn':
      return `column ${table}.${nodeOf(command.def, 'ColumnDef')?.colname ?? ''}`
    default:
      return undefined
  }
}

/** The name of what a statement creates, without its schema. */
function madeBy(statement: Statement): string | undefined {
  const last = (names: readonly Node[] | undefined) => namesOf({ List: { items: [...(names ?? [])] } }).at(-1)
  const relation: RangeVar | undefined =
    statementOf(statement, 'CreateStmt')?.relation ??
    statementOf(statement, 'ViewStmt')?.view ??
    statementOf(statement, 'CreateTableAsStmt')?.into?.rel ??
    statementOf(statement, 'CreateSeqStmt')?.sequence ??
    statementOf(statement, 'CompositeTypeStmt')?.typevar
  return (
    relation?.relname ??
    statementOf(statement, 'IndexStmt')?.idxname ??
    statementOf(statement, 'CreateTrigStmt')?.trigname ??
    statementOf(statement, 'CreatePolicyStmt')?.policy_name ??
    statementOf(statement, 'RuleStmt')?.rulename ??
    last(statementOf(statement, 'CreateFunctionStmt')?.funcname) ??
    last(statementOf(statement, 'CreateEnumStmt')?.typeName) ??
    last(statementOf(statement, 'CreateDomainStmt')?.domainname)
  )
}

function droppedName(object: Node): string {
  const names = namesOf(
    nodeOf(object, 'ObjectWithArgs')
      ? { List: { items: nodeOf(object, 'ObjectWithArgs')?.objname ?? [] } }
      : nodeOf(object, 'TypeName')
        ? { List: { items: nodeOf(object, 'TypeName')?.names ?? [] } }
        : object,
  )
  return names.at(-1) ?? ''
}

function relationsOf(objects: readonly Node[] | undefined): string[] {
  return (objects ?? []).flatMap((each) => nodeOf(each, 'RangeVar')?.relname ?? [])
}
