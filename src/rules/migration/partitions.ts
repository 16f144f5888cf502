import type { Node, PartitionBoundSpec, PartitionSpec } from '@pgsql/types'
import { quoteIdentifier, quoteTextName } from '../../sql/identifier.ts'
import { typeNameOf, columnsIn } from '../../sql/declarations.ts'
import type { DraftTable, SchemaDraft } from '../../sql/schema-draft.ts'
import type { Statement } from '../../sql/statement.ts'
import { nodeOf, statementOf } from '../../sql/statement.ts'
import { statementOfSite } from '../site-statement.ts'
import type { HistorySubject } from '../subject.ts'
import { listsAfter, wordsAt } from './statement-words.ts'

/** The DEFAULT partition of a partitioned table, as far as the text shows it. */
export function defaultPartitionOf(draft: SchemaDraft, parent: string): DraftTable | undefined {
  if (!draft.partitioned.has(parent)) return undefined
  return [...draft.tables.values()].find((table) => table.partitionOf === parent && table.defaultPartition)
}

/** The statement that created a table; undefined where the text does not show it. */
export function creationOf({ migrations }: HistorySubject, { site }: DraftTable): Statement | undefined {
  const found = statementOfSite(migrations, site)?.statement
  return found && ['CreateStmt', 'CreateForeignTableStmt', 'CreateTableAsStmt'].includes(found.tag) ? found : undefined
}

/** Columns that decide into which partition a row goes; undefined where the text does not show them. */
export function keyColumnsOf(history: HistorySubject, table: DraftTable): string[] | undefined {
  const creation = creationOf(history, table)
  const spec = creation && statementOf(creation, 'CreateStmt')?.partspec
  return spec?.partParams?.flatMap((each) => {
    const element = nodeOf(each, 'PartitionElem')
    return element?.name === undefined ? columnsIn(element?.expr ?? each) : [element.name]
  })
}

/** Whether a validated CHECK may prove what a bound demands of a table; whether it does is for PostgreSQL to say. */
export function isProvenBy(
  table: DraftTable,
  columns: readonly string[] | undefined,
  demandsNotNull: boolean,
): boolean {
  const checks = table.checks.filter(
    (check) => check.validated && (columns === undefined || check.columns.some((each) => columns.includes(each))),
  )
  if (checks.length === 0) return false
  if (!demandsNotNull || !table.columnsKnown) return true
  const own = columns?.filter((column) => table.columns.some(({ name }) => name === column)) ?? []
  return own.every((column) => {
    const isNotNull = table.columns.some(({ name, notNull }) => name === column && notNull === 'yes')
    return isNotNull || checks.some((check) => check.notNullColumns.includes(column))
  })
}

/** A partition's bound as it is written: `FOR VALUES FROM (1) TO (9)`. */
export interface WrittenBound {
  text: string
  /** What follows it in its statement: `PARTITION BY …`. */
  tail: string
  node: PartitionBoundSpec
  /** The values of FROM and TO, of IN, or of WITH. */
  lists: string[][]
}

/** The bound of an ATTACH PARTITION or a CREATE TABLE … PARTITION OF. */
export function writtenBound({ text }: Statement, node: PartitionBoundSpec): WrittenBound | undefined {
  const words = node.is_default ? ['default'] : ['for', 'values']
  const place = wordsAt(text, words)
  if (place === undefined) return undefined
  const count = node.is_default ? 0 : node.strategy === 'r' ? 2 : 1
  const { lists, end } = listsAfter(text, place.end, count)
  if (lists.length < count) return undefined
  return { text: text.slice(place.start, end), tail: text.slice(end), node, lists }
}

/**
 * The condition that a table's rows meet just when they belong in a partition with that bound, in the form in which
 * PostgreSQL can prove it from a CHECK. Undefined where the text does not show the key, or the values are not plain:
 * what is converted as it is compared proves nothing.
 * Source: get_qual_for_range and get_qual_for_list of the server's sources; measured by the tests.
 */
export function boundCondition(
  history: HistorySubject,
  parent: DraftTable,
  { node, lists }: WrittenBound,
): string | undefined {
  const key = keyOf(history, parent)
  if (key === undefined || node.is_default) return undefined
  const values = [...(node.lowerdatums ?? []), ...(node.upperdatums ?? []), ...(node.listdatums ?? [])]
  const types = parent.columns.filter(({ name }) => key.some(({ column }) => column === name)).map(({ type }) => type)
  if (!values.every((value) => isPlain(value, types))) return undefined
  const [first = [], second = []] = lists
  switch (node.strategy) {
    case 'r':
      return rangeCondition(key, first, second)
    case 'l':
      return listCondition(key, first)
    case 'h': {
      // A column that has a collation passes it to the function, where the bound's own condition has none.
      if (!types.every((type) => uncollatedTypes.has(type)) || types.length < key.length) return undefined
      const columns = key.map(({ value }) => value).join(', ')
      const table = `'${quoteTextName(parent.name).replaceAll("'", "''")}'::regclass`
      return `satisfies_hash_partition(${table}, ${node.modulus ?? 0}, ${node.remainder ?? 0}, ${columns})`
    }
    default:
      return undefined
  }
}

const uncollatedTypes: ReadonlySet<string> = new Set([
  ...['int2', 'int4', 'int8', 'numeric', 'float4', 'float8', 'bool', 'uuid'],
  ...['date', 'time', 'timetz', 'timestamp', 'timestamptz', 'interval'],
  ...['smallserial', 'serial', 'bigserial', 'bytea', 'jsonb', 'inet', 'cidr'],
])

