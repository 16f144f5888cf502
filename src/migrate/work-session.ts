import type { Client } from 'pg'
import type { Session } from '../postgres/connect/connect.ts'
import type { Server } from '../postgres/connect/server.ts'

/** The session that runs the migrations' statements. */
export interface WorkSession {
  client: Client
  server: Server
  /** Whether a pooler stands between: the process that the server names is not the one that greeted us. */
  pooled: boolean
  /** Of the server process; behind a pooler only that of the last transaction. */
  pid: number
  /** `pg_stat_activity.backend_start` of it, as text with microseconds. */
  backendStart: string
}

/** Asks the server which of its processes a fresh session is with: one round trip. */
export async function openWorkSession({ client, server }: Session): Promise<WorkSession> {
  const { rows } = await client.query<{ pid: number; start: string | null }>(
    // One's own backend_start is shown to every role. By text in UTC, so that no setting of the session changes it.
    `SELECT a.pid, pg_catalog.to_char(a.backend_start AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS start
     FROM pg_catalog.pg_stat_get_activity(pg_catalog.pg_backend_pid()) AS a`,
  )
  const { pid = 0, start = null } = rows[0] ?? {}
  // The process number of the greeting; pg's types leave it out.
  const greeted = (client as Client & { processID: number | null }).processID
  return { client, server, pooled: greeted !== pid, pid, backendStart: start ?? '' }
}
