import type { Database } from '../../findings/database.ts'
import { bytesText, countText } from '../health/amounts.ts'
import { daysBetween } from '../figures.ts'
import { defineRule } from '../rule.ts'
import { foreignKeysOf } from '../schema/foreign-keys.ts'
import { byTable } from '../schema/parts-of-table.ts'
import { stateOf } from '../schema/schema-state.ts'
import type { SchemaIndex } from './schema-indexes.ts'
import { indexesOf } from './schema-indexes.ts'

export default defineRule({
  id: 'no-unused-index',
  since: '0.1.0',
  severity: 'note',
  category: 'index',
  subject: 'database',
  about: 'state',
  needs: ['statistics'],
  summary: 'An index that no query has used for as long as the server has counted',
  why:
    'Every INSERT and every UPDATE that is not HOT writes to it, and it takes room on disk, in memory and in backups, for ' +
    'nothing.',
  instead:
    'Drop it. An index of a constraint, a unique one, a replica identity and one that a foreign key needs are not reported: ' +
    'they do their work without being scanned. What runs on standbys is counted there, and what runs once a year may not ' +
    'have run yet; nothing is said before the counters are old enough.',
  examples: [
    {
      title: 'An index that is only written to',
      options: { days: 0, megabytes: 0 },
      setup: 'CREATE TABLE orders (id bigint PRIMARY KEY, note text);',
      bad: 'CREATE INDEX orders_note_idx ON orders (note);\nINSERT INTO orders SELECT n, n FROM generate_series(1, 1000) n;',
      at: 'index public.orders_note_idx',
      good: 'CREATE UNIQUE INDEX orders_note_idx ON orders (note);\nINSERT INTO orders SELECT n, n FROM generate_series(1, 1000) n;',
    },
    {
      title: 'The index of a foreign key is used when customers are deleted',
      options: { days: 0, megabytes: 0 },
      setup:
        'CREATE TABLE customers (id bigint PRIMARY KEY);\nCREATE TABLE orders (id bigint PRIMARY KEY, customer_id bigint REFERENCES customers, placed_on date);',
      bad: 'CREATE INDEX orders_placed_on_idx ON orders (placed_on, customer_id);\nINSERT INTO orders VALUES (1);',
      at: 'index public.orders_placed_on_idx',
      good: 'CREATE INDEX orders_customer_id_idx ON orders (customer_id, placed_on);\nINSERT INTO orders VALUES (1);',
    },
  ],
  sources: ['https://www.postgresql.org/docs/17/monitoring-stats.html#MONITORING-PG-STAT-ALL-INDEXES-VIEW'],
  options: {
    days: { description: 'For so many days the counters must have seen no scan.', default: 30 },
    megabytes: { description: 'Smaller indexes are not reported.', default: 1 },
  },
  claims: [
    {
      says: 'The check of a foreign key counts as a scan of its index; the check of a unique index does not.',
      setup:
        'CREATE TABLE c (id int PRIMARY KEY); CREATE TABLE o (id int UNIQUE, c_id int REFERENCES c); CREATE INDEX o_c_id_idx ON o (c_id); ' +
        'INSERT INTO c SELECT generate_series(1, 1000); INSERT INTO o SELECT g, g FROM generate_series(1, 900) g; ANALYZE c, o; ' +
        'DELETE FROM c WHERE id = 1000; SELECT pg_stat_force_next_flush();',
      statement: 'SELECT 1',
      then: {
        query: "SELECT indexrelname::text, idx_scan::text FROM pg_stat_user_indexes WHERE relname = 'o' ORDER BY 1",
        rows: [
          ['o_c_id_idx', '1'],
          ['o_id_key', '0'],
        ],
      },
    },
  ],
  *check(database, { options }) {
    const days = Number(options['days'])
    const counted = daysBetween(database.statisticsSince, database.readAt)
    if (counted < days) {
      yield { kind: 'unknown', needs: `counters of at least ${days} days: these are of ${counted}` }
      return
    }
    const needed = byTable(foreignKeysOf(stateOf(database)))
    for (const index of indexesOf(stateOf(database))) {
      const unused = unusedSince(database, index, days)
      if (unused === undefined || unused.bytes < Number(options['megabytes']) * 1024 ** 2) continue
      if (needed.get(index.table)?.some(({ columns }) => startsWith(index, columns))) continue
      const name = index.printed ?? index.label
      const table = index.seen?.table ?? index.table
      const { inserts = 0, updates = 0, hotUpdates = 0 } = database.tables.get(table) ?? {}
      yield {
        kind: 'finding',
        message:
          `No query has used ${name} ${unused.since === undefined ? `since the counters began ${counted} days ago` : `for ${unused.since} days`}; ` +
          `it takes ${bytesText(unused.bytes)}`,
        at: { kind: 'object', objectType: 'index', name },
        evidence: [
          {
            kind: 'statistics',
            facts: {
              scans: countText(unused.scans),
              'counting for': `${counted} days`,
              size: bytesText(unused.bytes),
              'writes to it': countText(inserts + updates - hotUpdates),
            },
          },
        ],
        next: `${standbyNote(database)}If nothing seldom needs it, drop it in a migration:\n  DROP INDEX CONCURRENTLY ${name};`,
        identity: name,
        object: name,
      }
    }
    if (database.standby)
      yield { kind: 'unknown', needs: 'the counters of the primary: a standby counts its own queries' }
  },
})

