import type { Node, RangeVar } from '@pgsql/types'
import { skipSpace } from '../../sql/blank.ts'
import { resolveName } from '../../sql/schema-draft.ts'
import type { DraftTable, SchemaDraft } from '../../sql/schema-draft.ts'
import { nodeOf, statementOf } from '../../sql/statement.ts'
import type { NodeTag, Statement } from '../../sql/statement.ts'
import { tokenEnd } from '../../sql/token.ts'
import { findNodes } from '../../sql/walk.ts'
import type { StatementSubject } from '../subject.ts'
import { isInUse } from '../used-table.ts'

/** A change of as many rows as the table happens to hold. */
export interface BulkChange {
  command: 'UPDATE' | 'DELETE' | 'INSERT … SELECT' | 'MERGE'
  /** The changed table, as a `SchemaText` names it. */
  table: string
}

/**
 * The change of rows in bulk that a statement makes to a table which was there before its file; undefined when the text
 * shows that few rows are meant: those of a key, those of a VALUES list, the first so many.
 */
export function bulkChangeOf(subject: StatementSubject): BulkChange | undefined {
  if (!changesRows.has(subject.statement.tag)) return undefined
  let change = known.get(subject)
  if (change === undefined) known.set(subject, (change = readChange(subject) ?? 'none'))
  return change === 'none' ? undefined : change
}

/** The first bulk change of a statement and those of its code. */
export function firstBulkChange(subject: StatementSubject): BulkChange | undefined {
  let first = bulkChangeOf(subject)
  for (const inner of subject.inner) first ??= bulkChangeOf(inner)
  return first
}

const changesRows: ReadonlySet<NodeTag> = new Set(['UpdateStmt', 'DeleteStmt', 'InsertStmt', 'MergeStmt'])

/** Asked for again at later statements, when the schema before it would be dear to read. */
const known = new WeakMap<StatementSubject, BulkChange | 'none'>()

function readChange(subject: StatementSubject): BulkChange | undefined {
  const draft = subject.migration.history.before(subject)
  const { statement } = subject
  const update = statementOf(statement, 'UpdateStmt')
  const change = update ?? statementOf(statement, 'DeleteStmt')
  const other = statementOf(statement, 'InsertStmt') ?? statementOf(statement, 'MergeStmt')
  const relation = (change ?? other)?.relation
  if (relation?.relname === undefined) return undefined
  const table = nameOf(draft, relation)
  if (!isInUse(subject, table)) return undefined
  if (change !== undefined) {
    if (isBounded(change.whereClause, draft.tables.get(table))) return undefined
    return { command: update ? 'UPDATE' : 'DELETE', table }
  }
  if (statement.tag === 'MergeStmt') {
    const source = statementOf(statement, 'MergeStmt')?.sourceRelation
    return source && readsInUse(subject, draft, source) ? { command: 'MERGE', table } : undefined
  }
  const select = nodeOf(statementOf(statement, 'InsertStmt')?.selectStmt, 'SelectStmt')
  if (select?.fromClause === undefined || select.limitCount !== undefined) return undefined
  const [only] = select.fromClause.length === 1 ? select.fromClause : []
  const source = nodeOf(only, 'RangeVar')
  if (source && isBounded(select.whereClause, draft.tables.get(nameOf(draft, source)))) return undefined
  return select.fromClause.some((from) => readsInUse(subject, draft, from))
    ? { command: 'INSERT … SELECT', table }
    : undefined
}

function readsInUse(subject: StatementSubject, draft: SchemaDraft, node: Node): boolean {
  return findNodes(node, 'RangeVar').some((each) => {
    const table = nameOf(draft, each)
    // The name of a WITH query is no table that the text knows.
    return draft.tables.has(table) && isInUse(subject, table)
  })
}

function nameOf(draft: SchemaDraft, relation: RangeVar): string {
  return resolveName(draft, relation.schemaname, relation.relname ?? '')
}

