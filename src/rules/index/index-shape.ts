import type { IndexStmt } from '@pgsql/types'
import type { CatalogIndex } from '../../findings/catalog.ts'
import { quoteIdentifier, unquoted } from '../../sql/identifier.ts'
import { namesOf, nodeOf } from '../../sql/statement.ts'
import { tokenEnd } from '../../sql/token.ts'

/** What an index can do, so that two can be compared. */
export interface IndexShape {
  method: string
  unique: boolean
  /** NULLS NOT DISTINCT. */
  nullsEqual: boolean
  keys: IndexKey[]
  /** Columns of INCLUDE. */
  include: string[]
  /** The WHERE of a partial index; equal texts of one source are equal conditions. */
  predicate?: string
}

export interface IndexKey {
  /** Undefined for an expression. */
  column?: string
  /** The column or expression, its collation and its operator class, the default ones left out. */
  text: string
  descending: boolean
  nullsFirst: boolean
  /** The operator class as written or, from a catalog, as it is. */
  operatorClass?: string
}

/** The shape of an index of a catalog, read off what `pg_get_indexdef` prints. */
export function shapeOfCatalogIndex(index: CatalogIndex): IndexShape {
  const { definition, table, method, unique, predicate } = index
  // The index's own name may say anything.
  const opening = `${table} USING ${method} `
  const elements = parenthesised(definition, definition.indexOf(opening) + opening.length)
  const rest = definition.slice(elements.end)
  const include = / INCLUDE \(/.exec(rest)?.index === 0 ? parenthesised(rest, ' INCLUDE '.length).parts : []
  return {
    method,
    unique,
    nullsEqual: / NULLS NOT DISTINCT\b/.test(rest),
    keys: elements.parts.map((part, position) => keyOf(part, index.columns[position], index.operatorClasses[position])),
    include: include.map(unquoted),
    ...(predicate !== undefined && { predicate }),
  }
}

function keyOf(printed: string, column: string | null | undefined, operatorClass: string | undefined): IndexKey {
  const [, body = printed, direction, nulls] = /^(.*?)( DESC)?( NULLS (?:FIRST|LAST))?$/s.exec(printed) ?? []
  const descending = direction !== undefined
  return {
    ...(column && { column: unquoted(column) }),
    text: column ? `${unquoted(column)}\0${body.slice(column.length).trim()}` : body,
    descending,
    nullsFirst: nulls === undefined ? descending : nulls === ' NULLS FIRST',
    ...(operatorClass !== undefined && { operatorClass }),
  }
}

/** The parts between the parenthesis at or after `from` and the one that closes it, and where that ends. */
function parenthesised(text: string, from: number): { parts: string[]; end: number } {
  const parts: string[] = []
  let depth = 0
  let start = from
  for (let at = text.indexOf('(', from); at !== -1 && at < text.length;) {
    const character = text[at]
    if (character === "'" || character === '"') {
      at = tokenEnd(text, at)
      continue
    }
    if (character === '(' && depth++ === 0) start = at + 1
    const closes = character === ')' && --depth === 0
    if (closes || (character === ',' && depth === 1)) {
      parts.push(text.slice(start, at).trim())
      start = at + 1
    }
    at++
    if (closes) return { parts, end: at }
  }
  return { parts, end: text.length }
}

/**
 * The shape of an index as CREATE INDEX writes it.
 * @param columns its key columns by the names that they have now.
 */
export function shapeOfStatement(index: IndexStmt, columns: readonly (string | null)[]): IndexShape {
  return {
    method: index.accessMethod ?? 'btree',
    unique: index.unique ?? false,
    nullsEqual: index.nulls_not_distinct ?? false,
    keys: (index.indexParams ?? []).map((node, position) => {
      const element = nodeOf(node, 'IndexElem')
      const column = columns[position] ?? undefined
      const collation = element?.collation?.length ? `COLLATE ${printed(element.collation)} ` : ''
      const operatorClass = element?.opclass?.length ? namesOf(element.opclass.at(-1)).join() : undefined
      const descending = element?.ordering === 'SORTBY_DESC'
      const { nulls_ordering: nulls } = element ?? {}
      const further = `${collation}${operatorClass ?? ''}${withoutPlaces(element?.opclassopts)}`.trim()
      return {
        ...(column !== undefined && { column }),
        text: column === undefined ? `${withoutPlaces(element?.expr)} ${further}` : `${column}\0${further}`,
        descending,
        nullsFirst:
          nulls === undefined || nulls === 'SORTBY_NULLS_DEFAULT' ? descending : nulls === 'SORTBY_NULLS_FIRST',
        ...(operatorClass !== undefined && { operatorClass }),
      }
    }),
    include: (index.indexIncludingParams ?? []).flatMap((node) => nodeOf(node, 'IndexElem')?.name ?? []),
    ...(index.whereClause && { predicate: withoutPlaces(index.whereClause) }),
  }
}

/** The shape of a primary key's or unique constraint's index. */
export function shapeOfColumns(columns: readonly (string | null)[], unique: boolean, method = 'btree'): IndexShape {
  return {
    method,
    unique,
    nullsEqual: false,
    keys: columns.map((column, position) => ({
      ...(column !== null && { column }),
      // What the expression is nobody knows: it equals no other.
      text: column === null ? `${position}\0\0` : `${column}\0`,
      descending: false,
      nullsFirst: false,
    })),
    include: [],
  }
}

function printed(names: readonly unknown[]): string {
  return (names as Parameters<typeof namesOf>[0][])
    .flatMap(namesOf)
    .map((name) => `"${name}"`)
    .join('.')
}

/** A parse tree as text, without the places that differ between two equal ones. */
function withoutPlaces(tree: unknown): string {
  if (tree === undefined) return ''
  return JSON.stringify(tree, (field, value: unknown) => (field === 'location' ? undefined : value))
}

/** The keys as people write them: `(customer_id, created_at DESC)`; an expression of the text is not shown. */
export function keysText({ keys }: Pick<IndexShape, 'keys'>): string {
  const shown = keys.map(({ column, text, descending }) => {
    const named =
      column === undefined ? (text.startsWith('{') || text.includes('\0') ? '…' : text) : quoteIdentifier(column)
    return `${named}${descending ? ' DESC' : ''}`
  })
  return `(${shown.join(', ')})`
}
