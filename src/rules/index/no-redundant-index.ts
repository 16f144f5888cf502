import type { Database, IndexStatistics } from '../../findings/database.ts'
import type { Evidence } from '../../findings/evidence.ts'
import { bytesText, countText } from '../health/amounts.ts'
import { schemaEvidence } from '../observed.ts'
import type { Verdict } from '../rule.ts'
import { defineRule } from '../rule.ts'
import type { SchemaState } from '../schema/schema-state.ts'
import { stateOf } from '../schema/schema-state.ts'
import { dropIndexRemedy } from './drop-index.ts'
import type { IndexShape } from './index-shape.ts'
import { keysText } from './index-shape.ts'
import type { SchemaIndex } from './schema-indexes.ts'
import { indexesByTable } from './schema-indexes.ts'

export default defineRule({
  id: 'no-redundant-index',
  since: '0.1.0',
  severity: 'warning',
  category: 'index',
  subject: 'history',
  about: 'state',
  needs: ['source', 'trace'],
  summary: 'An index that another one of the same table makes needless: the same one again, or its first columns',
  why:
    'Every INSERT, and every UPDATE that is not HOT, writes to each index of the table, and VACUUM, backups and the ' +
    'cache carry each of them. A B-tree on (customer_id, placed_at) finds a customer’s rows as one on (customer_id) ' +
    'does, so the second is paid for and not needed.',
  instead:
    'Keep the one that does more. Two equal indexes are a warning; an index that is only the first columns of a wider ' +
    'one is a note, since the narrower one is smaller and a hot one may be worth its price. Two indexes are compared ' +
    'with their method, collations, operator classes, directions (one that is another read backwards counts as the ' +
    'same), INCLUDE, WHERE and NULLS NOT DISTINCT; a unique index is needless only beside an equal unique one.',
  examples: [
    {
      title: 'The same index twice',
      setup:
        'CREATE TABLE orders (id bigint PRIMARY KEY, customer_id bigint);\nCREATE INDEX orders_customer_idx ON orders (customer_id);',
      bad: 'CREATE INDEX CONCURRENTLY orders_customer_id_idx ON orders (customer_id);',
      at: 'CREATE INDEX CONCURRENTLY orders_customer_id_idx ON orders (customer_id)',
      good: 'CREATE INDEX CONCURRENTLY orders_open_customer_id_idx ON orders (customer_id) WHERE id > 1000;',
    },
    {
      title: 'An index whose columns another one begins with',
      setup:
        'CREATE TABLE orders (id bigint PRIMARY KEY, customer_id bigint, placed_at timestamptz);\n' +
        'CREATE INDEX orders_customer_idx ON orders (customer_id);',
      bad: 'CREATE INDEX CONCURRENTLY orders_customer_placed_idx ON orders (customer_id, placed_at);',
      at: 'CREATE INDEX CONCURRENTLY orders_customer_placed_idx ON orders (customer_id, placed_at)',
      good: 'CREATE INDEX CONCURRENTLY orders_placed_customer_idx ON orders (placed_at, customer_id);',
    },
    {
      title: 'A unique index beside the unique constraint that already has one',
      bad:
        'CREATE TABLE customers (id bigint PRIMARY KEY, email text UNIQUE);\n' +
        'CREATE UNIQUE INDEX customers_email_idx ON customers (email);',
      at: 'CREATE UNIQUE INDEX customers_email_idx ON customers (email)',
      good:
        'CREATE TABLE customers (id bigint PRIMARY KEY, email text UNIQUE);\n' +
        'CREATE UNIQUE INDEX customers_email_idx ON customers (lower(email));',
    },
  ],
  sources: [
    'https://www.postgresql.org/docs/17/indexes-multicolumn.html',
    'https://www.postgresql.org/docs/17/indexes-ordering.html',
  ],
  options: {},
  changes: {
    objects: [
      'index public.orders_customer_id_idx',
      'index public.orders_customer_idx',
      'index public.customers_email_idx',
    ],
  },
  claims: [
    {
      says: 'An index on (a, b) serves a condition on a alone.',
      setup:
        'CREATE TABLE t (a int, b int, c int); INSERT INTO t SELECT g, g, g FROM generate_series(1, 1000) g; ' +
        'CREATE INDEX ON t (a, b); ANALYZE t;',
      statement: 'SELECT min(c) FROM t WHERE a = 7',
      scans: [],
    },
    {
      says: 'It does not serve a condition on b alone as well: where only b is asked for, its own index is no luxury.',
      setup:
        'CREATE TABLE t (a int, b int, c int); INSERT INTO t SELECT g, g, g FROM generate_series(1, 1000) g; ' +
        'CREATE INDEX ON t (a, b); ANALYZE t;',
      statement: 'SELECT min(c) FROM t WHERE b = 7',
      scans: ['public.t'],
    },
    {
      says: 'A B-tree on (a DESC) also gives the order of a ascending.',
      setup:
        'CREATE TABLE t (a int, c int); INSERT INTO t SELECT g, g FROM generate_series(1, 1000) g; ' +
        'CREATE INDEX ON t (a DESC); ANALYZE t;',
      statement: 'SELECT c FROM t ORDER BY a LIMIT 1',
      scans: [],
    },
    {
      says: 'PostgreSQL makes the same index twice without a word.',
      setup: 'CREATE TABLE t (a int); CREATE INDEX ON t (a);',
      statement: 'CREATE INDEX ON t (a)',
      then: { query: "SELECT count(*)::text FROM pg_index WHERE indrelid = 't'::regclass", rows: [['2']] },
    },
  ],
  *check(history, { major }) {
    for (const pair of redundantIndexes(history)) {
      const { index, other } = pair
      const later = isLater(index, other) ? index : other
      const earlier = later === index ? other : index
      const evidence: [Evidence, ...Evidence[]] = later.site
        ? [{ kind: 'source', text: later.site.fileText.slice(later.site.span.start, later.site.span.end) }]
        : [seen(major, pair)]
      if (later.site && index.seen && other.seen) evidence.push(seen(major, pair))
      yield {
        ...remarkOf(pair),
        at: later.place(),
        evidence,
        related: [{ at: earlier.place(), message: `${earlier.label} ${keysText(earlier.shape)}` }],
        ...dropIndexRemedy(history, index, nextOf(pair)),
      }
    }
  },
  *live(database) {
    for (const pair of redundantIndexes(stateOf(database), database)) {
      const { index, other } = pair
      const statistics = database.indexes.get(index.printed ?? '')
      if (isWorthItsPrice(pair, database)) continue
      yield {
        ...remarkOf(pair),
        at: { kind: 'object', objectType: 'index', name: index.printed ?? index.label },
        evidence: [
          { kind: 'catalog', facts: definitions(pair) },
          ...(statistics === undefined ? [] : [countersOf(index, statistics)]),
        ],
        next: index.ofConstraint
          ? `${nextOf(pair)} It belongs to a constraint: a migration with ALTER TABLE … DROP CONSTRAINT takes it away.`
          : `${nextOf(pair)} In a migration:\n  DROP INDEX CONCURRENTLY ${index.printed};`,
        related: [
          {
            at: { kind: 'object', objectType: 'index', name: other.printed ?? other.label },
            message: 'which does the same',
          },
        ],
      }
    }
  },
})