/** As `boundCondition`, with those of the parent itself where it is a partition too. */
export function wholeCondition(
  history: HistorySubject,
  draft: SchemaDraft,
  parent: DraftTable,
  bound: WrittenBound,
): string | undefined {
  const own = boundCondition(history, parent, bound)
  if (own === undefined || parent.partitionOf === undefined) return own
  const above = draft.tables.get(parent.partitionOf)
  const creation = creationOf(history, parent)
  const node = creation && statementOf(creation, 'CreateStmt')?.partbound
  const written = creation && node && writtenBound(creation, node)
  const outer = above && written && wholeCondition(history, draft, above, written)
  return outer === undefined ? undefined : `${outer} AND ${own}`
}

/** A column or expression of a partition key, as SQL. */
interface KeyElement {
  column: string | undefined
  /** As it is compared, with its collation. */
  value: string
  /** As it is tested for null. */
  test: string
}

function keyOf(history: HistorySubject, parent: DraftTable): KeyElement[] | undefined {
  const creation = creationOf(history, parent)
  const spec: PartitionSpec | undefined = creation && statementOf(creation, 'CreateStmt')?.partspec
  const place = creation && wordsAt(creation.text, ['partition', 'by'])
  if (creation === undefined || spec === undefined || place === undefined) return undefined
  const [texts = []] = listsAfter(creation.text, place.end, 1).lists
  const elements = (spec.partParams ?? []).map((each, index): KeyElement | undefined => {
    const element = nodeOf(each, 'PartitionElem')
    const text = texts[index]
    if (text === undefined || element === undefined || (element.opclass?.length ?? 0) > 0) return undefined
    const hasCollation = (element.collation?.length ?? 0) > 0
    if (element.name === undefined) {
      return hasCollation ? undefined : { column: undefined, value: text, test: text }
    }
    // A column that was renamed since is not found by its old name.
    if (parent.columnsKnown && !parent.columns.some(({ name }) => name === element.name)) return undefined
    const column = quoteIdentifier(element.name)
    return { column: element.name, value: hasCollation ? text : column, test: column }
  })
  return elements.every((element) => element !== undefined) ? elements : undefined
}

/** Whether a value of a bound is a constant that PostgreSQL takes for one of the column's type. */
function isPlain(value: Node, types: readonly string[]): boolean {
  if (nodeOf(value, 'A_Const')) return true
  const column = nodeOf(value, 'ColumnRef')
  if (column) return limitOf(nodeOf(column.fields?.[0], 'String')?.sval ?? '') !== undefined
  const cast = nodeOf(value, 'TypeCast')
  return (
    nodeOf(cast?.arg, 'A_Const') !== undefined &&
    types.length > 0 &&
    types.every((type) => type === typeNameOf(cast?.typeName))
  )
}

function limitOf(value: string): 'minvalue' | 'maxvalue' | undefined {
  const word = value.toLowerCase()
  return word === 'minvalue' || word === 'maxvalue' ? word : undefined
}

function rangeCondition(key: readonly KeyElement[], lower: readonly string[], upper: readonly string[]): string {
  const terms = key.map(({ test }) => `${test} IS NOT NULL`)
  let same = 0
  while (same < key.length && lower[same] === upper[same] && limitOf(lower[same] ?? '') === undefined) {
    terms.push(`${key[same]?.value ?? ''} = ${lower[same] ?? ''}`)
    same++
  }
  const rest = key.slice(same)
  for (const limit of [edge(rest, lower.slice(same), 'lower'), edge(rest, upper.slice(same), 'upper')]) {
    if (limit !== undefined) terms.push(limit)
  }
  return terms.join(' AND ')
}

/** That a row lies above the lower bound, which it may equal, or below the upper one, which it may not. */
function edge(key: readonly KeyElement[], values: readonly string[], side: 'lower' | 'upper'): string | undefined {
  const arms: string[] = []
  const equal: string[] = []
  for (const [index, { value: own }] of key.entries()) {
    const value = values[index] ?? ''
    if (limitOf(value) !== undefined) break
    const next = limitOf(values[index + 1] ?? '')
    const isLast = index === key.length - 1
    const takesEqual = side === 'lower' ? isLast || next === 'minvalue' : next === 'maxvalue'
    const operator = `${side === 'lower' ? '>' : '<'}${takesEqual ? '=' : ''}`
    arms.push([...equal, `${own} ${operator} ${value}`].join(' AND '))
    if (next !== undefined) break
    equal.push(`${own} = ${value}`)
  }
  if (arms.length === 0) return undefined
  return arms.length === 1 ? arms[0] : `(${arms.map((arm, index) => (index === 0 ? arm : `(${arm})`)).join(' OR ')})`
}

function listCondition([element]: readonly KeyElement[], values: readonly string[]): string | undefined {
  if (element === undefined) return undefined
  const others = values.filter((value) => value.toLowerCase() !== 'null')
  const among = others.length === 0 ? undefined : `${element.value} IN (${others.join(', ')})`
  if (others.length === values.length) return `${element.test} IS NOT NULL AND ${among ?? ''}`
  return among === undefined ? `${element.test} IS NULL` : `(${element.test} IS NULL OR ${among})`
}
