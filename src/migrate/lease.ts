import { hostname, userInfo } from 'node:os'
import { setTimeout as delay } from 'node:timers/promises'
import { escapeIdentifier } from 'pg'
import type { QueryConfig } from 'pg'
import { KeiError, exitCodes, failure, interrupted } from '../errors.ts'
import type { ExitCode } from '../errors.ts'
import type { Session } from '../postgres/connect/connect.ts'
import { accessRefusal, readOnlyRefusal, sqlStateOf } from './database-refusal.ts'
import type { OnMigrationEvent } from './event.ts'
import { beat, giveBack, readLease, takeLease } from './lease-row.ts'
import type { LeaseRow, Taken } from './lease-row.ts'
import type { RunnerSettings } from './run-request.ts'

/** The right to migrate a database, held by one runner at a time. */
export interface Lease {
  /** The fencing token: higher than that of every lease before. */
  token: string
  /**
   * The first statement of every transaction of the runner. It locks the fence's row, which a heartbeat does not touch
   * and a thief cannot pass, and fails (22012, division by zero) when the token is no longer the fence's: what is sent
   * behind it in the same transaction then fails too. It has no parameters, so it can be one message with others.
   */
  proof: QueryConfig
  /** Why the lease is lost, once that is known; the runner then stops. */
  lost(): KeiError | undefined
  /** Aborted when the lease is lost. */
  signal: AbortSignal
  /**
   * Gives the lease back; to be called when no transaction of the runner is open. `failure` is kept for those who
   * waited with the same files. Idempotent, and never throws: a lease that cannot be given back is soon free by itself.
   */
  release(failure?: LeaseFailure): Promise<void>
}

/** How a run ended that those who waited would have repeated. */
export interface LeaseFailure {
  /** `planHash` of the migrations that were pending. */
  plan: string
  code: string
  message: string
  hint?: string
  exitCode: number
}

export interface LeaseRequest {
  settings: Pick<RunnerSettings, 'schema' | 'waitTimeout' | 'leaseTime'>
  /**
   * `planHash` of the migrations that are pending: when another run fails with the same ones after `connectedAt`, this
   * one ends with its error. Absent for a command that runs no file.
   */
  plan?: string
  /** As `serverClock`: when this run began. */
  connectedAt?: string
  /** As a user would name it: `migrate up`. */
  command: string
  onEvent: OnMigrationEvent
  /** Ends the waiting with `interrupted`. */
  signal?: AbortSignal
}

/**
 * Takes the lease, waiting while another run has it. Every question is one statement in autocommit, so that waiting
 * holds no snapshot that CREATE INDEX CONCURRENTLY would wait for, and works through a pooler with one server
 * connection.
 *
 * A lease is another's to take when it was given back; when it came with a copy of another database; when its holder's
 * session is gone; and when it has expired by the server's clock. The last counts only if the same heartbeat is seen
 * twice with no transaction open between: through a pooler a long transaction keeps the holder's heartbeat waiting,
 * which then comes at once. In no case is a holder passed whose transaction is open.
 *
 * @throws KeiError `lease-wait-timeout`, `read-only-server`, `history-not-permitted`, `interrupted`,
 * `connection-lost`, or the error of a run with the same files that failed meanwhile; and the server's errors
 */
