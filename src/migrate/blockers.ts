import { escapeIdentifier } from 'pg'
import type { Client } from 'pg'
import { redactSql } from '../sql/redact.ts'
import type { Blocker } from './event.ts'

/** Characters of a query that are shown. */
const shownQuery = 200

/**
 * Who keeps the session of the server process `pid` waiting, by PostgreSQL's own judgement; none when it does not wait.
 * The query of another role's session is only shown with the rights of pg_read_all_stats.
 */
export async function blockersOf(control: Client, pid: number): Promise<Blocker[]> {
  return (await readWait(control, pid)).blockers
}

/** What a session waits for. */
export interface Wait {
  /** Relations whose lock it waits for; none where it waits for a row or a transaction. */
  relations: string[]
  blockers: Blocker[]
}

/**
 * What the session of the server process `pid` waits for, and who is in its way. PostgreSQL's judgement stops all
 * locking for a moment, so it is only asked about a session that does wait for a lock, or hides its state from this role.
 */
export async function readWait(control: Client, pid: number): Promise<Wait> {
  const { rows } = await control.query<{ relations: string[]; blockers: RawBlocker[] | null }>(
    `SELECT ARRAY(SELECT DISTINCT l.relation::pg_catalog.regclass::pg_catalog.text FROM pg_catalog.pg_locks AS l
                  WHERE l.pid = waiting.pid AND NOT l.granted AND l.relation IS NOT NULL) AS relations,
            (SELECT pg_catalog.json_agg(${blockerOf('a', 'b.pid')})
             FROM (SELECT DISTINCT pid FROM pg_catalog.unnest(pg_catalog.pg_blocking_pids(waiting.pid)) AS pid) AS b
               LEFT JOIN pg_catalog.pg_stat_activity AS a ON a.pid = b.pid) AS blockers
     FROM pg_catalog.pg_stat_get_activity($1) AS waiting
     WHERE waiting.wait_event_type = 'Lock' OR waiting.state IS NULL`,
    [pid],
  )
  const { relations = [], blockers = null } = rows[0] ?? {}
  return { relations, blockers: (blockers ?? []).map(blocker) }
}

/**
 * Transactions that began more than `age` milliseconds ago and hold a lock on one of the relations, which are named as
 * in a `SchemaText`: what a strong lock on them would wait for. Sessions of `except` do not count.
 */
export async function longHolders(
  control: Client,
  relations: readonly string[],
  age: number,
  except: readonly number[],
): Promise<Wait> {
  const { rows } = await control.query<{ relations: string[] | null; blockers: RawBlocker[] | null }>(
    `SELECT pg_catalog.json_agg(DISTINCT h.name) AS relations,
            (SELECT pg_catalog.json_agg(DISTINCT pg_catalog.jsonb_build_array(${blockerFields('s', 's.pid')}))
             FROM pg_catalog.pg_stat_activity AS s WHERE s.pid = ANY (pg_catalog.array_agg(h.pid))) AS blockers
     FROM (
       SELECT l.pid, CASE n.nspname WHEN 'public' THEN c.relname ELSE pg_catalog.concat(n.nspname, '.', c.relname) END AS name
       FROM pg_catalog.pg_locks AS l
         JOIN pg_catalog.pg_stat_activity AS a ON a.pid = l.pid
         JOIN pg_catalog.pg_class AS c ON c.oid = l.relation
         JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
       WHERE l.locktype = 'relation' AND l.granted AND l.pid <> ALL ($3::pg_catalog.int4[]) AND l.pid <> pg_catalog.pg_backend_pid()
         AND a.xact_start < pg_catalog.clock_timestamp() - pg_catalog.make_interval(secs => $2::pg_catalog.float8)
     ) AS h
     WHERE h.name = ANY ($1::pg_catalog.text[])`,
    [relations, age / 1000, except],
  )
  const found = rows[0]
  return { relations: found?.relations ?? [], blockers: (found?.blockers ?? []).map(blocker) }
}

/**
 * The server process whose transaction holds the fence of kei's schema: behind a pooler, the one that the runner's
 * transaction is with now.
 */
export async function transactionProcess(control: Client, schema: string): Promise<number | undefined> {
  const { rows } = await control.query<{ pid: number }>(
    `SELECT l.pid FROM pg_catalog.pg_locks AS l
     WHERE l.relation = pg_catalog.to_regclass($1) AND l.mode = 'RowShareLock' AND l.granted
       AND l.database = (SELECT d.oid FROM pg_catalog.pg_database AS d WHERE d.datname = pg_catalog.current_database())`,
    [`${escapeIdentifier(schema)}.fence`],
  )
  return rows[0]?.pid
}

type RawBlocker = [
  pid: number,
  user: string | null,
  application: string | null,
  query: string | null,
  state: string | null,
  age: number | null,
]

function blockerOf(activity: string, pid: string): string {
  return `pg_catalog.json_build_array(${blockerFields(activity, pid)})`
}

function blockerFields(activity: string, pid: string): string {
  return (
    `${pid}, ${activity}.usename, ${activity}.application_name, pg_catalog.left(${activity}.query, 4000), ` +
    `${activity}.state, pg_catalog.date_part('epoch', ` +
    `pg_catalog.clock_timestamp() - COALESCE(${activity}.xact_start, ${activity}.query_start))`
  )
}

function blocker([pid, user, application, query, state, age]: RawBlocker): Blocker {
  return {
    pid,
    user: user ?? '',
    application: application ?? '',
    query: shownText(pid, query),
    state: state ?? '',
    age: Math.round((age ?? 0) * 10) / 10,
  }
}

function shownText(pid: number, query: string | null): string {
  // Source: PostgreSQL manual, pg_blocking_pids
  if (pid === 0) return 'a prepared transaction: SELECT * FROM pg_prepared_xacts shows it'
  if (query === null || query === '<insufficient privilege>')
    return 'not shown to this role: GRANT pg_read_all_stats would'
  const line = redactSql(query).replace(/\s+/g, ' ').trim()
  return line.length > shownQuery ? `${line.slice(0, shownQuery - 1)}…` : line
}
