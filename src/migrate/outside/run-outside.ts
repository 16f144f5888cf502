import { setTimeout as delay } from 'node:timers/promises'
import type { DatabaseError } from 'pg'
import { KeiError } from '../../errors.ts'
import { redactSql, redactText } from '../../sql/redact.ts'
import type { Statement } from '../../sql/statement.ts'
import { isAnswer } from '../answer.ts'
import { sqlStateOf } from '../database-refusal.ts'
import type { Blocker } from '../event.ts'
import { runInterrupted, throwIfStopped } from '../interruption.ts'
import { longestIdle, readOnly } from '../../postgres/read-only.ts'
import { isWorthRetrying, waitAfter } from '../retry.ts'
import { forwardNotices, runTransaction } from '../run-transaction.ts'
import type { Runner, Script } from '../runner.ts'
import { scriptRow } from '../script-row.ts'
import { statementRefusal, waitRefusal } from '../server-refusal.ts'
import type { Step } from '../step.ts'
import { proveLease, writeRows } from '../write-rows.ts'
import { leftoverOf } from './create-index.ts'
import { duplicatesOf } from './duplicates.ts'
import {
  cutOff,
  directConnectionNeeded,
  duplicateRows,
  isConnectionLost,
  notInCatalog,
  stoppedPartWay,
} from './failures.ts'
import type { PlacedStep } from './failures.ts'
import { isConcurrent, kindOfStatement } from './kinds.ts'
import type { OutsideBefore } from './kinds.ts'
import { withSessionSettings } from './session-settings.ts'
import { clearLeftover, readState, watched, withPlace } from './site.ts'
import type { Site } from './site.ts'

type OutsideStep = Extract<Step, { kind: 'outside' | 'may-commit' }>

/**
 * Runs a statement that no transaction block takes: its intent is written down and committed, it runs on the work
 * session, the catalog is asked whether it was done, and that is written down. After a crash at any point
 * `recoverIntent` goes on from there. One that may commit by itself is tried in a transaction first.
 *
 * A statement with CONCURRENTLY waits for locks without a limit, because it lets reads and writes through meanwhile;
 * so does one that may commit, unless the file's header says otherwise, because it could not be tried again. The others
 * give up after the lock timeout and are tried again as a transaction is.
 *
 * @throws KeiError with exit code 4 when nothing of the statement is left: `direct-connection-needed`, those of
 * `statementRefusal` and `waitRefusal`, `duplicate-rows`, `not-in-catalog`, and what the kinds in this folder throw; with
 * 4 too when the next run has to find out: `leftover-stays`, `connection-lost`, `lease-lost`; with 5 `stopped-part-way`
 * for one that may have committed; and `interrupted`.
 */
export async function runOutside(runner: Runner, script: Script, step: OutsideStep): Promise<{ milliseconds: number }> {
  const began = performance.now()
  if (step.kind === 'may-commit' && (await ranInTransaction(runner, script, step))) {
    return { milliseconds: performance.now() - began }
  }
  const [statement] = step.statements
  if (runner.work.pooled) throw directConnectionNeeded(script, statement)
  const kind = kindOfStatement(statement)
  const run: Run = { runner, script, step, statement, kind, number: step.first, place: statement }
  try {
    const before = await lookBefore(run)
    if (before.kind === 'create-index' && before.notice !== undefined) {
      runner.request.onEvent({ event: 'notice', message: before.notice })
    }
    const { pid, backendStart } = runner.work
    const intent = { statement: redactSql(statement.text), pid, backendStart, before }
    await writeRows(runner.work, runner, [{ ...scriptRow(script, step, 'intent'), intent }])
    await perform(run, before)
    const milliseconds = performance.now() - began
    await writeRows(runner.work, runner, [{ ...scriptRow(script, step, 'ran'), milliseconds }])
    return { milliseconds }
  } catch (error) {
    if (error instanceof KeiError && error.code === 'stopped-part-way') throw error
    throwIfStopped(runner)
    if (isConnectionLost(error)) throw cutOff(error)
    await proveLease(runner.work, runner.lease)
    throw error
  }
}

interface Run extends PlacedStep, Site {
  statement: Statement
}

/** Whether it could run in a transaction, with its row in the history; if not, PostgreSQL says so before any commit. */
async function ranInTransaction(runner: Runner, script: Script, step: OutsideStep): Promise<boolean> {
  try {
    await runTransaction(runner, script, { ...step, kind: 'transaction' })
    return true
  } catch (error) {
    if (error instanceof Error && sqlStateOf(error.cause) === '2D000') return false
    throw error
  }
}

