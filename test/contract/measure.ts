import { setTimeout as delay } from 'node:timers/promises'
import { DatabaseError } from 'pg'
import type { Client } from 'pg'
import { compareLockModes, lockModeFromCatalog } from '../../src/findings/lock-mode.ts'
import type { LockMode } from '../../src/findings/lock-mode.ts'

/** What a real server showed of a statement, on relations that were there before it, by their names of then. */
export interface Measurement {
  /** Strongest mode held on each relation when the statement had run; outside a block also what it waited for. */
  locks: Record<string, LockMode>
  /** Tables and materialized views with new storage, by name; not those that were emptied. */
  rewrites: string[]
  /** Tables of which the server counted a sequential scan, by name. */
  scans: string[]
}

/**
 * Runs a statement and says what it did: in a transaction, or parked where the server refuses it in one.
 * @throws DatabaseError when it fails.
 */
export async function measure(client: Client, statement: string, connect: () => Promise<Client>): Promise<Measurement> {
  try {
    return await measureInTransaction(client, statement)
  } catch (error) {
    if (!(error instanceof DatabaseError) || error.code !== refusedInTransaction) throw error
    await client.query('ROLLBACK')
    return measureParked(client, statement, connect)
  }
}

/** The SQLSTATE with which the statement fails; undefined when it succeeds. */
export async function failureOf(client: Client, statement: string): Promise<string | undefined> {
  try {
    await client.query(statement)
    return undefined
  } catch (error) {
    if (error instanceof DatabaseError) return error.code
    throw error
  } finally {
    await client.query('ROLLBACK')
  }
}

const refusedInTransaction = '25001'

interface RelationState {
  oid: string
  name: string
  kind: string
  storage: string | null
  isEmpty: boolean
  scans: string
}

interface RelationLockRow {
  oid: string | null
  mode: string
  granted: boolean
}

// Oids below 16384 are the system's own. One of the two counters holds what the session has not handed over yet.
const relationStates = `
  SELECT c.oid::text, pg_catalog.format('%I.%I', n.nspname, c.relname) AS name, c.relkind AS kind,
    pg_catalog.pg_relation_filenode(c.oid)::text AS storage, pg_catalog.pg_relation_size(c.oid) = 0 AS "isEmpty",
    (pg_catalog.pg_stat_get_numscans(c.oid) + pg_catalog.pg_stat_get_xact_numscans(c.oid))::text AS scans
  FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  WHERE c.oid >= 16384 AND n.nspname <> 'pg_toast'
  ORDER BY 2`

const locksOfSession = `SELECT l.relation::text AS oid, l.mode, l.granted FROM pg_catalog.pg_locks l WHERE l.pid = $1`

type RelationStates = ReadonlyMap<string, RelationState>

async function statesOf(client: Client): Promise<RelationStates> {
  const { rows } = await client.query<RelationState>(relationStates)
  return new Map(rows.map((row) => [row.oid, row]))
}

async function pidOf(client: Client): Promise<number | undefined> {
  const { rows } = await client.query<{ pid: number }>('SELECT pg_catalog.pg_backend_pid() AS pid')
  return rows[0]?.pid
}

async function measureInTransaction(client: Client, statement: string): Promise<Measurement> {
  const [only] = await measureTransaction(client, [statement])
  return only as Measurement
}

/**
 * Runs statements in one transaction and commits it. What is said of each are its own rewrites and scans, and all locks
 * that the transaction holds on what was there before it.
 * @throws DatabaseError when one fails; the transaction is then still open.
 */
export async function measureTransaction(client: Client, statements: readonly string[]): Promise<Measurement[]> {
  await client.query('BEGIN')
  const there = await statesOf(client)
  const pid = await pidOf(client)
  const measured: Measurement[] = []
  let before = there
  for (const statement of statements) {
    await client.query(statement)
    const after = await statesOf(client)
    const known = new Map([...before].filter(([oid]) => there.has(oid)))
    measured.push({ locks: strongest(await locksHeld(client, pid), there), ...changes(known, after) })
    before = after
  }
  await client.query('COMMIT')
  return measured
}

async function locksHeld(reader: Client, pid: number | undefined): Promise<RelationLockRow[]> {
  const { rows } = await reader.query<RelationLockRow>({ text: locksOfSession, values: [pid] })
  return rows
}

/** A session in the way of every statement that wants its table. */
interface Parker {
  session: Client
  pid: number | undefined
  /** What it gives back next, one after the other: first locks, then all it has. */
  steps: string[]
}

