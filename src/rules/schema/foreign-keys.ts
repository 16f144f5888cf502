import { textNameOf, unquoted } from '../../sql/identifier.ts'
import type { Site, TextForeignKey } from '../../sql/schema-text.ts'
import { lastObserved } from '../observed.ts'
import { placeOfSite, placeOfStatement } from '../place.ts'
import type { Place } from '../rule.ts'
import { partsOfTables } from './parts-of-table.ts'
import type { SchemaState } from './schema-state.ts'

/** A foreign key at the end of a history, as the catalog, the text or both have it. */
export interface SchemaForeignKey {
  name: string
  /** Names of a `SchemaText`. */
  table: string
  columns: string[]
  referencedTable: string
  /** As many as `columns`; empty where the text means the primary key of a table that it does not show. */
  referencedColumns: string[]
  site?: Site
}

const known = new WeakMap<SchemaState, readonly SchemaForeignKey[]>()

/** The foreign keys, one for each table and set of columns; a partition has its parent's. */
export function foreignKeysOf(state: SchemaState): readonly SchemaForeignKey[] {
  let keys = known.get(state)
  if (keys === undefined) known.set(state, (keys = gather(state)))
  return keys
}

function gather(state: SchemaState): SchemaForeignKey[] {
  const { catalog, complete, schema } = state
  const found = new Map<string, SchemaForeignKey>()
  const identity = (table: string, columns: readonly string[]) => [table, ...[...columns].sort()].join('\0')
  const declared = new Map<string, SchemaForeignKey>()
  const primary = new Map(schema.keys.flatMap((key) => (key.kind === 'primary key' ? [[key.table, key.columns]] : [])))
  for (const key of schema.foreignKeys) declared.set(identity(key.table, key.columns), withReferenced(key, primary))
  for (const { type, name, table, columns: printed, referencedTable, referencedColumns } of catalog?.constraints ?? []) {
    if (type !== 'f') continue
    const own = textNameOf(table)
    const columns = printed.map(unquoted)
    const key = {
      name: unquoted(name),
      table: own,
      columns,
      referencedTable: textNameOf(referencedTable ?? ''),
      referencedColumns: (referencedColumns ?? []).map(unquoted),
    }
    const site = declared.get(identity(own, columns))?.site
    // A key that references a partitioned table stands there once more for each of its partitions.
    if (!found.has(identity(own, columns))) found.set(identity(own, columns), { ...key, ...(site && { site }) })
  }
  if (!complete || catalog === undefined) {
    for (const [id, key] of declared) if (!found.has(id)) found.set(id, key)
  }
  const parts = partsOfTables(state)
  return [...found.values()].filter(({ table, columns }) => {
    for (let at = parts.get(table)?.partitionOf; at !== undefined; at = parts.get(at)?.partitionOf) {
      if (found.has(identity(at, columns))) return false
    }
    return true
  })
}

function withReferenced(key: TextForeignKey, primary: ReadonlyMap<string, string[]>): SchemaForeignKey {
  if (key.referencedColumns.length > 0) return key
  return { ...key, referencedColumns: primary.get(key.referencedTable) ?? [] }
}

/** Where the foreign key is declared; one that only a trace shows, at the statement that made it. */
export function placeOfForeignKey(state: SchemaState, key: SchemaForeignKey): Place {
  if (key.site) return placeOfSite(key.site)
  const maker =
    lastObserved(state, ({ constraints }) =>
      constraints.some(
        (made) => made.type === 'f' && unquoted(made.name) === key.name && textNameOf(made.relation) === key.table,
      ),
    ) ??
    lastObserved(state, ({ constraints }) =>
      constraints.some((made) => made.type === 'f' && unquoted(made.name) === key.name),
    )
  if (maker) return placeOfStatement(maker)
  return { kind: 'object', name: `${key.name} on ${key.table}`, objectType: 'foreign key' }
}
