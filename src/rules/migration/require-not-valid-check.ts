import { addedConstraints, isPassedOver } from '../added-constraint.ts'
import { effectOn, whomItBlocks } from '../effect.ts'
import { measured } from '../lock-table/lock-table.ts'
import { nameConstraints, notValidRecipe } from '../not-valid-recipe.ts'
import { observationOf, traceEvidence } from '../observed.ts'
import { placeOfStatement } from '../place.ts'
import { defineRule } from '../rule.ts'
import { holdsNoRows, usedTable, wasRead } from '../used-table.ts'

export default defineRule({
  id: 'require-not-valid-check',
  since: '0.1.0',
  severity: 'error',
  category: 'migration',
  subject: 'statement',
  statements: ['AlterTableStmt'],
  about: 'change',
  needs: ['measured', 'trace'],
  summary: 'A CHECK constraint that is validated while its table is locked against everyone',
  why:
    'ADD CHECK takes ACCESS EXCLUSIVE and reads the whole table under it, to see whether the rows that are there ' +
    'satisfy the condition. Every read and every write waits until it is through. A CHECK written on a new column does ' +
    'the same, although all of its values are equal.',
  instead:
    'Add the constraint NOT VALID: that needs the lock for a moment, reads nothing, and holds for every row written ' +
    'from then on. Validate it in a later migration: VALIDATE CONSTRAINT reads the table under SHARE UPDATE EXCLUSIVE, ' +
    'which lets reads and writes through. In one transaction with the ADD it would read under the lock of the ADD. A ' +
    'constraint that is NOT ENFORCED (PostgreSQL 18) looks at no row, and a table that the same file creates has none.',
  examples: [
    {
      title: 'A CHECK on a table from an earlier migration',
      setup: 'CREATE TABLE orders (id bigint PRIMARY KEY, total numeric);',
      bad: 'ALTER TABLE orders ADD CONSTRAINT orders_total_positive CHECK (total >= 0);',
      at: 'ALTER TABLE orders ADD CONSTRAINT orders_total_positive CHECK (total >= 0)',
      good: [
        {
          file: '0001_check_total.sql',
          text: 'ALTER TABLE orders ADD CONSTRAINT orders_total_positive CHECK (total >= 0) NOT VALID;',
        },
        { file: '0002_validate_total.sql', text: 'ALTER TABLE orders VALIDATE CONSTRAINT orders_total_positive;' },
      ],
    },
    {
      title: 'A CHECK without a name keeps the one that PostgreSQL would give it',
      setup: 'CREATE TABLE orders (id bigint PRIMARY KEY, total numeric, paid numeric, CHECK (total >= 0));',
      bad: 'ALTER TABLE orders ADD CHECK (total < 1000000), ADD CHECK (paid <= total);',
      at: 'ALTER TABLE orders ADD CHECK (total < 1000000), ADD CHECK (paid <= total)',
      good: 'ALTER TABLE orders ADD CHECK (total < 1000000) NOT VALID, ADD CHECK (paid <= total) NOT VALID;',
    },
    {
      title: 'A CHECK on a new column',
      setup: 'CREATE TABLE orders (id bigint PRIMARY KEY);',
      bad: "ALTER TABLE orders ADD COLUMN state text DEFAULT 'new' CHECK (state IN ('new', 'paid')), ADD COLUMN note text;",
      at: "ALTER TABLE orders ADD COLUMN state text DEFAULT 'new' CHECK (state IN ('new', 'paid')), ADD COLUMN note text",
      good:
        "ALTER TABLE orders ADD COLUMN state text DEFAULT 'new', " +
        "ADD CONSTRAINT orders_state_check CHECK (state IN ('new', 'paid')) NOT VALID, ADD COLUMN note text;",
    },
    {
      title: 'A partitioned table has the rows of its partitions',
      setup:
        'CREATE TABLE events (at timestamptz NOT NULL, kind text) PARTITION BY RANGE (at);\n' +
        "CREATE TABLE events_2026 PARTITION OF events FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');",
      bad: "ALTER TABLE events ADD CHECK (kind <> '');",
      at: "ALTER TABLE events ADD CHECK (kind <> '')",
      good:
        "CREATE TABLE visits (at timestamptz NOT NULL, path text);\nALTER TABLE visits ADD CHECK (path <> '');\n" +
        "ALTER TABLE events ADD CHECK (kind <> '') NOT VALID;",
    },
  ],
  sources: [
    'https://www.postgresql.org/docs/17/sql-altertable.html#SQL-ALTERTABLE-DESC-ADD-TABLE-CONSTRAINT',
    'https://www.postgresql.org/docs/17/sql-altertable.html#SQL-ALTERTABLE-NOTES',
  ],
  options: {},
  changes: { objects: [] },
  claims: [
    {
      says: 'ADD CHECK reads the whole table under ACCESS EXCLUSIVE.',
      setup: 'CREATE TABLE t AS SELECT 1 AS a;',
      statement: 'ALTER TABLE t ADD CHECK (a > 0)',
      locks: { 'public.t': 'ACCESS EXCLUSIVE' },
      rewrites: [],
      scans: ['public.t'],
    },
    {
      says: 'So does a CHECK on a new column.',
      setup: 'CREATE TABLE t AS SELECT 1 AS a;',
      statement: 'ALTER TABLE t ADD COLUMN b int CHECK (b > 0)',
      locks: { 'public.t': 'ACCESS EXCLUSIVE' },
      rewrites: [],
      scans: ['public.t'],
    },
    {
      says: 'NOT VALID reads nothing, and new rows are held to it.',
      setup: 'CREATE TABLE t AS SELECT -1 AS a;',
      statement: 'ALTER TABLE t ADD CONSTRAINT c CHECK (a > 0) NOT VALID',
      locks: { 'public.t': 'ACCESS EXCLUSIVE' },
      scans: [],
    },
    {
      says: 'A row that breaks a constraint which is NOT VALID is refused.',
      setup: 'CREATE TABLE t (a int); ALTER TABLE t ADD CHECK (a > 0) NOT VALID;',
      statement: 'INSERT INTO t VALUES (-1)',
      fails: '23514',
    },
    {
      says: 'VALIDATE CONSTRAINT reads the table under SHARE UPDATE EXCLUSIVE.',
      setup: 'CREATE TABLE t AS SELECT 1 AS a; ALTER TABLE t ADD CONSTRAINT c CHECK (a > 0) NOT VALID;',
      statement: 'ALTER TABLE t VALIDATE CONSTRAINT c',
      locks: { 'public.t': 'SHARE UPDATE EXCLUSIVE' },
      scans: ['public.t'],
    },
    {
      says: 'NOT ENFORCED reads nothing.',
      majors: [18],
      setup: 'CREATE TABLE t AS SELECT 1 AS a;',
      statement: 'ALTER TABLE t ADD CHECK (a > 0) NOT ENFORCED',
      scans: [],
    },
  ],
  *check(subject, { major }) {
    const added = addedConstraints(subject.statement).filter(
      ({ node, enforced }) => node.contype === 'CONSTR_CHECK' && enforced && !node.skip_validation,
    )
    const table = added.length > 0 ? usedTable(subject) : undefined
    if (table === undefined || holdsNoRows(table) || wasRead(subject, table) === false) return
    const checks = added.filter((check) => !isPassedOver(check, table.declared?.columns ?? []))
    const [first] = checks
    if (first === undefined) return
    const observation = observationOf(subject)
    const mode = effectOn(subject, table.name)?.lock?.mode ?? 'ACCESS EXCLUSIVE'
    const shape = first.column ? 'ALTER TABLE … ADD COLUMN … CHECK' : 'ALTER TABLE … ADD CHECK'
    yield {
      kind: 'finding',
      message: `${shape} reads all of ${table.printed} while ${whomItBlocks(mode)} waits (${mode})`,
      at: placeOfStatement(subject),
      evidence: [observation ? traceEvidence(major, observation) : measured(shape, major, { t: table.printed })],
      ...notValidRecipe(subject, nameConstraints(subject, table, checks, 'check'), {
        title: 'Add the constraint NOT VALID and validate it later',
        says:
          'Add it NOT VALID, which reads nothing, and validate it in a migration that follows, under a lock that lets ' +
          'reads and writes through:',
      }),
    }
  },
})
