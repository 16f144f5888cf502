import { relationSeen, tableWritten } from '../relation-left.ts'
import type { Fix } from '../../findings/fix.ts'
import type { Observation } from '../../findings/observation.ts'
import { compareLockModes } from '../../findings/lock-mode.ts'
import type { TextRelationKind } from '../../sql/schema-text.ts'
import type { NodeOf } from '../../sql/statement.ts'
import { statementOf } from '../../sql/statement.ts'
import { isUnused } from '../drops.ts'
import { effectOn, heldFacts } from '../effect.ts'
import { measured } from '../lock-table/lock-table.ts'
import { observationOf, traceEvidence } from '../observed.ts'
import { placeOfStatement } from '../place.ts'
import type { Major, Verdict } from '../rule.ts'
import { defineRule } from '../rule.ts'
import { namedTable } from '../search-path.ts'
import type { HistorySubject, StatementSubject } from '../subject.ts'
import { concurrentIndex, concurrentRemedy, retriedIndex } from './concurrent-remedy.ts'
import { partitionedIndexRecipe } from './partitioned-index.ts'

type IndexStmt = NodeOf<'IndexStmt'>

export default defineRule({
  id: 'require-concurrent-index',
  since: '0.1.0',
  severity: 'error',
  category: 'migration',
  subject: 'statement',
  statements: ['IndexStmt'],
  about: 'change',
  needs: ['measured', 'trace'],
  summary: 'CREATE INDEX without CONCURRENTLY on a table that is already in use',
  why:
    'CREATE INDEX takes a SHARE lock on its table and keeps it until its transaction ends. Reads go on; ' +
    'every INSERT, ' +
    'UPDATE and DELETE waits for as long as the build takes: milliseconds on an empty table, minutes to hours on a ' +
    'large one. Sessions that wait hold their pool connections, so a service that writes to one table can stop as a ' +
    'whole.',
  instead:
    'CREATE INDEX CONCURRENTLY takes SHARE UPDATE EXCLUSIVE, which lets writes through. It reads the table twice, ' +
    'waits for transactions that are older than it, and cannot run in a transaction block. When it fails or is ' +
    'cancelled it leaves an INVALID index: drop that one with DROP INDEX CONCURRENTLY before trying again, because ' +
    'IF NOT EXISTS takes it for a good one. A partitioned table has no concurrent way of its own: create ' +
    'the index ON ' +
    'ONLY the parent, CONCURRENTLY on each partition, then attach those. A table that the same file creates needs ' +
    'none of this; nobody uses it yet.',
  examples: [
    {
      title: 'An index on a table from an earlier migration',
      setup: 'CREATE TABLE orders (id bigint PRIMARY KEY, customer_id bigint NOT NULL);',
      bad: 'CREATE INDEX orders_customer_id_idx ON orders (customer_id);',
      at: 'CREATE INDEX orders_customer_id_idx ON orders (customer_id)',
      good: 'CREATE INDEX CONCURRENTLY orders_customer_id_idx ON orders (customer_id);',
    },
    {
      title: 'A unique index',
      setup: 'CREATE TABLE orders (id bigint PRIMARY KEY, number text NOT NULL);',
      bad: 'CREATE UNIQUE INDEX orders_number_idx ON orders (number);',
      at: 'CREATE UNIQUE INDEX orders_number_idx ON orders (number)',
      good: 'CREATE UNIQUE INDEX CONCURRENTLY orders_number_idx ON orders (number);',
    },
    {
      title: 'A table that the same file creates has no writers yet',
      setup: 'CREATE TABLE orders (id bigint PRIMARY KEY, placed_at timestamptz NOT NULL);',
      bad: 'CREATE INDEX orders_placed_at_idx ON orders (placed_at);',
      at: 'CREATE INDEX orders_placed_at_idx ON orders (placed_at)',
      good:
        'CREATE TABLE invoices (id bigint PRIMARY KEY, due_on date NOT NULL);\n' +
        'CREATE INDEX invoices_due_on_idx ON invoices (due_on);',
    },
    {
      title: 'A partitioned table: ON ONLY the parent, CONCURRENTLY on each partition, then attach',
      setup:
        'CREATE TABLE events (at timestamptz NOT NULL, kind text) PARTITION BY RANGE (at);\n' +
        "CREATE TABLE events_2026 PARTITION OF events FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');",
      bad: 'CREATE INDEX events_kind_idx ON events (kind);',
      at: 'CREATE INDEX events_kind_idx ON events (kind)',
      good:
        'CREATE INDEX events_kind_idx ON ONLY events (kind);\n' +
        'CREATE INDEX CONCURRENTLY events_2026_kind_idx ON events_2026 (kind);\n' +
        'ALTER INDEX events_kind_idx ATTACH PARTITION events_2026_kind_idx;',
    },
    {
      title: 'An index that a DO block builds where it is missing',
      setup: 'CREATE TABLE orders (id bigint PRIMARY KEY, customer_id bigint NOT NULL);',
      bad:
        "DO $$\nBEGIN\n  IF to_regclass('orders_customer_id_idx') IS NULL THEN\n" +
        '    CREATE INDEX orders_customer_id_idx ON orders (customer_id);\n  END IF;\nEND\n$$;',
      at: 'CREATE INDEX orders_customer_id_idx ON orders (customer_id)',
      good: 'CREATE INDEX CONCURRENTLY orders_customer_id_idx ON orders (customer_id);',
    },
  ],
  sources: [
    'https://www.postgresql.org/docs/17/sql-createindex.html#SQL-CREATEINDEX-CONCURRENTLY',
    'https://www.postgresql.org/docs/17/explicit-locking.html#LOCKING-TABLES',
    'https://www.postgresql.org/docs/17/ddl-partitioning.html#DDL-PARTITIONING-DECLARATIVE-MAINTENANCE',
  ],
  options: {},
  changes: { objects: [] },
  claims: [
    {
      says: 'CREATE INDEX holds SHARE on the table, which conflicts with every write, and reads all of it.',
      setup: 'CREATE TABLE t (a int); INSERT INTO t SELECT generate_series(1, 100);',
      statement: 'CREATE INDEX ON t (a)',
      locks: { 'public.t': 'SHARE' },
      rewrites: [],
      scans: ['public.t'],
    },
    {
      says: 'CREATE INDEX CONCURRENTLY holds SHARE UPDATE EXCLUSIVE, which lets writes through.',
      setup: 'CREATE TABLE t (a int); INSERT INTO t SELECT generate_series(1, 100);',
      statement: 'CREATE INDEX CONCURRENTLY ON t (a)',
      locks: { 'public.t': 'SHARE UPDATE EXCLUSIVE' },
    },
    {
      says: 'CREATE INDEX CONCURRENTLY cannot run in a transaction block.',
      setup: 'CREATE TABLE t (a int);',
      statement: 'BEGIN; CREATE INDEX CONCURRENTLY ON t (a);',
      fails: '25001',
    },
    {
      says: 'CREATE INDEX on a partitioned table holds SHARE on it and on every partition.',
      setup:
        'CREATE TABLE t (a int) PARTITION BY RANGE (a);' +
        'CREATE TABLE p PARTITION OF t FOR VALUES FROM (0) TO (1000); INSERT INTO t SELECT generate_series(1, 100);',
      statement: 'CREATE INDEX ON t (a)',
      locks: { 'public.t': 'SHARE', 'public.p': 'SHARE' },
      scans: ['public.p'],
    },
    {
      says: 'CREATE INDEX CONCURRENTLY is refused on a partitioned table.',
      setup: 'CREATE TABLE t (a int) PARTITION BY RANGE (a);',
      statement: 'CREATE INDEX CONCURRENTLY ON t (a)',
      fails: '0A000',
    },
    {
      says: 'CREATE INDEX ON ONLY a partitioned table reads nothing and leaves the partitions alone.',
      setup:
        'CREATE TABLE t (a int) PARTITION BY RANGE (a);' +
        'CREATE TABLE p PARTITION OF t FOR VALUES FROM (0) TO (1000); INSERT INTO t SELECT generate_series(1, 100);',
      statement: 'CREATE INDEX ON ONLY t (a)',
      locks: { 'public.t': 'SHARE' },
      scans: [],
    },
    {
      says: 'CREATE INDEX CONCURRENTLY IF NOT EXISTS passes over the INVALID index of a failed attempt.',
      setup:
        'CREATE TABLE t (a int); CREATE INDEX i ON t (a); UPDATE pg_index SET indisvalid = false WHERE ' +
        "indexrelid = 'i'::regclass;",
      statement: 'CREATE INDEX CONCURRENTLY IF NOT EXISTS i ON t (a)',
      then: { query: "SELECT indisvalid::text FROM pg_index WHERE indexrelid = 'i'::regclass", rows: [['false']] },
    },
  ],
  *check(subject, { major }) {
    const index = statementOf(subject.statement, 'IndexStmt')
    const observation = observationOf(subject)
    if (index) yield* checkStatement(subject, index, observation, major)
  },
})

