import { escapeIdentifier } from 'pg'
import type { Client } from 'pg'
import type { Session } from '../postgres/connect/connect.ts'
import { damaged } from './kei-schema.ts'
import type { LeaseFailure } from './lease.ts'

/** The lease as the database has it, by the server's clock. */
export interface LeaseRow {
  /** Of the newest lease, whether or not it is held. */
  token: string
  /** Who: account, host, process and command. */
  holder: string
  /** ISO 8601. */
  since: string
  /** The moment of the last heartbeat, in seconds since 1970 with microseconds. */
  heartbeat: string
  /** Seconds since the last heartbeat. */
  heartbeatAge: number
  released: boolean
  expired: boolean
  /** The control session of the holder; `unknown` when it went through a pooler. */
  session: 'connected' | 'gone' | 'unknown'
  /** The row came with a copy of another database. */
  copied: boolean
  /** Name of the database that the lease was taken in. */
  database: string
  /** Sessions with an open transaction that holds the fence. */
  transactions: number[]
  /** How the run ended, when it failed. */
  failure: LeaseFailure | null
  /** The run ended after the moment that was asked about. */
  endedSince: boolean
}

const utc = (column: string) => `pg_catalog.to_char(${column} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')`
const epoch = (column: string) => `EXTRACT(epoch FROM ${column})::text`
const thisDatabase = '(SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())'

/** `$1`: the server's system identifier, or null where the role may not see it. */
const copied = `(lease.database_oid <> ${thisDatabase} OR COALESCE(lease.system_identifier <> $1, false))`

/** Another role's `backend_start` is hidden from a role without pg_read_all_stats: it is then taken to be there. */
const connected = `EXISTS (
  SELECT FROM pg_catalog.pg_stat_activity AS activity
  WHERE activity.pid = lease.pid AND COALESCE(activity.backend_start = lease.backend_start, true))`

/** ISO 8601 with microseconds, by the server's clock. */
export async function serverClock(client: Client): Promise<string> {
  const { rows } = await client.query<{ now: string }>(`SELECT ${utc('pg_catalog.clock_timestamp()')} AS now`)
  return rows[0]?.now ?? ''
}

/**
 * Reads the row, without any lock; on a standby too.
 * @param since ISO 8601: `endedSince` is about it.
 * @throws KeiError `schema-not-kei` when the row is gone, and the driver's errors
 */
export async function readLease({ client, server }: Session, schema: string, since?: string): Promise<LeaseRow> {
  const place = escapeIdentifier(schema)
  const { rows } = await client.query<LeaseRow>(
    `SELECT token::text, holder, ${utc('acquired_at')} AS since, ${epoch('heartbeat_at')} AS heartbeat,
            EXTRACT(epoch FROM pg_catalog.clock_timestamp() - heartbeat_at)::float8 AS "heartbeatAge",
            released_at IS NOT NULL AS released, expires_at < pg_catalog.clock_timestamp() AS expired,
            CASE WHEN pid IS NULL THEN 'unknown' WHEN ${connected} THEN 'connected' ELSE 'gone' END AS session,
            ${copied} AS copied, database_name AS database,
            ARRAY(SELECT DISTINCT locks.pid FROM pg_catalog.pg_locks AS locks
                  WHERE locks.locktype = 'relation' AND locks.database = ${thisDatabase}
                    AND locks.relation = (SELECT tableoid FROM ${place}.fence)
                    AND locks.mode = 'RowShareLock' AND locks.pid <> pg_catalog.pg_backend_pid()) AS transactions,
            failure, COALESCE(released_at > $2::timestamptz, false) AS "endedSince"
     FROM ${place}.lease AS lease`,
    [server.systemIdentifier ?? null, since ?? null],
  )
  if (rows[0] === undefined) throw damaged(schema, 'lease')
  return rows[0]
}

/** Why a lease could be had. */
type TakenFrom = 'released' | 'copied' | 'gone' | 'expired'

interface Claim {
  holder: string
  /** Milliseconds. */
  leaseTime: number
  /** The heartbeat of an expired lease that was seen while no transaction held the fence. */
  expiredHeartbeat: string | undefined
  /** A failure of these files after this moment is not to be repeated. */
  plan: string | undefined
  connectedAt: string | undefined
}

