import type { Client } from 'pg'
import { failure } from '../errors.ts'

/**
 * For `idle_in_transaction_session_timeout`: a run that is stopped in a transaction (SIGSTOP, a suspended machine) keeps
 * it open, and a CONCURRENTLY of the run that takes over waits for it. After this the server ends it.
 */
export const longestIdle = '10s'

/**
 * Settings of the transaction that a live catalog is read in. Names are printed qualified, nothing that the database's
 * owner made is called, and constants are printed as on a shadow server.
 */
const settings = {
  search_path: 'pg_catalog, pg_temp',
  lock_timeout: '2s',
  statement_timeout: '60s',
  idle_in_transaction_session_timeout: longestIdle,
  timezone: 'UTC',
  datestyle: 'ISO, MDY',
  intervalstyle: 'postgres',
  extra_float_digits: '1',
  bytea_output: 'hex',
  xmlbinary: 'base64',
  quote_all_identifiers: 'off',
  standard_conforming_strings: 'on',
  // Compiling a query costs more than any of these takes.
  jit: 'off',
} as const

/** Sets them for the rest of a transaction. */
export const readingSettings = Object.entries(settings)
  .map(([name, value]) => `SET LOCAL ${name} = '${value}'`)
  .join('; ')

/**
 * Runs `work` in one read-only transaction that leaves nothing behind in the session: through a pooler and on a standby
 * too.
 * @throws KeiError `live-catalog-busy` when a lock or the time limit stood in the way, and whatever `work` throws
 */
export async function readOnly<T>(client: Client, work: () => Promise<T>): Promise<T> {
  try {
    await client.query(`BEGIN READ ONLY; ${readingSettings}`)
    const result = await work()
    await client.query('COMMIT')
    return result
  } catch (error) {
    await client.query('ROLLBACK').catch(() => undefined)
    throw isBusy(error) ? busy(error) : error
  }
}

function isBusy(error: unknown): error is Error {
  if (!(error instanceof Error) || !('code' in error)) return false
  return error.code === '55P03' || error.code === '57014'
}

function busy(cause: Error): Error {
  return failure({
    code: 'live-catalog-busy',
    message: `The database's catalog cannot be read: ${cause.message}`,
    hint: 'Somebody is changing the schema now: run the command again when that is done. `kei migrate lock` shows a runner.',
    cause,
  })
}
