import type { Database } from '../../findings/database.ts'
import type { HistorySubject } from '../subject.ts'

/** A schema as a history leaves it, or as a live database has it: that one has no text and no migrations. */
export type SchemaState = Pick<HistorySubject, 'schema' | 'catalog' | 'complete' | 'migrations'>

const known = new WeakMap<Database, SchemaState>()

/** The schema of a live database. */
export function stateOf(database: Database): SchemaState {
  let state = known.get(database)
  if (state === undefined) {
    state = {
      schema: {
        tables: [],
        indexes: [],
        keys: [],
        foreignKeys: [],
        indexTables: new Map(),
        domains: new Map(),
        opaque: [],
      },
      catalog: database.catalog,
      complete: true,
      migrations: [],
    }
    known.set(database, state)
  }
  return state
}
