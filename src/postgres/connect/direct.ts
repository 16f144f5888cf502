import type { Client } from 'pg'
import { usageError } from '../../errors.ts'
import { connect } from './connect.ts'
import type { ConnectOptions, Session } from './connect.ts'
import { describeCandidate } from './refusal.ts'
import type { ResolvedConnection } from './resolve.ts'

/**
 * Opens a session past the pooler, and makes sure that it is with the same database of the same running server as
 * `session`: a direct way that leads elsewhere would change the wrong database. Names are not compared but what the
 * server says, because a pooler may call a database as it likes. `session` must not be in a transaction that failed.
 * @throws KeiError `direct-database-differs`, and those of `connect`
 */
export async function connectDirect(
  direct: ResolvedConnection,
  session: Session,
  options: ConnectOptions,
): Promise<Session> {
  const opened = await connect(direct, options)
  try {
    const [there, here] = [await identify(session.client), await identify(opened.client)]
    if (there === here) return opened
    const [pooledAt, directAt] = [session, opened].map(
      ({ candidate, server }) => `${JSON.stringify(server.database)} at ${describeCandidate(candidate)}`,
    )
    throw usageError({
      code: 'direct-database-differs',
      message: `The direct connection leads to ${directAt}, which is not the database behind ${pooledAt}.`,
      hint: 'Correct the direct URL: `kei connect --explain` shows where both come from.',
    })
  } catch (error) {
    await opened.client.end()
    throw error
  }
}

/** The same for two sessions exactly when they are in one database of one server since its start; anyone may ask. */
async function identify(client: Client): Promise<string | undefined> {
  const { rows } = await client.query<{ identity: string }>(
    `SELECT pg_catalog.concat_ws(' ', oid, extract(epoch FROM pg_catalog.pg_postmaster_start_time()), datname) AS identity
     FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database()`,
  )
  return rows[0]?.identity
}