/**
 * Measures a statement that cannot run in a block. On each table stands a parker, which holds ACCESS EXCLUSIVE, then
 * the modes that let the weaker ones through, then ACCESS SHARE with an old snapshot, as a transaction does that has
 * read it, then nothing. Each time the statement waits for one of them its locks are read, the one it waits for among
 * them, and that parker takes its next step. Only a lock on an index, given back between two waits, could be missed.
 */
async function measureParked(client: Client, statement: string, connect: () => Promise<Client>): Promise<Measurement> {
  const pid = await pidOf(client)
  const watcher = await connect()
  const parkers: Parker[] = []
  try {
    await client.query(handOverCounters)
    const before = await statesOf(watcher)
    for (const relation of before.values()) {
      if (isTable(relation)) parkers.push(await park(await connect(), relation))
    }
    let ended = false
    const running = client.query(statement).finally(() => (ended = true))
    // Whoever waits for it below learns of a failure; until then it must not count as unhandled.
    running.catch(() => undefined)
    const seen: RelationLockRow[] = []
    while (!ended) {
      const rows = await locksHeld(watcher, pid)
      if (rows.some((row) => !row.granted)) {
        seen.push(...rows)
        await letPass(watcher, pid, parkers)
      } else {
        await delay(1)
      }
    }
    await running
    for (const { session } of parkers) await session.query('ROLLBACK')
    await client.query(handOverCounters)
    return { locks: strongest(seen, before), ...changes(before, await statesOf(watcher)) }
  } finally {
    await Promise.all([watcher, ...parkers.map((parker) => parker.session)].map((session) => session.end()))
  }
}

/** Once the session is idle others can read its scan counters. */
const handOverCounters = 'SELECT pg_catalog.pg_stat_force_next_flush()'

async function park(session: Client, { name, kind }: RelationState): Promise<Parker> {
  await session.query('BEGIN ISOLATION LEVEL REPEATABLE READ')
  // Planning locks the indexes as reading does, and counts no scan.
  await session.query(`EXPLAIN SELECT FROM ONLY ${name}`)
  // LOCK TABLE takes no materialized view.
  const modes = kind === 'm' ? [] : ['SHARE UPDATE EXCLUSIVE', 'EXCLUSIVE', 'ACCESS EXCLUSIVE']
  const steps = ['ROLLBACK']
  for (const [depth, mode] of modes.entries()) {
    await session.query(`SAVEPOINT s${depth}; LOCK TABLE ONLY ${name} IN ${mode} MODE`)
    steps.unshift(`ROLLBACK TO SAVEPOINT s${depth}`)
  }
  return { session, pid: await pidOf(session), steps }
}

async function letPass(watcher: Client, pid: number | undefined, parkers: readonly Parker[]): Promise<void> {
  const { rows } = await watcher.query<{ pids: number[] }>({
    text: 'SELECT pg_catalog.pg_blocking_pids($1) AS pids',
    values: [pid],
  })
  const parker = parkers.find((each) => each.pid !== undefined && rows[0]?.pids.includes(each.pid) === true)
  const step = parker?.steps.shift()
  if (step !== undefined) await parker?.session.query(step)
}

function isTable({ kind }: RelationState): boolean {
  return kind === 'r' || kind === 'p' || kind === 'm'
}

function changes(before: RelationStates, after: RelationStates): Pick<Measurement, 'rewrites' | 'scans'> {
  const changed = (test: (was: RelationState, is: RelationState) => boolean) =>
    [...before.values()].filter(isTable).flatMap((was) => {
      const is = after.get(was.oid)
      // What empties a table gives it new storage too, and building its indexes anew counts as a scan.
      const isEmptied = !was.isEmpty && is?.isEmpty === true
      return is !== undefined && !isEmptied && test(was, is) ? [was.name] : []
    })
  return {
    rewrites: changed((was, is) => was.storage !== is.storage),
    scans: changed((was, is) => Number(is.scans) > Number(was.scans)),
  }
}

function strongest(rows: readonly RelationLockRow[], there: RelationStates): Record<string, LockMode> {
  const locks: Record<string, LockMode> = {}
  for (const { oid, mode } of rows) {
    const name = oid === null ? undefined : there.get(oid)?.name
    const known = lockModeFromCatalog(mode)
    if (name === undefined || known === undefined) continue
    const before = locks[name]
    if (before === undefined || compareLockModes(known, before) > 0) locks[name] = known
  }
  return locks
}