/** A lease that was taken, and from whom. */
export interface Taken {
  token: string
  from: TakenFrom
  holder: string
  since: string
  heartbeatAge: number
  database: string
}

/**
 * Takes the lease if it can be had, in one statement: both rows are locked, or passed over when another has them. A
 * migration's transaction has the fence's row for as long as it lasts.
 * @returns undefined when it cannot be had now
 */
export async function takeLease({ client, server }: Session, schema: string, claim: Claim): Promise<Taken | undefined> {
  const place = escapeIdentifier(schema)
  const { rows } = await client.query<Taken>(
    `WITH free AS MATERIALIZED (
       SELECT lease.holder, ${utc('lease.acquired_at')} AS since, lease.database_name,
              EXTRACT(epoch FROM pg_catalog.clock_timestamp() - lease.heartbeat_at)::float8 AS heartbeat_age,
              CASE WHEN lease.released_at IS NOT NULL THEN 'released' WHEN ${copied} THEN 'copied'
                   WHEN lease.pid IS NOT NULL AND NOT ${connected} THEN 'gone' ELSE 'expired' END AS taken_from
       FROM ${place}.fence AS fence, ${place}.lease AS lease
       WHERE CASE WHEN lease.released_at IS NOT NULL
                  THEN NOT COALESCE(lease.failure ->> 'plan' = $2 AND lease.released_at > $3::timestamptz, false)
                  ELSE ${copied} OR (lease.pid IS NOT NULL AND NOT ${connected})
                       OR (lease.expires_at < pg_catalog.clock_timestamp() AND ${epoch('lease.heartbeat_at')} = $4) END
       FOR NO KEY UPDATE OF fence, lease SKIP LOCKED
     ), next AS (
       UPDATE ${place}.fence AS fence SET token = fence.token + 1 FROM free RETURNING fence.token
     )
     UPDATE ${place}.lease AS lease
     SET token = next.token, holder = $5,
         pid = CASE WHEN pg_catalog.pg_backend_pid() = $6::integer THEN $6::integer END,
         backend_start = (SELECT activity.backend_start FROM pg_catalog.pg_stat_activity AS activity
                          WHERE activity.pid = pg_catalog.pg_backend_pid()),
         acquired_at = pg_catalog.clock_timestamp(), heartbeat_at = pg_catalog.clock_timestamp(),
         expires_at = pg_catalog.clock_timestamp() + $7::float8 * interval '1 millisecond',
         released_at = NULL, failure = NULL, system_identifier = $1, database_oid = ${thisDatabase},
         database_name = pg_catalog.current_database()
     FROM next, free
     RETURNING lease.token::text AS token, free.taken_from AS "from", free.holder, free.since,
               free.heartbeat_age AS "heartbeatAge", free.database_name AS database`,
    [
      server.systemIdentifier ?? null,
      claim.plan ?? null,
      claim.connectedAt ?? null,
      claim.expiredHeartbeat ?? null,
      claim.holder,
      greeter(client) ?? null,
      claim.leaseTime,
    ],
  )
  return rows[0]
}

/**
 * Says that the holder is alive.
 * @returns false when another has the lease, or somebody ended it
 */
export async function beat(client: Client, schema: string, token: string, leaseTime: number): Promise<boolean> {
  const { rowCount } = await client.query(
    `UPDATE ${escapeIdentifier(schema)}.lease
     SET heartbeat_at = pg_catalog.clock_timestamp(),
         expires_at = pg_catalog.clock_timestamp() + $2::float8 * interval '1 millisecond'
     WHERE token = $1 AND released_at IS NULL`,
    [token, leaseTime],
  )
  return rowCount === 1
}

/** Gives the lease back, if it is still that of `token`. */
export async function giveBack(client: Client, schema: string, token: string, failure?: LeaseFailure): Promise<void> {
  await client.query(
    `UPDATE ${escapeIdentifier(schema)}.lease SET released_at = pg_catalog.clock_timestamp(), failure = $2
     WHERE token = $1 AND released_at IS NULL`,
    [token, failure === undefined ? null : JSON.stringify(failure)],
  )
}

/**
 * The process that greeted the session as it began: the server's own, or a number that a pooler made up.
 * Undefined before the session began.
 */
function greeter(client: Client): number | undefined {
  return 'processID' in client && typeof client.processID === 'number' ? client.processID : undefined
}