interface Redundant {
  /** The needless one. */
  index: SchemaIndex
  /** The one that does all that it does. */
  other: SchemaIndex
  how: 'same' | 'first columns'
}

function* redundantIndexes(state: SchemaState, database?: Database): Generator<Redundant> {
  for (const all of indexesByTable(state).values()) {
    if (all.length < 2) continue
    // What is INVALID serves nobody, and ON ONLY is a frame for others.
    const indexes = all.filter(({ seen, only }) => seen?.valid !== false && !only)
    for (const index of indexes) {
      const parts = database?.indexes.get(index.printed ?? '')
      // A part of a partitioned table's index cannot be dropped alone; a replica identity is needed as it is.
      if (database ? parts?.partOf !== undefined : index.inherited) continue
      if (index.primary || parts?.replicaIdentity === true) continue
      const [other] = indexes.filter((each) => each !== index && isNeedlessBeside(index, each)).sort(byWidth)
      if (other)
        yield { index, other, how: index.shape.keys.length === other.shape.keys.length ? 'same' : 'first columns' }
    }
  }
}

/** The closest first, and the same one whatever order they were read in. */
function byWidth(a: SchemaIndex, b: SchemaIndex): number {
  return (
    a.shape.keys.length - b.shape.keys.length || Number(b.primary) - Number(a.primary) || (a.label < b.label ? -1 : 1)
  )
}

