import type { Client } from 'pg'
import type { Catalog } from '../../src/findings/catalog.ts'
import { diffCatalogs } from '../../src/postgres/catalog/diff.ts'
import { readCatalog } from '../../src/postgres/catalog/snapshot.ts'

/** What must be the same after a run that was killed and run again as after one that was not. */
export interface DatabaseState {
  catalog: Catalog
  /** Rows of each table of the schema `public`, sorted. */
  rows: Record<string, string[]>
  /** The statements that the history has as done, in order. */
  done: unknown[]
  applied: string[]
}

/** Reads what was made, what is in it, and what the history says. */
export async function readState(client: Client): Promise<DatabaseState> {
  await client.query('SET search_path = pg_catalog')
  const catalog = await readCatalog(client, { schemas: ['kei'], names: [] })
  const rows: Record<string, string[]> = {}
  for (const { name, kind } of catalog.relations) {
    if (kind !== 'table') continue
    const { rows: found } = await client.query<{ text: string }>(`SELECT t::text AS text FROM ${name} AS t ORDER BY 1`)
    rows[name] = found.map(({ text }) => text)
  }
  const { rows: done } = await client.query(
    `SELECT version, first, last, complete, hashes, checksum, text, direction FROM kei.history WHERE event = 'ran' ORDER BY id`,
  )
  const { rows: applied } = await client.query<{ version: string }>('SELECT version FROM kei.schema_version ORDER BY 1')
  return { catalog, rows, done, applied: applied.map(({ version }) => version) }
}

/** In what a state is not the expected one, in words. */
export function stateDifferences(expected: DatabaseState, actual: DatabaseState): string[] {
  const differences = diffCatalogs(expected.catalog, actual.catalog).map(
    ({ change, objectType, name }) => `${change} ${objectType} ${name}`,
  )
  for (const [table, rows] of Object.entries(expected.rows)) {
    const wrong = actual.rows[table]?.filter((row, index) => row !== rows[index]) ?? []
    if (wrong.length > 0 || actual.rows[table]?.length !== rows.length) {
      differences.push(
        `${table} has ${actual.rows[table]?.length} rows of ${rows.length}: ${wrong.slice(0, 3).join(' ')}`,
      )
    }
  }
  for (const part of ['done', 'applied'] as const) {
    const [one, other] = [JSON.stringify(expected[part]), JSON.stringify(actual[part])]
    if (one !== other) differences.push(`${part}: ${other} and not ${one}`)
  }
  return differences
}

/** What an interrupted statement or run can leave behind and a finished one does not, in words. */
export async function leftovers(client: Client): Promise<string[]> {
  // Given back, or that of a session that is gone: the lease is then free.
  const { rows } = await client.query<{ left: string }>(
    `SELECT pg_catalog.format('INVALID index %s', c.oid::pg_catalog.regclass) AS left
       FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
      WHERE NOT i.indisvalid OR NOT i.indisready OR NOT i.indislive OR c.relname ~ '_cc(new|old)'
     UNION ALL
     SELECT pg_catalog.format('pending detachment of %s', inhrelid::pg_catalog.regclass)
       FROM pg_catalog.pg_inherits WHERE inhdetachpending
     UNION ALL
     SELECT pg_catalog.format('lease of %s', l.holder) FROM kei.lease l
      WHERE l.released_at IS NULL AND EXISTS (SELECT FROM pg_catalog.pg_stat_activity a WHERE a.pid = l.pid)
     UNION ALL
     SELECT pg_catalog.format('failure %s', failure) FROM kei.lease WHERE failure IS NOT NULL
     UNION ALL
     SELECT pg_catalog.format('open intent of %s:%s', h.version, h.first) FROM kei.history h
      WHERE h.event = 'intent' AND NOT EXISTS (SELECT FROM kei.history later
        WHERE later.id > h.id AND later.version = h.version AND later.event IN ('ran', 'withdrawn'))
     UNION ALL
     SELECT pg_catalog.format('session %s of %s: %s', pid, application_name, query) FROM pg_catalog.pg_stat_activity
      WHERE datname = pg_catalog.current_database() AND application_name ~ '^kei/'`,
  )
  return rows.map(({ left }) => left)
}
