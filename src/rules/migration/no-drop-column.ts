import { acknowledge, dumpCommand } from '../acknowledgement.ts'
import { lossEvidence, lossOf } from '../drops.ts'
import { placeOfStatement } from '../place.ts'
import { defineRule } from '../rule.ts'

export default defineRule({
  id: 'no-drop-column',
  since: '0.1.0',
  severity: 'error',
  category: 'migration',
  subject: 'statement',
  statements: ['AlterTableStmt', 'DropStmt'],
  statementsWithCode: true,
  about: 'change',
  destructive: true,
  needs: ['source', 'trace'],
  summary: 'A column that an earlier migration left is dropped',
  why:
    'DROP COLUMN takes the column’s values along with its indexes and constraints; no down section brings them back. ' +
    'It is done in an instant, so the processes of the release before are still running: every SELECT, INSERT and ' +
    'UPDATE that names the column fails from then on, and so does an ORM that lists all columns of its model. The ' +
    'attribute of a composite type is the same in every column of that type.',
  instead:
    'In one release stop writing and reading the column (an ORM has to be told to ignore it), and let a NOT NULL ' +
    'without a default go. Drop it in a later release, when no older process runs, with the reason in an ignore ' +
    'comment.',
  examples: [
    {
      title: 'A column of an earlier migration',
      setup: 'CREATE TABLE orders (id bigint PRIMARY KEY, gift_note text);',
      bad: 'ALTER TABLE orders DROP COLUMN gift_note;',
      at: 'ALTER TABLE orders DROP COLUMN gift_note',
      good:
        '-- kei: ignore no-drop-column: release 41 stopped using it, values are in order_notes\n' +
        'ALTER TABLE orders DROP COLUMN gift_note;',
    },
    {
      title: 'Beside other changes; a column that the same file adds holds nothing yet',
      setup: 'CREATE TABLE orders (id bigint PRIMARY KEY, gift_note text);',
      bad: 'ALTER TABLE orders ADD COLUMN note text, DROP COLUMN IF EXISTS gift_note;',
      at: 'ALTER TABLE orders ADD COLUMN note text, DROP COLUMN IF EXISTS gift_note',
      good: 'ALTER TABLE orders ADD COLUMN draft text;\nALTER TABLE orders DROP COLUMN draft, DROP COLUMN IF EXISTS old;',
    },
  ],
  sources: [
    'https://www.postgresql.org/docs/17/sql-altertable.html#SQL-ALTERTABLE-DESC-DROP-COLUMN',
    'https://www.postgresql.org/docs/17/sql-altertable.html#SQL-ALTERTABLE-NOTES',
  ],
  options: {},
  claims: [
    {
      says: 'DROP COLUMN rewrites and reads nothing, and takes the column’s indexes along.',
      setup: 'CREATE TABLE t (a int, b int); CREATE INDEX i ON t (b); INSERT INTO t SELECT 1, 1;',
      statement: 'ALTER TABLE t DROP COLUMN b',
      locks: { 'public.t': 'ACCESS EXCLUSIVE' },
      rewrites: [],
      scans: [],
      then: { query: "SELECT to_regclass('i')::text", rows: [[null]] },
    },
    {
      says: 'A column of that name that is added again is empty.',
      setup: 'CREATE TABLE t (a int, b int); INSERT INTO t VALUES (1, 1);',
      statement: 'ALTER TABLE t DROP COLUMN b; ALTER TABLE t ADD COLUMN b int',
      then: { query: 'SELECT b::text FROM t', rows: [[null]] },
    },
    {
      says: 'DROP ATTRIBUTE takes the attribute out of every column of the type, without CASCADE.',
      setup: 'CREATE TYPE pair AS (a int, b int); CREATE TABLE t (p pair); INSERT INTO t VALUES (ROW(1, 2));',
      statement: 'ALTER TYPE pair DROP ATTRIBUTE b',
      then: { query: 'SELECT p::text FROM t', rows: [['(1)']] },
    },
  ],
  *check(subject, { major }) {
    const loss = lossOf(subject, 'column')
    if (loss === undefined) return
    if (loss.kind === 'unknown') {
      yield { kind: 'unknown', needs: 'a trace', file: subject.migration.file }
      return
    }
    const { names } = loss
    const isCode = subject.statement.tag !== 'AlterTableStmt'
    yield {
      kind: 'finding',
      at: placeOfStatement(subject),
      evidence: [lossEvidence(subject, loss, major)],
      message:
        `${isCode ? 'this statement’s code drops' : 'DROP COLUMN destroys'} ${names.join(', ')} with all values; ` +
        'processes that still name it fail at once',
      next: acknowledge(
        subject,
        'no-drop-column',
        'In one release let the code neither read nor write it; drop it in a later one, when no older process runs. ' +
          `Keep the values if they may be asked for: ${dumpCommand(tablesOf(names))}.`,
      ),
    }
  },
})

function tablesOf(columns: readonly string[]): string[] {
  return [...new Set(columns.map((name) => name.replace(/\.(?:"(?:[^"]|"")*"|[^".]*)$/, '')))]
}
