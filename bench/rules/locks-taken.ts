import { setTimeout as delay } from 'node:timers/promises'
import type { Client } from 'pg'
import { lockModes } from '../../src/findings/lock-mode.ts'
import type { LockMode } from '../../src/findings/lock-mode.ts'
import type { Statement } from '../../src/sql/statement.ts'
import { measure, measureTransaction } from '../../test/contract/measure.ts'
import type { Measurement } from '../../test/contract/measure.ts'
import { groupsOf, runGroups, statementsOf } from './case-run.ts'
import type { RuleCase } from './case.ts'
import { namedTables } from './named-tables.ts'

/** Opens another session in the case's database. */
export type Connect = () => Promise<Client>

/** Statements that commit together, with what the server showed of each, on what was there before the migration. */
interface Ran {
  statements: readonly Statement[]
  measurements: readonly Measurement[]
  /** Indexes that one of them wrote anew. */
  rebuilt: readonly string[]
  existing: Existing
}

/** Tables, materialized views and indexes by name. */
type Existing = ReadonlyMap<string, ExistingRelation>

interface ExistingRelation {
  oid: string
  name: string
  kind: string
  isEmpty: boolean
  storage: string | null
}

/** What keeps whom waiting while tables are worked through. */
export async function blockedBy(one: RuleCase, client: Client, connect: Connect): Promise<string[]> {
  return (await runMeasured(one, client, connect)).flatMap(blocked)
}

/** What is locked beside the table that a statement is about, or together with another one. */
export async function stalledBy(one: RuleCase, client: Client, connect: Connect): Promise<string[]> {
  return (await runMeasured(one, client, connect)).flatMap(stalled)
}

async function runMeasured(one: RuleCase, client: Client, connect: Connect): Promise<Ran[]> {
  const ran: Ran[] = []
  const existing = await relationsOf(client)
  let before = existing
  for (const { kind, statements } of groupsOf(one)) {
    const texts = statements.map(({ text }) => text)
    const measurements =
      kind === 'transaction' && texts.length > 1
        ? await measureTransaction(client, texts)
        : [await measure(client, texts[0] ?? '', connect)]
    const after = await relationsOf(client)
    ran.push({ statements, measurements, rebuilt: rebuiltIndexes(before, after), existing })
    before = after
  }
  return ran
}

async function relationsOf(client: Client): Promise<Existing> {
  // An index is as empty as its table.
  const { rows } = await client.query<ExistingRelation>(`
    SELECT c.oid::text, format('%I.%I', c.relnamespace::regnamespace, c.relname) AS name, c.relkind AS kind,
      pg_relation_size(coalesce(x.indrelid, c.oid)) = 0 AS "isEmpty", pg_relation_filenode(c.oid)::text AS storage
    FROM pg_class c LEFT JOIN pg_index x ON x.indexrelid = c.oid
    WHERE c.oid >= 16384 AND c.relkind IN ('r', 'p', 'm', 'i', 'I') AND c.relnamespace::regnamespace::text !~ '^pg_'`)
  return new Map(rows.map((relation) => [relation.name, relation]))
}

function rebuiltIndexes(before: Existing, after: Existing): string[] {
  const is = new Map([...after.values()].map((relation) => [relation.oid, relation]))
  return [...before.values()].flatMap(({ oid, name, kind, storage }) => {
    const now = is.get(oid)
    return kind === 'i' && now?.isEmpty === false && now.storage !== storage ? [name] : []
  })
}

/**
 * Tables that others cannot write to while one is read from end to end or it or an index of it is written anew. Of a
 * materialized view and an index only what keeps readers waiting counts; work on an empty table is none.
 */
