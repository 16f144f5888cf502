import { escapeIdentifier } from 'pg'
import { failure } from '../errors.ts'
import type { Session } from '../postgres/connect/connect.ts'
import { accessRefusal, readOnlyRefusal, sqlStateOf } from './database-refusal.ts'
import { keiSchemaExists } from './kei-schema.ts'
import { readLease } from './lease-row.ts'

/** A lease that somebody has, or left behind. */
export interface LeaseState {
  /** `deploy@web-1, process 4711, kei migrate up`. */
  holder: string
  /** ISO 8601, the server's clock. */
  since: string
  /** Seconds since the last heartbeat. */
  heartbeatAge: number
  expired: boolean
  /** The holder's own session with the server; `unknown` when it goes through a pooler. */
  session: 'connected' | 'gone' | 'unknown'
  /** Sessions with an open transaction of it: it cannot be passed before they end. */
  transactions: number[]
  /** The database it was copied from together with everything else. */
  copiedFrom?: string
  /** Nobody is behind it any more, so that the next run takes it. */
  dead: boolean
}

/**
 * Who has the right to migrate now. No lock is taken; works on a standby.
 * @returns undefined when nobody has, and where kei has no tables
 * @throws KeiError those of `HistoryTable.exists`
 */
export async function leaseState(session: Session, schema: string): Promise<LeaseState | undefined> {
  return (await find(session, schema))?.state
}

/**
 * Ends a lease that nobody is behind any more, as the next run would: it then needs neither to wait nor to say so. The
 * fence is passed too, so that a holder that does live, unseen, fails by its proof.
 * @returns what was ended; undefined when there was nothing to end
 * @throws KeiError `lease-held` when its holder is alive or has a transaction open, `read-only-server`,
 * `history-not-permitted`
 */
export async function endLease(session: Session, schema: string): Promise<LeaseState | undefined> {
  const { client, server } = session
  if (server.readOnly) throw readOnlyRefusal(server.role)
  const found = await find(session, schema)
  if (found === undefined) return undefined
  const { state, token, heartbeat } = found
  if (!state.dead || state.transactions.length > 0) throw held(state)
  const place = escapeIdentifier(schema)
  try {
    const { rowCount } = await client.query(
      `WITH dead AS MATERIALIZED (
         SELECT FROM ${place}.fence AS fence, ${place}.lease AS lease
         WHERE lease.token = $1 AND EXTRACT(epoch FROM lease.heartbeat_at)::text = $2 AND lease.released_at IS NULL
         FOR NO KEY UPDATE OF fence, lease SKIP LOCKED
       ), next AS (
         UPDATE ${place}.fence AS fence SET token = fence.token + 1 FROM dead RETURNING fence.token
       )
       UPDATE ${place}.lease SET released_at = pg_catalog.clock_timestamp() FROM next`,
      [token, heartbeat],
    )
    if (rowCount === 1) return state
  } catch (error) {
    if (sqlStateOf(error) === '42501') throw accessRefusal(schema, server.user, 'write', error)
    throw error
  }
  const now = await leaseState(session, schema)
  if (now !== undefined) throw held(now)
  return state
}

async function find(
  session: Session,
  schema: string,
): Promise<{ state: LeaseState; token: string; heartbeat: string } | undefined> {
  if (!(await keiSchemaExists(session.client, schema))) return undefined
  const row = await readLease(session, schema)
  if (row.released) return undefined
  const { token, heartbeat, holder, since, heartbeatAge, expired, transactions, copied, database } = row
  // The process numbers of another server mean nothing on this one.
  const here = copied ? 'gone' : row.session
  const dead = expired || here === 'gone'
  const state = { holder, since, heartbeatAge, expired, session: here, transactions, dead }
  return { state: copied ? { ...state, copiedFrom: database } : state, token, heartbeat }
}

function held({ holder, since, heartbeatAge, session, dead, transactions }: LeaseState): Error {
  const [pid] = transactions
  const seconds = `${Math.round(heartbeatAge)} s`
  return failure({
    code: 'lease-held',
    message:
      dead && pid !== undefined
        ? `A transaction of the run of ${holder} is still open (pid ${pid}).`
        : `A run is migrating this database since ${since}: ${holder}; it was heard of ${seconds} ago.`,
    hint:
      dead && pid !== undefined
        ? `If that process is no more, end its session: SELECT pg_terminate_backend(${pid});`
        : session === 'connected'
          ? 'Wait for it, or interrupt it where it runs.'
          : 'Wait for it, or interrupt it where it runs. If it is no more, its lease ends by itself within seconds.',
  })
}
