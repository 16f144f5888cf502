import type { Client } from 'pg'
import type { OpenTransaction, PreparedTransaction, TransactionAge } from '../../findings/database.ts'

/** The transactions of clients that are open in this database, but for the one that asks; those that the role may see. */
export async function readTransactions(client: Client): Promise<OpenTransaction[]> {
  const { rows } = await client.query<OpenTransaction>(`
SELECT a.pid, a.usename AS user, a.application_name AS application,
  CASE WHEN a.state LIKE 'idle%' THEN 'idle' ELSE 'active' END AS state,
  extract(epoch FROM clock_timestamp() - a.xact_start)::float8 AS seconds,
  extract(epoch FROM clock_timestamp() - a.state_change)::float8 AS "stateSeconds",
  a.backend_xid IS NOT NULL OR a.backend_xmin IS NOT NULL AS "holdsSnapshot"
FROM pg_stat_activity a
WHERE a.datname = current_database() AND a.backend_type = 'client backend' AND a.xact_start IS NOT NULL
  AND a.pid <> pg_backend_pid()
  -- A VACUUM stands in no other's way.
  AND NOT EXISTS (SELECT FROM pg_stat_progress_vacuum p WHERE p.pid = a.pid)
ORDER BY a.xact_start, a.pid`)
  return rows
}

/** Transactions of this database that are prepared (PREPARE TRANSACTION) and neither committed nor rolled back. */
export async function readPreparedTransactions(client: Client): Promise<PreparedTransaction[]> {
  const { rows } = await client.query<PreparedTransaction>(`
SELECT gid AS identifier, owner, extract(epoch FROM clock_timestamp() - prepared)::float8 AS seconds
FROM pg_prepared_xacts WHERE database = current_database() ORDER BY prepared, gid`)
  return rows
}

/** How many transactions old the oldest rows of each database of the server may be. */
export async function readAges(client: Client): Promise<TransactionAge[]> {
  const { rows } = await client.query<TransactionAge>(`
SELECT datname AS database, age(datfrozenxid) AS age, mxid_age(datminmxid) AS "multixactAge"
FROM pg_database ORDER BY datname`)
  return rows
}
