import { join } from 'node:path'
import type { Client } from 'pg'
import { KeiError } from '../../src/errors.ts'
import { defaultSettings } from '../../src/migrate/run-request.ts'
import type { RunRequest } from '../../src/migrate/run-request.ts'
import { up } from '../../src/migrate/up.ts'
import { connect } from '../../src/postgres/connect/connect.ts'
import { resolveConnection } from '../../src/postgres/connect/resolve.ts'
import { readSurroundings } from '../../src/postgres/connect/surroundings.ts'
import { migrationsOf } from '../up.ts'
import type { CrashServer } from './crash-server.ts'
import { leftovers, readState, stateDifferences } from './database-state.ts'
import type { DatabaseState } from './database-state.ts'
import { openGate } from './message-gate.ts'
import type { MessageGate, Moment } from './message-gate.ts'
import { startUp } from './program.ts'
import type { Message } from './run-place.ts'

/** A history in a folder of the file system, and a server to run it on. */
export interface Place {
  server: CrashServer
  /** Holds `migrations/`. */
  folder: string
  files: Readonly<Record<string, string>>
}

/** What is known of runs that nobody disturbed. */
export interface Undisturbed {
  /** What the database is like after the first files, and the database that shows it; by their number. */
  after: { state: DatabaseState; database: string }[]
  /** What a run over all files sends that begins on the empty database. */
  fresh: Message[]
  /** What runs send for each of the files but the first, one by one. */
  messages: Message[]
}

/** One database on the way through the files: a run is ended at each of the moments, and the next one goes on. */
export interface Pass {
  /** How many files are applied in the database that it begins with. */
  from: number
  moments: Moment[]
}

/** What became of passes. */
export interface Tried {
  /** Moments at which something was killed. */
  moments: number
  problems: string[]
}

/** How often a run may be repeated after the last kill. */
const mostRuns = 3

let gates = 0
let databases = 0

/** Applies all files in one run, and file after file, each in a run of its own, undisturbed. */
export async function runUndisturbed(place: Place): Promise<Undisturbed> {
  const whole = await createDatabase(place)
  const undisturbed: Undisturbed = { after: [], fresh: await recorded(place, whole, 0), messages: [] }
  await dropDatabase(place, whole)
  let database = await createDatabase(place)
  for (const [applied, version] of versionsOf(place).entries()) {
    const messages = await recorded(place, database, applied, version)
    if (applied > 0) undisturbed.messages.push(...messages)
    const state = await inDatabase(place, database, readState)
    undisturbed.after[applied + 1] = { state, database }
    database = await createDatabase(place, database)
  }
  return undisturbed
}

/** What a run sends. */
async function recorded(place: Place, database: string, applied: number, to?: string): Promise<Message[]> {
  const gate = await gateOf(place, applied)
  await up({ ...requestOf(place, urlOf(database, gate)), ...(to !== undefined && { to }) })
  await gate.close()
  return [...gate.messages]
}

export function versionsOf({ files }: Place): string[] {
  return Object.keys(files).map((file) => file.split('_')[0] ?? '')
}

/** Kills kei, the program, at each moment of the passes. `limit` passes go on at a time. */
export async function killProgram(
  place: Place,
  undisturbed: Undisturbed,
  passes: readonly Pass[],
  limit: number,
): Promise<Tried> {
  const tried: Tried = { moments: 0, problems: [] }
  await atOnce(limit, passes, async (pass) => {
    const database = await createDatabase(place, undisturbed.after[pass.from]?.database)
    const problems: string[] = []
    for (const moment of pass.moments) problems.push(...(await killAt(place, database, moment, tried)))
    problems.push(...(await goOn(place, database, stateAtEnd(undisturbed))))
    tried.problems.push(...problems.map((problem) => `kei${described(pass)}: ${problem}`))
    await dropDatabase(place, database)
  })
  return tried
}

