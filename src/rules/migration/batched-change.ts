import type { ColumnRef, Node, ResTarget } from '@pgsql/types'
import { skipSpace } from '../../sql/blank.ts'
import { quoteIdentifier } from '../../sql/identifier.ts'
import type { DraftTable, SchemaDraft } from '../../sql/schema-draft.ts'
import { unqualified } from '../../sql/schema-draft.ts'
import type { Site, TextIndex, TextKey } from '../../sql/schema-text.ts'
import { namesOf, nodeOf, statementOf } from '../../sql/statement.ts'
import { tokenEnd } from '../../sql/token.ts'
import { findNodes } from '../../sql/walk.ts'
import { batchKey, inBatches } from '../batches.ts'
import { fileWords } from '../next-step.ts'
import type { MigrationDraft, StatementSubject } from '../subject.ts'
import { changeAndCondition } from './bulk-change.ts'
import type { BulkChange } from './bulk-change.ts'
import { settledFunctions } from './volatility.ts'

/**
 * The change as a migration that makes it batch by batch, or why that would not do the same: words that follow "in
 * batches it would not be the same: ". Batches are committed one by one, so each row has to get what the statement
 * gives it whatever became of the others, and once more the same where a run is stopped and started again.
 */
export function batchedChange(
  subject: StatementSubject,
  { command, table }: BulkChange,
): { draft: MigrationDraft } | { reason: string } {
  const { migration, statement } = subject
  const draft = migration.history.before(subject)
  const declared = draft.tables.get(table)
  const parts = changeAndCondition(statement)
  const key = batchKey(declared)
  if (command !== 'UPDATE' && command !== 'DELETE') return { reason: `${command} does not go by the rows of ${table}` }
  if (parts === undefined) return { reason: 'WITH, FROM, USING or RETURNING joins its rows to others' }
  if (declared?.kind === 'partitioned table') return { reason: `${table} has partitions, whose keys are several` }
  if (declared === undefined || key === undefined) {
    return { reason: `no column of ${table} is known to be unique and NOT NULL, to go by` }
  }
  if (migration.layout === 'goose') return { reason: 'goose cuts code at its semicolons' }
  if (statement.text.includes('$$')) return { reason: 'its text has $$ in it, which would end the code around it' }
  if (declared.columns.some(({ name }) => name === 'first_key' || name === 'last_key')) {
    return { reason: `${table} has a column that is named as a variable of the batches is` }
  }
  const calls = callsOf(statement.node, draft)
  if (findNodes(statement.node, 'SubLink').length > 0) {
    return { reason: 'its sub-select would see what earlier batches and others have written meanwhile' }
  }
  if (subject.inner.length > 0 || calls.unknown !== undefined) {
    return { reason: `${calls.unknown ?? 'its function'} may read or write rows of other batches` }
  }
  const either = statementOf(statement, 'UpdateStmt') ?? statementOf(statement, 'DeleteStmt')
  const inCondition = callsOf(either?.whereClause ?? { List: {} }, draft).perRow
  if (inCondition !== undefined) return { reason: `${inCondition} in its condition takes other rows on every run` }

  const update = statementOf(statement, 'UpdateStmt')
  let where = parts.where
  if (update === undefined) {
    const isReferencedByItself = declared.foreignKeys.some(({ referencedTable }) => referencedTable === table)
    if (isReferencedByItself) return { reason: `rows of ${table} reference each other, and one batch may need another` }
  } else {
    const targets = (update.targetList ?? []).flatMap((each) => nodeOf(each, 'ResTarget') ?? [])
    const alias = update.relation?.alias?.aliasname ?? update.relation?.relname
    const own = assignment({ declared, targets, where: update.whereClause, change: parts.change, alias, draft })
    if ('reason' in own) return own
    if (own.condition !== undefined) where = where === undefined ? own.condition : `(${where}) AND ${own.condition}`
  }
  const name = fileWords(`${command}_${unqualified(table)}`)
  return { draft: inBatches({ name, table, key, change: parts.change, ...(where !== undefined && { where }) }) }
}

interface Assignment {
  declared: DraftTable
  targets: readonly ResTarget[]
  where: Node | undefined
  /** The UPDATE without its condition. */
  change: string
  alias: string | undefined
  draft: SchemaDraft
}

