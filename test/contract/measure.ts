import { setTimeout as delay } from 'node:timers/promises'
import { DatabaseError } from 'pg'
import type { Client } from 'pg'
import { compareLockModes, lockModeFromCatalog } from '../../src/findings/lock-mode.ts'
import type { LockMode } from '../../src/findings/lock-mode.ts'
import { quoteIdentifier } from '../../src/sql/identifier.ts'
import { loadParser } from '../../src/sql/parse.ts'
import { statementOf } from '../../src/sql/statement.ts'
import type { Statement } from '../../src/sql/statement.ts'
import { behaviourOf } from '../../src/sql/transactions.ts'

/** What a real server showed of a statement, on relations that were there before it. */
export interface Measurement {
  /** Strongest mode held on each table and index when the statement had run, or while it waited. */
  locks: Record<string, LockMode>
  /** Tables with new storage. Undefined where it was not read. */
  rewrites?: string[]
  /** Tables read from end to end. Undefined where it was not read. */
  scans?: string[]
}

const parser = await loadParser()

/** Runs a statement as its transaction behaviour demands and says what it did. */
export async function measure(client: Client, statement: string, connect: () => Promise<Client>): Promise<Measurement> {
  const parsed = parser.parse(statement)
  if (parsed.kind !== 'parsed') throw new Error(`${parsed.message}: ${statement}`)
  const [only] = parsed.statements
  return only !== undefined && behaviourOf(only) === 'outside'
    ? measureParked(client, only, connect)
    : measureInTransaction(client, statement)
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

interface TableState {
  name: string
  storage: string | null
  scans: string
}

// Oids below 16384 are the system's own.
const tableStates = `
  SELECT pg_catalog.format('%I.%I', n.nspname, c.relname) AS name, pg_catalog.pg_relation_filenode(c.oid)::text AS storage,
    pg_catalog.pg_stat_get_xact_numscans(c.oid)::text AS scans
  FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  WHERE c.oid >= 16384 AND c.relkind IN ('r', 'p', 'm') AND n.nspname !~ '^pg_'`

const heldLocks = `
  SELECT pg_catalog.format('%I.%I', n.nspname, c.relname) AS name, l.mode
  FROM pg_catalog.pg_locks l JOIN pg_catalog.pg_class c ON c.oid = l.relation
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  WHERE l.pid = $1 AND l.granted AND l.locktype = 'relation' AND l.relation >= 16384
    AND l.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())`

const waitingLocks = `${heldLocks} AND EXISTS (SELECT FROM pg_catalog.pg_locks w WHERE w.pid = $1 AND NOT w.granted)`

const relationNames = `
  SELECT pg_catalog.format('%I.%I', n.nspname, c.relname) AS name
  FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE c.oid >= 16384`

async function measureInTransaction(client: Client, statement: string): Promise<Measurement> {
  await client.query('BEGIN')
  const there = await namesOf(client)
  const before = await states(client)
  await client.query(statement)
  const after = await states(client)
  const pid = await client.query<{ pid: number }>('SELECT pg_catalog.pg_backend_pid() AS pid')
  const { rows } = await client.query<{ name: string; mode: string }>({ text: heldLocks, values: [pid.rows[0]?.pid] })
  await client.query('COMMIT')
  const changed = (test: (was: TableState, is: TableState) => boolean) =>
    [...before].flatMap(([name, was]) => {
      const is = after.get(name)
      return is !== undefined && test(was, is) ? [name] : []
    })
  return {
    locks: strongest(rows, there),
    rewrites: changed((was, is) => was.storage !== is.storage),
    scans: changed((was, is) => Number(is.scans) > Number(was.scans)),
  }
}

async function namesOf(client: Client): Promise<Set<string>> {
  const { rows } = await client.query<{ name: string }>(relationNames)
  return new Set(rows.map((row) => row.name))
}

async function states(client: Client): Promise<Map<string, TableState>> {
  const { rows } = await client.query<TableState>(tableStates)
  return new Map(rows.map((row) => [row.name, row]))
}

/**
 * Reads the locks of a statement that cannot run in a block, while it waits for a transaction that has an older
 * snapshot and an ACCESS SHARE lock on its table.
 */
async function measureParked(
  client: Client,
  statement: Statement,
  connect: () => Promise<Client>,
): Promise<Measurement> {
  const relation = statementOf(statement, 'IndexStmt')?.relation
  if (relation?.relname === undefined) throw new Error(`nothing to park on: ${statement.text}`)
  const table = quoteIdentifier(relation.relname)
  const { rows: pids } = await client.query<{ pid: number }>('SELECT pg_catalog.pg_backend_pid() AS pid')
  const there = await namesOf(client)
  const [parker, watcher] = await Promise.all([connect(), connect()])
  try {
    await parker.query(
      `BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1; LOCK TABLE ONLY public.${table} IN ACCESS SHARE MODE`,
    )
    const running = client.query(statement.text)
    // Whoever waits for it below learns of a failure; until then it must not count as unhandled.
    running.catch(() => undefined)
    const locks = await Promise.race([locksWhileWaiting(watcher, pids[0]?.pid, there), running.then(() => ({}))])
    await parker.query('ROLLBACK')
    await running
    return { locks }
  } finally {
    await Promise.all([parker.end(), watcher.end()])
  }
}

/** Polls until the session waits for a lock, and says what it holds then. Ends with the watcher's session. */
async function locksWhileWaiting(
  watcher: Client,
  pid: number | undefined,
  there: ReadonlySet<string>,
): Promise<Record<string, LockMode>> {
  for (;;) {
    const { rows } = await watcher.query<{ name: string; mode: string }>({ text: waitingLocks, values: [pid] })
    if (rows.length > 0) return strongest(rows, there)
    await delay(2)
  }
}

function strongest(
  rows: readonly { name: string; mode: string }[],
  there: ReadonlySet<string>,
): Record<string, LockMode> {
  const locks: Record<string, LockMode> = {}
  for (const { name, mode } of rows.filter((row) => there.has(row.name))) {
    const known = lockModeFromCatalog(mode)
    const before = locks[name]
    if (known !== undefined && (before === undefined || compareLockModes(known, before) > 0)) locks[name] = known
  }
  return locks
}
