import { quoteIdentifier, quoteTextName } from '../../sql/identifier.ts'
import { statementOf } from '../../sql/statement.ts'
import { isUnused } from '../drops.ts'
import { measured } from '../lock-table/lock-table.ts'
import { observationOf, traceEvidence } from '../observed.ts'
import { placeOfStatement } from '../place.ts'
import { defineRule } from '../rule.ts'
import { namedTable } from '../search-path.ts'
import { concurrentRemedy, retriedIndex } from './concurrent-remedy.ts'

export default defineRule({
  id: 'no-concurrent-if-not-exists',
  since: '0.1.0',
  severity: 'error',
  category: 'migration',
  subject: 'statement',
  statements: ['IndexStmt'],
  about: 'change',
  needs: ['source', 'measured', 'trace'],
  summary: 'CREATE INDEX CONCURRENTLY IF NOT EXISTS, which takes the INVALID index of a failed attempt for a good one',
  why:
    'CREATE INDEX CONCURRENTLY that fails or is cancelled leaves an INVALID index. IF NOT EXISTS looks at the name ' +
    'alone: the next try reports success and builds nothing. From then on every write keeps an index up to date that ' +
    'no query uses, and a UNIQUE that was meant to hold does not. In kei’s own layout this is a note: kei’s runner ' +
    'looks at the index, replaces an INVALID one and lets a valid one stand, but psql and other runners do not.',
  instead:
    'DROP INDEX CONCURRENTLY IF EXISTS first, then CREATE INDEX CONCURRENTLY without IF NOT EXISTS: a second try ' +
    'removes what the first one left, and a name that is taken is an error. For a table that the same file creates ' +
    'the plain CREATE INDEX is right.',
  examples: [
    {
      title: 'An index that may be there already',
      setup: 'CREATE TABLE orders (id bigint PRIMARY KEY, customer_id bigint NOT NULL);',
      bad: 'CREATE INDEX CONCURRENTLY IF NOT EXISTS orders_customer_id_idx ON orders (customer_id);',
      at: 'CREATE INDEX CONCURRENTLY IF NOT EXISTS orders_customer_id_idx ON orders (customer_id)',
      good:
        'DROP INDEX CONCURRENTLY IF EXISTS orders_customer_id_idx;\n' +
        'CREATE INDEX CONCURRENTLY orders_customer_id_idx ON orders (customer_id);',
    },
    {
      title: 'A unique index in a schema of its own',
      setup: 'CREATE SCHEMA shop;\nCREATE TABLE shop.orders (id bigint PRIMARY KEY, "Number" text NOT NULL);',
      bad: 'CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS "orders_Number" ON shop.orders ("Number");',
      at: 'CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS "orders_Number" ON shop.orders ("Number")',
      good:
        'CREATE UNIQUE INDEX CONCURRENTLY "orders_Number" ON shop.orders ("Number");\n' +
        'CREATE TABLE drafts (number text);\nCREATE INDEX IF NOT EXISTS drafts_number_idx ON drafts (number);',
    },
  ],
  sources: ['https://www.postgresql.org/docs/17/sql-createindex.html#SQL-CREATEINDEX-CONCURRENTLY'],
  options: {},
  changes: { objects: [] },
  claims: [
    {
      says: 'CREATE INDEX CONCURRENTLY that fails leaves an INVALID index.',
      setup: 'CREATE TABLE t AS SELECT 1 AS a FROM generate_series(1, 2);',
      statement: 'CREATE UNIQUE INDEX CONCURRENTLY i ON t (a)',
      fails: '23505',
      then: { query: "SELECT indisvalid::text FROM pg_index WHERE indexrelid = 'i'::regclass", rows: [['false']] },
    },
    {
      says: 'With IF NOT EXISTS the second try succeeds, and the index stays INVALID.',
      setup:
        'CREATE TABLE t (a int); CREATE INDEX i ON t (a); UPDATE pg_index SET indisvalid = false WHERE ' +
        "indexrelid = 'i'::regclass;",
      statement: 'CREATE INDEX CONCURRENTLY IF NOT EXISTS i ON t (a)',
      then: { query: "SELECT indisvalid::text FROM pg_index WHERE indexrelid = 'i'::regclass", rows: [['false']] },
    },
    {
      says: 'It does not even have to be the same index.',
      setup: 'CREATE TABLE t (a int, b int); CREATE INDEX i ON t (b);',
      statement: 'CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS i ON t (a)',
      then: { query: "SELECT indisunique::text FROM pg_index WHERE indexrelid = 'i'::regclass", rows: [['false']] },
    },
    {
      says: 'DROP INDEX CONCURRENTLY IF EXISTS removes an INVALID index.',
      setup:
        'CREATE TABLE t (a int); CREATE INDEX i ON t (a); UPDATE pg_index SET indisvalid = false WHERE ' +
        "indexrelid = 'i'::regclass;",
      statement: 'DROP INDEX CONCURRENTLY IF EXISTS i',
      then: { query: "SELECT count(*)::text FROM pg_class WHERE relname = 'i'", rows: [['0']] },
    },
  ],
  *check(subject, { major }) {
    const { statement, migration } = subject
    const index = statementOf(statement, 'IndexStmt')
    const { idxname, relation } = index ?? {}
    if (!index?.concurrent || !index.if_not_exists || idxname === undefined || relation?.relname === undefined) return
    const table = namedTable(subject, relation)
    if (isUnused(subject, table)) return
    const statements = retriedIndex(subject, index, table)
    const observation = observationOf(subject)
    const shape = index.unique ? 'CREATE UNIQUE INDEX CONCURRENTLY' : 'CREATE INDEX CONCURRENTLY'
    yield {
      kind: 'finding',
      at: placeOfStatement(subject),
      evidence: [observation ? traceEvidence(major, observation) : measured(shape, major, { t: quoteTextName(table) })],
      message: `IF NOT EXISTS takes an INVALID index ${quoteIdentifier(idxname)}, which a failed attempt leaves, for a good one, and builds nothing${
        migration.layout === 'kei' ? '; kei’s runner looks, others do not' : ''
      }`,
      ...(migration.layout === 'kei' && { severity: 'note' as const }),
      ...(statements === undefined
        ? { next: 'Write DROP INDEX CONCURRENTLY IF EXISTS before it and leave IF NOT EXISTS out.' }
        : concurrentRemedy(subject, statements, {
            what: 'Drop what a failed attempt may have left, then create the index without IF NOT EXISTS',
            note: 'A second try then begins anew.',
            safety: 'review',
          })),
    }
  },
})
