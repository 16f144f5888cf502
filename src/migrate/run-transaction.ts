import { escapeIdentifier } from 'pg'
import type { Client, DatabaseError } from 'pg'
import { failure } from '../errors.ts'
import type { KeiError } from '../errors.ts'
import { namedObjects } from '../sql/named-objects.ts'
import { redactText } from '../sql/redact.ts'
import { leavesParameter } from '../sql/session-state.ts'
import type { Statement } from '../sql/statement.ts'
import { longHolders } from './blockers.ts'
import { connectionLost } from './connection-lost.ts'
import { accessRefusal } from './database-refusal.ts'
import type { Blocker, HeldLock } from './event.ts'
import { clockReading, firstReading, heldLocks, lockReading, readingPlaces } from './held-locks.ts'
import { cancelOnStop, pause, throwIfStopped } from './interruption.ts'
import { leaseLost } from './lease.ts'
import { sendPipeline } from './pipeline.ts'
import type { PipelineEnd, Sent } from './pipeline.ts'
import { isWorthRetrying, waitAfter } from './retry.ts'
import type { Runner, Script } from './runner.ts'
import { scriptRow } from './script-row.ts'
import { commitRefusal, ownRefusal, statementRefusal, waitRefusal } from './server-refusal.ts'
import type { Step } from './step.ts'
import { watchWaits } from './wait-watch.ts'

/** How a step went that is committed. */
export interface StepRun {
  /** Of the attempt that succeeded, by the clock of this machine. */
  milliseconds: number
  /** Empty where nothing was there before that could have been locked. */
  locks: HeldLock[]
}

export interface TransactionOptions {
  /** The statements of the file that ran before the step: what they set for the session stays. */
  earlier?: readonly Statement[]
  /** The file begins here: settings that the file before left in the session are forgotten. */
  begins?: boolean
  /** Sent before the step's own; the step fails with `refusal` when one of them does. */
  guards?: { sent: readonly Sent[]; refusal(error: DatabaseError): KeiError }
  /** The commit does not wait for the disk. Only for what a crash may take back without harm. */
  relaxed?: boolean
}

/**
 * Runs one step in a transaction, with its row in the history, in one round trip. Where other sessions' locks stand in
 * the way, all of it is rolled back and tried again later, until the time for it is over. What fails leaves nothing.
 *
 * @throws KeiError `statement-failed` and the other codes of `statementRefusal`, `commit-failed`, `lock-timeout`,
 * `deadlock`, `serialization-failure`, `lease-lost`, `connection-lost`, `role-not-usable`, `history-not-permitted`,
 * `interrupted`. That PostgreSQL says the statement ends transactions by itself is its cause's code, 2D000.
 */
export async function runTransaction(
  runner: Runner,
  script: Script,
  step: Step,
  options: TransactionOptions = {},
): Promise<StepRun> {
  const { work, request } = runner
  const { settings, onEvent } = request
  const { version } = script.migration
  const lockTimeout = script.text.header.lockTimeout ?? settings.lockTimeout
  const parts = transactionParts(runner, script, step, lockTimeout, options)
  const began = performance.now()
  let blockers: Blocker[] = []
  for (let attempt = 1; ; attempt++) {
    throwIfStopped(runner)
    if (!runner.fresh) announceHolders(runner, script, step, attempt, lockTimeout)
    const watch = watchWaits(runner, lockTimeout, (wait) => onEvent({ event: 'blocked', version, attempt, ...wait }))
    const stopNotices = forwardNotices(runner)
    const start = performance.now()
    const end = await cancelOnStop(runner, () =>
      sendPipeline(
        work.client,
        parts.map((part) => part.sent),
      ),
    )
    watch.stop()
    stopNotices()
    const milliseconds = performance.now() - start
    if (end.kind === 'lost') throw await connectionLost(runner, script, step, end.error)
    const commit = parts.findIndex((part) => part.kind === 'commit')
    if (end.kind === 'done' || end.at > commit) {
      // PostgreSQL answers ROLLBACK to the COMMIT of a transaction that has failed.
      const command = end.answers[commit]?.command
      if (command !== 'COMMIT') throw new Error(`the server answered ${command} to COMMIT`)
      return { milliseconds, locks: heldLocks(readingsOf(parts, end)) }
    }
    const part = parts[end.at]
    await rollBack(work.client)
    throwIfStopped(runner)
    const { error } = end
    if (!isWorthRetrying(error.code)) throw transactionRefusal(runner, script, step, part, error, options)
    blockers = watch.last()?.blockers ?? blockers
    // A timeout that the file sets itself is not known; the attempt waited for at least so long.
    const waited = leavesParameter(options.earlier ?? [], 'lock_timeout') ? Math.min(milliseconds, 30_000) : 0
    const wait = waitAfter(attempt, Math.max(lockTimeout, waited), Math.random())
    if (performance.now() - began + wait > settings.retryFor)
      throw waitRefusal(script, step, error, { attempts: attempt, blockers, retryFor: settings.retryFor })
    onEvent({
      event: 'retry',
      version,
      attempt,
      sqlstate: error.code ?? '',
      message: redactText(error.message),
      wait,
      blockers: watch.last()?.blockers ?? [],
    })
    await pause(runner, wait)
  }
}