function blocked({ measurements, rebuilt, existing }: Ran): string[] {
  const isWork = (name: string) => existing.get(name)?.isEmpty === false
  return measurements.flatMap(({ locks, rewrites, scans }, index) => {
    const isLast = index === measurements.length - 1
    const worked = [
      ...rewrites.filter(isWork).map((name) => `rewrites ${name}`),
      ...scans.filter(isWork).map((name) => `reads ${name}`),
      ...(isLast ? rebuilt : []).map((name) => `builds ${name}`),
    ]
    const held = [
      ...locked(locks, 'SHARE', existing, ['r', 'p']),
      ...locked(locks, 'ACCESS EXCLUSIVE', existing, ['m', 'i']),
    ]
    return worked.length === 0 ? [] : held.map(([name, mode]) => `${mode} on ${name}: ${worked.join(', ')}`)
  })
}

/** Tables that a transaction locks though no statement of it is about them, and tables locked for itself together. */
function stalled({ statements, measurements, existing }: Ran): string[] {
  const locks = measurements.at(-1)?.locks ?? {}
  const named = new Set(statements.flatMap(namedTables))
  const isNamed = (name: string) => named.has(name.replace(/^.*\./, ''))
  const unnamed = locked(locks, 'SHARE ROW EXCLUSIVE', existing, ['r', 'p']).filter(([name]) => !isNamed(name))
  const exclusive = locked(locks, 'ACCESS EXCLUSIVE', existing, ['r', 'p', 'm']).map(([name]) => name)
  return [
    ...unnamed.map(([name, mode]) => `${mode} on ${name}, which no statement is about`),
    ...(exclusive.length > 1 ? [`ACCESS EXCLUSIVE on ${exclusive.join(' and ')}`] : []),
  ]
}

/** Relations of some kinds that were there and are locked in a mode or a stronger one. */
function locked(
  locks: Measurement['locks'],
  least: LockMode,
  existing: Existing,
  kinds: readonly string[],
): [string, LockMode][] {
  return Object.entries(locks).filter(
    ([name, mode]) =>
      kinds.includes(existing.get(name)?.kind ?? '') && lockModes.indexOf(mode) >= lockModes.indexOf(least),
  )
}

/** Tables that several statements read or rewrite, each by itself. */
export async function repeatedBy(one: RuleCase, client: Client, connect: Connect): Promise<string[]> {
  const times = new Map<string, number>()
  for (const { text } of statementsOf(one.sql)) {
    const { rewrites, scans } = await measure(client, text, connect)
    for (const name of new Set([...rewrites, ...scans])) times.set(name, (times.get(name) ?? 0) + 1)
  }
  return [...times].flatMap(([name, count]) => (count > 1 ? [`reads ${name} ${count} times`] : []))
}

/** How long a migration may wait for a lock that others then queue behind. */
const patience = 3000

/** Whether the migration still waits for a reader that does not go, after `patience`. */
export async function waitedFor(one: RuleCase, client: Client, connect: Connect): Promise<string[]> {
  const [reader, watcher] = [await connect(), await connect()]
  const { rows: tables } = await client.query<{ name: string }>(
    `SELECT oid::regclass::text AS name FROM pg_class WHERE oid >= 16384 AND relkind IN ('r', 'p')`,
  )
  const { rows: pids } = await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid')
  await reader.query('BEGIN')
  // Whoever reads keeps ACCESS EXCLUSIVE waiting; a writer keeps SHARE ROW EXCLUSIVE waiting too.
  for (const { name } of tables) await reader.query(`LOCK TABLE ${name} IN ROW EXCLUSIVE MODE`)
  let ended = false
  const running = runGroups(one, client)
    .catch(() => undefined)
    .finally(() => (ended = true))
  for (const start = Date.now(); !ended && Date.now() - start < patience;) await delay(20)
  const isWaiting = !ended
  if (isWaiting) await watcher.query({ text: 'SELECT pg_cancel_backend($1)', values: [pids[0]?.pid] })
  await running
  await client.query('ROLLBACK')
  await Promise.all([reader.end(), watcher.end()])
  return isWaiting ? [`still waits after ${patience / 1000} s`] : []
}
