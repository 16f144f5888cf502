import type { CatalogIndex } from '../../findings/catalog.ts'
import { textNameOf } from '../../sql/identifier.ts'
import type { TextIndex, TextKey, TextRelationKind } from '../../sql/schema-text.ts'
import type { SchemaState } from './schema-state.ts'

/** What belongs to one table at the end of a history, as the catalog and as the text have it. */
export interface TableParts {
  kind?: TextRelationKind
  partitionOf?: string
  partitions: string[]
  /** From the catalog; names as PostgreSQL prints them. */
  seenIndexes: CatalogIndex[]
  indexes: TextIndex[]
  keys: TextKey[]
}

const known = new WeakMap<SchemaState, ReadonlyMap<string, TableParts>>()

/** The parts of every table, by the table's name in a `SchemaText`. Gathered once for each state. */
export function partsOfTables(state: SchemaState): ReadonlyMap<string, TableParts> {
  let parts = known.get(state)
  if (parts === undefined) known.set(state, (parts = gather(state)))
  return parts
}

function gather({ schema, catalog }: SchemaState): ReadonlyMap<string, TableParts> {
  const tables = new Map<string, TableParts>()
  const of = (table: string): TableParts => {
    let parts = tables.get(table)
    if (parts === undefined) tables.set(table, (parts = { partitions: [], seenIndexes: [], indexes: [], keys: [] }))
    return parts
  }
  for (const { name, kind, partitionOf } of schema.tables) Object.assign(of(name), { kind, partitionOf })
  // The server's word comes last and counts.
  for (const { name, kind, partitionOf } of catalog?.relations ?? []) {
    Object.assign(of(textNameOf(name)), { kind, partitionOf: partitionOf && textNameOf(partitionOf) })
  }
  for (const index of schema.indexes) of(index.table).indexes.push(index)
  for (const key of schema.keys) of(key.table).keys.push(key)
  for (const index of catalog?.indexes ?? []) of(textNameOf(index.table)).seenIndexes.push(index)
  for (const [name, { partitionOf }] of [...tables]) {
    if (partitionOf !== undefined) of(partitionOf).partitions.push(name)
  }
  return tables
}

/** What belongs to tables, by the table's name. */
export function byTable<T extends { table: string }>(parts: Iterable<T>): Map<string, T[]> {
  const tables = new Map<string, T[]>()
  for (const part of parts) {
    const own = tables.get(part.table)
    if (own === undefined) tables.set(part.table, [part])
    else own.push(part)
  }
  return tables
}
