import { failure } from '../errors.ts'
import type { Session } from '../postgres/connect/connect.ts'
import { accessRefusal, sqlStateOf } from './database-refusal.ts'
import type { HistoryTable } from './history-table.ts'
import type { NewHistoryRow } from './history.ts'
import { leaseLost } from './lease.ts'
import type { Lease } from './lease.ts'
import { sendPipeline } from './pipeline.ts'
import type { PipelineEnd, Sent } from './pipeline.ts'

/** A session that writes to the history. */
type WritingSession = Pick<Session, 'client' | 'server'>

/**
 * Adds rows to the history, in one transaction that proves the lease, as the role that logged in.
 * @throws KeiError `lease-lost`, `connection-lost`, `history-not-permitted`, `history-not-written`
 */
export async function writeRows(
  session: WritingSession,
  { history, lease }: { history: HistoryTable; lease: Lease },
  rows: readonly NewHistoryRow[],
): Promise<void> {
  const end = await sendProven(
    session,
    lease,
    rows.map((row) => sent(history.insertion(row, lease.token))),
  )
  if (end.kind === 'done' && end.answers.at(-1)?.command === 'COMMIT') return
  if (end.kind === 'lost') {
    throw failure({
      code: 'connection-lost',
      message: `The connection to the server was lost while the history was written: ${end.error.message}`,
      hint: 'Run the command again: it finds out what was done and written, and does nothing twice.',
      cause: end.error,
    })
  }
  const error = end.kind === 'refused' ? end.error : undefined
  if (sqlStateOf(error) === '42501') throw accessRefusal(history.schema, session.server.user, 'write', error)
  throw failure({
    code: 'history-not-written',
    message: `The history could not be written: ${error?.message ?? 'the transaction did not commit'}`,
    hint: 'Run the command again when the cause is mended: it finds out what was done.',
    cause: error,
  })
}

/**
 * To be called before an error of a statement outside a transaction is told: a run that was stopped for so long that
 * another took over meets what that one did, and has nothing to say about it.
 * @throws KeiError `lease-lost`
 */
export async function proveLease(session: WritingSession, lease: Lease): Promise<void> {
  await sendProven(session, lease, [])
}

/** One transaction that proves the lease, whatever a file has set for the session; what failed is rolled back. */
async function sendProven({ client }: WritingSession, lease: Lease, statements: readonly Sent[]): Promise<PipelineEnd> {
  const end = await sendPipeline(client, [
    { text: 'BEGIN' },
    { text: 'SET LOCAL SESSION AUTHORIZATION DEFAULT' },
    { text: 'SET LOCAL ROLE NONE' },
    { text: 'SET LOCAL lock_timeout = 0' },
    sent(lease.proof),
    ...statements,
    { text: 'COMMIT' },
  ])
  if (end.kind === 'refused') {
    await client.query('ROLLBACK').catch(() => undefined)
    if (sqlStateOf(end.error) === '22012') throw lease.lost() ?? leaseLost()
  }
  return end
}

function sent(query: { text: string; values?: unknown[] }): Sent {
  return { text: query.text, ...(query.values !== undefined && { values: query.values }) }
}
