import type { CatalogIndex } from '../../findings/catalog.ts'
import { textNameOf, unquoted } from '../../sql/identifier.ts'
import { unqualified } from '../../sql/schema-draft.ts'
import type { Site, TextIndex, TextKey } from '../../sql/schema-text.ts'
import { statementOf } from '../../sql/statement.ts'
import { printedBeside } from '../object-name.ts'
import { lastObserved } from '../observed.ts'
import { placeOfSite, placeOfStatement } from '../place.ts'
import type { Place } from '../rule.ts'
import { byTable, partsOfTables } from '../schema/parts-of-table.ts'
import type { SchemaState } from '../schema/schema-state.ts'
import type { StatementSubject } from '../subject.ts'
import type { IndexShape } from './index-shape.ts'
import { shapeOfCatalogIndex, shapeOfColumns, shapeOfStatement } from './index-shape.ts'

/** An index at the end of a history, as the catalog, the text or both have it. */
export interface SchemaIndex {
  /** As messages call it: its name, or `an index on orders` where the text gives none. */
  label: string
  /** As PostgreSQL prints it; undefined where the text gives it no name and nothing was traced. */
  printed?: string
  /** The name of a `SchemaText`. */
  table: string
  shape: IndexShape
  /** Whether it is the index of a primary key, unique or exclusion constraint. */
  ofConstraint: boolean
  primary: boolean
  /** A partition's that the text does not write: it goes with its parent's. */
  inherited: boolean
  /** Written ON ONLY. */
  only: boolean
  site?: Site
  /** The statement that makes it, where that is CREATE INDEX. */
  statement?: StatementSubject
  seen?: CatalogIndex
  /** The 0-based numbers of the migration and statement that make it; undefined where that is not known. */
  order?: readonly [migration: number, statement: number]
  place: () => Place
}

const known = new WeakMap<SchemaState, readonly SchemaIndex[]>()
const knownByTable = new WeakMap<SchemaState, ReadonlyMap<string, readonly SchemaIndex[]>>()

/** The indexes at the end of a history, those of constraints too. Gathered once for each state. */
export function indexesOf(state: SchemaState): readonly SchemaIndex[] {
  let indexes = known.get(state)
  if (indexes === undefined) known.set(state, (indexes = gather(state)))
  return indexes
}

/** The indexes of each table, by the table's name in a `SchemaText`. */
export function indexesByTable(state: SchemaState): ReadonlyMap<string, readonly SchemaIndex[]> {
  let tables = knownByTable.get(state)
  if (tables === undefined) knownByTable.set(state, (tables = byTable(indexesOf(state))))
  return tables
}

function gather(state: SchemaState): SchemaIndex[] {
  const { catalog, complete } = state
  const numbers = new Map(state.migrations.map(({ file }, index) => [file, index]))
  const constraints = new Set(
    (catalog?.constraints ?? [])
      .filter(({ type }) => type === 'p' || type === 'u' || type === 'x')
      .map(({ table, name }) => `${table}\0${name}`),
  )
  const found: SchemaIndex[] = []
  for (const [table, { partitionOf, seenIndexes, indexes, keys }] of partsOfTables(state)) {
    const paired = new Set<TextIndex | TextKey>()
    for (const seen of seenIndexes) {
      const name = unqualified(textNameOf(seen.name))
      const ofConstraint = constraints.has(`${seen.table}\0${unqualifiedPrinted(seen.name)}`)
      const text = ofConstraint ? keys.find((key) => key.name === name) : writtenAs(indexes, seen, name)
      if (text) paired.add(text)
      const made = text && makingOf(state, numbers, text.site)
      found.push({
        label: name,
        printed: seen.name,
        table,
        shape: shapeOfCatalogIndex(seen),
        ofConstraint,
        primary: seen.primary,
        inherited: partitionOf !== undefined && text === undefined,
        only: text !== undefined && 'only' in text && text.only,
        seen,
        ...(text && { site: text.site }),
        ...made,
        place: () => (text ? placeOfSite(text.site) : placeSeen(state, seen.name)),
      })
    }
    if (catalog !== undefined && complete) continue
    for (const index of indexes) if (!paired.has(index)) found.push(ofText(state, numbers, index))
    for (const key of keys) if (!paired.has(key)) found.push(ofKey(state, numbers, key))
  }
  return found
}

function ofText(state: SchemaState, numbers: ReadonlyMap<string, number>, index: TextIndex): SchemaIndex {
  const { name, table, columns, unique, method, only, site } = index
  const made = makingOf(state, numbers, site)
  const node = made.statement && statementOf(made.statement.statement, 'IndexStmt')
  return {
    label: name ?? `an index on ${table}`,
    ...(name !== undefined && { printed: printedBeside(table, name) }),
    table,
    shape: node ? shapeOfStatement(node, columns) : shapeOfColumns(columns, unique, method),
    ofConstraint: false,
    primary: false,
    inherited: false,
    only,
    site,
    ...made,
    place: () => placeOfSite(site),
  }
}

function ofKey(state: SchemaState, numbers: ReadonlyMap<string, number>, key: TextKey): SchemaIndex {
  const { name, table, kind, columns, method, site } = key
  return {
    label: name,
    printed: printedBeside(table, name),
    table,
    shape: shapeOfColumns(columns, kind !== 'exclusion', method),
    ofConstraint: true,
    primary: kind === 'primary key',
    inherited: false,
    only: false,
    site,
    ...makingOf(state, numbers, site),
    place: () => placeOfSite(site),
  }
}

function makingOf(
  { migrations }: SchemaState,
  numbers: ReadonlyMap<string, number>,
  site: Site,
): Pick<SchemaIndex, 'statement' | 'order'> {
  const number = numbers.get(site.file)
  const outer = number === undefined ? undefined : migrations[number]?.statements[site.statement]
  if (number === undefined || outer === undefined) return {}
  const own = site.inCode ? outer.inner.find(({ statement }) => statement.start === site.span.start) : outer
  return {
    order: [number, site.statement],
    ...(own?.statement.tag === 'IndexStmt' && { statement: own }),
  }
}

function writtenAs(indexes: readonly TextIndex[], seen: CatalogIndex, name: string): TextIndex | undefined {
  const columns = seen.columns.map((column) => column && unquoted(column))
  return (
    indexes.find((each) => each.name === name) ??
    indexes.find((each) => each.name === undefined && each.method === seen.method && sameColumns(each.columns, columns))
  )
}

function sameColumns(a: readonly (string | null)[], b: readonly (string | null)[]): boolean {
  return a.length === b.length && a.every((column, position) => column === b[position])
}

/** The last part of a name as PostgreSQL prints it, still quoted. */
function unqualifiedPrinted(printed: string): string {
  return /(?:"(?:[^"]|"")*"|[^."]+)$/.exec(printed)?.[0] ?? printed
}

function placeSeen(state: SchemaState, name: string): Place {
  const maker = lastObserved(state, ({ created }) =>
    created.some((object) => object.objectType === 'index' && object.name === name),
  )
  return maker ? placeOfStatement(maker) : { kind: 'object', name, objectType: 'index' }
}