async function lookBefore(run: Run): Promise<OutsideBefore> {
  const { runner, script, step, statement, kind } = run
  const { client } = runner.work
  const limits = { lock_timeout: '0', statement_timeout: '0', idle_in_transaction_session_timeout: longestIdle }
  const set = Object.entries(limits).map(([name, value]) => `SET LOCAL ${name} = '${value}'`)
  await client.query(['BEGIN', ...set].join('; '))
  try {
    await client.query(
      `SELECT pg_catalog.set_config('role', $1, true) WHERE pg_catalog.current_setting('role') = 'none'`,
      [runner.request.settings.role ?? 'none'],
    )
    return await watched(run, 1, () => kind.before(client, statement))
  } catch (error) {
    throw isAnswer(error) ? statementRefusal(script, step, statement, error) : withPlace(run, error)
  } finally {
    await client.query('ROLLBACK').catch(() => undefined)
  }
}

/** Sends the statement until it is done, or throws. */
async function perform(run: Run, before: OutsideBefore): Promise<void> {
  const { runner, script, step, statement } = run
  const { retryFor } = runner.request.settings
  const began = performance.now()
  let blockers: Blocker[] = []
  // What an earlier run left makes way.
  await clearLeftover(run, before)
  for (let attempt = 1; ; attempt++) {
    const { error, waitedFor } = await send(run, attempt)
    if (error === undefined) {
      if ((await readState(run, before)) !== 'not-done') return
      await clearLeftover(run, before)
      await writeRows(runner.work, runner, [scriptRow(script, step, 'withdrawn')])
      throw notInCatalog(run)
    }
    if (step.kind === 'may-commit') throw stoppedPartWay(run, error)
    throwIfStopped(runner)
    if (!isAnswer(error)) throw error
    blockers = waitedFor ?? blockers
    const duplicates = error.code === '23505' ? await duplicatesBehind(run, before) : []
    await clearLeftover(run, before, error)
    // One that could only go forward has now come to its end.
    if ((await readState(run, before)) === 'done') return
    const wait = waitAfter(
      attempt,
      script.text.header.lockTimeout ?? runner.request.settings.lockTimeout,
      Math.random(),
    )
    const isOver = performance.now() - began + wait > retryFor
    if (isWorthRetrying(error.code) && !isOver) {
      await waitForNext(run, attempt, error, wait, blockers)
      continue
    }
    await writeRows(runner.work, runner, [scriptRow(script, step, 'withdrawn')])
    if (error.code === '23505') throw duplicateRows(run, error, duplicates)
    if (isWorthRetrying(error.code)) throw waitRefusal(script, step, error, { attempts: attempt, blockers, retryFor })
    throw statementRefusal(script, step, statement, error)
  }
}

/** Sends the statement once: the error that it ended with, if it did, and whom it was last seen to wait for. */
async function send(run: Run, attempt: number): Promise<{ error?: unknown; waitedFor?: Blocker[] }> {
  const { runner, statement } = run
  const { work, request } = runner
  const query = async () => {
    // Whoever took over meanwhile may already have looked for this session.
    throwIfStopped(runner)
    await work.client.query(statement.text)
  }
  const settings = { lockTimeout: lockTimeoutOf(run), role: request.settings.role }
  // Settings that were given back afterwards would undo what DISCARD ALL does.
  const whole = statement.tag === 'DiscardStmt' ? query : () => withSessionSettings(work, settings, query)
  let waitedFor: Blocker[] | undefined
  const stopNotices = forwardNotices(runner)
  try {
    await watched(run, attempt, whole, (blockers) => (waitedFor = blockers))
    return {}
  } catch (error) {
    return { error, ...(waitedFor !== undefined && { waitedFor }) }
  } finally {
    stopNotices()
  }
}

function lockTimeoutOf({ runner, script, step, statement }: Run): number {
  if (isConcurrent(statement)) return 0
  return script.text.header.lockTimeout ?? (step.kind === 'may-commit' ? 0 : runner.request.settings.lockTimeout)
}

async function waitForNext(
  { runner, script }: Run,
  attempt: number,
  error: DatabaseError & { code: string },
  wait: number,
  blockers: Blocker[],
): Promise<void> {
  const { request, lease } = runner
  const { version } = script.migration
  const message = redactText(error.message)
  request.onEvent({ event: 'retry', version, attempt, sqlstate: error.code, message, wait, blockers })
  const signal = AbortSignal.any([lease.signal, ...(request.signal === undefined ? [] : [request.signal])])
  await delay(wait, undefined, { signal }).catch(() => {
    throw lease.lost() ?? runInterrupted()
  })
}

async function duplicatesBehind({ runner }: Run, before: OutsideBefore): Promise<string[]> {
  const { client } = runner.work
  if (before.kind !== 'create-index') return []
  const leftover = await readOnly(client, () => leftoverOf(client, before)).catch(() => undefined)
  return leftover === undefined ? [] : duplicatesOf(client, leftover)
}
