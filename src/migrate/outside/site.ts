import type { DatabaseError } from 'pg'
import { KeiError } from '../../errors.ts'
import { printable } from '../../sql/printable.ts'
import type { Span } from '../../sql/positions.ts'
import { redactText } from '../../sql/redact.ts'
import type { Blocker } from '../event.ts'
import { cancelOnStop } from '../interruption.ts'
import { failureAt } from '../place.ts'
import { watchProgress } from '../progress.ts'
import { readOnly } from '../../postgres/read-only.ts'
import type { Runner, Script } from '../runner.ts'
import { isConnectionLost } from './failures.ts'
import type { OutsideBefore } from './kinds.ts'
import type { OutsideKind, OutsideState } from './outside-kind.ts'
import { withSessionSettings } from './session-settings.ts'

/** A statement outside transactions, and where it is run. */
export interface Site {
  runner: Runner
  script: Script
  /** 1-based, in the file. */
  number: number
  place: Span
  kind: OutsideKind<OutsideBefore>
}

/**
 * What the catalog says of the statement.
 * @throws KeiError what `decide` throws, with the place
 */
export async function readState(site: Site, before: OutsideBefore): Promise<OutsideState> {
  const { client } = site.runner.work
  try {
    return await readOnly(client, () => site.kind.decide(client, before))
  } catch (error) {
    throw withPlace(site, error)
  }
}

/**
 * Clears away what was left half done.
 * @param after what the statement failed with, if it did
 * @throws KeiError `leftover-stays`, and what `clear` throws, with the place
 */
export async function clearLeftover(site: Site, before: OutsideBefore, after?: DatabaseError): Promise<void> {
  const { runner, kind } = site
  const { work, request } = runner
  const settings = { lockTimeout: 0, role: request.settings.role }
  try {
    await watched(site, 1, () => withSessionSettings(work, settings, () => kind.clear(work.client, before)))
  } catch (cause) {
    if (isConnectionLost(cause)) throw cause
    if (cause instanceof KeiError && after === undefined) throw withPlace(site, cause)
    throw leftoverStays(site, after, cause)
  }
}

/**
 * Tells, while `work` runs, how far it is and for whom it waits, and cancels it on the server when the run is to stop.
 * @param onBlockers is told for whom, too.
 */
export async function watched<T>(
  { runner, script, number }: Site,
  attempt: number,
  work: () => Promise<T>,
  onBlockers: (blockers: Blocker[]) => void = () => undefined,
): Promise<T> {
  const { onEvent } = runner.request
  const { version } = script.migration
  const watch = watchProgress(
    runner.control.client,
    runner.work.pid,
    (progress) => onEvent({ event: 'progress', version, statement: number, progress }),
    (wait) => {
      onBlockers(wait.blockers)
      onEvent({ event: 'blocked', version, attempt, ...wait })
    },
  )
  try {
    return await cancelOnStop(runner, work)
  } finally {
    watch.stop()
  }
}

/** A refusal by one of the kinds, with the statement's place in its file. */
export function withPlace({ script, place }: Pick<Site, 'script' | 'place'>, error: unknown): unknown {
  if (!(error instanceof KeiError)) return error
  const { code, message, hint, cause } = error
  return failureAt(script.text, place, { code, message, ...(hint !== undefined && { hint }), cause })
}

function leftoverStays({ script, place }: Site, after: DatabaseError | undefined, cause: unknown): KeiError {
  const why = redactText(cause instanceof Error ? cause.message : String(cause))
  const said = after === undefined ? '' : `${redactText(after.message)}; `
  return failureAt(script.text, place, {
    code: 'leftover-stays',
    message: printable(`${said}what an unfinished statement left could not be cleared away: ${why}`),
    hint: 'Mend the cause, then run the command again: it clears that away first.',
    cause,
  })
}