export type Part =
  | { kind: 'own' | 'proof' | 'role' | 'guard' | 'reading' | 'row' | 'commit'; sent: Sent }
  | { kind: 'statement'; sent: Sent; statement: Statement }

/** All that is sent for a step. */
export function transactionParts(
  runner: Runner,
  script: Script,
  step: Step,
  lockTimeout: number,
  { earlier = [], begins = false, guards, relaxed = false }: TransactionOptions,
): Part[] {
  const { request, work, lease, history } = runner
  const given: [name: string, value: string][] = []
  // As the grammar read the file.
  if (!leavesParameter(earlier, 'standard_conforming_strings')) given.push(['standard_conforming_strings', 'on'])
  if (!leavesParameter(earlier, 'lock_timeout')) given.push(['lock_timeout', `${lockTimeout}ms`])
  if (relaxed) given.push(['synchronous_commit', 'off'])
  const parts: Part[] = [{ kind: 'own', sent: { text: 'BEGIN' } }]
  if (begins && !work.pooled) parts.push({ kind: 'own', sent: forgetSettings })
  if (given.length > 0) parts.push({ kind: 'own', sent: setLocal(given) })
  const [asLogin, asLeft] = identityAround(earlier)
  for (const sent of asLogin) parts.push({ kind: 'own', sent })
  parts.push({ kind: 'proof', sent: lease.proof })
  for (const sent of asLeft) parts.push({ kind: 'own', sent })
  const { role } = request.settings
  if (role !== undefined && !leavesParameter(earlier, 'role'))
    parts.push({ kind: 'role', sent: { text: `SET LOCAL ROLE ${escapeIdentifier(role)}` } })
  for (const sent of guards?.sent ?? []) parts.push({ kind: 'guard', sent })
  const places = runner.fresh ? new Set<number>() : readingPlaces(step.statements)
  if (places.size > 0) parts.push({ kind: 'reading', sent: firstReading(step.statements) })
  for (const [index, statement] of step.statements.entries()) {
    parts.push({ kind: 'statement', sent: { text: statement.text }, statement })
    if (places.has(index)) parts.push({ kind: 'reading', sent: lockReading })
  }
  const all = [...earlier, ...step.statements]
  for (const sent of asLoginRole(all, [['statement_timeout', '0']])) parts.push({ kind: 'own', sent })
  const row = history.insertion(scriptRow(script, step, 'ran'), lease.token)
  parts.push({ kind: 'row', sent: row }, { kind: 'commit', sent: { text: 'COMMIT' } })
  if (places.size > 0) parts.push({ kind: 'reading', sent: clockReading })
  return parts
}

/**
 * Where the file left the session with another identity: what takes the one that logged in, and what gives the file's
 * back. It is kept in a setting meanwhile, because there is no answer before all is sent.
 */
function identityAround(earlier: readonly Statement[]): [asLogin: Sent[], asLeft: Sent[]] {
  const left = ['session_authorization', 'role'].filter(
    (name) => leavesParameter(earlier, name) || earlier.some((statement) => mayHide(statement, name)),
  )
  if (left.length === 0) return [[], []]
  const keep = left.map((name) => ({
    text: `SELECT pg_catalog.set_config('kei.${name}', pg_catalog.current_setting('${name}'), true)`,
  }))
  const giveBack = left.map((name) => ({
    text: `SELECT pg_catalog.set_config('${name}', pg_catalog.current_setting('kei.${name}'), true)`,
  }))
  return [[...keep, ...asLoginRole(earlier)], giveBack]
}

/** Whether code in the statement's text may set the parameter, which no tree of SQL shows. */
function mayHide({ text }: Statement, name: string): boolean {
  const words: Record<string, RegExp> = { role: /role/i, session_authorization: /session[\s_]+authorization/i }
  return /\bset/i.test(text) && words[name]?.test(text) === true
}

