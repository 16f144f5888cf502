import pg from 'pg'
import type { DatabaseError } from 'pg'

/**
 * Errors with which the server ends the session: admin_shutdown, crash_shutdown, cannot_connect_now, database_dropped,
 * idle_session_timeout, idle_in_transaction_session_timeout, transaction_timeout.
 * Source: PostgreSQL manual, appendix "PostgreSQL Error Codes".
 */
const endsSession: ReadonlySet<string> = new Set(['57P01', '57P02', '57P03', '57P04', '57P05', '25P03', '25P04'])

/** An error that PostgreSQL answered in a session that goes on; by SQLSTATE, because the severity is translated. */
export function isAnswer(error: unknown): error is DatabaseError & { code: string } {
  if (!(error instanceof pg.DatabaseError) || error.code === undefined) return false
  return !error.code.startsWith('08') && !endsSession.has(error.code)
}
