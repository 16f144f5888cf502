import { quoteIdentifier, unquoted } from '../../sql/identifier.ts'
import { defineRule } from '../rule.ts'
import { columnOf } from '../schema/schema-columns.ts'
import type { SchemaState } from '../schema/schema-state.ts'
import { stateOf } from '../schema/schema-state.ts'
import { indexEvidence } from './index-evidence.ts'
import type { SchemaIndex } from './schema-indexes.ts'
import { indexesOf } from './schema-indexes.ts'

export default defineRule({
  id: 'no-needless-index-predicate',
  since: '0.1.0',
  severity: 'note',
  category: 'index',
  subject: 'history',
  about: 'state',
  needs: ['source', 'trace'],
  summary: 'A partial index that leaves nothing out: it demands NOT NULL of a column that is NOT NULL',
  why:
    'The index holds every row, so its WHERE saves nothing. But PostgreSQL uses a partial index only where the query ' +
    'shows that the condition holds: an ORDER BY without a condition reads and sorts the table beside it, and a unique one ' +
    'is no target of ON CONFLICT (column) without the same WHERE.',
  instead: 'Leave the WHERE out.',
  examples: [
    {
      title: 'NOT NULL once more',
      setup: 'CREATE TABLE orders (id bigint PRIMARY KEY, customer_id bigint NOT NULL);',
      bad: 'CREATE INDEX CONCURRENTLY orders_customer_id_idx ON orders (customer_id) WHERE customer_id IS NOT NULL;',
      at: 'CREATE INDEX CONCURRENTLY orders_customer_id_idx ON orders (customer_id) WHERE customer_id IS NOT NULL',
      good: 'CREATE INDEX CONCURRENTLY orders_customer_id_idx ON orders (customer_id);',
    },
    {
      title: 'NOT NULL by way of the primary key',
      bad:
        'CREATE TABLE orders (id bigint, customer_id bigint, PRIMARY KEY (id));\n' +
        'CREATE INDEX orders_customer_id_idx ON orders (customer_id, id) WHERE id IS NOT NULL;',
      at: 'CREATE INDEX orders_customer_id_idx ON orders (customer_id, id) WHERE id IS NOT NULL',
      good:
        'CREATE TABLE orders (id bigint, customer_id bigint, PRIMARY KEY (id));\n' +
        'CREATE INDEX orders_customer_id_idx ON orders (customer_id, id) WHERE customer_id IS NOT NULL;',
    },
  ],
  sources: ['https://www.postgresql.org/docs/17/indexes-partial.html'],
  options: {},
  claims: [
    {
      says: 'An index WHERE a IS NOT NULL does not give the order of a, though a is NOT NULL.',
      setup:
        'CREATE TABLE t (a int NOT NULL, b int); INSERT INTO t SELECT g, g FROM generate_series(1, 1000) g; ' +
        'CREATE INDEX ON t (a) WHERE a IS NOT NULL; ANALYZE t;',
      statement: 'SELECT b FROM t ORDER BY a LIMIT 1',
      scans: ['public.t'],
    },
    {
      says: 'Without the WHERE it does.',
      setup:
        'CREATE TABLE t (a int NOT NULL, b int); INSERT INTO t SELECT g, g FROM generate_series(1, 1000) g; ' +
        'CREATE INDEX ON t (a); ANALYZE t;',
      statement: 'SELECT b FROM t ORDER BY a LIMIT 1',
      scans: [],
    },
    {
      says: 'ON CONFLICT (a) does not find it.',
      setup: 'CREATE TABLE t (a int NOT NULL); CREATE UNIQUE INDEX ON t (a) WHERE a IS NOT NULL;',
      statement: 'INSERT INTO t VALUES (1) ON CONFLICT (a) DO NOTHING',
      fails: '42P10',
    },
  ],
  *check(history, { major }) {
    for (const { index, columns } of needlessPredicates(history)) {
      const facts = Object.fromEntries(columns.map((column) => [`${index.table}.${column}`, 'NOT NULL']))
      yield { ...remarkOf(index, columns), at: index.place(), evidence: indexEvidence(major, index, facts) }
    }
  },
  *live(database) {
    for (const { index, columns } of needlessPredicates(stateOf(database))) {
      const { seen } = index
      if (seen === undefined || database.indexes.get(seen.name)?.partOf !== undefined) continue
      yield {
        ...remarkOf(index, columns),
        at: { kind: 'object', objectType: 'index', name: seen.name },
        evidence: [{ kind: 'catalog', facts: { definition: seen.definition } }],
      }
    }
  },
})

function* needlessPredicates(state: SchemaState): Generator<{ index: SchemaIndex; columns: string[] }> {
  const written = new Map(state.schema.indexes.map((index) => [index.site, index.predicate]))
  for (const index of indexesOf(state)) {
    if (index.inherited || index.shape.predicate === undefined) continue
    const text = index.site && written.get(index.site)
    const columns = index.seen
      ? columnsNotNull(index.shape.predicate)
      : text?.onlyNotNull
        ? text.notNullColumns
        : undefined
    if (columns?.every((column) => columnOf(state, index.table, column)?.notNull)) yield { index, columns }
  }
}

/** The columns of a predicate that PostgreSQL prints as `((a IS NOT NULL) AND (b IS NOT NULL))`; undefined for others. */
function columnsNotNull(predicate: string): string[] | undefined {
  const columns = predicate.split(' AND ').map((term) => /^\(*("(?:[^"]|"")+"|\w+) IS NOT NULL\)*$/.exec(term)?.[1])
  return columns.every((column) => column !== undefined) ? columns.map(unquoted) : undefined
}

function remarkOf(index: SchemaIndex, columns: readonly string[]) {
  const what = columns.map((column) => `${quoteIdentifier(column)} IS NOT NULL`).join(' AND ')
  return {
    kind: 'finding' as const,
    message: `${index.label} has WHERE ${what}, which is so of every row: ORDER BY and ON CONFLICT pass it over`,
    next: 'Write it without the WHERE. One that is in use already is replaced by a new one: CREATE INDEX CONCURRENTLY, then DROP INDEX CONCURRENTLY.',
    identity: index.label,
    ...(index.printed !== undefined && { object: index.printed }),
  }
}