/** Whether the condition lets only the rows of given keys through, or only the first so many. */
function isBounded(where: Node | undefined, table: DraftTable | undefined): boolean {
  if (where === undefined) return false
  if (nodeOf(where, 'CurrentOfExpr')) return true
  const or = nodeOf(where, 'BoolExpr')
  if (or?.boolop === 'OR_EXPR') return (or.args ?? []).every((each) => isBounded(each, table))
  const conditions = or?.boolop === 'AND_EXPR' ? (or.args ?? []) : [where]
  if (conditions.some((each) => isLimited(each) || isConstantFalse(each))) return true
  const given = new Set(conditions.flatMap((each) => givenColumn(each) ?? []))
  const keys = [
    ...(table?.keys ?? []).map((key) => key.columns),
    ...(table?.indexes ?? []).flatMap((index) =>
      index.unique && index.predicate === undefined ? [index.columns] : [],
    ),
  ]
  // Of a table whose keys the text does not show any given column may be one.
  if (table === undefined || !table.columnsKnown) return given.size > 0
  return keys.some((columns) => columns.length > 0 && columns.every((each) => each !== null && given.has(each)))
}

/** `id IN (SELECT … LIMIT 1000)`. */
function isLimited(condition: Node): boolean {
  const link = nodeOf(condition, 'SubLink')
  return link?.subLinkType === 'ANY_SUBLINK' && nodeOf(link.subselect, 'SelectStmt')?.limitCount !== undefined
}

function isConstantFalse(condition: Node): boolean {
  const constant = nodeOf(condition, 'A_Const')
  return constant?.boolval !== undefined && constant.boolval.boolval !== true
}

/** The column that a condition gives one value, or one of some written values. */
function givenColumn(condition: Node): string | undefined {
  const comparison = nodeOf(condition, 'A_Expr')
  if (nodeOf(comparison?.name?.[0], 'String')?.sval !== '=') return undefined
  const { kind, lexpr, rexpr } = comparison ?? {}
  if (kind !== 'AEXPR_OP' && kind !== 'AEXPR_IN' && kind !== 'AEXPR_OP_ANY') return undefined
  if (lexpr && rexpr && columnOf(lexpr) !== undefined && isValue(rexpr)) return columnOf(lexpr)
  if (kind === 'AEXPR_OP' && lexpr && rexpr && isValue(lexpr)) return columnOf(rexpr)
  return undefined
}

function columnOf(node: Node): string | undefined {
  return nodeOf(nodeOf(node, 'ColumnRef')?.fields?.at(-1), 'String')?.sval
}

/** Whether an expression has the same value for every row: a scalar subquery of its own does. */
function isValue(node: Node): boolean {
  if (nodeOf(node, 'SubLink')?.subLinkType === 'EXPR_SUBLINK') return true
  return findNodes(node, 'ColumnRef').length === 0 && findNodes(node, 'SubLink').length === 0
}

/**
 * The two parts of an UPDATE or DELETE of one table: what it does, and its condition as it is written. Undefined where
 * a condition on the table's key could not simply be added.
 */
export function changeAndCondition(statement: Statement): { change: string; where?: string } | undefined {
  const update = statementOf(statement, 'UpdateStmt')
  const remove = statementOf(statement, 'DeleteStmt')
  const either = update ?? remove
  if (either === undefined || either.withClause || either.returningClause) return undefined
  if (update?.fromClause || remove?.usingClause) return undefined
  const { text } = statement
  if (either.whereClause === undefined) return { change: text }
  let depth = 0
  for (let at = skipSpace(text, 0); at < text.length; at = skipSpace(text, at)) {
    const end = tokenEnd(text, at)
    const word = text.slice(at, end).toLowerCase()
    if (word === '(' || word === '[') depth++
    else if (word === ')' || word === ']') depth--
    else if (word === 'where' && depth === 0)
      return { change: text.slice(0, at).trimEnd(), where: text.slice(end).trim() }
    at = end
  }
  return undefined
}
