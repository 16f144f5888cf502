import { setTimeout as delay } from 'node:timers/promises'
import { failure } from '../../errors.ts'
import { redactSql } from '../../sql/redact.ts'
import type { Statement } from '../../sql/statement.ts'
import { statementHash } from '../checksum.ts'
import { sqlStateOf } from '../database-refusal.ts'
import type { HistoryRow, Intent, NewHistoryRow, VersionState } from '../history.ts'
import { throwIfStopped } from '../interruption.ts'
import { watchProgress } from '../progress.ts'
import type { Watch } from '../progress.ts'
import type { Runner, Script } from '../runner.ts'
import { proveLease, writeRows } from '../write-rows.ts'
import { cutOff, directConnectionNeeded, endUnknown, isConnectionLost } from './failures.ts'
import { kindOfIntent } from './kinds.ts'
import { clearLeftover, readState } from './site.ts'

/**
 * Finds out what became of a statement outside a transaction whose run was cut off, and writes it down. The session
 * that was to run it may still be working, so it comes first: a working one is waited for, or cancelled; an idle one,
 * whose runner is stopped or gone, is ended, so that it cannot send the statement later. Then the intent becomes this
 * run's own, what is left half done is cleared away, and the catalog decides.
 *
 * @returns `done`; or `withdrawn`: nothing of it is left, and it can be run again.
 * @throws KeiError `outcome-unknown` (exit 5) for one that commits by itself; with exit code 4 `session-not-ended`,
 * `intent-of-another-kei`, `direct-connection-needed`, `leftover-stays`, `connection-lost`, `lease-lost` and what the
 * kinds in this folder throw; and `interrupted`.
 */
export async function recoverIntent(
  runner: Runner,
  script: Script,
  statements: readonly Statement[],
  open: NonNullable<VersionState['open']>,
  { cancel }: { cancel: boolean },
): Promise<'done' | 'withdrawn'> {
  try {
    return await recover(runner, script, statements, open, cancel)
  } catch (error) {
    throwIfStopped(runner)
    if (isConnectionLost(error)) throw cutOff(error)
    await proveLease(runner.work, runner.lease)
    throw error
  }
}

async function recover(
  runner: Runner,
  script: Script,
  statements: readonly Statement[],
  { id, number, intent }: NonNullable<VersionState['open']>,
  cancel: boolean,
): Promise<'done' | 'withdrawn'> {
  const { work, history } = runner
  const { client, pid, backendStart } = work
  const place = statements[number - 1] ?? { start: 0, end: 0 }
  if (work.pooled) throw directConnectionNeeded(script, place)
  const known = kindOfIntent(intent.before)
  const row = (await history.read(client)).find((found) => found.id === id)
  if (known === undefined || row === undefined) throw unreadable(row)
  await sessionsEnded(runner, script, number, row, intent, cancel)
  const { kind, before } = known
  const site = { runner, script, number, place, kind }
  if ((await readState(site, before)) === 'unknown') throw endUnknown(script, number)
  const again = rowAgain(row)
  // From here on this session may change what the intent is about, so it is the one to look for after another crash.
  await writeRows(work, runner, [{ ...again, event: 'intent', intent: { ...intent, pid, backendStart } }])
  await clearLeftover(site, before)
  const state = await readState(site, before)
  if (state !== 'done') {
    await writeRows(work, runner, [{ ...again, event: 'withdrawn' }])
    return 'withdrawn'
  }
  await writeRows(work, runner, [{ ...again, ...completion(script, statements, row), event: 'ran', milliseconds: 0 }])
  return 'done'
}

function rowAgain({
  direction,
  version,
  name,
  first,
  last,
  hashes,
  checksum,
}: HistoryRow): Omit<NewHistoryRow, 'event'> {
  return { direction, version, name, first, last, hashes, checksum, complete: false }
}

/** The file may have been changed since; it is whole where its last statement is still the one that was done. */
function completion(
  { text, total }: Script,
  statements: readonly Statement[],
  { last, hashes }: HistoryRow,
): Partial<NewHistoryRow> {
  const statement = statements[last - 1]
  if (last !== total || statement === undefined || statementHash(statement.text) !== hashes.at(-1)) return {}
  return { complete: true, checksum: text.checksum, text: redactSql(text.text) }
}

/** Milliseconds between two looks at a session that is waited for, and at one that was told to end. */
const interval = 500
const endingInterval = 50

