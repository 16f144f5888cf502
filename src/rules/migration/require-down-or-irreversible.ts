import type { Fix } from '../../findings/fix.ts'
import { behaviourOf } from '../../sql/transactions.ts'
import { indent, showFiles } from '../next-step.ts'
import { defineRule } from '../rule.ts'
import type { Verdict } from '../rule.ts'
import type { MigrationSubject } from '../subject.ts'
import { reverseOf } from './reverse.ts'
import { hasWaysBack } from './ways-back.ts'

export default defineRule({
  id: 'require-down-or-irreversible',
  since: '0.1.0',
  severity: 'warning',
  category: 'migration',
  subject: 'migration',
  about: 'change',
  needs: ['source'],
  summary: 'A migration without a way back that does not say so',
  why:
    'Whoever has to take a release back at night runs the down sections from the last to the first, and the first ' +
    'file without one is where it ends. Then nobody knows whether it was forgotten or cannot be done. Looked at are ' +
    'folders in which a released file has a down section or says why there is none (where nothing is released, any ' +
    'file). Of a folder in kei’s layout that has none at all it is said once, in a note; Prisma knows no way back.',
  instead:
    'Write the down section with the migration, or say why there is none: in kei’s layout with -- kei: irreversible ' +
    'REASON at the top of the file; in another tool’s with an ignore comment. Of a file that only creates ' +
    'and adds the way back is certain, and kei writes it.',
  examples: [
    {
      title: 'A down file is missing',
      bad: [
        { file: '0001_create_orders.sql', text: 'CREATE TABLE orders (id bigint PRIMARY KEY);' },
        { file: '0001_create_orders.down.sql', text: 'DROP TABLE orders;' },
        {
          file: '0002_add_note.sql',
          text:
            'ALTER TABLE orders ADD COLUMN note text, ADD CONSTRAINT note_is_short CHECK (length(note) < 9) NOT ' +
            'VALID;',
        },
      ],
      at: '',
      good: [
        { file: '0001_create_orders.sql', text: 'CREATE TABLE orders (id bigint PRIMARY KEY);' },
        { file: '0001_create_orders.down.sql', text: 'DROP TABLE orders;' },
        { file: '0002_add_note.sql', text: 'ALTER TABLE orders ADD COLUMN note text;' },
        { file: '0002_add_note.down.sql', text: 'ALTER TABLE orders DROP COLUMN note;' },
      ],
    },
    {
      title: 'There is no way back',
      bad: [
        { file: '0001_create_customers.sql', text: 'CREATE TABLE customers (id bigint PRIMARY KEY, note text);' },
        { file: '0001_create_customers.down.sql', text: 'DROP TABLE customers;' },
        { file: '0002_forget.sql', text: 'UPDATE customers SET note = NULL;' },
      ],
      at: '',
      good: [
        { file: '0001_create_customers.sql', text: 'CREATE TABLE customers (id bigint PRIMARY KEY, note text);' },
        { file: '0001_create_customers.down.sql', text: 'DROP TABLE customers;' },
        {
          file: '0002_forget.sql',
          text: '-- kei: irreversible the notes are gone\nUPDATE customers SET note = NULL;',
        },
      ],
    },
    {
      title: 'The way back can be told from the statements',
      bad: [
        {
          file: '0001_create_moods.sql',
          text: "CREATE TYPE mood AS ENUM ('ok');",
        },
        { file: '0001_create_moods.down.sql', text: 'DROP TYPE mood;' },
        {
          file: '0002_create_returns.sql',
          text:
            'CREATE TABLE returns (id bigint PRIMARY KEY);\nINSERT INTO returns VALUES (1);\n' +
            "COMMENT ON TABLE returns IS 'What came back';\nCREATE INDEX CONCURRENTLY returns_idx ON returns (id);\n" +
            'CREATE VIEW open_returns AS SELECT id FROM returns;',
        },
      ],
      at: '',
      good: [
        { file: '0001_create_orders.sql', text: 'CREATE TABLE orders (id bigint PRIMARY KEY);' },
        { file: '0001_create_orders.down.sql', text: 'DROP TABLE orders;' },
      ],
    },
  ],
  sources: [
    'https://github.com/golang-migrate/migrate/blob/master/MIGRATIONS.md',
    'https://pressly.github.io/goose/documentation/annotations/',
  ],
  options: {},
  changes: { objects: [] },
  claims: [
    {
      says: 'DROP TABLE takes along the table’s indexes, constraints and triggers; a view on it has to go first.',
      setup: 'CREATE TABLE t (a int PRIMARY KEY); CREATE INDEX i ON t (a); CREATE VIEW v AS SELECT a FROM t;',
      statement: 'DROP VIEW v; DROP TABLE t',
      then: { query: "SELECT count(*)::text FROM pg_class WHERE relname IN ('t', 'i', 'v', 't_pkey')", rows: [['0']] },
    },
    {
      says: 'What is dropped does not come back: another column of that name is empty.',
      setup: 'CREATE TABLE t AS SELECT 1 AS a, 2 AS b; ALTER TABLE t DROP COLUMN b;',
      statement: 'ALTER TABLE t ADD COLUMN b int',
      then: { query: 'SELECT b::text FROM t', rows: [[null]] },
    },
  ],
  *check(migration) {
    if (migration.released || migration.wayBack !== 'missing') return
    if (!hasWaysBack(migration.history)) {
      if (migration.layout === 'kei' && isFirstOpen(migration)) yield noWayBackAtAll(migration)
      return
    }
    const start = { start: 0, end: 0 }
    yield {
      kind: 'finding',
      message: 'There is no way back from this migration, and it does not say why',
      at: { file: migration.file, text: migration.text, span: start },
      evidence: [
        { kind: 'source', text: `${migration.file} has no down section; others of ${migration.history.folder} have` },
      ],
      ...remedy(migration),
      identity: migration.version,
    }
  },
})

