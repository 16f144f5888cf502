import type { Client } from 'pg'
import { usageError } from '../errors.ts'
import type { KeiError } from '../errors.ts'
import { nearest } from '../findings/nearest.ts'
import { compareVersions } from '../project/layouts/layout.ts'
import { readOnlyRefusal } from './database-refusal.ts'
import { foldHistory } from './fold.ts'
import { openHistory } from './history-table.ts'
import type { HistoryRow, NewHistoryRow, VersionState } from './history.ts'
import { acquireLease } from './lease.ts'
import type { Migration } from './migration.ts'
import type { RunRequest } from './run-request.ts'
import { writeRows } from './write-rows.ts'

/** What the history says when a command decides what to add to it. */
export interface HistoryNow {
  rows: readonly HistoryRow[]
  states: ReadonlyMap<string, VersionState>
  client: Client
}

/** What a command adds, and its result. */
export interface Decision<T> {
  rows: NewHistoryRow[]
  result: T
}

/**
 * Adds rows to the history that stand for no statement: takes the lease, reads the history, lets `decide` say what is
 * to be added or refuse, and adds it in one transaction that proves the lease. In a database without kei's tables
 * `decide` is asked about an empty history first, and they are made only when it does not refuse. With `dryRun` it is
 * only asked, without the lease.
 * @throws KeiError what `decide` throws, those of `acquireLease` and `HistoryTable.create`, `lease-lost`,
 * `connection-lost`, `history-not-written`
 */
export async function record<T>(
  request: RunRequest & { dryRun?: boolean },
  command: string,
  decide: (now: HistoryNow) => Decision<T> | Promise<Decision<T>>,
): Promise<T> {
  const { settings, onEvent, signal } = request
  const history = openHistory(settings.schema)
  const session = await request.connect()
  const { client, server } = session
  try {
    const initialized = await history.exists(client)
    if (!initialized || request.dryRun === true) {
      const rows = initialized ? await history.read(client) : []
      const { result } = await decide({ rows, states: foldHistory(rows), client })
      if (request.dryRun === true) return result
    }
    if (server.readOnly) throw readOnlyRefusal(server.role)
    if (!initialized) await history.create(client)
    const lease = await acquireLease(session, { settings, command, onEvent, ...(signal !== undefined && { signal }) })
    try {
      const rows = await history.read(client)
      const decision = await decide({ rows, states: foldHistory(rows), client })
      if (decision.rows.length > 0) await writeRows(session, { history, lease }, decision.rows)
      return decision.result
    } finally {
      await lease.release()
    }
  } finally {
    await client.end()
  }
}

/**
 * The migration of a version, whatever zeros it begins with.
 * @throws KeiError `version-not-found`
 */
export function migrationOfVersion(migrations: readonly Migration[], version: string): Migration {
  const digits = /^\d+$/.test(version)
  const found = digits ? migrations.find((each) => compareVersions(each.version, version) === 0) : undefined
  if (found === undefined) throw versionNotFound(migrations, version)
  return found
}

function versionNotFound(migrations: readonly Migration[], version: string): KeiError {
  const meant = nearest(
    version,
    migrations.flatMap(({ version, name }) => [version, `${version}_${name}`]),
  )
  return usageError({
    code: 'version-not-found',
    message: `There is no migration with the version ${JSON.stringify(version)}.`,
    hint: meant === undefined ? '`kei migrate status` lists all versions.' : `Did you mean ${meant.split('_')[0]}?`,
  })
}

/**
 * Why something is recorded by hand: it stands in the history for good.
 * @throws KeiError `reason-missing`
 */
export function checkReason(reason: string): string {
  if (reason.trim() !== '') return reason.trim()
  throw usageError({
    code: 'reason-missing',
    message: 'The history keeps why this was done by hand, and no reason is given.',
    hint: 'Add --reason "…".',
  })
}
