import type { Evidence } from '../../findings/evidence.ts'
import type { Fix } from '../../findings/fix.ts'
import { whomItBlocks } from '../effect.ts'
import { measured } from '../lock-table/lock-table.ts'
import { fileWords } from '../next-step.ts'
import { observationOf, traceEvidence } from '../observed.ts'
import { placeOfStatement } from '../place.ts'
import { defineRule } from '../rule.ts'
import type { Major, Verdict } from '../rule.ts'
import { isNewObject } from '../new-objects.ts'
import { nodeOf, statementOf } from '../../sql/statement.ts'
import type { MigrationDraft, MigrationSubject, StatementSubject } from '../subject.ts'
import { firstBulkChange } from './bulk-change.ts'
import type { BulkChange } from './bulk-change.ts'
import { batchedChange } from './batched-change.ts'
import { partOfFile, splitBefore, wantsBack } from './split-file.ts'
import type { FilePart } from './split-file.ts'
import { tableLocks } from './table-locks.ts'
import type { TableLock } from './table-locks.ts'

export default defineRule({
  id: 'no-bulk-change',
  since: '0.1.0',
  severity: 'warning',
  category: 'migration',
  subject: 'statement',
  about: 'change',
  needs: ['measured', 'trace'],
  summary: 'Rows are changed in bulk in the transaction of a schema change',
  why:
    'A change of all rows takes as long as the table is big. In one transaction with a schema change it runs ' +
    'under that ' +
    'one’s lock: after ADD COLUMN nobody can read or write the table until the last row is done. The other way ' +
    'round, ' +
    'a note, every changed row stays locked while the schema change waits for its own lock. Either way one failure ' +
    'undoes all the work, and the dead rows of one long transaction cannot be cleaned up before it ends.',
  instead:
    'Change the schema in one migration and the rows in the next: in batches by ranges of a key, with a COMMIT after ' +
    'each, in a DO block that runs outside a transaction. What needs the changed rows (NOT NULL, a constraint) ' +
    'comes in ' +
    'a third. A change of few rows, given by their key or a VALUES list, is none of this.',
  examples: [
    {
      title: 'A new column is filled where it is added',
      setup: 'CREATE TABLE orders (id bigint PRIMARY KEY, paid boolean);',
      bad: "ALTER TABLE orders ADD COLUMN status text;\nUPDATE orders SET status = 'paid' WHERE paid;",
      at: "UPDATE orders SET status = 'paid' WHERE paid",
      good: [
        { file: '0001_add_status.sql', text: 'ALTER TABLE orders ADD COLUMN status text;' },
        {
          file: '0002_fill_status.sql',
          text:
            '-- kei: transaction none\nDO $$\nDECLARE\n  first_key bigint := 0;\nBEGIN\n' +
            '  WHILE first_key <= (SELECT max(id) FROM orders) LOOP\n' +
            "    UPDATE orders SET status = 'paid' WHERE paid AND id >= first_key AND id < first_key + 10000;\n" +
            '    COMMIT;\n    first_key := first_key + 10000;\n  END LOOP;\nEND $$;',
        },
      ],
    },
    {
      title: 'Rows are locked while a schema change waits',
      setup: 'CREATE TABLE orders (id bigint PRIMARY KEY, note text);',
      bad: "UPDATE orders SET note = '' WHERE note IS NULL;\nALTER TABLE orders ALTER COLUMN note SET DEFAULT '';",
      at: "UPDATE orders SET note = '' WHERE note IS NULL",
      good: "UPDATE orders SET note = '' WHERE id = 1;\nALTER TABLE orders ALTER COLUMN note SET DEFAULT '';",
    },
    {
      title: 'Rows copied into a table that is in use',
      setup:
        'CREATE TABLE orders (id bigint PRIMARY KEY, note text);\nCREATE TABLE notes (id bigint PRIMARY KEY, ' +
        'note text);',
      bad: 'ALTER TABLE notes ADD COLUMN author text;\nINSERT INTO notes (id, note) SELECT id, note FROM orders;',
      at: 'INSERT INTO notes (id, note) SELECT id, note FROM orders',
      good:
        'CREATE TABLE remarks (id bigint PRIMARY KEY, note text);\n' +
        'INSERT INTO remarks (id, note) SELECT id, note FROM orders;\n' +
        "ALTER TABLE notes ADD COLUMN author text;\nINSERT INTO notes (id, note) VALUES (1, 'first');",
    },
  ],
  sources: [
    'https://www.postgresql.org/docs/17/explicit-locking.html',
    'https://www.postgresql.org/docs/17/plpgsql-transactions.html',
  ],
  options: {},
  changes: { objects: [] },
  claims: [
    {
      says: 'After ADD COLUMN an UPDATE in the same transaction reads the table while it is closed to everybody.',
      setup: 'CREATE TABLE t AS SELECT 1 AS a;',
      statement: 'ALTER TABLE t ADD COLUMN b int; UPDATE t SET b = a',
      locks: { 'public.t': 'ACCESS EXCLUSIVE' },
      scans: ['public.t'],
    },
    {
      says: 'An UPDATE alone lets reads and writes of other rows through.',
      setup: 'CREATE TABLE t AS SELECT 1 AS a;',
      statement: 'UPDATE t SET a = 2',
      locks: { 'public.t': 'ROW EXCLUSIVE' },
    },
    {
      says: 'A DO block can commit on its way where no transaction is around it.',
      setup: 'CREATE TABLE t AS SELECT 1 AS a;',
      statement: "DO $$ BEGIN UPDATE t SET a = 2; COMMIT; RAISE 'later'; END $$",
      fails: 'P0001',
      then: { query: 'SELECT a::text FROM t', rows: [['2']] },
    },
    {
      says: 'In a transaction it cannot.',
      setup: '',
      statement: 'BEGIN; DO $$ BEGIN COMMIT; END $$',
      fails: '2D000',
    },
  ],
  *check(subject, { major }) {
    const { migration, statement, within } = subject
    if (within !== undefined) return
    const own = factsOf(subject)
    if (own.bulk === undefined && own.lock === undefined) return
    const group = migration.groups.find(({ statements }) => statements.includes(statement))
    if (group === undefined || group.kind === 'alone' || group.rolledBack) return
    const earlier = group.statements
      .filter(({ index }) => index < statement.index)
      .flatMap(({ index }) => migration.statements[index] ?? [])
    const change = earlier.find((each) => factsOf(each).lock !== undefined)
    if (change !== undefined) {
      const { lock } = factsOf(change)
      if (own.bulk && lock) yield underLock(subject, own.bulk, change, lock, major)
    } else if (own.lock !== undefined) {
      for (const each of earlier) {
        const { bulk } = factsOf(each)
        if (bulk) yield beforeLock(each, bulk, subject, own.lock, major)
      }
    }
  },
})