async function killAt(place: Place, database: string, moment: Moment, tried: Tried): Promise<string[]> {
  const gate = await gateOf(place, await filesApplied(place, database), moment)
  try {
    const running = startUp(place.folder, { KEI_DATABASE_URL: urlOf(database, gate) })
    const message = await Promise.race([gate.reached, running.ended.then(() => undefined)])
    running.signal('SIGKILL')
    const { code, out, err } = await running.ended
    if (message !== undefined) tried.moments += 1
    return notThere(message, moment, `exit code ${code} ${failureOf(out, err)}`)
  } finally {
    await gate.close()
  }
}

/**
 * Kills the server at each moment of the passes; the runs are in this process. `limit` passes, each in a database of its
 * own, come to their moments together and share the crash.
 */
export async function killServer(
  place: Place,
  undisturbed: Undisturbed,
  passes: readonly Pass[],
  limit: number,
): Promise<Tried> {
  const tried: Tried = { moments: 0, problems: [] }
  for (let first = 0; first < passes.length; first += limit) {
    const batch: (Pass & { database: string; problems: string[] })[] = []
    for (const pass of passes.slice(first, first + limit)) {
      const database = await createDatabase(place, undisturbed.after[pass.from]?.database)
      batch.push({ ...pass, database, problems: [] })
    }
    const rounds = Math.max(...batch.map(({ moments }) => moments.length))
    for (let round = 0; round < rounds; round++) {
      const runs = await Promise.all(batch.map((pass) => runTo(place, pass, pass.moments[round])))
      await place.server.crash()
      for (const run of runs) {
        if (run !== undefined) tried.moments += await run.end()
      }
    }
    for (const pass of batch) {
      pass.problems.push(...(await goOnHere(place, pass.database, stateAtEnd(undisturbed))))
      tried.problems.push(...pass.problems.map((problem) => `server${described(pass)}: ${problem}`))
      await dropDatabase(place, pass.database)
    }
  }
  return tried
}

/** Lets a run come to the moment. `end` waits for what it makes of the crash, and gives the number of moments tried. */
async function runTo(
  place: Place,
  { database, problems }: { database: string; problems: string[] },
  moment: Moment | undefined,
): Promise<{ end(): Promise<number> } | undefined> {
  if (moment === undefined) return undefined
  const gate = await gateOf(place, await filesApplied(place, database), moment)
  const ended = up(requestOf(place, urlOf(database, gate))).then(
    () => undefined,
    (error: unknown) => error,
  )
  const message = await Promise.race([gate.reached, ended.then(() => undefined)])
  return {
    async end() {
      const error = await ended
      await gate.close()
      const isTold = error === undefined || (error instanceof KeiError && [3, 4].includes(error.exitCode))
      if (!isTold) problems.push(`${nameOf(moment)}: ${String(error)}`)
      problems.push(...notThere(message, moment, String(error)))
      return message === undefined ? 0 : 1
    },
  }
}

/** Runs the program until it succeeds, and tells in what the database is then not as it should be. */
export async function goOn(
  place: Place,
  database: string,
  expected: DatabaseState,
  args: readonly string[] = [],
): Promise<string[]> {
  const problems: string[] = []
  for (let run = 1; run <= mostRuns; run++) {
    const { code, out, err } = await startUp(place.folder, { KEI_DATABASE_URL: urlOf(database, place.server) }, args)
      .ended
    if (code === 0) return [...problems, ...(await faults(place, database, expected))]
    problems.push(`run ${run} ended with exit code ${code}: ${failureOf(out, err)}`)
  }
  return problems
}

/** The same in this process. */
async function goOnHere(place: Place, database: string, expected: DatabaseState): Promise<string[]> {
  const problems: string[] = []
  for (let run = 1; run <= mostRuns; run++) {
    try {
      await up(requestOf(place, urlOf(database, place.server)))
      return [...problems, ...(await faults(place, database, expected))]
    } catch (error) {
      problems.push(`run ${run}: ${String(error)}`)
    }
  }
  return problems
}