/** SET LOCAL, so that what the file has set for the session holds again after the COMMIT. */
function asLoginRole(statements: readonly Statement[], settings: Parameters<typeof setLocal>[0] = []): Sent[] {
  const changed = statements.some((statement) => mayHide(statement, 'session_authorization'))
  return [
    ...(changed ? [{ text: 'SET LOCAL SESSION AUTHORIZATION DEFAULT' }] : []),
    setLocal([['role', 'none'], ...settings]),
  ]
}

/**
 * What goes before a file: code that the file before it called, a default's or a trigger's, may have set something for
 * the session, and no text shows it. Only on a direct connection: a pooler's client has settings of its own.
 */
export const forgetSettings: Sent = { text: 'RESET ALL' }

/** Settings of the transaction, as one statement. */
export function setLocal(values: readonly (readonly [name: string, value: string])[]): Sent {
  const calls = values.map((_, index) => `pg_catalog.set_config($${2 * index + 1}, $${2 * index + 2}, true)`)
  return { text: `SELECT ${calls.join(', ')}`, values: values.flat() }
}

function readingsOf(parts: readonly Part[], end: Exclude<PipelineEnd, { kind: 'lost' }>): Record<string, unknown>[] {
  return parts.flatMap((part, index) => (part.kind === 'reading' ? (end.answers[index]?.rows ?? []) : []))
}

/** What is left of a transaction that failed. The session may be in no transaction at all, where BEGIN itself was refused; then this is a warning. */
export async function rollBack(client: Client): Promise<void> {
  await client.query('ROLLBACK').catch(() => undefined)
}

export function transactionRefusal(
  { request, lease, history, work }: Runner,
  script: Script,
  step: Step,
  part: Part | undefined,
  error: DatabaseError,
  { guards }: TransactionOptions,
): KeiError {
  switch (part?.kind) {
    case 'statement':
      return statementRefusal(script, step, part.statement, error)
    case 'proof':
      return error.code === '22012' ? (lease.lost() ?? leaseLost()) : ownRefusal(script, step, error)
    case 'role':
      return failure({
        code: 'role-not-usable',
        message: `The role ${JSON.stringify(work.server.user)} cannot act as ${JSON.stringify(request.settings.role)}: ${error.message}`,
        hint:
          error.code === '22023'
            ? 'Name another one with --role, or as migrate.role in kei.jsonc; or create it.'
            : `Let it: GRANT ${escapeIdentifier(request.settings.role ?? '')} TO ${escapeIdentifier(work.server.user)};`,
        cause: error,
      })
    case 'guard':
      return guards?.refusal(error) ?? ownRefusal(script, step, error)
    case 'row':
      return error.code === '42501'
        ? accessRefusal(history.schema, work.server.user, 'write', error)
        : ownRefusal(script, step, error)
    case 'commit':
      return commitRefusal(script, step, error)
    default:
      return ownRefusal(script, step, error)
  }
}

/** Says who holds locks on what the step names for longer than it will wait. Nothing waits for the answer. */
function announceHolders(runner: Runner, script: Script, step: Step, attempt: number, lockTimeout: number): void {
  const { work, control, request } = runner
  if (work.pooled) return
  const relations = [...new Set(step.statements.flatMap((statement) => namedObjects(statement).subjects))].filter(
    (name) => !name.includes(':'),
  )
  if (relations.length === 0) return
  longHolders(control.client, relations, lockTimeout, [work.pid])
    .then((wait) => {
      if (wait.blockers.length > 0)
        request.onEvent({ event: 'blocked', version: script.migration.version, attempt, ...wait })
    })
    .catch(() => undefined)
}

/** Of one step; a loop can raise millions. */
const keptNotices = 20

/** Tells what the statements say by RAISE and the server by itself, until the function that is returned is called. */
export function forwardNotices({ work, request }: Runner): () => void {
  let count = 0
  const hear = ({ severity, message }: { severity?: string | undefined; message?: string | undefined }) => {
    if (++count === keptNotices + 1) request.onEvent({ event: 'notice', message: 'more messages are not shown' })
    if (count > keptNotices) return
    request.onEvent({
      event: 'notice',
      message: `${severity ?? 'NOTICE'}: ${redactText((message ?? '').slice(0, 500))}`,
    })
  }
  work.client.on('notice', hear)
  return () => void work.client.removeListener('notice', hear)
}
