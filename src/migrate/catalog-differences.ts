import type { Catalog, CatalogColumn, CatalogRelation } from '../findings/catalog.ts'
import { isRelation, wholeChanges } from '../postgres/catalog/whole-changes.ts'
import type { WholeChange } from '../postgres/catalog/whole-changes.ts'

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
  return wholeChanges(withoutNullDefaults(files), withoutNullDefaults(live)).map((change): Difference => {
    const { objectType, name, relation } = change
    const [was, is] = [before(change), after(change)]
    const [expected, actual] = [definitionOf(objectType, was), definitionOf(objectType, is)]
    return {
      objectType,
      name,
      change: change.change === 'removed' ? 'missing' : change.change === 'added' ? 'unexpected' : 'different',
      ...(relation !== undefined && { relation }),
      ...(expected !== undefined && expected !== actual && { expected }),
      ...(actual !== undefined && expected !== actual && { actual }),
      details:
        isRelation(objectType) && was !== undefined && is !== undefined
          ? relationDetails(relationOf(was), relationOf(is))
          : [],
    }
  })
}

function before(change: WholeChange): unknown {
  return change.change === 'added' ? undefined : change.before
}

function after(change: WholeChange): unknown {
  return change.change === 'removed' ? undefined : change.after
}

/** Of a view there is its relation and its definition. */
function relationOf(value: unknown): CatalogRelation {
  return (Array.isArray(value) ? value[0] : value) as CatalogRelation
}

function definitionOf(objectType: string, value: unknown): string | undefined {
  if (value === undefined) return undefined
  if (Array.isArray(value)) return String(value[1])
  if (isRelation(objectType)) return undefined
  if (typeof value === 'string') return value
  const { definition, valid = true } = value as { definition: string; valid?: boolean }
  return valid ? definition : `${definition} (INVALID)`
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
