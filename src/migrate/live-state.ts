import type { Client } from 'pg'
import { KeiError } from '../errors.ts'
import { lockModeFromCatalog, lockModesConflict } from '../findings/lock-mode.ts'
import type { RelationLock } from '../findings/lock-mode.ts'
import { redactSql } from '../sql/redact.ts'
import type { Blocker } from './event.ts'
import { readOnly } from '../postgres/read-only.ts'

/** What there is in a database now of what a run is going to meet. */
export interface LiveState {
  /** Locks that the run would wait for, the oldest transaction first. */
  inTheWay: LockHolder[]
  /** The sessions with the oldest open transactions in the database, at most five: CONCURRENTLY waits for them. */
  oldestTransactions: Blocker[]
  /** Relations that are locked against writers, rewritten or read from end to end. */
  sizes: RelationSize[]
  notices: string[]
}

/** A session that holds, or waits in the queue for, a lock that conflicts with the run's. */
export interface LockHolder extends RelationLock, Blocker {
  granted: boolean
}

export interface RelationSize {
  relation: string
  /** Main storage, without indexes and TOAST; of a partitioned table its partitions'. */
  bytes: number
  /** The planner's estimate; absent when a part of it was never analyzed. */
  rows?: number
}

/** How many characters of a session's query are shown. */
const queryLength = 200

/**
 * Looks at the relations that a run is going to lock and at those whose size decides how long it takes. Takes no lock
 * but ACCESS SHARE, and that only on relations that nobody has or wants ACCESS EXCLUSIVE on.
 * @param locks the strongest lock that the run takes on each relation
 */
export async function readLiveState(
  client: Client,
  locks: readonly RelationLock[],
  measured: readonly string[],
): Promise<LiveState> {
  const notices: string[] = []
  const wanted = new Map(locks.map(({ relation, mode }) => [relation, mode]))
  const { holders, oldestTransactions } = await readOnly(client, async () => ({
    holders: await client.query<RawHolder>(holdersQuery, [[...wanted.keys()]]),
    oldestTransactions: await client.query<RawSession & { hidden: number }>(transactionsQuery),
  }))

  const inTheWay: LockHolder[] = []
  for (const row of holders.rows) {
    const mode = lockModeFromCatalog(row.mode)
    const want = wanted.get(row.relation)
    if (mode === undefined || want === undefined || !lockModesConflict(mode, want)) continue
    if (row.pid === null) {
      notices.push(`A prepared transaction holds ${mode} on ${row.relation}: see pg_prepared_xacts.`)
      continue
    }
    inTheWay.push({ relation: row.relation, mode, granted: row.granted, ...sessionOf(row) })
  }
  inTheWay.sort((a, b) => b.age - a.age || a.pid - b.pid || (a.relation < b.relation ? -1 : 1))

  const hidden = oldestTransactions.rows[0]?.hidden ?? 0
  if (hidden > 0) {
    notices.push(
      `${hidden} ${hidden === 1 ? 'session' : 'sessions'} of other roles cannot be seen into: ` +
        'GRANT pg_read_all_stats to the role that looks.',
    )
  }
  return {
    inTheWay,
    oldestTransactions: oldestTransactions.rows.flatMap((row) => (row.pid === null ? [] : [sessionOf(row)])),
    sizes: await readSizes(client, measured, notices),
    notices,
  }
}

async function readSizes(client: Client, relations: readonly string[], notices: string[]): Promise<RelationSize[]> {
  if (relations.length === 0) return []
  try {
    const { rows } = await readOnly(client, () =>
      client.query<{ relation: string; bytes: string; rows: number | null }>(sizesQuery, [relations]),
    )
    return rows.map(({ relation, bytes, rows: estimate }) => ({
      relation,
      bytes: Number(bytes),
      ...(estimate !== null && { rows: Math.round(estimate) }),
    }))
  } catch (error) {
    if (!(error instanceof KeiError)) throw error
    notices.push(`Sizes are not known. ${error.message}`)
    return []
  }
}

interface RawSession {
  pid: number | null
  user: string | null
  application: string | null
  state: string | null
  query: string | null
  age: number | null
}

interface RawHolder extends RawSession {
  relation: string
  mode: string
  granted: boolean
}

function sessionOf({ pid, user, application, state, query, age }: RawSession): Blocker {
  return {
    pid: pid ?? 0,
    user: user ?? '',
    application: application ?? '',
    query: redactSql(query ?? '').slice(0, queryLength),
    state: state ?? '',
    age: age ?? 0,
  }
}

const session = `a.pid, a.usename as user, a.application_name as application, a.state, left(a.query, 4000) as query,
  greatest(0, extract(epoch from now() - coalesce(a.xact_start, a.query_start)))::float8 as age`

/** Names that mean nothing here are relations that the run itself makes or renames. */
const holdersQuery = `
select w.name as relation, l.mode, l.granted, ${session.replace('a.pid', 'l.pid')}
from unnest($1::text[]) w(name)
join pg_locks l on l.locktype = 'relation' and l.relation = to_regclass(w.name)
  and l.database = (select oid from pg_database where datname = current_database())
left join pg_stat_activity a on a.pid = l.pid
where l.pid is distinct from pg_backend_pid()
order by w.name, l.pid`

const transactionsQuery = `
select o.*, h.hidden::int as hidden
from (select count(*) as hidden from pg_stat_activity
  where datname = current_database() and query = '<insufficient privilege>') h
left join lateral (select ${session} from pg_stat_activity a
  where a.datname = current_database() and a.backend_type = 'client backend' and a.xact_start is not null
    and a.pid <> pg_backend_pid()
  order by a.xact_start limit 5) o on true`

const sizesQuery = `
with recursive part as (
  select w.name, c.oid from unnest($1::text[]) w(name) join pg_class c on c.oid = to_regclass(w.name)
  union
  select p.name, i.inhrelid from part p join pg_inherits i on i.inhparent = p.oid
)
select p.name as relation,
  sum(case when l.busy then c.relpages::int8 * current_setting('block_size')::int8 else pg_relation_size(c.oid) end)::text
    as bytes,
  case when bool_or(c.reltuples < 0) then null else sum(c.reltuples::float8) end as rows
from part p join pg_class c on c.oid = p.oid and c.relkind in ('r', 'm', 'i', 't')
cross join lateral (select exists (select from pg_locks where relation = c.oid
  and database = (select oid from pg_database where datname = current_database())
  and mode = 'AccessExclusiveLock') as busy) l
group by p.name order by p.name`