export async function acquireLease(control: Session, request: LeaseRequest): Promise<Lease> {
  const { server } = control
  if (server.readOnly) throw readOnlyRefusal(server.role)
  const { settings, command, onEvent, signal } = request
  const { schema, leaseTime } = settings
  const deadline = performance.now() + settings.waitTimeout
  // A question that a pooler keeps waiting ends too, but the first one is always given time to be answered.
  const overdue = AbortSignal.timeout(Math.min(settings.waitTimeout + answerTime, longestTimer))
  const holder = holderName(command)
  let last: LeaseRow | undefined
  let expiredHeartbeat: string | undefined
  const answer = <T>(question: Promise<T>) =>
    unless(question, [signal, overdue], () => (signal?.aborted === true ? interrupted() : waitTimeout(last)))
  for (let round = 1; ; round++) {
    const claim = { holder, leaseTime, expiredHeartbeat, plan: request.plan, connectedAt: request.connectedAt }
    const attempt = takeLease(control, schema, claim).catch(notNow(control, schema))
    const taken = await answer(attempt).catch((error: unknown) => {
      // What is on its way may still succeed, when nobody is there any more to hold it.
      attempt.then((late) => late && giveBack(control.client, schema, late.token)).catch(() => undefined)
      throw error
    })
    if (taken !== undefined) {
      if (taken.from !== 'released') onEvent({ event: 'notice', message: takeover(taken) })
      return hold(control, request, taken.token)
    }
    const reading = readLease(control, schema, request.connectedAt).catch((error: unknown) => {
      throw lostWhileWaiting(error)
    })
    const row = await answer(reading)
    const failed = sharedFailure(row, request)
    if (failed !== undefined) throw failed
    if (!row.released && row.token !== last?.token) {
      onEvent({ event: 'waiting', for: 'lease', holder: row.holder, since: row.since })
    }
    last = row
    expiredHeartbeat = row.expired && row.transactions.length === 0 ? row.heartbeat : undefined
    const left = deadline - performance.now()
    if (left <= 0) throw waitTimeout(row)
    // Many that wait for one must not ask in step.
    const pause = (row.expired ? 1000 : Math.min(100 * round, 600)) * (0.7 + 0.6 * Math.random())
    await unless(delay(Math.min(pause, left)), [signal], interrupted)
  }
}

/** Milliseconds. */
const answerTime = 5000
const longestTimer = 2_147_483_647

/** The promise's outcome, or `refusal` as soon as one of the signals is aborted. */
async function unless<T>(
  promise: Promise<T>,
  signals: readonly (AbortSignal | undefined)[],
  refusal: () => KeiError,
): Promise<T> {
  const forget = new AbortController()
  const aborted = new Promise<never>((_, reject) => {
    for (const signal of signals) {
      if (signal?.aborted === true) reject(refusal())
      signal?.addEventListener('abort', () => reject(refusal()), { signal: forget.signal })
    }
  })
  try {
    return await Promise.race([promise, aborted])
  } finally {
    forget.abort()
  }
}

/** Turns an error of an attempt into "not now", where two attempts only met. */
function notNow(control: Session, schema: string): (error: unknown) => undefined {
  return (error) => {
    const state = sqlStateOf(error)
    if (state === '40001' || state === '40P01' || state === '55P03') return undefined
    if (state === '42501') throw accessRefusal(schema, control.server.user, 'write', error)
    if (state === '25006') throw readOnlyRefusal('unknown', error)
    throw lostWhileWaiting(error)
  }
}

/** An error of the connection as one of kei's; another as it is. */
function lostWhileWaiting(error: unknown): unknown {
  const state = sqlStateOf(error)
  // Class 08 are PgBouncer's, too; 57P are those of a server that stops. A broken socket has no SQLSTATE.
  const isLost = state === undefined ? !(error instanceof KeiError) : /^(08|57P)/.test(state)
  if (!isLost || !(error instanceof Error)) return error
  return failure({
    code: 'connection-lost',
    message: `The connection was lost while waiting for the right to migrate: ${error.message}`,
    hint:
      'Nothing was changed; run the command again. PgBouncer ends a connection that waited for query_wait_timeout: ' +
      'set KEI_DIRECT_DATABASE_URL to go past it.',
    cause: error,
  })
}