/** Whether it is the first of its folder that can still be changed. */
function isFirstOpen(migration: MigrationSubject): boolean {
  return migration.history.migrations.find(({ released }) => !released) === migration
}

/** Said once for a folder: it may be meant so. */
function noWayBackAtAll({ file, text, history }: MigrationSubject): Verdict {
  return {
    kind: 'finding',
    severity: 'note',
    message: `No migration of ${history.folder} has a way back, and none says why`,
    at: { file, text, span: { start: 0, end: 0 } },
    evidence: [{ kind: 'source', text: `${history.folder} has no .down.sql file` }],
    next:
      'Write a .down.sql beside each new migration, which kei then runs up, down and up again, or begin it with the ' +
      'line -- kei: irreversible REASON. If this folder only ever rolls forward, turn the rule off in kei.jsonc.',
    identity: history.folder,
  }
}

function remedy({ layout, file, statements, text }: MigrationSubject): { next: string; fixes: Fix[] } {
  const reversed = reverseOf(statements.map(({ statement }) => statement))
  const without =
    layout === 'kei'
      ? `Where there is none begin ${file} with the line -- kei: irreversible REASON.`
      : 'Where there is none say why: -- kei: ignore-file require-down-or-irreversible: REASON'
  const sql = `${(reversed ?? []).join('\n')}\n`
  // golang-migrate sends a file as one string, in which CONCURRENTLY is refused beside others; Flyway refuses such a
  // file itself, and a way back of sqlx or dbmate is in a transaction unless it says otherwise.
  const isRefused =
    (inTransaction.has(layout) || (concurrentAlone.has(layout) && (reversed ?? []).length > 1)) &&
    statements.some(({ statement }) => behaviourOf(statement) === 'outside')
  if (reversed === undefined || isRefused) return { next: `Write its down section. ${without}`, fixes: [] }
  if (layout === 'goose' || layout === 'dbmate') {
    // dbmate demands the line, so it is there.
    const marker = layout === 'goose' ? '-- +goose Down\n' : ''
    const separator = `${text.endsWith('\n') ? '' : '\n'}${layout === 'goose' ? '\n' : ''}`
    const edit = { file, start: text.length, end: text.length, text: `${separator}${marker}${sql}` }
    return {
      next: `Write the way back at its end:\n${indent(`${marker}${reversed.join('\n')}`)}\n${without}`,
      fixes: [{ title: 'Write the down section', safety: 'review', edits: [edit], newFiles: [] }],
    }
  }
  const down = { file: downFile(layout, file), text: sql }
  return {
    next: `Write the way back:\n${showFiles([down])}\n${without}`,
    fixes: [{ title: 'Write the down file', safety: 'review', edits: [], newFiles: [down] }],
  }
}

const inTransaction: ReadonlySet<string> = new Set(['sqlx', 'dbmate'])
const concurrentAlone: ReadonlySet<string> = new Set(['golang-migrate', 'flyway'])

function downFile(layout: string, file: string): string {
  return layout === 'flyway' ? file.replace(/(^|\/)V([^/]*)$/, '$1U$2') : file.replace(/(?:\.up)?\.sql$/, '.down.sql')
}
