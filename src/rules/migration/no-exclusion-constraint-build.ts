import { addedConstraints } from '../added-constraint.ts'
import { effectOn, whomItBlocks } from '../effect.ts'
import { measured } from '../lock-table/lock-table.ts'
import { observationOf, traceEvidence } from '../observed.ts'
import { placeOfStatement } from '../place.ts'
import { defineRule } from '../rule.ts'
import { holdsNoRows, usedTable, wasRead } from '../used-table.ts'

export default defineRule({
  id: 'no-exclusion-constraint-build',
  since: '0.1.0',
  severity: 'error',
  category: 'migration',
  subject: 'statement',
  statements: ['AlterTableStmt'],
  about: 'change',
  needs: ['measured', 'trace'],
  summary: 'An exclusion constraint that is added to a table in use',
  why:
    'ADD EXCLUDE takes ACCESS EXCLUSIVE and builds its index under it: every read and every write waits for as long as ' +
    'that takes. Unlike a unique constraint it cannot be made of an index that was built CONCURRENTLY, nor is there a ' +
    'NOT VALID for it. The same holds for UNIQUE and PRIMARY KEY … WITHOUT OVERLAPS of PostgreSQL 18.',
  instead:
    'Declare it when the table is created. For a table in use there are two ways. Either make a new table with the ' +
    'constraint, keep it up to date by a trigger, copy the rows in batches and rename the two. Or, where the table is ' +
    'small enough, add the constraint in a quiet moment, with a lock_timeout, and say why in an ignore comment. Where ' +
    'it is = alone that excludes, a unique constraint does the same and can be had without the lock.',
  examples: [
    {
      title: 'On a table from an earlier migration',
      setup: 'CREATE TABLE bookings (id bigint PRIMARY KEY, during tstzrange NOT NULL);',
      bad: 'ALTER TABLE bookings ADD CONSTRAINT no_overlap EXCLUDE USING gist (during WITH &&);',
      at: 'ALTER TABLE bookings ADD CONSTRAINT no_overlap EXCLUDE USING gist (during WITH &&)',
      good:
        'CREATE TABLE reservations (id bigint PRIMARY KEY, during tstzrange NOT NULL);\n' +
        'ALTER TABLE reservations ADD CONSTRAINT no_overlap EXCLUDE USING gist (during WITH &&);',
    },
    {
      title: 'Where = alone excludes, a unique constraint does it',
      setup: 'CREATE TABLE rooms (id bigint PRIMARY KEY, number int);',
      bad: 'ALTER TABLE rooms ADD EXCLUDE (number WITH =);',
      at: 'ALTER TABLE rooms ADD EXCLUDE (number WITH =)',
      good:
        'CREATE UNIQUE INDEX CONCURRENTLY rooms_number_key ON rooms (number);\n' +
        'ALTER TABLE rooms ADD UNIQUE USING INDEX rooms_number_key;',
    },
  ],
  sources: [
    'https://www.postgresql.org/docs/17/sql-createtable.html#SQL-CREATETABLE-EXCLUDE',
    'https://www.postgresql.org/docs/17/sql-altertable.html#SQL-ALTERTABLE-DESC-ADD-TABLE-CONSTRAINT',
  ],
  options: {},
  claims: [
    {
      says: 'ADD EXCLUDE reads the whole table for its index under ACCESS EXCLUSIVE.',
      setup: 'CREATE TABLE t AS SELECT int4range(1, 2) AS a;',
      statement: 'ALTER TABLE t ADD EXCLUDE USING gist (a WITH &&)',
      locks: { 'public.t': 'ACCESS EXCLUSIVE' },
      rewrites: [],
      scans: ['public.t'],
    },
    {
      says: 'It knows no NOT VALID.',
      setup: 'CREATE TABLE t (a int);',
      statement: 'ALTER TABLE t ADD EXCLUDE (a WITH =) NOT VALID',
      fails: '0A000',
    },
    {
      says: 'Nor does it take an index that is there.',
      setup: 'CREATE TABLE t (a int); CREATE INDEX i ON t (a);',
      statement: 'ALTER TABLE t ADD CONSTRAINT c EXCLUDE USING INDEX i',
      fails: '42601',
    },
  ],
  *check(subject, { major }) {
    const [added] = addedConstraints(subject.statement).filter(
      ({ node }) => node.contype === 'CONSTR_EXCLUSION' || node.without_overlaps,
    )
    const table = added === undefined ? undefined : usedTable(subject)
    if (added === undefined || table === undefined) return
    if (holdsNoRows(table) || wasRead(subject, table) === false) return
    const observation = observationOf(subject)
    const mode = effectOn(subject, table.name)?.lock?.mode ?? 'ACCESS EXCLUSIVE'
    const shape = 'ALTER TABLE … ADD EXCLUDE'
    const what = added.node.without_overlaps ? 'ALTER TABLE … WITHOUT OVERLAPS' : shape
    yield {
      kind: 'finding',
      message: `${what} builds an index of ${table.printed} while ${whomItBlocks(mode)} waits (${mode})`,
      at: placeOfStatement(subject),
      evidence: [observation ? traceEvidence(major, observation) : measured(shape, major, { t: table.printed })],
      next:
        'There is no way to add it while the table is used. Make a new table with the constraint, keep it up to date by ' +
        'a trigger, copy the rows in batches, see that none is missing and rename the two; or add it in a quiet moment and say why, in a line ' +
        `before the statement:\n  -- kei: ignore no-exclusion-constraint-build: REASON`,
    }
  },
})