/** The lease's life after it was taken: heartbeats, until it is given back or lost. */
function hold(control: Session, { settings }: LeaseRequest, token: string): Lease {
  const { schema, leaseTime } = settings
  const controller = new AbortController()
  let lost: KeiError | undefined
  let beating = false
  let release: Promise<void> | undefined

  async function heartbeat(): Promise<void> {
    if (await beat(control.client, schema, token, leaseTime)) return
    if (release !== undefined) return
    const { holder } = await readLease(control, schema)
    lost = leaseLost(holder)
    clearInterval(timer)
    controller.abort(lost)
  }
  const timer = setInterval(() => {
    // Through a pooler the last one may still wait behind a transaction.
    if (beating) return
    beating = true
    // A heartbeat that fails proves nothing: what counts is the proof in each transaction.
    heartbeat()
      .catch(() => undefined)
      .finally(() => (beating = false))
  }, leaseTime / 3)
  timer.unref()

  return {
    token,
    proof: {
      text:
        `SELECT 1 OPERATOR(pg_catalog./) pg_catalog.count(*) FROM (SELECT FROM ${escapeIdentifier(schema)}.fence ` +
        `WHERE token OPERATOR(pg_catalog.=) ${token} FOR NO KEY UPDATE) AS held`,
    },
    lost: () => lost,
    signal: controller.signal,
    release(failure) {
      clearInterval(timer)
      release ??= giveBack(control.client, schema, token, failure).catch(() => undefined)
      return release
    },
  }
}

/** The error of a runner that finds its token passed, by its proof or by a heartbeat. */
export function leaseLost(holder?: string): KeiError {
  return failure({
    code: 'lease-lost',
    message: `Another run took over${holder === undefined ? '' : ` (${holder})`}, because this one was not heard of for too long.`,
    hint: 'What this run committed is in the history. Run the command again: it goes on from there.',
  })
}

function sharedFailure(row: LeaseRow, { plan, onEvent }: LeaseRequest): KeiError | undefined {
  const { failure } = row
  if (!row.released || failure === null || !row.endedSince || failure.plan !== plan) return undefined
  onEvent({ event: 'notice', message: `The run of ${row.holder} failed with the same files; this is its error.` })
  return new KeiError({
    code: failure.code,
    message: failure.message,
    ...(failure.hint !== undefined && { hint: failure.hint }),
    exitCode: exitCodeOf(failure.exitCode),
  })
}

function exitCodeOf(code: number): ExitCode {
  return Object.values(exitCodes).find((known) => known === code) ?? exitCodes.failed
}

function takeover({ from, holder, since, heartbeatAge, database }: Taken): string {
  if (from === 'copied') {
    return `This database was copied from ${JSON.stringify(database)} while ${holder} was migrating that; its lease does not count here.`
  }
  const why = from === 'gone' ? 'its session is gone' : `it was not heard of for ${Math.round(heartbeatAge)} s`
  return `The run of ${holder}, at work since ${since}, ended without giving its lease back (${why}); this run takes over.`
}

function waitTimeout(row: LeaseRow | undefined): KeiError {
  if (row === undefined) {
    return failure({
      code: 'lease-wait-timeout',
      message: 'The server, or the pooler before it, did not answer while waiting for the right to migrate.',
      hint: 'Another run may have the only server connection of the pooler. Try again, or set a longer --wait-timeout.',
    })
  }
  const [pid] = row.transactions
  const silent = row.expired && pid !== undefined
  return failure({
    code: 'lease-wait-timeout',
    message:
      `Another run is migrating this database since ${row.since}: ${row.holder}.` +
      (silent
        ? ` It was not heard of for ${Math.round(row.heartbeatAge)} s, but its transaction is still open (pid ${pid}).`
        : ''),
    hint: silent
      ? `If that process is no more, end its session: SELECT pg_terminate_backend(${pid});`
      : '`kei migrate lock` shows what it does. Wait for it, or set a longer --wait-timeout.',
  })
}

/** `deploy@web-1, process 4711, kei migrate up`: what tells a person whose run it is. */
function holderName(command: string): string {
  return `${accountName()}@${hostname()}, process ${process.pid}, kei ${command}`
}

/** A container's account may have no name. */
function accountName(): string {
  try {
    return userInfo().username
  } catch {
    return String(process.getuid?.() ?? 'unknown')
  }
}