interface Unused {
  bytes: number
  scans: number
  /** Days since the last scan, where there was one. */
  since?: number
}

/** Undefined where it is used, or does its work without being scanned. */
function unusedSince(database: Database, index: SchemaIndex, days: number): Unused | undefined {
  const { seen, shape, ofConstraint } = index
  const own = seen && database.indexes.get(seen.name)
  if (seen === undefined || own === undefined || !seen.valid || shape.unique || ofConstraint) return undefined
  if (own.partOf !== undefined || own.replicaIdentity) return undefined
  // Of a partitioned table's index its parts are scanned, and they are what takes room.
  const all = [own, ...partsOf(database, seen.name)]
  const bytes = all.reduce((sum, each) => sum + each.bytes, 0)
  const scans = all.reduce((sum, each) => sum + each.scans, 0)
  if (scans === 0) return { bytes, scans }
  if (all.some((each) => each.scans > 0 && each.lastScan === undefined)) return undefined
  const since = Math.min(
    ...all.flatMap(({ lastScan }) => (lastScan === undefined ? [] : daysBetween(lastScan, database.readAt))),
  )
  return days > 0 && since >= days ? { bytes, scans, since } : undefined
}

const knownParts = new WeakMap<Database, ReadonlyMap<string, string[]>>()

function partsOf(database: Database, name: string): { bytes: number; scans: number; lastScan?: string }[] {
  let parts = knownParts.get(database)
  if (parts === undefined) {
    const gathered = new Map<string, string[]>()
    for (const [own, { partOf }] of database.indexes) {
      if (partOf !== undefined) gathered.set(partOf, [...(gathered.get(partOf) ?? []), own])
    }
    knownParts.set(database, (parts = gathered))
  }
  return (parts.get(name) ?? []).flatMap((part) => {
    const own = database.indexes.get(part)
    return own === undefined ? [] : [own, ...partsOf(database, part)]
  })
}

function startsWith({ shape }: SchemaIndex, columns: readonly string[]): boolean {
  const first = shape.keys.slice(0, columns.length).map(({ column }) => column)
  return first.length === columns.length && columns.every((column) => first.includes(column))
}

function standbyNote({ standbys }: Database): string {
  if (standbys === 0) return ''
  return `${standbys === 1 ? 'One standby streams' : `${standbys} standbys stream`} from this server: look at pg_stat_user_indexes there too. `
}