function* checkStatement(
  subject: StatementSubject,
  index: IndexStmt,
  observation: Observation | undefined,
  major: Major,
): Iterable<Verdict> {
  const { migration } = subject
  const relation = index.relation
  if (relation?.relname === undefined) return
  const table = namedTable(subject, relation)
  const kind = kindOf(migration.history, table)
  if (index.concurrent) {
    if (kind === 'partitioned table' && observation === undefined) yield refused(subject, index, table)
    return
  }
  // Nothing but REFRESH writes to a materialized view.
  if (isUnused(subject, table) || kind === 'materialized view') return
  // Without inheritance only the parent, which holds no rows, is indexed.
  if (kind === 'partitioned table' && !relation.inh) return
  const effect = effectOn(subject, table)
  const lock = effect?.lock
  if (observation) {
    if (lock === undefined || compareLockModes(lock.mode, 'SHARE') < 0) return
    // IF NOT EXISTS found the index: nothing was built.
    if (!observation.created.some((object) => object.objectType === 'index')) return
  }
  // Taken by an earlier statement of the same transaction, which now waits for the build with it.
  const held = effect?.alreadyHeld ? lock : undefined
  const waits = held?.mode === 'ACCESS EXCLUSIVE' ? 'every read and write' : 'every write'
  const mode = held === undefined ? (lock?.mode ?? 'SHARE') : `${held.mode}, held by its transaction`
  const shape = kind === 'partitioned table' ? 'CREATE INDEX, partitioned table' : 'CREATE INDEX'
  const printed = lock?.relation ?? table
  const evidence = observation
    ? traceEvidence(major, observation, heldFacts(effect))
    : measured(shape, major, { t: printed })
  const at = placeOfStatement(subject)
  if (kind === 'partitioned table') {
    yield {
      kind: 'finding',
      at,
      evidence: [evidence],
      message:
        `CREATE INDEX on the partitioned table ${printed} blocks ${waits} to it and to its partitions (${mode}) ` +
        'until all of them are indexed; CONCURRENTLY is an error there',
      ...partitionedIndexRecipe(subject, index, table),
    }
    return
  }
  yield {
    kind: 'finding',
    at,
    evidence: [evidence],
    message: `CREATE INDEX blocks ${waits} to ${printed} (${mode}) until the index is built`,
    ...remedy(subject, index, table),
  }
}