function faults(place: Place, database: string, expected: DatabaseState): Promise<string[]> {
  return inDatabase(place, database, async (client) => [
    ...(await leftovers(client)),
    ...stateDifferences(expected, await readState(client)),
  ])
}

function stateAtEnd({ after }: Undisturbed): DatabaseState {
  const last = after.at(-1)
  if (last === undefined) throw new Error('there are no files')
  return last.state
}

/** Does the work on each, `limit` of them at a time. */
export async function atOnce<T>(limit: number, all: readonly T[], work: (one: T) => Promise<void>): Promise<void> {
  const left = [...all]
  async function next(): Promise<void> {
    for (let one = left.shift(); one !== undefined; one = left.shift()) await work(one)
  }
  await Promise.all(Array.from({ length: limit }, next))
}

function failureOf(out: string, err: string): string {
  return `${err} ${out.split('\n').findLast((line) => line.includes('"error"')) ?? ''}`
}

/** Why what was tried was not the moment. With an empty history some messages set one thing more. */
function notThere(message: Message | undefined, moment: Moment, outcome: string): string[] {
  if (message === undefined) return [`${nameOf(moment)} was not reached: ${outcome}`]
  if (message.text.startsWith(moment.message.text.slice(0, 24))) return []
  return [`${nameOf(moment)} is ${message.text.slice(0, 40)}`]
}

function described({ from, moments }: Pass): string {
  const all = moments.map(({ side, message }) => `${side} ${message.number} of ${message.place}`)
  return ` after ${from} files, ${all.join(', ')}`
}

function nameOf({ side, message: { place, number, text } }: Moment): string {
  return `${side} message ${number} of ${place} (${text.trim().replaceAll(/\s+/g, ' ').slice(0, 40)})`
}

function gateOf({ server, files }: Place, applied: number, moment?: Moment): Promise<MessageGate> {
  const run = { applied, files: Object.keys(files).length }
  return openGate(join(server.folder, `gate${++gates}`), server, run, moment)
}

export function urlOf(database: string, way: { socketDirectory: string }): string {
  return `postgresql:///${database}?host=${encodeURIComponent(way.socketDirectory)}&port=5432&user=postgres`
}

/** What the program would do with that connection string, in this process. */
function requestOf({ folder, files }: Place, url: string): RunRequest {
  const surroundings = { ...readSurroundings(), environment: {}, homeDirectory: folder }
  const resolved = resolveConnection(surroundings, { name: '--url', text: url, by: 'user' })
  return {
    settings: { ...defaultSettings },
    migrations: migrationsOf(files),
    connect: () => connect(resolved, { applicationName: 'kei/migrate up' }),
    onEvent: () => undefined,
  }
}

async function filesApplied(place: Place, database: string): Promise<number> {
  return inDatabase(place, database, async (client) => {
    const { rows } = await client.query<{ there: boolean }>(
      `SELECT to_regclass('kei.schema_version') IS NOT NULL AS there`,
    )
    if (rows[0]?.there !== true) return 0
    return (await client.query('SELECT FROM kei.schema_version')).rowCount ?? 0
  })
}

/** `FILE_COPY` writes little WAL, which a crash would have to go through again. */
export async function createDatabase(place: Place, template = 'template1'): Promise<string> {
  const database = `d${++databases}`
  const client = await place.server.connect()
  await client.query(`CREATE DATABASE ${database} TEMPLATE ${template} STRATEGY FILE_COPY`)
  await client.end()
  return database
}

export async function dropDatabase(place: Place, database: string): Promise<void> {
  const client = await place.server.connect()
  await client.query(`DROP DATABASE ${database} WITH (FORCE)`)
  await client.end()
}

export async function inDatabase<T>(
  { server }: Place,
  database: string,
  work: (client: Client) => Promise<T>,
): Promise<T> {
  const client = await server.connect(database)
  try {
    return await work(client)
  } finally {
    await client.end()
  }
}