interface Facts {
  bulk: BulkChange | undefined
  /** The strongest lock that a schema change takes on a table in use. */
  lock: TableLock | undefined
}

function factsOf(subject: StatementSubject): Facts {
  const locks = tableLocks(subject)
  const lock = locks.find(({ mode }) => mode === 'ACCESS EXCLUSIVE') ?? locks[0]
  return { bulk: firstBulkChange(subject), lock }
}

function underLock(
  subject: StatementSubject,
  { command, table }: BulkChange,
  change: StatementSubject,
  lock: TableLock,
  major: Major,
): Verdict {
  const observation = observationOf(subject)
  const held = `${lock.mode} on ${lock.printed}`
  return {
    kind: 'finding',
    message:
      `${command} of ${table} in bulk while ${whomItBlocks(lock.mode)} of ${lock.printed} waits: the transaction ` +
      `holds ` +
      `${lock.mode} on it until all rows are done`,
    at: placeOfStatement(subject),
    evidence: [
      observation
        ? traceEvidence(major, observation, { 'held since an earlier statement': held })
        : measured('ALTER TABLE, then UPDATE in the same transaction', major, { t: lock.printed }),
    ],
    related: [{ at: placeOfStatement(change), message: `takes ${held}` }],
    ...ownMigration(subject, { command, table }),
  }
}

