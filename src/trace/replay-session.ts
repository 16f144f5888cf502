import pg from 'pg'
import type { Client, DatabaseError } from 'pg'
import { usageError } from '../errors.ts'
import type { Guard } from '../postgres/shadow/guard.ts'
import {
  decodeEvent,
  decodeReading,
  decodeTableBehind,
  decodeTableStorage,
  flushQuery,
  readingQuery,
  recorderSchema,
  relationsQuery,
  tableBehindQuery,
  tableStorageQuery,
} from './recorder.ts'
import type { Reading, RecorderEvent, TableBehind, TableStorage } from './recorder.ts'
import { openLedger } from './ledger.ts'
import type { Ledger } from './ledger.ts'

/** Notices of one statement that are kept; a loop can raise millions. */
const keptNotices = 20

/** How a statement ended. */
export interface Ran {
  /** Why the server refused it; undefined when it ran. */
  error?: ReplayError
  events: RecorderEvent[]
  notices: string[]
  milliseconds: number
}

export interface ReplayError {
  message: string
  sqlstate?: string
  /** kei stopped the statement: it went beyond a limit. */
  stopped?: true
  /** The session ended with it. */
  fatal?: true
}

/** Settings that a target gives its sessions; undefined leaves the server's default. */
export interface SessionSettings {
  timeZone?: string
  /** As in `SET search_path`: `"$user", public`. */
  searchPath?: string
}

/** The session that runs a stranger's statements, as the role that owns the database. One statement at a time. */
export interface ReplaySession {
  pid: number
  begin(): Promise<void>
  /** Ends a transaction that failed. A session that cannot even do that is lost. */
  rollback(): Promise<void>
  /** Whether the open transaction scans a table although an index would do, as the planner prefers for an empty one. */
  setSequentialScans(on: boolean): Promise<void>
  /** Runs one statement under the guard. Its rows are thrown away as they come. */
  run(text: string): Promise<Ran>
  /** What the open transaction holds. */
  read(newestConstraint: number): Promise<Reading>
  /** `run` and `read` sent together, so that the server need not wait for kei in between. */
  runAndRead(text: string, newestConstraint: number): Promise<{ ran: Ran; reading: Promise<Reading> }>
  openLedger(): Promise<Ledger>
  /** The table that a relation, written as in the statement, is or belongs to. */
  tableBehind(written: string): Promise<TableBehind | undefined>
  tableStorage(table: number): Promise<TableStorage>
  /** Both ends of a foreign key, by the relation's oid and the constraint's name; empty for other constraints. */
  foreignKeyEnds(relation: number, constraint: string): Promise<string[]>
  /** Makes the session as if it had just been opened: each file starts in one of its own. Else it is lost. */
  reset(): Promise<void>
  /** Whether the connection can no longer be used. */
  lost(): boolean
  end(): Promise<void>
}

/**
 * Takes over a fresh connection of the role. `mark` is the recorder's, see `markRecorder`.
 * @throws KeiError `invalid-config` when the server refuses a setting
 */
