import type { Node } from '@pgsql/types'
import { escapeIdentifier } from 'pg'
import { compareLockModes, lockModeFromCatalog } from '../findings/lock-mode.ts'
import type { LockMode } from '../findings/lock-mode.ts'
import { nodeOf, statementOf } from '../sql/statement.ts'
import type { NodeTag, Statement } from '../sql/statement.ts'
import type { HeldLock } from './event.ts'
import type { Sent } from './pipeline.ts'

/**
 * Readings of one transaction. Each looks at the locks of the whole server: 0.3 ms on a quiet one, 5 ms when the
 * transaction itself holds a thousand. In a long file they are spread, and a lock counts from the reading before.
 */
const mostReadings = 16

/** Statements that take no lock on an older relation that keeps anybody from reading or writing rows. */
const withoutLocks: ReadonlySet<NodeTag> = new Set<NodeTag>([
  'AlterEnumStmt',
  'AlterFunctionStmt',
  'CompositeTypeStmt',
  'CreateDomainStmt',
  'CreateEnumStmt',
  'CreateFunctionStmt',
  'CreateRangeStmt',
  'CreateSchemaStmt',
  'DeleteStmt',
  'GrantStmt',
  'InsertStmt',
  'UpdateStmt',
  'VariableSetStmt',
])

/**
 * Behind which of the statements (indexes into the list) the locks of their transaction are to be read. The last
 * reading comes before the transaction's end, whatever the last statement is.
 */
export function readingPlaces(statements: readonly Statement[]): Set<number> {
  const taking = statements.flatMap((statement, index) => (withoutLocks.has(statement.tag) ? [] : [index]))
  const stride = Math.ceil(taking.length / mostReadings)
  return new Set(taking.filter((_, place) => (place + 1) % stride === 0 || place === taking.length - 1))
}

/** Reads the server's clock; after COMMIT, where the time ends. */
export const clockReading: Sent = {
  text: `SELECT pg_catalog.date_part('epoch', pg_catalog.clock_timestamp()) AS at`,
  rows: true,
}

/**
 * Reads where the time begins, and the names of what the statements drop, partitions and all of a schema included: a
 * dropped relation has none left for `lockReading`.
 */
export function firstReading(statements: readonly Statement[]): Sent {
  const drops = statements.map((statement) => statementOf(statement, 'DropStmt')).filter((drop) => drop !== undefined)
  if (drops.length === 0) return clockReading
  const named = (isWanted: (type: string) => boolean) =>
    drops.filter((drop) => isWanted(drop.removeType ?? '')).flatMap((drop) => (drop.objects ?? []).map(namesOf))
  return {
    text: `WITH RECURSIVE named (oid) AS (
  SELECT pg_catalog.to_regclass(name)::pg_catalog.oid FROM pg_catalog.unnest($1::pg_catalog.text[]) AS name
  UNION SELECT i.inhrelid FROM named JOIN pg_catalog.pg_inherits AS i ON i.inhparent = named.oid
) SELECT pg_catalog.date_part('epoch', pg_catalog.clock_timestamp()) AS at,
  (SELECT pg_catalog.json_agg(pg_catalog.json_build_array(c.oid::pg_catalog.text, pg_catalog.format('%I.%I', n.nspname, c.relname)))
   FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
   WHERE c.relkind IN ('r', 'p', 'm', 'f', 'v') AND (c.oid IN (SELECT oid FROM named) OR n.nspname = ANY ($2::pg_catalog.text[]))) AS names`,
    values: [
      named((type) => relationTypes.has(type)).map((names) => names.map((name) => escapeIdentifier(name)).join('.')),
      named((type) => type === 'OBJECT_SCHEMA').map(([name]) => name),
    ],
    rows: true,
  }
}

const relationTypes: ReadonlySet<string> = new Set([
  'OBJECT_TABLE',
  'OBJECT_VIEW',
  'OBJECT_MATVIEW',
  'OBJECT_FOREIGN_TABLE',
])

/** The parts of a name: a schema's stands alone in the tree. */
function namesOf(object: Node): string[] {
  return (nodeOf(object, 'List')?.items ?? [object]).map((item) => nodeOf(item, 'String')?.sval ?? '')
}

/**
 * The table-level locks of SHARE UPDATE EXCLUSIVE and stronger that the transaction holds on tables and views of the
 * user's. Weaker ones keep nobody waiting but those who change a schema.
 *
 * `older` tells those that were there before the transaction: of a relation that it made, every row of the catalog is
 * its own; of one that it alters, not those of the system columns or of a view's columns.
 */
export const lockReading: Sent = {
  text: `SELECT pg_catalog.date_part('epoch', pg_catalog.clock_timestamp()) AS at,
  (SELECT pg_catalog.json_agg(pg_catalog.json_build_array(l.relation::pg_catalog.text, l.mode,
      CASE WHEN c.oid IS NOT NULL THEN pg_catalog.format('%I.%I', n.nspname, c.relname) END,
      c.oid IS NULL OR c.xmin <> x.own OR EXISTS (
        SELECT FROM pg_catalog.pg_attribute AS a WHERE a.attrelid = c.oid AND a.xmin <> x.own)))
   FROM pg_catalog.pg_locks AS l
     CROSS JOIN (SELECT pg_catalog.pg_current_xact_id()::pg_catalog.xid AS own) AS x
     LEFT JOIN pg_catalog.pg_class AS c ON c.oid = l.relation
     LEFT JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
   WHERE l.pid = pg_catalog.pg_backend_pid() AND l.locktype = 'relation' AND l.relation >= '16384'::pg_catalog.oid AND l.granted
     AND l.mode IN ('ShareUpdateExclusiveLock', 'ShareLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock')
     AND (c.oid IS NULL OR c.relkind IN ('r', 'p', 'm', 'f', 'v'))) AS locks`,
  rows: true,
}

type RawLock = [relation: string, mode: string, name: string | null, older: boolean]

/**
 * How long each relation was locked, the longest first.
 * @param readings the rows of a `firstReading`, then of `lockReading`s, then of a `clockReading` after the COMMIT
 */
export function heldLocks(readings: readonly Record<string, unknown>[]): HeldLock[] {
  const end = Number(readings.at(-1)?.['at'] ?? 0)
  const names = new Map((readings[0]?.['names'] ?? []) as [relation: string, name: string][])
  const since = new Map<string, Map<LockMode, number>>()
  for (const [index, reading] of readings.entries()) {
    const before = Number(readings[Math.max(0, index - 1)]?.['at'] ?? 0)
    for (const [relation, catalogMode, name, older] of (reading['locks'] ?? []) as RawLock[]) {
      const mode = lockModeFromCatalog(catalogMode)
      if (mode === undefined || !older) continue
      if (name !== null) names.set(relation, name)
      const modes = since.get(relation) ?? new Map<LockMode, number>()
      if (!modes.has(mode)) modes.set(mode, before)
      since.set(relation, modes)
    }
  }
  const held: HeldLock[] = []
  for (const [relation, modes] of since) {
    // An index that was dropped, a table that was also made here: nobody could have waited for it by name.
    const name = names.get(relation)
    if (name === undefined) continue
    for (const [mode, from] of modes) {
      // A weaker lock that came later, or with a stronger one, adds nothing to it.
      const isCovered = [...modes].some(([other, start]) => compareLockModes(other, mode) > 0 && start <= from)
      if (!isCovered) held.push({ relation: name, mode, milliseconds: Math.round((end - from) * 1e6) / 1000 })
    }
  }
  return held.sort((a, b) => b.milliseconds - a.milliseconds)
}
