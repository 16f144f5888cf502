import type { AddedConstraint } from '../added-constraint.ts'
import { addedConstraints, isPassedOver } from '../added-constraint.ts'
import { effectOn, whomItBlocks } from '../effect.ts'
import { measured } from '../lock-table/lock-table.ts'
import type { LockShapeName } from '../lock-table/lock-table.ts'
import type { NamedConstraint } from '../not-valid-recipe.ts'
import { nameConstraints } from '../not-valid-recipe.ts'
import { observationOf, traceEvidence } from '../observed.ts'
import { placeOfStatement } from '../place.ts'
import { defineRule } from '../rule.ts'
import type { Major } from '../rule.ts'
import type { StatementSubject } from '../subject.ts'
import type { UsedTable } from '../used-table.ts'
import { holdsNoRows, leavesOf, usedTable, wasRead } from '../used-table.ts'
import { keyRemedy } from './key-remedy.ts'
import { isPrimary } from './key-steps.ts'

export default defineRule({
  id: 'require-unique-using-index',
  since: '0.1.0',
  severity: 'error',
  category: 'migration',
  subject: 'statement',
  statements: ['AlterTableStmt'],
  about: 'change',
  needs: ['measured', 'trace'],
  summary: 'A unique constraint or primary key whose index is built while its table is locked against everyone',
  why:
    'ADD UNIQUE and ADD PRIMARY KEY take ACCESS EXCLUSIVE and build the index under it: every read and every write ' +
    'waits for as long as that takes. UNIQUE or PRIMARY KEY written on a new column does the same.',
  instead:
    'Build a unique index first, with CREATE UNIQUE INDEX CONCURRENTLY, which lets reads and writes through. Then ADD ' +
    'CONSTRAINT … USING INDEX makes the constraint of it in a moment. A primary key wants NOT NULL columns for that, ' +
    'else it reads the table all the same. When the concurrent build fails, because of a duplicate or otherwise, it ' +
    'leaves an INVALID index: drop that one with DROP INDEX CONCURRENTLY before the next try. A partitioned table ' +
    'knows neither CONCURRENTLY nor USING INDEX; give each partition the constraint that way, then the table, which ' +
    'takes theirs and builds nothing.',
  examples: [
    {
      title: 'A unique constraint on a table from an earlier migration',
      setup: 'CREATE TABLE orders (id bigint PRIMARY KEY, number text, shop int, note text);',
      bad:
        'ALTER TABLE orders ADD COLUMN state text, ADD CONSTRAINT one_number UNIQUE NULLS NOT DISTINCT (shop, number) ' +
        'INCLUDE (note) WITH (fillfactor = 80) DEFERRABLE INITIALLY DEFERRED;',
      at:
        'ALTER TABLE orders ADD COLUMN state text, ADD CONSTRAINT one_number UNIQUE NULLS NOT DISTINCT (shop, number) ' +
        'INCLUDE (note) WITH (fillfactor = 80) DEFERRABLE INITIALLY DEFERRED',
      good:
        'CREATE UNIQUE INDEX CONCURRENTLY one_number ON orders (shop, number);\n' +
        'ALTER TABLE orders ADD CONSTRAINT one_number UNIQUE USING INDEX one_number;',
    },
    {
      title: 'UNIQUE on a new column keeps the name that PostgreSQL would give it',
      setup: 'CREATE TABLE orders (id bigint PRIMARY KEY);',
      bad: 'ALTER TABLE orders ADD COLUMN number text UNIQUE;',
      at: 'ALTER TABLE orders ADD COLUMN number text UNIQUE',
      good:
        'ALTER TABLE orders ADD COLUMN number text;\n' +
        'CREATE UNIQUE INDEX CONCURRENTLY orders_number_key ON orders (number);\n' +
        'ALTER TABLE orders ADD CONSTRAINT orders_number_key UNIQUE USING INDEX orders_number_key;',
    },
    {
      title: 'A primary key over columns that may be NULL',
      setup: 'CREATE TABLE lines (order_id bigint, number int NOT NULL);',
      bad: 'ALTER TABLE lines ADD PRIMARY KEY (order_id, number);',
      at: 'ALTER TABLE lines ADD PRIMARY KEY (order_id, number)',
      good:
        'CREATE TABLE returns (order_id bigint, number int);\n' +
        'ALTER TABLE returns ADD PRIMARY KEY (order_id, number);',
    },
    {
      title: 'A primary key takes the place of another',
      setup: 'CREATE TABLE lines (id bigint PRIMARY KEY, token uuid NOT NULL);',
      bad: 'ALTER TABLE lines DROP CONSTRAINT lines_pkey, ADD PRIMARY KEY (token);',
      at: 'ALTER TABLE lines DROP CONSTRAINT lines_pkey, ADD PRIMARY KEY (token)',
      good:
        'CREATE UNIQUE INDEX CONCURRENTLY lines_token_idx ON lines (token);\n' +
        'ALTER TABLE lines DROP CONSTRAINT lines_pkey, ADD CONSTRAINT lines_pkey PRIMARY KEY USING INDEX lines_token_idx;',
    },
    {
      title: 'A partitioned table',
      setup:
        'CREATE TABLE events (at timestamptz NOT NULL, kind text) PARTITION BY RANGE (at);\n' +
        "CREATE TABLE events_2026 PARTITION OF events FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');",
      bad: 'ALTER TABLE events ADD PRIMARY KEY (at, kind);',
      at: 'ALTER TABLE events ADD PRIMARY KEY (at, kind)',
      good:
        'CREATE UNIQUE INDEX CONCURRENTLY events_2026_at_kind_key ON events_2026 (at, kind);\n' +
        'ALTER TABLE events_2026 ADD UNIQUE USING INDEX events_2026_at_kind_key;\n' +
        'ALTER TABLE events ADD UNIQUE (at, kind);',
    },
  ],
  sources: [
    'https://www.postgresql.org/docs/17/sql-altertable.html#SQL-ALTERTABLE-DESC-ADD-TABLE-CONSTRAINT-USING-INDEX',
    'https://www.postgresql.org/docs/17/sql-createindex.html#SQL-CREATEINDEX-CONCURRENTLY',
    'https://www.postgresql.org/docs/17/ddl-partitioning.html#DDL-PARTITIONING-DECLARATIVE-MAINTENANCE',
  ],
  options: {},
  changes: { objects: [] },
  claims: [
    {
      says: 'ADD UNIQUE reads the whole table for its index under ACCESS EXCLUSIVE.',
      setup: 'CREATE TABLE t AS SELECT 1 AS a;',
      statement: 'ALTER TABLE t ADD UNIQUE (a)',
      locks: { 'public.t': 'ACCESS EXCLUSIVE' },
      rewrites: [],
      scans: ['public.t'],
    },
    {
      says: 'UNIQUE on a new column does so too.',
      setup: 'CREATE TABLE t AS SELECT 1 AS a;',
      statement: 'ALTER TABLE t ADD COLUMN b int UNIQUE',
      locks: { 'public.t': 'ACCESS EXCLUSIVE' },
      scans: ['public.t'],
    },
    {
      says: 'USING INDEX reads nothing.',
      setup: 'CREATE TABLE t AS SELECT 1 AS a; CREATE UNIQUE INDEX i ON t (a);',
      statement: 'ALTER TABLE t ADD UNIQUE USING INDEX i',
      locks: { 'public.t': 'ACCESS EXCLUSIVE' },
      rewrites: [],
      scans: [],
    },
    {
      says: 'A partitioned table refuses USING INDEX.',
      setup: 'CREATE TABLE t (a int) PARTITION BY LIST (a); CREATE UNIQUE INDEX i ON t (a);',
      statement: 'ALTER TABLE t ADD UNIQUE USING INDEX i',
      fails: '0A000',
    },
    {
      says: 'A partitioned table whose partitions have the constraint takes theirs and reads nothing.',
      setup:
        'CREATE TABLE t (a int) PARTITION BY LIST (a); CREATE TABLE p PARTITION OF t DEFAULT; INSERT INTO t VALUES (1); ' +
        'ALTER TABLE p ADD UNIQUE (a);',
      statement: 'ALTER TABLE t ADD UNIQUE (a)',
      scans: [],
      then: {
        query: "SELECT count(*)::text FROM pg_index WHERE indrelid = 'p'::regclass",
        rows: [['1']],
      },
    },
  ],
  *check(subject, { major }) {
    const added = addedConstraints(subject.statement).filter(
      ({ node }) =>
        (node.contype === 'CONSTR_UNIQUE' || node.contype === 'CONSTR_PRIMARY') &&
        node.indexname === undefined &&
        !node.without_overlaps,
    )
    const table = added.length > 0 ? usedTable(subject) : undefined
    if (table === undefined || holdsNoRows(table) || wasRead(subject, table) === false) return
    const isPartitioned = table.declared?.kind === 'partitioned table'
    const constraints = added.filter(
      (each) => !isPassedOver(each, table.declared?.columns ?? []) && !(isPartitioned && everyLeafHasKey(table, each)),
    )
    const [first] = constraints
    if (first === undefined) return
    const observation = observationOf(subject)
    const mode = effectOn(subject, table.name)?.lock?.mode ?? 'ACCESS EXCLUSIVE'
    const shape = shapeOf(first, isPartitioned, major)
    const what = `${first.column ? 'ADD COLUMN …' : 'ADD'} ${isPrimary(first) ? 'PRIMARY KEY' : 'UNIQUE'}`
    yield {
      kind: 'finding',
      message: `ALTER TABLE … ${what} builds an index of ${table.printed} while ${whomItBlocks(mode)} waits (${mode})`,
      at: placeOfStatement(subject),
      evidence: [observation ? traceEvidence(major, observation) : measured(shape, major, { t: table.printed })],
      ...keyRemedy(subject, table, named(subject, table, constraints), major),
    }
  },
})

function shapeOf(first: AddedConstraint, isPartitioned: boolean, major: Major): LockShapeName {
  if (first.column) return 'ALTER TABLE … ADD COLUMN … UNIQUE'
  if (isPartitioned) {
    return major >= 18
      ? 'ALTER TABLE … ADD UNIQUE, partitioned table'
      : 'ALTER TABLE … ADD UNIQUE, partitioned table before 18'
  }
  return isPrimary(first) ? 'ALTER TABLE … ADD PRIMARY KEY' : 'ALTER TABLE … ADD UNIQUE'
}

function named(
  subject: StatementSubject,
  table: UsedTable,
  constraints: readonly AddedConstraint[],
): NamedConstraint[] {
  const keys = constraints.filter((each) => !isPrimary(each))
  return [
    ...nameConstraints(subject, table, keys, 'key'),
    ...nameConstraints(subject, table, constraints.filter(isPrimary), 'pkey'),
  ]
}

function everyLeafHasKey({ draft, name }: UsedTable, { columns }: AddedConstraint): boolean {
  return leavesOf(draft, name).every(({ keys }) => keys.some((key) => key.columns.join('\0') === columns.join('\0')))
}
