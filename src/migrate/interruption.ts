import { setTimeout as delay } from 'node:timers/promises'
import { KeiError, exitCodes } from '../errors.ts'
import type { Runner } from './runner.ts'
import { workProcess } from './wait-watch.ts'

/** Milliseconds between two cancel requests: one that meets the server between two statements has no effect. */
const repeatCancel = 300
/** Milliseconds for the answer to one: the control session may be lost too. */
const longestAnswer = 2000

/** The error of a run that the user, or the system, asked to end. Every file and statement before is kept. */
export function runInterrupted(): KeiError {
  return new KeiError({
    code: 'interrupted',
    message: 'Interrupted',
    hint: 'What was committed before is in the history: run the command again, and it goes on from there.',
    exitCode: exitCodes.interrupted,
  })
}

/** @throws KeiError `interrupted`, or why the lease is lost */
export function throwIfStopped({ request, lease }: Runner): void {
  if (request.signal?.aborted === true) throw runInterrupted()
  const lost = lease.lost()
  if (lost !== undefined) throw lost
}

/**
 * Runs `work`, a transaction on its way. When the run is interrupted or its lease lost meanwhile, the running statement
 * is cancelled on the server, which ends `work`. Settles with it, and when no cancel request is on its way any more.
 */
export async function cancelOnStop<T>(runner: Runner, work: () => Promise<T>): Promise<T> {
  const { request, lease, control } = runner
  const stop = AbortSignal.any([lease.signal, ...(request.signal === undefined ? [] : [request.signal])])
  let asking: Promise<unknown> = Promise.resolve()
  let timer: NodeJS.Timeout | undefined
  let done = false

  async function ask(): Promise<void> {
    try {
      const pid = await workProcess(runner)
      if (pid !== undefined && !done) await control.client.query('SELECT pg_catalog.pg_cancel_backend($1)', [pid])
    } catch {
      // Then the statement ends by itself.
    }
  }
  const start = () => {
    asking = ask()
    timer = setInterval(() => (asking = asking.then(ask)), repeatCancel)
  }
  if (stop.aborted) start()
  else stop.addEventListener('abort', start, { once: true })
  try {
    return await work()
  } finally {
    done = true
    clearInterval(timer)
    stop.removeEventListener('abort', start)
    // Behind a pooler the answer may wait for the server connection of the transaction that is yet to be rolled back.
    if (!runner.work.pooled) await Promise.race([asking, delay(longestAnswer, undefined, { ref: false })])
  }
}

/** @throws KeiError as `throwIfStopped`, when that happens meanwhile */
export async function pause({ request, lease }: Runner, milliseconds: number): Promise<void> {
  const signal = AbortSignal.any([lease.signal, ...(request.signal === undefined ? [] : [request.signal])])
  await delay(milliseconds, undefined, { signal }).catch(() => {
    throw lease.lost() ?? runInterrupted()
  })
}