export async function openReplaySession(
  client: Client,
  options: { pid: number; mark: string; guard: Guard; settings: SessionSettings },
): Promise<ReplaySession> {
  const { mark, guard, settings } = options
  let events: RecorderEvent[] = []
  let notices: string[] = []
  let lost = false
  client.on('notice', (notice) => {
    if (notice.message === mark) {
      const event = decodeEvent(notice.detail ?? '')
      if (event !== undefined) events.push(event)
    } else if (notices.length < keptNotices) {
      notices.push((notice.message ?? '').slice(0, 500))
    }
  })
  client.on('end', () => (lost = true))
  client.on('error', () => (lost = true))

  // Whoever creates a role may then act as it, as the superuser could who runs most histories in truth.
  const given: Setting[] = [{ name: 'createrole_self_grant', value: 'set, inherit' }]
  if (settings.timeZone !== undefined) given.push({ name: 'timezone', value: settings.timeZone, key: 'trace.timeZone' })
  if (settings.searchPath !== undefined)
    given.push({ name: 'search_path', value: settings.searchPath, key: 'trace.searchPath' })
  await applySettings(client, given)

  /** What the session has set for itself, a statement_timeout of a millisecond, may stop kei's own statements. */
  async function orLose(work: () => Promise<void>): Promise<void> {
    if (lost) return
    try {
      await work()
    } catch {
      lost = true
      await client.end().catch(() => undefined)
    }
  }

  async function run(text: string): Promise<Ran> {
    events = []
    notices = []
    const began = performance.now()
    const error = await guard.watch(() => sendDiscardingRows(client, text))
    const milliseconds = Math.round((performance.now() - began) * 1000) / 1000
    if (error === undefined) return { events, notices, milliseconds }
    if (error.fatal === true) lost = true
    const stopped = guard.stopped()
    if (stopped !== undefined)
      return { error: { message: stopped.message, stopped: true }, events, notices, milliseconds }
    return { error, events, notices, milliseconds }
  }

  async function read(newestConstraint: number): Promise<Reading> {
    const result = await client.query<{ reading: string }>(readingQuery(newestConstraint))
    return decodeReading(result.rows[0]?.reading ?? '{}')
  }

  return {
    pid: options.pid,
    async begin() {
      await client.query('begin')
    },
    async rollback() {
      await orLose(async () => {
        await client.query('rollback')
        await client.query(flushQuery)
      })
    },
    async setSequentialScans(on) {
      await client.query(`set local enable_seqscan = ${on ? 'on' : 'off'}`)
    },
    run,
    read,
    async runAndRead(text, newestConstraint) {
      const running = run(text)
      const reading = read(newestConstraint)
      // After a statement that failed there is nothing to be read.
      reading.catch(() => undefined)
      return { ran: await running, reading }
    },
    async openLedger() {
      const result = await client.query<{ relations: [number, string, string, number][]; newest: string }>(
        relationsQuery,
      )
      return openLedger(result.rows[0]?.relations ?? [], Number(result.rows[0]?.newest ?? 0))
    },
    async tableBehind(written) {
      const result = await client.query<{ found: string | null }>({ text: tableBehindQuery, values: [written] })
      return decodeTableBehind(result.rows[0]?.found ?? null)
    },
    async tableStorage(table) {
      const result = await client.query<{ found: string }>({ text: tableStorageQuery, values: [table] })
      return decodeTableStorage(result.rows[0]?.found ?? '[0, null]')
    },
    async foreignKeyEnds(relation, constraint) {
      const result = await client.query<{ ends: string[] | null }>({
        text: `select ${recorderSchema}.foreign_key_ends($1, $2) as ends`,
        values: [relation, constraint],
      })
      return result.rows[0]?.ends ?? []
    },
    async reset() {
      await orLose(async () => {
        await client.query('discard all')
        await applySettings(client, given)
      })
    },
    lost: () => lost,
    async end() {
      if (!lost) await client.end().catch(() => undefined)
    },
  }
}

interface Setting {
  name: string
  value: string
  /** Where kei.jsonc has it. */
  key?: string
}

async function applySettings(client: Client, settings: readonly Setting[]): Promise<void> {
  await Promise.all(settings.map((setting) => applySetting(client, setting)))
}

async function applySetting(client: Client, { name, value, key }: Setting): Promise<void> {
  try {
    await client.query('select pg_catalog.set_config($1, $2, false)', [name, value])
  } catch (error) {
    // invalid_parameter_value
    if (key === undefined || (error as DatabaseError).code !== '22023') throw error
    throw usageError({
      code: 'invalid-config',
      message: `The server refuses ${key} ${JSON.stringify(value)}: ${(error as Error).message}`,
      hint: `Correct ${key} in kei.jsonc.`,
      cause: error,
    })
  }
}

/** A query with a listener for rows keeps none of them, however many the statement returns. */
function sendDiscardingRows(client: Client, text: string): Promise<ReplayError | undefined> {
  return new Promise((resolve) => {
    const query = new pg.Query<Record<string, unknown>>({ text })
    query.on('row', () => undefined)
    query.on('end', () => resolve(undefined))
    query.on('error', (error) => resolve(replayError(error)))
    client.query(query)
  })
}

function replayError(error: unknown): ReplayError {
  // What the server did not say itself, pg or the system says of a lost connection.
  if (!(error instanceof pg.DatabaseError)) return { message: (error as Error).message, fatal: true }
  const { message, code, severity } = error
  return {
    message,
    ...(code !== undefined && { sqlstate: code }),
    ...(severity !== undefined && severity !== 'ERROR' && { fatal: true }),
  }
}
