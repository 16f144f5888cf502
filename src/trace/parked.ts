import { setTimeout as delay } from 'node:timers/promises'
import type { Client } from 'pg'
import { lockModeFromCatalog, compareLockModes } from '../findings/lock-mode.ts'
import type { RelationLock } from '../findings/lock-mode.ts'
import { quoteIdentifier } from '../sql/identifier.ts'
import { nodeOf, statementOf } from '../sql/statement.ts'
import type { Statement } from '../sql/statement.ts'
import type { TableBehind } from './recorder.ts'

/** The table or index that a CREATE, DROP or REINDEX … CONCURRENTLY names, as written; undefined for all others. */
export function parkTarget(statement: Statement): string | undefined {
  const index = statementOf(statement, 'IndexStmt')
  if (index?.concurrent === true) return quoted(index.relation)
  const drop = statementOf(statement, 'DropStmt')
  if (drop?.concurrent === true) {
    const names = nodeOf(drop.objects?.[0], 'List')?.items ?? []
    return names
      .flatMap((name) => nodeOf(name, 'String')?.sval ?? [])
      .map(quoteIdentifier)
      .join('.')
  }
  return quoted(statementOf(statement, 'ReindexStmt')?.relation) || undefined
}

/**
 * Locks of statements that cannot be seen while they wait, or do not wait: PostgreSQL manual, "Explicit Locking" and
 * "ALTER TABLE". Names are as written.
 */
export function documentedLocks(statement: Statement): RelationLock[] {
  const vacuum = statementOf(statement, 'VacuumStmt')
  if (vacuum?.is_vacuumcmd === true) {
    const full = (vacuum.options ?? []).some((option) => nodeOf(option, 'DefElem')?.defname === 'full')
    return (vacuum.rels ?? []).flatMap((rel) => {
      const relation = nodeOf(rel, 'VacuumRelation')?.relation
      return {
        relation: quoted(relation),
        mode: full ? ('ACCESS EXCLUSIVE' as const) : ('SHARE UPDATE EXCLUSIVE' as const),
      }
    })
  }
  const alter = statementOf(statement, 'AlterTableStmt')
  for (const command of alter?.cmds ?? []) {
    const fields = nodeOf(command, 'AlterTableCmd')
    if (fields?.subtype !== 'AT_DetachPartition') continue
    const partition = nodeOf(fields.def, 'PartitionCmd')?.name
    return [
      { relation: quoted(alter?.relation), mode: 'SHARE UPDATE EXCLUSIVE' },
      { relation: quoted(partition), mode: 'ACCESS EXCLUSIVE' },
    ]
  }
  return []
}

/**
 * Runs `work` while a transaction of `superuser` with an old snapshot and an ACCESS SHARE lock on the table makes it
 * wait, reads the locks that it then holds, and lets it go on. Empty when it ended without waiting.
 *
 * A materialized view cannot be locked by LOCK TABLE; the snapshot alone parks all but DROP INDEX.
 */
export async function runParked<T>(
  superuser: Client,
  table: TableBehind | undefined,
  pid: number,
  work: () => Promise<T>,
): Promise<{ result: T; locks: RelationLock[] }> {
  const lockable = table !== undefined && (table.kind === 'r' || table.kind === 'p')
  const lock = lockable ? `; lock table only ${table.name} in access share mode` : ''
  try {
    await superuser.query(`begin isolation level repeatable read; select 1${lock}`)
    let ended = false
    const running = work().finally(() => (ended = true))
    const locks = await locksOnceWaiting(superuser, pid, () => ended)
    await superuser.query('rollback')
    return { result: await running, locks }
  } catch (error) {
    await superuser.query('rollback')
    throw error
  }
}

async function locksOnceWaiting(superuser: Client, pid: number, ended: () => boolean): Promise<RelationLock[]> {
  for (let round = 0; !ended(); round++) {
    const { rows } = await superuser.query<{ waits: boolean; relation: string | null; mode: string }>({
      name: 'kei_parked',
      text: `select bool_or(not l.granted) over () as waits,
  case when l.granted and l.locktype = 'relation' then l.relation::regclass::text end as relation, l.mode
from pg_locks l left join pg_class c on c.oid = l.relation
where l.pid = $1 and (not l.granted or l.relation >= 16384 and c.relkind in ('r', 'p', 'm', 'i', 'I')
  and c.relnamespace <> 'pg_toast'::regnamespace)`,
      values: [pid],
    })
    if (rows[0]?.waits === true) return strongestOfEach(rows)
    await delay(round < 20 ? 0 : 5)
  }
  return []
}

function strongestOfEach(rows: readonly { relation: string | null; mode: string }[]): RelationLock[] {
  const found = new Map<string, RelationLock>()
  for (const { relation, mode: written } of rows) {
    const mode = lockModeFromCatalog(written)
    // A name made of digits only is an oid: the twin index that REINDEX has not committed yet.
    if (relation === null || mode === undefined || /^\d+$/.test(relation)) continue
    const known = found.get(relation)
    if (known === undefined || compareLockModes(mode, known.mode) > 0) found.set(relation, { relation, mode })
  }
  return [...found.values()].sort((a, b) => (a.relation < b.relation ? -1 : 1))
}

/** A relation of the parse tree as SQL; empty when there is none. */
export function quoted(relation: { schemaname?: string; relname?: string } | undefined): string {
  return [relation?.schemaname, relation?.relname].flatMap((part) => (part ? [quoteIdentifier(part)] : [])).join('.')
}