function beforeLock(
  subject: StatementSubject,
  { command, table }: BulkChange,
  change: StatementSubject,
  lock: TableLock,
  major: Major,
): Verdict {
  const { migration } = subject
  const seen = observationOf(change)
  const evidence: Evidence = seen
    ? traceEvidence(major, seen)
    : measured('UPDATE, then ALTER TABLE in the same transaction', major, { t: lock.printed })
  const { index } = change.statement
  return {
    kind: 'finding',
    severity: 'note',
    message:
      `${command} of ${table} in bulk: its rows stay locked while the transaction waits for ${lock.mode} on ` +
      `${lock.printed}, and until it ends`,
    at: placeOfStatement(subject),
    evidence: [evidence],
    related: [{ at: placeOfStatement(change), message: `takes ${lock.mode} on ${lock.printed}` }],
    ...splitBefore(change, {
      title: 'Move the schema change to a migration of its own',
      says: 'Let the schema change follow in a migration of its own.',
      parts: [partOfFile(migration, index, migration.statements.length, 2)],
    }),
  }
}

/** The change of rows in a migration of its own, in batches where it can be, and what follows it in a third. */
function ownMigration(subject: StatementSubject, bulk: BulkChange): { next: string; fixes: Fix[] } {
  const { migration, statement } = subject
  const { index } = statement
  const made = batchedChange(subject, bulk)
  const columns = changedColumns(statement)
  const isNew =
    columns.length > 0 &&
    columns.every((name) => isNewObject(migration, 'column', `${bulk.table}.${name}`, statement.index))
  const whole = partOfFile(migration, index, index + 1, 2)
  const own = 'draft' in made ? made.draft : { ...whole.draft, name: fileWords(nameOf(bulk)) }
  const changed: FilePart = { from: index, to: index + 1, draft: withBack(migration, own, isNew), hasBack: true }
  const rest =
    index + 1 < migration.statements.length ? [partOfFile(migration, index + 1, migration.statements.length, 3)] : []
  return splitBefore(subject, {
    title:
      'draft' in made
        ? 'Change the rows in a migration of its own, in batches'
        : 'Change the rows in a migration of its own',
    says:
      'draft' in made
        ? inBatchesSays(bulk)
        : `Change the rows in a migration of its own, as one statement: in batches it would not be the same, because ${made.reason}.`,
    parts: [changed, ...rest],
  })
}

function inBatchesSays({ command }: BulkChange): string {
  return (
    'Change the rows in a migration of its own, batch by batch, each committed before the next. ' +
    (command === 'DELETE'
      ? 'Rows that come meanwhile may be left.'
      : 'Rows that come while it runs, or later from code that does not write it yet, keep what they have: let the ' +
        'code or a trigger write it first, or run the batches again before anything (NOT NULL, a constraint) relies ' +
        'on every row.')
  )
}

/** The draft with its way back, where the folder has such: a new column takes its values along, others are gone. */
function withBack(migration: MigrationSubject, draft: MigrationDraft, isNew: boolean): MigrationDraft {
  if (!wantsBack(migration)) return draft
  if (isNew) return { ...draft, down: '-- The values go with the column.' }
  if (/kei:\s*irreversible/i.test(draft.up)) return draft
  const line =
    migration.layout === 'kei'
      ? '-- kei: irreversible the rows before the change are not kept'
      : '-- kei: ignore-file require-down-or-irreversible: the rows before the change are not kept'
  return { ...draft, up: `${line}\n${draft.up}`, down: '' }
}

function nameOf({ command, table }: BulkChange): string {
  return `${command.split(' ')[0] ?? ''}_${table}`
}

function changedColumns(statement: StatementSubject['statement']): string[] {
  const targets = statementOf(statement, 'UpdateStmt')?.targetList ?? []
  return targets.map((each) => nodeOf(each, 'ResTarget')?.name ?? '')
}
