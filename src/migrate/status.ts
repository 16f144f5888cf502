import type { KeiError } from '../errors.ts'
import type { Session } from '../postgres/connect/connect.ts'
import { foldHistory } from './fold.ts'
import { openHistory } from './history-table.ts'
import type { HistoryTable } from './history-table.ts'
import type { VersionState } from './history.ts'
import { leaseState } from './lease-view.ts'
import type { LeaseState } from './lease-view.ts'
import type { Direction, Migration } from './migration.ts'
import type { RunRequest } from './run-request.ts'
import { standingOf } from './standing.ts'
import type { Standing, StandingEntry } from './standing.ts'
import type { Verification } from './verify.ts'

/** Where a folder's migrations stand in a database. Plain values. */
export interface MigrationStatus {
  /** Schema of the history. */
  schema: string
  /** Kei has its tables there; without them nothing was ever applied. */
  initialized: boolean
  /** The version with the highest number that is applied; absent when none is. */
  newest?: string
  /** In the order of versions. */
  migrations: VersionStatus[]
  /** Versions that `up` would apply, or go on with. */
  pending: string[]
  /** What stands in the way of `up`. */
  problems: { code: string; message: string; hint?: string }[]
  /** The run that is at work, or left its lease behind. */
  lease?: LeaseState
}

export interface VersionStatus {
  version: string
  name: string
  state: StandingEntry['state']
  outOfOrder: boolean
  /** Path relative to the repository; absent when there is none. */
  file?: string
  /** When it became what it is, ISO 8601, and by which role. */
  at?: string
  by?: string
  milliseconds?: number
  /** Taken as applied without being run. */
  baseline?: true
  /** Of one that is applied, or taken back, in part: how many statements are done, of how many. */
  statements?: { done: number; total?: number }
  /** A statement outside a transaction that was begun, and whose outcome is not written down. */
  open?: { statement: number; direction: Direction; text: string; pid: number }
}

type StatusRequest = Pick<RunRequest, 'settings' | 'migrations' | 'connect'>

/**
 * Reads where everything stands: no lock, nothing written, on a standby too. The files are only parsed where one is
 * applied in part.
 * @throws KeiError those of `HistoryTable.exists` and `RunRequest.connect`
 */
export async function migrationStatus(request: StatusRequest): Promise<MigrationStatus> {
  const { schema } = request.settings
  return withHistory(request, async ({ session, initialized, standing }) => {
    const lease = initialized ? await leaseState(session, schema) : undefined
    const { entries, pending, problems } = standing
    const newest = entries.findLast(({ history }) => history?.state === 'applied')?.version
    return {
      schema,
      initialized,
      ...(newest !== undefined && { newest }),
      migrations: await Promise.all(entries.map(statusOf)),
      pending: pending.map(({ version }) => version),
      problems: problems.map(problemOf),
      ...(lease !== undefined && { lease }),
    }
  })
}

/**
 * Compares the files with what was applied, and with the texts that were kept then. As `migrationStatus` it only reads.
 * @throws KeiError those of `HistoryTable.exists` and `RunRequest.connect`
 */
export async function migrationVerification(request: StatusRequest): Promise<Verification[]> {
  const { verifyHistory } = await import('./verify.ts')
  return withHistory(request, async ({ session, history, standing }) => {
    const edited = standing.entries.filter(({ state }) => state === 'edited').map(({ version }) => version)
    const texts = edited.length === 0 ? new Map() : await history.readTexts(session.client, edited)
    return verifyHistory(standing, texts)
  })
}

interface Reading {
  session: Session
  history: HistoryTable
  initialized: boolean
  standing: Standing
}

async function withHistory<T>(request: StatusRequest, work: (reading: Reading) => Promise<T>): Promise<T> {
  const history = openHistory(request.settings.schema)
  const session = await request.connect()
  try {
    const initialized = await history.exists(session.client)
    const rows = initialized ? await history.read(session.client) : []
    return await work({ session, history, initialized, standing: standingOf(request.migrations, foldHistory(rows)) })
  } catch (error) {
    const { explainDriverError } = await import('./driver-error.ts')
    throw explainDriverError(error)
  } finally {
    await session.client.end()
  }
}

async function statusOf({
  version,
  name,
  state,
  outOfOrder,
  migration,
  history,
}: StandingEntry): Promise<VersionStatus> {
  return {
    version,
    name,
    state,
    outOfOrder,
    ...(migration !== undefined && { file: migration.up.file }),
    ...(history !== undefined && (await accountOf(history, migration))),
  }
}

async function accountOf(history: VersionState, migration: Migration | undefined): Promise<Partial<VersionStatus>> {
  const { state, at, by, milliseconds, baseline, done, open } = history
  const isPartial = state === 'partly-applied' || state === 'partly-reverted'
  return {
    at,
    by,
    milliseconds,
    ...(baseline && { baseline }),
    ...(isPartial && { statements: { done: done.length, ...(await totalOf(state, migration)) } }),
    ...(open !== undefined && {
      open: { statement: open.number, direction: open.direction, text: open.intent.statement, pid: open.intent.pid },
    }),
  }
}

/** Of a file that does not parse now, the number is not known. */
async function totalOf(state: VersionState['state'], migration: Migration | undefined): Promise<{ total?: number }> {
  const text = state === 'partly-reverted' ? migration?.down : migration?.up
  if (text === undefined) return {}
  const { parseMigration } = await import('./steps.ts')
  return parseMigration(text).then(
    ({ length }) => ({ total: length }),
    () => ({}),
  )
}

function problemOf({ code, message, hint }: KeiError): MigrationStatus['problems'][number] {
  return { code, message, ...(hint !== undefined && { hint }) }
}
