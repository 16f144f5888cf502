import type { Catalog, CatalogColumn, CatalogRelation } from '../findings/catalog.ts'
import { diffCatalogs } from '../postgres/catalog/diff.ts'

/** One object that is not in a database as its files say. */
export interface Difference {
  /** `table`, `index`, `constraint`, `function`, `owner`, `grants` … */
  objectType: string
  /** Qualified and quoted as PostgreSQL prints it; what stands on a table is `NAME on TABLE`. */
  name: string
  /** `missing` in the database; `unexpected`: the files do not make it; `different` in both. */
  change: 'missing' | 'unexpected' | 'different'
  /** The relation that it stands on, where it is not one itself. */
  relation?: string
  /** Definition by the files; absent for what they do not make, and for tables. */
  expected?: string
  /** Definition in the database; absent for what it does not have, and for tables. */
  actual?: string
  /** In words, for what is different in a table: `column email: type text, files say character varying(100)`. */
  details: string[]
}

/**
 * What in `live` is not as in `files`, one entry for each object; what belongs to a table that is missing or unexpected
 * goes with it. The order of columns does not count.
 */
export function catalogDifferences(files: Catalog, live: Catalog): Difference[] {
  const [before, after] = [withoutNullDefaults(files), withoutNullDefaults(live)]
  const expected = inspect(before)
  const actual = inspect(after)
  const found = diffCatalogs(ordered(before), ordered(after)).map(({ objectType, name, change }): Difference => {
    const key = keyOf(objectType, name)
    const [definition, current] = [expected.definitions.get(key), actual.definitions.get(key)]
    const [was, is] = [expected.relations.get(key), actual.relations.get(key)]
    const relation = tableTypes.has(objectType) ? undefined : (expected.owners.get(key) ?? actual.owners.get(key))
    return {
      objectType,
      name,
      change: change === 'removed' ? 'missing' : change === 'added' ? 'unexpected' : 'different',
      ...(relation !== undefined && { relation }),
      ...(definition !== undefined && definition !== current && { expected: definition }),
      ...(current !== undefined && definition !== current && { actual: current }),
      details: was !== undefined && is !== undefined ? relationDetails(was, is) : [],
    }
  })

  const whole = new Map<string, Difference['change']>()
  for (const { objectType, name, change } of found) {
    if (change !== 'different' && tableTypes.has(objectType)) whole.set(name, change)
  }
  const changed = new Set(found.map(({ objectType, name, change }) => `${change} ${keyOf(objectType, name)}`))
  return found.filter(({ objectType, name, change }) => {
    if (tableTypes.has(objectType)) return true
    const key = keyOf(objectType, name)
    const { owners } = change === 'missing' ? expected : actual
    const owner = owners.get(key)
    if (owner !== undefined && whole.get(owner) === change) return false
    // A primary key and its index are one thing under two names.
    return !(objectType === 'index' && owner !== undefined && changed.has(`${change} ${constraintKey(name, owner)}`))
  })
}

const tableTypes: ReadonlySet<string> = new Set([
  'table',
  'partitioned table',
  'foreign table',
  'materialized view',
  'view',
])

interface InspectedCatalog {
  relations: Map<string, CatalogRelation>
  definitions: Map<string, string>
  /** The table that a thing goes with. */
  owners: Map<string, string>
}

function inspect(catalog: Catalog): InspectedCatalog {
  const inspected: InspectedCatalog = { relations: new Map(), definitions: new Map(), owners: new Map() }
  const { relations, definitions, owners } = inspected
  for (const relation of catalog.relations) relations.set(keyOf(relation.kind, relation.name), relation)
  for (const { name, table, definition, valid } of catalog.indexes) {
    definitions.set(keyOf('index', name), valid ? definition : `${definition} (INVALID)`)
    owners.set(keyOf('index', name), table)
  }
  for (const { name, table, definition } of catalog.constraints) {
    const key = keyOf('constraint', `${name} on ${table}`)
    definitions.set(key, definition)
    owners.set(key, table)
  }
  const names = new Set(catalog.relations.map(({ name }) => name))
  for (const { objectType, name, definition } of catalog.objects) {
    const key = keyOf(objectType, name)
    definitions.set(key, definition)
    const owner = objectType === 'sequence' ? ownerOfSequence(definition) : ownerInName(name, names)
    if (owner !== undefined) owners.set(key, owner)
  }
  return inspected
}

