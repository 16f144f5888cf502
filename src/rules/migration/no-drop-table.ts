import { statementOf } from '../../sql/statement.ts'
import { acknowledge, dumpCommand } from '../acknowledgement.ts'
import { lossEvidence, lossOf, partsLost } from '../drops.ts'
import { placeOfStatement } from '../place.ts'
import { defineRule } from '../rule.ts'
import type { StatementSubject } from '../subject.ts'
import { partitionsOf } from '../used-table.ts'

export default defineRule({
  id: 'no-drop-table',
  since: '0.1.0',
  severity: 'error',
  category: 'migration',
  subject: 'statement',
  statements: ['DropStmt'],
  statementsWithCode: true,
  about: 'change',
  destructive: true,
  needs: ['source', 'trace'],
  summary: 'A table, foreign table or materialized view that an earlier migration left is dropped',
  why:
    'DROP TABLE takes every row along, and no down section brings one back: the way back is a restore of the whole ' +
    'database. Processes of the release before, which still run while the migration does, fail at once. With a trace ' +
    'kei also sees a drop in a DO block or a function. A materialized view or a foreign table holds no rows of its ' +
    'own, so its loss is a warning. What the same file creates, temporary tables and DROP TABLE IF EXISTS of a table ' +
    'that is not there are no finding.',
  instead:
    'First release code that does not name the table. When no older process runs and nothing has read it for as long ' +
    'as your longest report takes to come round, keep a dump and drop it in a migration of its own, with the reason ' +
    'in an ignore comment.',
  examples: [
    {
      title: 'A table of an earlier migration',
      setup: 'CREATE TABLE orders (id bigint PRIMARY KEY, placed_at timestamptz NOT NULL);',
      bad: 'DROP TABLE orders;',
      at: 'DROP TABLE orders',
      good: '-- kei: ignore no-drop-table: moved to the archive in May, dump kept, nothing reads it\nDROP TABLE orders;',
    },
    {
      title: 'IF EXISTS drops what is there',
      setup: 'CREATE TABLE orders (id bigint PRIMARY KEY);',
      bad: 'DROP TABLE IF EXISTS orders, baskets;',
      at: 'DROP TABLE IF EXISTS orders, baskets',
      good: 'DROP TABLE IF EXISTS baskets;\nCREATE TABLE baskets (id bigint PRIMARY KEY);',
    },
    {
      title: 'A table that the same file creates, or a temporary one',
      setup: 'CREATE TABLE orders (id bigint PRIMARY KEY, note text);',
      bad: 'CREATE TABLE kept AS SELECT id FROM orders;\nDROP TABLE orders;',
      at: 'DROP TABLE orders',
      good:
        'CREATE TEMPORARY TABLE kept AS SELECT id FROM orders;\nDROP TABLE kept;\n' +
        'CREATE TABLE draft (id bigint PRIMARY KEY);\nDROP TABLE draft;',
    },
  ],
  sources: [
    'https://www.postgresql.org/docs/17/sql-droptable.html',
    'https://www.postgresql.org/docs/17/app-pgdump.html',
  ],
  options: {},
  claims: [
    {
      says: 'DROP TABLE takes the rows along, and those of all its partitions.',
      setup:
        'CREATE TABLE t (a int) PARTITION BY RANGE (a); ' +
        'CREATE TABLE p PARTITION OF t FOR VALUES FROM (0) TO (1000); INSERT INTO t SELECT generate_series(1, 100);',
      statement: 'DROP TABLE t',
      then: { query: "SELECT to_regclass('p')::text", rows: [[null]] },
    },
    {
      says: 'DROP TABLE IF EXISTS of a table that is not there does nothing.',
      setup: 'CREATE TABLE t (a int);',
      statement: 'DROP TABLE IF EXISTS u',
      then: { query: "SELECT to_regclass('t')::text", rows: [['t']] },
    },
  ],
  *check(subject, { major }) {
    const loss = lossOf(subject, 'table')
    if (loss === undefined) return
    if (loss.kind === 'unknown') {
      yield { kind: 'unknown', needs: 'a trace', file: subject.migration.file }
      return
    }
    const { names, observation } = loss
    const what = whatIs(subject)
    const partitions = observation ? partsLost(observation, 'table').length : below(subject, names)
    const along = partitions === 0 ? '' : ` and its ${partitions === 1 ? 'partition' : `${partitions} partitions`}`
    yield {
      kind: 'finding',
      at: placeOfStatement(subject),
      evidence: [lossEvidence(subject, loss, major)],
      message: `${what.says} ${names.join(', ')}${along}${what.loses}`,
      ...(what.severity && { severity: what.severity }),
      next: acknowledge(
        subject,
        'no-drop-table',
        what.severity === undefined
          ? 'Release code that no longer names it, wait until no older process runs, and keep what may be asked for ' +
              `again: ${dumpCommand(names)}.`
          : 'Release code that no longer names it, and wait until no older process runs.',
      ),
    }
  },
})

function whatIs({ statement }: StatementSubject): { says: string; loses: string; severity?: 'warning' } {
  switch (statementOf(statement, 'DropStmt')?.removeType) {
    case 'OBJECT_MATVIEW':
      return {
        says: 'DROP MATERIALIZED VIEW takes away',
        loses: ': what reads it fails until it is made and filled again',
        severity: 'warning',
      }
    case 'OBJECT_FOREIGN_TABLE':
      return {
        says: 'DROP FOREIGN TABLE takes away',
        loses: ': what reads it fails; the rows stay where they are',
        severity: 'warning',
      }
    case 'OBJECT_TABLE':
      return { says: 'DROP TABLE destroys', loses: ' with all rows' }
    default:
      return { says: 'this statement’s code drops', loses: ' with all rows' }
  }
}

function below(subject: StatementSubject, names: readonly string[]): number {
  const draft = subject.migration.history.before(subject)
  return names.flatMap((name) => partitionsOf(draft, name)).length
}