/** Whether `index` does nothing that `other` does not; of two that do the same, one is kept. */
function isNeedlessBeside(index: SchemaIndex, other: SchemaIndex): boolean {
  if (!doesAllOf(other.shape, index.shape)) return false
  if (!doesAllOf(index.shape, other.shape)) return true
  if (index.primary !== other.primary) return other.primary
  if (index.ofConstraint !== other.ofConstraint) return other.ofConstraint
  return isLater(index, other)
}

function doesAllOf(wide: IndexShape, narrow: IndexShape): boolean {
  // Most pairs differ here already.
  if (wide.keys[0]?.text !== narrow.keys[0]?.text) return false
  if (wide.method !== narrow.method || wide.predicate !== narrow.predicate) return false
  const isSameLength = wide.keys.length === narrow.keys.length
  if (!isSameLength && (wide.method !== 'btree' || wide.keys.length < narrow.keys.length)) return false
  if (narrow.unique && !(wide.unique && isSameLength && wide.nullsEqual === narrow.nullsEqual)) return false
  const pairs = narrow.keys.map((key, position) => [key, wide.keys[position]] as const)
  if (!pairs.every(([key, match]) => key.text === match?.text)) return false
  const isForward = pairs.every(
    ([key, match]) => key.descending === match?.descending && key.nullsFirst === match.nullsFirst,
  )
  // Read backwards, every direction is the other one.
  const isBackward = pairs.every(
    ([key, match]) => key.descending !== match?.descending && key.nullsFirst !== match?.nullsFirst,
  )
  if (!isForward && !(isBackward && wide.method === 'btree')) return false
  const held = new Set([...wide.include, ...wide.keys.map(({ column }) => column)])
  return narrow.include.every((column) => held.has(column))
}

function isLater(a: SchemaIndex, b: SchemaIndex): boolean {
  const [migration, statement] = a.order ?? [Infinity, 0]
  const [otherMigration, otherStatement] = b.order ?? [Infinity, 0]
  if (migration !== otherMigration) return migration > otherMigration
  if (statement !== otherStatement) return statement > otherStatement
  return a.label > b.label
}

/** A narrow index that is read, beside one that is at least three times its size. */
function isWorthItsPrice({ index, other, how }: Redundant, { indexes }: Database): boolean {
  const own = indexes.get(index.printed ?? '')
  const wide = indexes.get(other.printed ?? '')
  return how === 'first columns' && own !== undefined && own.scans > 0 && (wide?.bytes ?? 0) >= own.bytes * 3
}

function remarkOf({
  index,
  other,
  how,
}: Redundant): Pick<Verdict & { kind: 'finding' }, 'kind' | 'message' | 'severity' | 'identity'> & { object?: string } {
  const own = `${index.label} ${keysText(index.shape)}`
  return {
    kind: 'finding',
    ...(how === 'first columns' && { severity: 'note' as const }),
    message:
      how === 'same'
        ? `${own} is ${other.label} once more: every write keeps both up to date`
        : `${own} is how ${other.label} ${keysText(other.shape)} begins: every write keeps both up to date`,
    identity: `${index.label} beside ${other.label}`,
    // Of two that do the same, files and a database may each name the other one.
    ...(index.printed !== undefined &&
      other.printed !== undefined && { object: [index.printed, other.printed].sort().join(' and ') }),
  }
}

function nextOf({ index, other, how }: Redundant): string {
  return how === 'same'
    ? `${index.label} can go: ${other.label} does the same.`
    : `${index.label} can go, unless it is read so much that being smaller counts: ${other.label} serves its queries.`
}

function definitions({ index, other }: Redundant): Record<string, string> {
  return { [index.label]: index.seen?.definition ?? '', [other.label]: other.seen?.definition ?? '' }
}

function seen(major: number, pair: Redundant): Evidence {
  return schemaEvidence(major, definitions(pair))
}

function countersOf(index: SchemaIndex, { bytes, scans }: IndexStatistics): Evidence {
  return {
    kind: 'statistics',
    facts: { [`size of ${index.label}`]: bytesText(bytes), [`scans of ${index.label}`]: countText(scans) },
  }
}
