import { KeiError, exitCodes } from '../errors.ts'
import type { Session } from '../postgres/connect/connect.ts'
import { foldHistory } from './fold.ts'
import { holdEvents } from './held-events.ts'
import type { HeldEvents } from './held-events.ts'
import type { HistoryTable } from './history-table.ts'
import type { VersionState } from './history.ts'
import { throwIfStopped } from './interruption.ts'
import { serverClock } from './lease-row.ts'
import { acquireLease } from './lease.ts'
import type { LeaseFailure } from './lease.ts'
import type { RunRequest } from './run-request.ts'
import type { Runner } from './runner.ts'
import { openWorkSession } from './work-session.ts'

/** What a run works with once it is the leader. */
export interface Leadership {
  runner: Runner
  /** By the history as it is now that nobody else can change it. */
  states: Map<string, VersionState>
  held: HeldEvents
}

export interface LeadOptions {
  request: RunRequest
  control: Session
  history: HistoryTable
  /** As a user would name it: `migrate up`. */
  command: string
  /** `planHash` of what is pending, where a run that waits would meet the same error. */
  plan?: string
}

/**
 * Makes this run the leader, waiting for others; runs `work`; and gives the lease back, whatever happens. The history's
 * tables are made when they are not there.
 * @throws KeiError those of `acquireLease` and of `work`
 */
export async function lead<T>(options: LeadOptions, work: (leadership: Leadership) => Promise<T>): Promise<T> {
  const { request, control, history, command, plan } = options
  const { settings, onEvent, signal } = request
  await history.create(control.client)
  const connectedAt = plan === undefined ? undefined : await serverClock(control.client)
  const lease = await acquireLease(control, {
    settings,
    command,
    onEvent,
    ...(plan !== undefined && { plan }),
    ...(connectedAt !== undefined && { connectedAt }),
    ...(signal !== undefined && { signal }),
  })
  let failed: LeaseFailure | undefined
  try {
    // Only now: those who wait should not keep two sessions of the server each.
    const reading = history.read(control.client)
    // Heard of again where it is awaited.
    reading.catch(() => undefined)
    const session = await request.connect()
    try {
      const rows = await reading
      const runner = {
        request,
        work: await openWorkSession(session),
        control,
        lease,
        history,
        fresh: rows.length === 0,
      }
      return await withHeldEvents(runner, (held) => work({ runner, states: foldHistory(rows), held }))
    } finally {
      await session.client.end().catch(() => undefined)
    }
  } catch (error) {
    failed = sharedFailure(error, plan)
    throw error
  } finally {
    await lease.release(failed)
  }
}

async function withHeldEvents<T>(runner: Runner, work: (held: HeldEvents) => Promise<T>): Promise<T> {
  const held = holdEvents(runner)
  let result: T
  try {
    throwIfStopped(runner)
    result = await work(held)
  } catch (error) {
    // Why the run ends tells more than that its last words are lost.
    await held.settle().catch(() => undefined)
    throw error
  }
  await held.settle()
  return result
}

/** What is wrong with this run's connection, not with the files. */
const ownTrouble: ReadonlySet<string> = new Set(['connection-lost', 'lease-lost', 'not-on-disk', 'transaction-failed'])

/** What those who wait with the same files would meet, too. */
function sharedFailure(error: unknown, plan: string | undefined): LeaseFailure | undefined {
  if (plan === undefined || !(error instanceof KeiError) || ownTrouble.has(error.code)) return undefined
  const { code, message, hint, exitCode } = error
  if (exitCode !== exitCodes.failed && exitCode !== exitCodes.failedPartWay) return undefined
  return { plan, code, message, exitCode, ...(hint !== undefined && { hint }) }
}