/** A condition that rows which are done no longer meet, where one can be written; or why batches would not do. */
function assignment(made: Assignment): { condition: string | undefined } | { reason: string } {
  const { declared, targets, where, draft } = made
  const set = targets.map(({ name }) => name ?? '')
  const key = keyThatNames(declared, set)
  if (key !== undefined) {
    return { reason: `it sets ${key.column}, which ${key.name} keeps unique: batches would meet each other’s values` }
  }
  if (targets.some(({ val }) => val !== undefined && nodeOf(val, 'SetToDefault'))) {
    return { reason: 'DEFAULT may be another value in every batch' }
  }
  const timed = targets.find(({ val }) => dependsOnTime(val))
  if (timed) return { reason: `${timed.name ?? ''} would get the time of each batch, not one for all rows` }
  if (isTakenUp(where, targets)) return { condition: undefined }
  const perRow = targets.flatMap(({ val }) => callsOf(val ?? { List: {} }, draft).perRow ?? [])[0]
  if (perRow !== undefined) {
    return { reason: `${perRow} gives a row another value when its batch is run again after a failure` }
  }
  const [only] = targets
  const settled = targets.length === 1 && only ? settling(made, only) : undefined
  if (settled !== undefined) return { condition: settled }
  for (const { val } of targets) {
    const read = columnsRead(val, made).find((column) => set.includes(column))
    if (read !== undefined) {
      return {
        reason: `a new value is made of the old ${read}, so a batch that is run again after a failure changes it twice`,
      }
    }
  }
  return { condition: different(made) }
}

/** Whether the condition is `c IS NULL` of a column that the UPDATE gives a value: then it lets no row through twice. */
function isTakenUp(where: Node | undefined, targets: readonly ResTarget[]): boolean {
  const conjunction = nodeOf(where, 'BoolExpr')
  const conditions = conjunction?.boolop === 'AND_EXPR' ? (conjunction.args ?? []) : where ? [where] : []
  return conditions.some((condition) => {
    const test = nodeOf(condition, 'NullTest')
    if (test?.nulltesttype !== 'IS_NULL') return false
    const target = targets.find(({ name }) => name === columnOf(test.arg))
    if (target?.val === undefined) return false
    const constant = nodeOf(target.val, 'A_Const')
    const call = nodeOf(target.val, 'FuncCall')
    return (constant !== undefined && !constant.isnull) || (call !== undefined && neverNull.has(nameOf(call.funcname)))
  })
}

/** The condition of `c = coalesce(c, 0)`, and of what has no further effect on its own result: `c = lower(c)`. */
function settling(made: Assignment, { name = '', val }: ResTarget): string | undefined {
  const column = quoteIdentifier(name)
  const coalesce = nodeOf(val, 'CoalesceExpr')?.args ?? []
  const [first, second] = coalesce
  if (coalesce.length === 2 && columnOf(first) === name && nodeOf(second, 'A_Const')) return `${column} IS NULL`
  const call = nodeOf(val, 'FuncCall')
  const isOnce = call?.args?.length === 1 && ['lower', 'upper', 'btrim'].includes(nameOf(call.funcname))
  if (!isOnce || columnOf(call.args?.[0]) !== name || !isText(made, name)) return undefined
  const [text] = assignedTexts(made.change)
  return text === undefined ? undefined : `${column} IS DISTINCT FROM ${text}`
}

function isText(made: Assignment, name: string): boolean {
  const type = exactType(made.declared, name)
  return type === 'text' || type === 'varchar'
}

/**
 * `c IS DISTINCT FROM value` of what is set, for types whose equal values are the same and where the comparison is sure
 * to be one that PostgreSQL knows. Without it rows that are done are only written once more.
 */
function different(made: Assignment): string | undefined {
  const texts = assignedTexts(made.change)
  if (texts.length !== made.targets.length) return undefined
  const conditions: string[] = []
  for (const [index, { name = '', val }] of made.targets.entries()) {
    const text = texts[index]
    if (text === undefined || !isComparable(made.declared, name, val)) return undefined
    conditions.push(`${quoteIdentifier(name)} IS DISTINCT FROM ${text}`)
  }
  return conditions.length === 1 ? conditions[0] : `(${conditions.join(' OR ')})`
}

const numbers = new Set(['int2', 'int4', 'int8', 'smallserial', 'serial', 'bigserial'])
const others = new Set(['text', 'varchar', 'bool', 'uuid', 'date', 'time', 'timestamp', 'timestamptz', 'bytea'])

/** The type of a column whose equal values are the same; undefined of others, and of text with a collation. */
function exactType(declared: DraftTable, name: string): string | undefined {
  const column = declared.columns.find((each) => each.name === name)
  if (column === undefined || !(numbers.has(column.type) || others.has(column.type))) return undefined
  return /\bcollate\b/i.test(siteText(column.site)) ? undefined : column.type
}

function isComparable(declared: DraftTable, name: string, value: Node | undefined): boolean {
  const type = exactType(declared, name)
  if (type === undefined) return false
  const constant = nodeOf(value, 'A_Const')
  if (constant?.isnull || constant?.sval !== undefined) return true
  if (constant?.boolval !== undefined) return type === 'bool'
  if (constant !== undefined) return numbers.has(type)
  const other = value && columnOf(value)
  return other !== undefined && exactType(declared, other) === type
}

