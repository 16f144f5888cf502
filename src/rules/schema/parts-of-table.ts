import type { CatalogIndex } from '../../findings/catalog.ts'
import { textNameOf } from '../../sql/identifier.ts'
import type { TextIndex, TextKey, TextRelationKind } from '../../sql/schema-text.ts'
import type { HistorySubject } from '../subject.ts'

/** What belongs to one table at the end of the history, as the catalog and as the text have it. */
export interface TableParts {
  kind?: TextRelationKind
  partitionOf?: string
  partitions: string[]
  /** From the catalog; names as PostgreSQL prints them. */
  seenIndexes: CatalogIndex[]
  indexes: TextIndex[]
  keys: TextKey[]
}

const known = new WeakMap<HistorySubject, ReadonlyMap<string, TableParts>>()

/** The parts of every table, by the table's name in a `SchemaText`. Gathered once for each history. */
export function partsOfTables(history: HistorySubject): ReadonlyMap<string, TableParts> {
  let parts = known.get(history)
  if (parts === undefined) known.set(history, (parts = gather(history)))
  return parts
}

function gather({ schema, catalog }: HistorySubject): ReadonlyMap<string, TableParts> {
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