/** Waits until no session works on the statement any more, nor can send it. */
async function sessionsEnded(
  runner: Runner,
  { migration }: Script,
  number: number,
  row: HistoryRow,
  intent: Intent,
  cancel: boolean,
): Promise<void> {
  const { control, request } = runner
  const { version } = migration
  let watch: (Watch & { pid: number }) | undefined
  try {
    for (;;) {
      const [session] = await sessionsOf(runner, row, intent)
      if (session === undefined) return
      throwIfStopped(runner)
      const { pid, state } = session
      if (state === 'hidden') throw notEnded(pid, 'pg_terminate_backend')
      if (state === 'idle') {
        await signal(runner, 'pg_terminate_backend', pid)
        await delay(endingInterval)
        continue
      }
      if (watch?.pid !== pid) {
        watch?.stop()
        const message = `Process ${pid} still works on it; ${cancel ? 'it is cancelled' : 'waiting for it'}.`
        request.onEvent({ event: 'recovering', version, statement: number, message })
        const seen = watchProgress(
          control.client,
          pid,
          (progress) => request.onEvent({ event: 'progress', version, statement: number, progress }),
          (wait) => request.onEvent({ event: 'blocked', version, attempt: 1, ...wait }),
        )
        watch = { pid, ...seen }
      }
      if (cancel) await signal(runner, 'pg_cancel_backend', pid)
      await delay(interval)
    }
  } finally {
    watch?.stop()
  }
}

interface EarlierSession {
  pid: number
  /** `hidden`: this role may not see what it does. */
  state: 'working' | 'idle' | 'hidden'
}

/**
 * The session of the intent, and others that run the same statement now. Of other roles' sessions PostgreSQL hides the
 * start and the text: then it is the one if its role is the one that wrote the intent.
 */
async function sessionsOf({ control, work }: Runner, row: HistoryRow, intent: Intent): Promise<EarlierSession[]> {
  const { rows } = await control.client.query<{
    pid: number
    start: string | null
    role: string | null
    state: string | null
    query: string
  }>(
    `SELECT a.pid, a.usename AS role, a.state, coalesce(a.query, '') AS query,
        pg_catalog.to_char(a.backend_start AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS start
      FROM pg_catalog.pg_stat_activity a
      WHERE a.datname = pg_catalog.current_database() AND a.pid <> $1 AND a.pid <> pg_catalog.pg_backend_pid()
        AND (a.pid = $2 OR a.state = 'active')`,
    [work.pid, intent.pid],
  )
  return rows.flatMap(({ pid, start, role, state, query }): EarlierSession[] => {
    const isOfIntent = pid === intent.pid && (start === null ? role === row.by : start === intent.backendStart)
    if (isOfIntent && start === null) return [{ pid, state: 'hidden' }]
    if (isOfIntent) return [{ pid, state: state?.startsWith('idle') === true ? 'idle' : 'working' }]
    return state === 'active' && isSameStatement(query, intent.statement) ? [{ pid, state: 'working' }] : []
  })
}

/** `pg_stat_activity` cuts a text off after `track_activity_query_size` bytes, which is 100 at the least. */
function isSameStatement(query: string, statement: string): boolean {
  const text = redactSql(query)
  return text === statement || (query.length >= 99 && statement.startsWith(text))
}

type Signal = 'pg_cancel_backend' | 'pg_terminate_backend'

async function signal({ control }: Runner, action: Signal, pid: number): Promise<void> {
  try {
    await control.client.query(`SELECT pg_catalog.${action}($1)`, [pid])
  } catch (error) {
    throw sqlStateOf(error) === '42501' ? notEnded(pid, action, error) : error
  }
}

function notEnded(pid: number, action: Signal, cause?: unknown): Error {
  return failure({
    code: 'session-not-ended',
    message: `Process ${pid}, the session of the run that was cut off, is still connected, and this role may neither see what it does nor end it.`,
    hint: `As its role, a superuser or a member of pg_signal_backend: SELECT ${action}(${pid}); then run the command again.`,
    cause,
  })
}

function unreadable(row: HistoryRow | undefined): Error {
  return failure({
    code: 'intent-of-another-kei',
    message: `A statement that runs outside a transaction was begun${row === undefined ? '' : ` by kei ${row.kei}`}, and this version cannot read what it wrote down.`,
    hint: 'Run the command again with that version or a newer one.',
  })
}
