import { failure } from '../../errors.ts'
import { accessRefusal, sqlStateOf } from '../database-refusal.ts'
import type { NewHistoryRow } from '../history.ts'
import { leaseLost } from '../lease.ts'
import type { Lease } from '../lease.ts'
import { sendPipeline } from '../pipeline.ts'
import type { Sent } from '../pipeline.ts'
import type { Runner } from '../runner.ts'
import { cutOff } from './failures.ts'

/**
 * Adds a row to the history, in a transaction that proves the lease, as the role that logged in.
 * @throws KeiError `lease-lost`, `connection-lost`, `history-not-permitted`, `history-not-written`
 */
export async function writeRow({ work, lease, history }: Runner, row: NewHistoryRow): Promise<void> {
  const end = await sendPipeline(work.client, [
    ...proven(lease),
    sent(history.insertion(row, lease.token)),
    { text: 'COMMIT' },
  ])
  if (end.kind === 'done' && end.answers.at(-1)?.command === 'COMMIT') return
  if (end.kind === 'lost') throw cutOff(end.error)
  await work.client.query('ROLLBACK').catch(() => undefined)
  const error = end.kind === 'refused' ? end.error : undefined
  if (sqlStateOf(error) === '22012') throw lease.lost() ?? leaseLost()
  if (sqlStateOf(error) === '42501') throw accessRefusal(history.schema, work.server.user, 'write', error)
  throw failure({
    code: 'history-not-written',
    message: `The history's row could not be written: ${error?.message ?? 'the transaction did not commit'}.`,
    hint: 'Run the command again: it finds out from the catalog what was done.',
    cause: error,
  })
}

/**
 * To be called before an error of a statement outside a transaction is told: a run that was stopped for so long that
 * another took over meets what that one did, and has nothing to say about it.
 * @throws KeiError `lease-lost`
 */
export async function proveLease({ work, lease }: Runner): Promise<void> {
  const end = await sendPipeline(work.client, [...proven(lease), { text: 'COMMIT' }])
  if (end.kind === 'done') return
  await work.client.query('ROLLBACK').catch(() => undefined)
  if (end.kind === 'refused' && sqlStateOf(end.error) === '22012') throw lease.lost() ?? leaseLost()
}

/** The beginning of a transaction that writes for the runner, whatever the file has set for the session. */
function proven(lease: Lease): Sent[] {
  return [
    { text: 'BEGIN' },
    { text: 'SET LOCAL SESSION AUTHORIZATION DEFAULT' },
    { text: 'SET LOCAL ROLE NONE' },
    { text: 'SET LOCAL lock_timeout = 0' },
    sent(lease.proof),
  ]
}

function sent(query: { text: string; values?: unknown[] }): Sent {
  return { text: query.text, ...(query.values !== undefined && { values: query.values }) }
}
