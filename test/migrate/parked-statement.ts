import { setTimeout as delay } from 'node:timers/promises'
import type { Client } from 'pg'
import type { DatabaseState } from './database-state.ts'
import { atOnce, createDatabase, dropDatabase, goOn, urlOf, versionsOf } from './killed-runs.ts'
import type { Place, Tried, Undisturbed } from './killed-runs.ts'
import { startUp } from './program.ts'
import type { Running } from './program.ts'

/** A wait of a statement with CONCURRENTLY for the transactions of other sessions: it is between two of its phases. */
export interface Wait {
  /** The file, from 1. */
  file: number
  /** Among the waits of the file, from 1. */
  number: number
  /** What PostgreSQL says that it does. */
  phase: string
}

/** kei, with its statement in such a wait. */
interface Parked {
  database: string
  running: Running
  phase: string
  /** Ends what the statement waits for. */
  release(): Promise<void>
}

/** What a statement with CONCURRENTLY on any of the tables waits for: writers, readers, old snapshots. */
const hold = `BEGIN ISOLATION LEVEL REPEATABLE READ;
  LOCK TABLE ONLY account, ONLY log, ONLY measure IN ROW EXCLUSIVE MODE; SELECT FROM account LIMIT 1`

/** Finds the waits of all files, by runs that go on from each. */
export async function findWaits(place: Place, undisturbed: Undisturbed): Promise<Wait[]> {
  const waits: Wait[] = []
  for (const file of versionsOf(place).keys()) {
    if (!/CONCURRENTLY/.test(Object.values(place.files)[file] ?? '')) continue
    for (const [index, phase] of (await phasesOf(place, undisturbed, file + 1)).entries()) {
      waits.push({ file: file + 1, number: index + 1, phase })
    }
  }
  return waits
}

async function phasesOf(place: Place, undisturbed: Undisturbed, file: number): Promise<string[]> {
  const phases: string[] = []
  const parked = await park(place, undisturbed, file, Infinity, phases)
  await dropDatabase(place, parked.database)
  return phases
}

/**
 * Kills kei while its statement goes on at the server; the next run finds it at work, and waits for it or cancels it.
 */
export async function killParkedProgram(
  place: Place,
  undisturbed: Undisturbed,
  waits: readonly Wait[],
  way: 'wait' | 'cancel',
  limit: number,
): Promise<Tried> {
  const tried: Tried = { moments: 0, problems: [] }
  await atOnce(limit, waits, async (wait) => {
    const { database, running, phase, release } = await park(place, undisturbed, wait.file, wait.number)
    const say = (problem: string) => tried.problems.push(`${way}, ${nameOf(wait)}: ${problem}`)
    if (phase !== wait.phase) say(`it is in ${phase}`)
    running.signal('SIGKILL')
    await running.ended
    tried.moments += 1
    const args = [...toFile(place, wait.file), ...(way === 'cancel' ? ['--cancel'] : [])]
    const next = startUp(place.folder, { KEI_DATABASE_URL: urlOf(database, place.server) }, args)
    await next
      .told(({ event, message }) => event === 'recovering' && String(message).includes('still works'))
      .catch(() => say('the next run did not find the statement at work'))
    await release()
    const { code, err } = await next.ended
    if (code !== 0) say(`exit code ${code}: ${err}`)
    for (const problem of await goOn(place, database, stateAfter(undisturbed, wait.file), toFile(place, wait.file)))
      say(problem)
    await dropDatabase(place, database)
  })
  return tried
}

/** Kills the server while statements are in all those waits, each in a database of its own. */
export async function killServerOfParked(
  place: Place,
  undisturbed: Undisturbed,
  waits: readonly Wait[],
  limit: number,
): Promise<Tried> {
  const tried: Tried = { moments: 0, problems: [] }
  for (let first = 0; first < waits.length; first += limit) {
    const batch = await Promise.all(
      waits.slice(first, first + limit).map(async (wait) => ({
        wait,
        parked: await park(place, undisturbed, wait.file, wait.number),
      })),
    )
    await place.server.crash()
    await atOnce(3, batch, async ({ wait, parked: { database, running, phase } }) => {
      const say = (problem: string) => tried.problems.push(`server, ${nameOf(wait)}: ${problem}`)
      if (phase !== wait.phase) say(`it is in ${phase}`)
      tried.moments += 1
      const { code, out, err } = await running.ended
      if (code !== 4 || err.includes('[internal]')) say(`exit code ${code}: ${err} ${out}`)
      const problems = await goOn(place, database, stateAfter(undisturbed, wait.file), toFile(place, wait.file))
      for (const problem of problems) say(problem)
      await dropDatabase(place, database)
    })
  }
  return tried
}

function nameOf({ file, number, phase }: Wait): string {
  return `wait ${number} of file ${file} (${phase})`
}

function toFile(place: Place, file: number): string[] {
  return ['--to', versionsOf(place)[file - 1] ?? '']
}

function stateAfter({ after }: Undisturbed, file: number): DatabaseState {
  const found = after[file]
  if (found === undefined) throw new Error(`nobody ran file ${file}`)
  return found.state
}

/**
 * Starts kei with one file in a new database, and lets it come to its `number`th wait. The transaction that it waits
 * for ends once another one has begun, which the next wait is for.
 * @param phases Gets what PostgreSQL says of each wait.
 */
async function park(
  place: Place,
  { after }: Undisturbed,
  file: number,
  number: number,
  phases: string[] = [],
): Promise<Parked> {
  const database = await createDatabase(place, after[file - 1]?.database)
  const watcher = await place.server.connect(database)
  let holder = await holderIn(place, database)
  const running = startUp(place.folder, { KEI_DATABASE_URL: urlOf(database, place.server) }, toFile(place, file))
  let isOver = false
  void running.ended.then(() => (isOver = true))
  while (!isOver) {
    const phase = await waitFor(watcher, holder)
    if (phase === undefined) {
      await delay(10)
      continue
    }
    phases.push(phase)
    if (phases.length === number) break
    const next = await holderIn(place, database)
    await holder.end()
    holder = next
  }
  await watcher.end()
  if (isOver) await holder.end()
  return { database, running, phase: phases[number - 1] ?? 'no wait', release: () => holder.end() }
}

async function holderIn(place: Place, database: string): Promise<Client> {
  const holder = await place.server.connect(database)
  await holder.query(hold)
  return holder
}

/**
 * What kei's statement does, when it waits for the holder. Looked at twice: the view's text may be of the moment before
 * the one in which pg_blocking_pids looks.
 */
async function waitFor(watcher: Client, holder: Client): Promise<string | undefined> {
  return (await look(watcher, holder)) === undefined ? undefined : look(watcher, holder)
}

async function look(watcher: Client, holder: Client): Promise<string | undefined> {
  const { rows } = await watcher.query<{ phase: string }>(
    `SELECT left(a.query, 40) || coalesce(': ' || p.phase, '') AS phase
       FROM pg_stat_activity a LEFT JOIN pg_stat_progress_create_index p USING (pid)
      WHERE a.datname = current_database() AND a.application_name ~ '^kei/' AND $1::int = ANY (pg_blocking_pids(a.pid))
        AND coalesce(p.phase, 'waiting') ~ '^waiting'`,
    [(holder as Client & { processID: number }).processID],
  )
  return rows[0]?.phase
}
