import type { Client } from 'pg'
import { failure } from '../../errors.ts'
import { printable } from '../../sql/printable.ts'
import { qualifiedName } from './relation.ts'
import type { CatalogIndex } from './index-definition.ts'

/**
 * The process that works on the index now, other than this session. Without the right to see others' sessions their
 * progress shows a pid and no relation: then one that locks the table as a builder does counts.
 */
async function builderOf(client: Client, index: CatalogIndex): Promise<number | undefined> {
  const { rows } = await client.query<{ pid: number }>(
    `SELECT p.pid FROM pg_catalog.pg_stat_progress_create_index p
      WHERE p.datname = pg_catalog.current_database() AND p.pid <> pg_catalog.pg_backend_pid()
        AND (p.index_relid = $1::pg_catalog.oid
          OR p.relid = $2::pg_catalog.oid AND coalesce(p.index_relid, '0'::pg_catalog.oid) = '0'::pg_catalog.oid
          OR p.relid IS NULL AND EXISTS (SELECT FROM pg_catalog.pg_locks l WHERE l.pid = p.pid AND l.relation = $2::pg_catalog.oid
            AND l.mode = 'ShareUpdateExclusiveLock'))
     UNION ALL
     SELECT l.pid FROM pg_catalog.pg_locks l
      WHERE l.relation = $1::pg_catalog.oid AND l.mode = 'ShareUpdateExclusiveLock' AND l.pid <> pg_catalog.pg_backend_pid()
        AND l.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())
      LIMIT 1`,
    [index.oid, index.table],
  )
  return rows[0]?.pid
}

/** @throws KeiError `index-being-built` where another session builds, rebuilds or drops the index now. */
export async function refuseBuiltElsewhere(client: Client, index: CatalogIndex): Promise<void> {
  const pid = await builderOf(client, index)
  if (pid === undefined) return
  throw failure({
    code: 'index-being-built',
    message: `The INVALID index ${printable(qualifiedName(index))} is being worked on by process ${pid}.`,
    hint: `Wait until it has ended (SELECT * FROM pg_stat_progress_create_index WHERE pid = ${pid}), then run the command again.`,
  })
}

/** How often a drop that PostgreSQL chose to end a deadlock is tried again; each took `deadlock_timeout` at least. */
const dropAttempts = 10

/**
 * Drops an index without blocking anyone. In autocommit, without a lock_timeout: the second half waits for every
 * transaction that may use the index.
 */
export async function dropConcurrently(client: Client, index: { schema: string; name: string }): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      await client.query(`DROP INDEX CONCURRENTLY IF EXISTS ${qualifiedName(index)}`)
      return
    } catch (error) {
      const deadlock = error instanceof Error && 'code' in error && error.code === '40P01'
      if (!deadlock || attempt === dropAttempts) throw error
    }
  }
}