/** What an UPDATE without its condition assigns, as it is written: `SET a = 1, b = c` has `1` and `c`. */
function assignedTexts(change: string): string[] {
  const texts: string[] = []
  let start: number | undefined
  let end = 0
  let depth = 0
  let isSet = false
  for (let at = skipSpace(change, 0); at < change.length; at = skipSpace(change, at)) {
    const next = tokenEnd(change, at)
    const token = change.slice(at, next).toLowerCase()
    if (token === '(' || token === '[') depth++
    else if (token === ')' || token === ']') depth--
    if (!isSet) isSet = depth === 0 && token === 'set'
    else if (depth === 0 && token === ',') {
      if (start !== undefined) texts.push(change.slice(start, end))
      start = undefined
    } else if (start === undefined) {
      if (depth === 0 && token === '=') start = next
    } else end = next
    at = next
  }
  if (start !== undefined) texts.push(change.slice(start, end))
  return texts.map((text) => text.trim())
}

/** The key, unique index or exclusion constraint that has one of the columns in it. */
function keyThatNames(
  { keys, indexes }: DraftTable,
  columns: readonly string[],
): { name: string; column: string } | undefined {
  for (const each of [...keys, ...indexes.filter(({ unique }) => unique)]) {
    const column = columns.find((name) => names(each, name))
    if (column !== undefined) return { name: each.name ?? 'a unique index', column }
  }
  return undefined
}

function names(key: TextKey | TextIndex, column: string): boolean {
  if ((key.columns as readonly (string | null)[]).includes(column)) return true
  const hasExpression =
    'kind' in key ? key.kind === 'exclusion' : key.predicate !== undefined || key.columns.includes(null)
  return hasExpression && wordsOf(siteText(key.site)).has(column.toLowerCase())
}

function wordsOf(text: string): ReadonlySet<string> {
  return new Set(text.toLowerCase().match(/[\p{L}_][\p{L}\p{N}_$]*/gu))
}

function siteText({ fileText, span }: Site): string {
  return fileText.slice(span.start, span.end)
}

/** The columns whose values an expression reads; the whole row reads all. */
function columnsRead(value: Node | undefined, { declared, targets, alias }: Assignment): string[] {
  return findNodes(value, 'ColumnRef').flatMap((reference) => {
    const last = reference.fields?.at(-1)
    const name = nodeOf(last, 'String')?.sval
    const isRow = name === undefined || (name === alias && !declared.columns.some((column) => column.name === name))
    return isRow ? targets.map((target) => target.name ?? '') : [name]
  })
}

function columnOf(node: Node | undefined): string | undefined {
  const reference: ColumnRef | undefined = nodeOf(node, 'ColumnRef')
  return nodeOf(reference?.fields?.at(-1), 'String')?.sval
}

function nameOf(funcname: readonly Node[] | undefined): string {
  return namesOf({ List: { items: [...(funcname ?? [])] } }).at(-1) ?? ''
}

/** Functions that give every row a value of its own, and read no table. */
const perRowFunctions = new Set(
  'clock_timestamp gen_random_bytes gen_random_uuid nextval random uuid_generate_v1 uuid_generate_v1mc uuid_generate_v4 uuidv4 uuidv7'.split(
    ' ',
  ),
)
const neverNull = new Set([...perRowFunctions].filter((name) => name !== 'gen_random_bytes'))

/** Those that have one value for a statement or a transaction, and another for the next. */
const timedFunctions = new Set(
  'age now pg_current_xact_id statement_timestamp transaction_timestamp txid_current'.split(' '),
)

function callsOf(node: Node, { routines }: SchemaDraft): { unknown?: string; perRow?: string } {
  const found: { unknown?: string; perRow?: string } = {}
  for (const { funcname } of findNodes(node, 'FuncCall')) {
    const own = namesOf({ List: { items: funcname ?? [] } })
    const name = own.at(-1) ?? ''
    const isBuiltIn = own.length === 1 || own[0] === 'pg_catalog'
    const isMade = routines.has(name)
    if (isBuiltIn && !isMade && perRowFunctions.has(name)) found.perRow ??= `${name}()`
    else if (!isBuiltIn || isMade || !settledFunctions.has(name)) found.unknown ??= `${own.join('.')}()`
  }
  return found
}

function dependsOnTime(value: Node | undefined): boolean {
  if (value === undefined) return false
  if (findNodes(value, 'FuncCall').some(({ funcname }) => timedFunctions.has(nameOf(funcname)))) return true
  const isTime = findNodes(value, 'SQLValueFunction').some(({ op }) => /CURRENT_(?:DATE|TIME)|LOCALTIME/.test(op ?? ''))
  return (
    isTime ||
    findNodes(value, 'A_Const').some(({ sval }) => /^\s*(?:now|today|tomorrow|yesterday)\b/i.test(sval?.sval ?? ''))
  )
}
