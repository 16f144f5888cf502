import type { Catalog, CatalogRelation } from '../findings/catalog.ts'
import { textNameOf } from '../sql/identifier.ts'
import type { SchemaText, TextTable } from '../sql/schema-text.ts'
import type { HistorySubject } from './subject.ts'

/** Asked for at many statements, of many relations. */
const seen = new WeakMap<Catalog, ReadonlyMap<string, CatalogRelation>>()
const written = new WeakMap<SchemaText, ReadonlyMap<string, TextTable>>()

/** The relation with that name in a `SchemaText` which the traced history left; undefined too when nothing was traced. */
export function relationSeen({ catalog }: HistorySubject, name: string): CatalogRelation | undefined {
  if (catalog === undefined) return undefined
  let relations = seen.get(catalog)
  if (relations === undefined) {
    // Of two with one name the first is meant.
    relations = new Map(catalog.relations.toReversed().map((relation) => [textNameOf(relation.name), relation]))
    seen.set(catalog, relations)
  }
  return relations.get(name)
}

/** The table of that name which the whole history leaves, as its text shows. */
export function tableWritten({ schema }: HistorySubject, name: string): TextTable | undefined {
  let tables = written.get(schema)
  if (tables === undefined) written.set(schema, (tables = new Map(schema.tables.map((table) => [table.name, table]))))
  return tables.get(name)
}
