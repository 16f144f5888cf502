import { statfs } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'
import type { Client } from 'pg'
import { failure } from '../../errors.ts'
import type { Shadow } from './shadow.ts'

/** Bounds of one statement. They are kept from outside, so no setting of the watched session gets round them. */
export interface GuardLimits {
  /** Milliseconds. */
  time: number
  /** Bytes by which the database may grow while the session lasts, with what is not committed. */
  databaseSize: number
  /** Bytes of write-ahead log. */
  wal: number
  /** Bytes that must stay free on the disk. */
  freeDisk: number
}

export const defaultGuardLimits: GuardLimits = {
  time: 30_000,
  databaseSize: 2 * 1024 ** 3,
  wal: 4 * 1024 ** 3,
  freeDisk: 1024 ** 3,
}

/** Why a statement was stopped. */
export interface StopReason {
  limit: keyof GuardLimits
  /** A sentence for the report. */
  message: string
  /** The session is gone, not only its statement. */
  terminated: boolean
}

/** A session of the superuser that watches another one. */
export interface Guard {
  /**
   * Runs a statement of the watched session within the limits and passes on how it ended.
   * @throws KeiError `statement-cannot-be-stopped` when the server does not even end the session.
   */
  watch<T>(statement: () => Promise<T>): Promise<T>
  /** Why the latest watched statement was stopped; undefined when it was not. */
  stopped(): StopReason | undefined
  /** Ends the guard's own session. */
  end(): Promise<void>
}

/** Between two looks at sizes, in milliseconds; statements that are faster cost nothing. */
const interval = 100

/** How long a session may take to heed a cancellation, and then to end, in milliseconds. */
const patience = 2_000

/** Starts to guard the session with this process number, which works in `database`. */
export async function startGuard(watched: {
  shadow: Shadow
  database: string
  /** `pg_backend_pid()` of the watched session. */
  pid: number
  limits?: Partial<GuardLimits>
}): Promise<Guard> {
  const { shadow, database, pid } = watched
  const given = { ...defaultGuardLimits, ...watched.limits }
  const session = await shadow.connect({ database: 'postgres' })
  // What an earlier statement left behind when it was stopped is not the next one's, up to a bound for all of them.
  const { databaseSize: before } = await lookAtSizes(session, database, undefined).catch(async (error: unknown) => {
    await session.end()
    throw error
  })
  const limits = { ...given, databaseSize: Math.min(before + given.databaseSize, 4 * given.databaseSize) }
  let reason: StopReason | undefined

  /** Of a statement that began at `begin` and runs for longer than an interval; fails when it would not stop. */
  async function patrol(begin: number, ended: AbortSignal): Promise<void> {
    let walBegin: string | undefined
    do {
      let found: StopReason | undefined
      if (Date.now() - begin >= limits.time) {
        found = { limit: 'time', message: `It ran for longer than ${limits.time / 1000} s.`, terminated: false }
      } else {
        const sizes = await lookAtSizes(session, database, walBegin)
        walBegin ??= sizes.position
        found = excess({ ...sizes, freeDisk: await freeDisk(shadow.stateDirectory) }, limits, given.databaseSize)
      }
      if (ended.aborted) return
      if (found === undefined) continue
      reason = found
      if (!found.terminated) {
        await session.query('SELECT pg_cancel_backend($1)', [pid])
        if (!(await elapsed(patience, ended))) return
      }
      reason = { ...found, terminated: true }
      await session.query('SELECT pg_terminate_backend($1)', [pid])
      if (await elapsed(patience, ended)) throw unstoppable(reason)
    } while (await elapsed(Math.min(interval, Math.max(0, begin + limits.time - Date.now())), ended))
  }

  return {
    async watch(statement) {
      reason = undefined
      const begin = Date.now()
      const end = new AbortController()
      let patrolled: Promise<void> | undefined
      let fail: (error: unknown) => void = () => undefined
      const failed = new Promise<never>((_, reject) => (fail = reject))
      // Most statements are over before anybody needs to look.
      const first = setTimeout(
        () => {
          patrolled = patrol(begin, end.signal)
          patrolled.catch(fail)
        },
        Math.min(interval, limits.time),
      )
      try {
        return await Promise.race([statement(), failed])
      } finally {
        clearTimeout(first)
        if (patrolled !== undefined) end.abort()
        // A cancellation under way must not reach the next statement.
        await patrolled?.catch(() => undefined)
      }
    },
    stopped: () => reason,
    end: () => session.end(),
  }
}

/** False when the signal came first. */
async function elapsed(milliseconds: number, signal: AbortSignal): Promise<boolean> {
  return delay(milliseconds, true, { signal }).catch(() => false)
}

interface Sizes {
  databaseSize: number
  wal: number
  /** Of the write-ahead log now. */
  position: string
}

async function lookAtSizes(session: Client, database: string, walBegin: string | undefined): Promise<Sizes> {
  const { rows } = await session.query<{ size: string; wal: string; position: string }>(
    `SELECT pg_database_size($1) AS size, position, position - coalesce($2::pg_lsn, position) AS wal
     FROM pg_current_wal_insert_lsn() AS position`,
    [database, walBegin],
  )
  const row = rows[0]
  return { databaseSize: Number(row?.size), wal: Number(row?.wal), position: String(row?.position) }
}

async function freeDisk(folder: string): Promise<number> {
  const { bavail, bsize } = await statfs(folder)
  return bavail * bsize
}

function excess(
  sizes: { databaseSize: number; wal: number; freeDisk: number },
  limits: GuardLimits,
  growth: number,
): StopReason | undefined {
  if (sizes.databaseSize > limits.databaseSize) {
    return stop('databaseSize', `The database grew by more than ${megabytes(growth)}.`)
  }
  if (sizes.wal > limits.wal) return stop('wal', `It wrote more than ${megabytes(limits.wal)} of write-ahead log.`)
  if (sizes.freeDisk < limits.freeDisk) {
    return stop('freeDisk', `Less than ${megabytes(limits.freeDisk)} were left free on the disk.`)
  }
  return undefined
}

function stop(limit: keyof GuardLimits, message: string): StopReason {
  return { limit, message, terminated: true }
}

function megabytes(bytes: number): string {
  return `${Math.round(bytes / 1024 ** 2)} MB`
}

function unstoppable(reason: StopReason): Error {
  return failure({
    code: 'statement-cannot-be-stopped',
    message: `${reason.message} PostgreSQL did not end the session when told to.`,
    hint: 'Raise or lower trace.statementTimeout in kei.jsonc, or run the command with --no-trace.',
  })
}