/** CONCURRENTLY where there is no such thing; what a trace runs without an error is none. */
function refused(subject: StatementSubject, index: IndexStmt, table: string): Verdict {
  return {
    kind: 'finding',
    at: placeOfStatement(subject),
    evidence: [{ kind: 'source', text: subject.statement.text }],
    message: `PostgreSQL refuses CREATE INDEX CONCURRENTLY on the partitioned table ${table} (0A000)`,
    ...partitionedIndexRecipe(subject, index, table),
  }
}

function remedy(subject: StatementSubject, index: IndexStmt, table: string): { next: string; fixes: Fix[] } {
  const what = 'Write CONCURRENTLY without IF NOT EXISTS, which would take an INVALID index for a good one'
  // kei's runner looks what a failed attempt left.
  if (index.if_not_exists && subject.migration.layout !== 'kei') {
    const statements = retriedIndex(subject, index, table)
    const note = 'The DROP INDEX removes what a failed attempt left.'
    if (statements) return concurrentRemedy(subject, statements, { what, note, safety: 'review' })
  }
  const concurrent = concurrentIndex(subject, index, table)
  if (concurrent === undefined) {
    return { next: 'Write CONCURRENTLY after INDEX, in a migration that runs outside a transaction.', fixes: [] }
  }
  const note = 'If it fails, DROP INDEX CONCURRENTLY the INVALID index before the next try.'
  if (index.if_not_exists) return concurrentRemedy(subject, [concurrent], { what, note, safety: 'review' })
  return concurrentRemedy(subject, [concurrent], { note, safety: 'safe' })
}

function kindOf(history: HistorySubject, table: string): TextRelationKind | undefined {
  return (relationSeen(history, table) ?? tableWritten(history, table))?.kind
}
