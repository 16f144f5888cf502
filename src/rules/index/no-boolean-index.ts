import { percentText } from '../figures.ts'
import { joinedColumns } from '../object-name.ts'
import { defineRule } from '../rule.ts'
import { columnOf } from '../schema/schema-columns.ts'
import type { SchemaState } from '../schema/schema-state.ts'
import { stateOf } from '../schema/schema-state.ts'
import { indexEvidence } from './index-evidence.ts'
import type { SchemaIndex } from './schema-indexes.ts'
import { indexesOf } from './schema-indexes.ts'

export default defineRule({
  id: 'no-boolean-index',
  since: '0.1.0',
  severity: 'note',
  category: 'index',
  subject: 'history',
  about: 'state',
  needs: ['source', 'trace'],
  summary:
    'An index on nothing but a boolean: for the common value no query uses it, for the rare one most of it is ballast',
  why:
    'A boolean has two values. A query for the one that most rows have reads the table, since the index would send it ' +
    'to nearly every page. A query for the rare one is served, by an index that holds all the other rows too and that ' +
    'every INSERT writes to.',
  instead:
    'A partial index that holds the rare rows alone, on what they are sorted or joined by: CREATE INDEX … ON orders ' +
    '(placed_at) WHERE NOT shipped. It is a fraction of the size, and rows of the common value never touch it.',
  examples: [
    {
      title: 'Which orders are not shipped',
      bad: 'CREATE TABLE orders (id bigint PRIMARY KEY, placed_at timestamptz, shipped boolean);\nCREATE INDEX orders_shipped_idx ON orders (shipped);',
      at: 'CREATE INDEX orders_shipped_idx ON orders (shipped)',
      good: 'CREATE TABLE orders (id bigint PRIMARY KEY, placed_at timestamptz, shipped boolean);\nCREATE INDEX orders_open_idx ON orders (placed_at) WHERE NOT shipped;',
    },
    {
      title: 'The boolean before what is looked for',
      bad: 'CREATE TABLE users (id bigint PRIMARY KEY, email text, active bool NOT NULL DEFAULT true);\nCREATE INDEX users_active_idx ON users (active);',
      at: 'CREATE INDEX users_active_idx ON users (active)',
      good: 'CREATE TABLE users (id bigint PRIMARY KEY, email text, active bool NOT NULL DEFAULT true);\nCREATE INDEX users_active_email_idx ON users (active, email);',
    },
  ],
  sources: ['https://www.postgresql.org/docs/17/indexes-partial.html'],
  options: {},
  claims: [
    {
      says: 'A query for the common value reads the table.',
      setup:
        'CREATE TABLE t (a int, done boolean); INSERT INTO t SELECT g, g % 100 > 0 FROM generate_series(1, 10000) g; ' +
        'CREATE INDEX ON t (done); ANALYZE t;',
      statement: 'SELECT min(a) FROM t WHERE done',
      scans: ['public.t'],
    },
    {
      says: 'The partial index of the rare value serves the query for it.',
      setup:
        'CREATE TABLE t (a int, done boolean); INSERT INTO t SELECT g, g % 100 > 0 FROM generate_series(1, 10000) g; ' +
        'CREATE INDEX ON t (a) WHERE NOT done; ANALYZE t;',
      statement: 'SELECT min(a) FROM t WHERE NOT done',
      scans: [],
    },
    {
      says: 'It is less than a tenth of the full one where one row in a hundred has the rare value.',
      setup:
        'CREATE TABLE t (a int, done boolean); INSERT INTO t SELECT g, g % 100 > 0 FROM generate_series(1, 100000) g; ' +
        'CREATE INDEX full_idx ON t (done); CREATE INDEX partial_idx ON t (a) WHERE NOT done;',
      statement: 'SELECT 1',
      then: {
        query: "SELECT (pg_relation_size('partial_idx') * 10 < pg_relation_size('full_idx'))::text",
        rows: [['true']],
      },
    },
  ],
  *check(history, { major }) {
    for (const { index, column } of booleanIndexes(history)) {
      const evidence = indexEvidence(major, index, { [`${index.table}.${column}`]: 'boolean' })
      yield { ...remarkOf(index, column), at: index.place(), evidence }
    }
  },
  *live(database) {
    for (const { index, column } of booleanIndexes(stateOf(database))) {
      const { seen } = index
      if (seen === undefined || database.indexes.get(seen.name)?.partOf !== undefined) continue
      const common = database.columns.get(joinedColumns(seen.table, [seen.columns[0] ?? '']))?.commonShares[0]
      yield {
        ...remarkOf(index, column),
        at: { kind: 'object', objectType: 'index', name: seen.name },
        evidence: [
          { kind: 'catalog', facts: { definition: seen.definition } },
          ...(common === undefined
            ? []
            : [{ kind: 'statistics' as const, facts: { 'rows with the common value': percentText(common) } }]),
        ],
      }
    }
  },
})

function* booleanIndexes(state: SchemaState): Generator<{ index: SchemaIndex; column: string }> {
  for (const index of indexesOf(state)) {
    const { shape, inherited, ofConstraint, table } = index
    const [key, ...others] = shape.keys
    if (inherited || ofConstraint || shape.unique || shape.predicate !== undefined || others.length > 0) continue
    // With INCLUDE it may be read instead of the table.
    if (shape.include.length > 0 || key?.column === undefined) continue
    if (shape.method !== 'btree' && shape.method !== 'hash') continue
    if (columnOf(state, table, key.column)?.base === 'bool') yield { index, column: key.column }
  }
}

function remarkOf(index: SchemaIndex, column: string) {
  return {
    kind: 'finding' as const,
    message: `${index.label} is an index on the boolean ${index.table}.${column} alone: it tells two kinds of rows apart, one of them most of the table`,
    next: `Index the rare rows by what they are looked for: CREATE INDEX CONCURRENTLY … ON ${index.table} (COLUMN) WHERE ${column}; (or WHERE NOT ${column}), and drop ${index.label}.`,
    identity: index.label,
    ...(index.printed !== undefined && { object: index.printed }),
  }
}