function keyOf(objectType: string, name: string): string {
  return `${objectType} ${name}`
}

/** The constraint that an index of this name would belong to. */
function constraintKey(index: string, table: string): string {
  return keyOf('constraint', `${index.replace(/^(?:"(?:[^"]|"")*"|[^".]*)\./, '')} on ${table}`)
}

/** `touch on app.child`, `app.child.label`; row security and partition bounds have the table's own name. */
function ownerInName(name: string, relations: ReadonlySet<string>): string | undefined {
  if (relations.has(name)) return name
  const table = withoutLastPart(name)
  if (relations.has(table)) return table
  for (let at = name.indexOf(' on '); at !== -1; at = name.indexOf(' on ', at + 1)) {
    const table = name.slice(at + ' on '.length)
    if (relations.has(table)) return table
  }
  return undefined
}

function ownerOfSequence(definition: string): string | undefined {
  const column = / owned by (.*)$/.exec(definition)?.[1]
  return column === undefined ? undefined : withoutLastPart(column)
}

function withoutLastPart(name: string): string {
  return name.replace(/\.(?:"(?:[^"]|"")*"|[^".]*)$/, '')
}

/** DEFAULT NULL is no default; pg_dump writes it for partitions whose parent has one, and then it is kept as an expression. */
function withoutNullDefaults(catalog: Catalog): Catalog {
  const columnOf = ({ default: value, ...column }: CatalogColumn): CatalogColumn =>
    value === undefined || /^NULL(?:::|$)/.test(value) ? column : { ...column, default: value }
  return {
    ...catalog,
    relations: catalog.relations.map((relation) => ({ ...relation, columns: relation.columns.map(columnOf) })),
  }
}

function ordered(catalog: Catalog): Catalog {
  const byName = (a: CatalogColumn, b: CatalogColumn) => (a.name < b.name ? -1 : 1)
  return {
    ...catalog,
    relations: catalog.relations.map((relation) => ({ ...relation, columns: [...relation.columns].sort(byName) })),
  }
}

function relationDetails(expected: CatalogRelation, actual: CatalogRelation): string[] {
  const details: string[] = []
  if (expected.partitionOf !== actual.partitionOf) {
    details.push(`partition of ${actual.partitionOf ?? 'nothing'}, files say of ${expected.partitionOf ?? 'nothing'}`)
  }
  const columns = new Map(actual.columns.map((column) => [column.name, column]))
  for (const column of expected.columns) {
    const is = columns.get(column.name)
    if (is === undefined) details.push(`column ${column.name} is missing (${column.type})`)
    else details.push(...columnDetails(column, is).map((detail) => `column ${column.name}: ${detail}`))
    columns.delete(column.name)
  }
  for (const { name, type } of columns.values()) details.push(`column ${name} is unexpected (${type})`)
  return details
}

function columnDetails(expected: CatalogColumn, actual: CatalogColumn): string[] {
  const parts: [what: string, is: string | undefined, was: string | undefined][] = [
    ['type', actual.type, expected.type],
    ['default', actual.default, expected.default],
    ['identity', actual.identity, expected.identity],
    ['generated', actual.generated, expected.generated],
  ]
  const details = parts.flatMap(([what, is, was]) =>
    is === was ? [] : [`${is === undefined ? `no ${what}` : `${what} ${is}`}, files say ${was ?? 'none'}`],
  )
  if (expected.notNull !== actual.notNull) {
    details.push(actual.notNull ? 'NOT NULL, files say it may be null' : 'may be null, files say NOT NULL')
  }
  return details
}
