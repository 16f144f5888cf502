import type { Client } from 'pg'
import { foldHistory } from './fold.ts'
import { openHistory } from './history-table.ts'
import type { VersionState } from './history.ts'

/**
 * Where each version stands by a database's history; empty where there is none yet. Not within a transaction: where the
 * tables are missing, that is asked for with a statement that fails.
 * @throws KeiError those of `HistoryTable`
 */
export async function readStates(client: Client, schema: string): Promise<Map<string, VersionState>> {
  const history = openHistory(schema)
  return foldHistory((await history.exists(client)) ? await history.read(client) : [])
}
