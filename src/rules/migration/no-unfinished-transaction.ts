import type { Fix } from '../../findings/fix.ts'
import { boundaryOf, opensTransaction } from '../../sql/transactions.ts'
import { placeOfStatement } from '../place.ts'
import { afterSemicolon } from '../recipe.ts'
import { defineRule } from '../rule.ts'
import type { Verdict } from '../rule.ts'
import type { MigrationSubject, StatementSubject } from '../subject.ts'

export default defineRule({
  id: 'no-unfinished-transaction',
  since: '0.1.0',
  severity: 'warning',
  category: 'migration',
  subject: 'migration',
  about: 'change',
  needs: ['source'],
  summary: 'BEGIN without COMMIT, or inside a transaction that is already open',
  why:
    'BEGIN without COMMIT leaves the transaction open when the file ends. What its runner does next happens in it: ' +
    'some commit it by accident together with their own bookkeeping, others never, and then all of it is rolled back ' +
    'when the session ends, while its locks were held until then. Inside an open transaction BEGIN is only a ' +
    'warning, ' +
    'and the next COMMIT ends the outer transaction: what follows it runs in none, so a failure leaves half of the ' +
    'file behind. In goose, Atlas, sqlx, dbmate and Flyway the outer ' +
    'transaction is the one that they open around the file themselves.',
  instead:
    'Write each BEGIN with its COMMIT, one after the other, or neither: kei and goose open a transaction themselves, ' +
    'and golang-migrate and Prisma send the file as one string, which is one. Where a part must be on its own, ' +
    'give it ' +
    'a file of its own.',
  examples: [
    {
      title: 'COMMIT is missing',
      setup: 'CREATE TABLE orders (id bigint PRIMARY KEY);',
      bad: 'BEGIN;\nALTER TABLE orders ADD COLUMN note text;',
      at: 'BEGIN',
      good: 'BEGIN;\nALTER TABLE orders ADD COLUMN note text;\nCOMMIT;',
    },
    {
      title: 'A transaction in another',
      setup: 'CREATE TABLE orders (id bigint PRIMARY KEY);',
      bad:
        'BEGIN;\nALTER TABLE orders ADD COLUMN note text;\nBEGIN;\nCREATE TABLE returns (id bigint PRIMARY KEY);\n' +
        'COMMIT;',
      at: 'BEGIN',
      good:
        'BEGIN;\nALTER TABLE orders ADD COLUMN note text;\nCOMMIT;\nBEGIN;\n' +
        'CREATE TABLE returns (id bigint PRIMARY KEY);\nCOMMIT;',
    },
  ],
  sources: [
    'https://www.postgresql.org/docs/17/sql-begin.html',
    'https://www.postgresql.org/docs/17/protocol-flow.html#PROTOCOL-FLOW-MULTI-STATEMENT',
  ],
  options: {},
  changes: { objects: [] },
  claims: [
    {
      says: 'The first COMMIT ends everything that is open; what follows it is no longer in the outer transaction.',
      setup: '',
      statement: 'BEGIN; CREATE TABLE t (a int); BEGIN; COMMIT; SELECT 1 / 0; COMMIT',
      fails: '22012',
      then: { query: "SELECT to_regclass('t')::text", rows: [['t']] },
    },
    {
      says: 'A transaction that is not committed is undone.',
      setup: '',
      statement: 'BEGIN; CREATE TABLE t (a int); SELECT 1 / 0',
      fails: '22012',
      then: { query: "SELECT to_regclass('t')::text", rows: [[null]] },
    },
    {
      says: 'In a string of several statements COMMIT keeps what stands before it, also where nothing began.',
      setup: '',
      statement: 'CREATE TABLE t (a int); COMMIT; CREATE TABLE u (a int); SELECT 1 / 0',
      fails: '22012',
      then: { query: "SELECT to_regclass('t')::text, to_regclass('u')::text", rows: [['t', null]] },
    },
  ],
  *check(migration) {
    let open: StatementSubject | undefined
    let ownedByRunner = opensTransaction(migration.mode)
    for (const subject of migration.statements) {
      const boundary = boundaryOf(subject.statement)
      if (boundary === undefined) continue
      if (boundary.kind === 'begin') {
        if (ownedByRunner) yield insideRunners(subject)
        else if (open !== undefined) yield nested(subject, open)
        ownedByRunner = false
        open ??= subject
      } else {
        if (ownedByRunner && !boundary.rolledBack) yield insideRunners(subject)
        ownedByRunner = false
        open = boundary.chain ? subject : undefined
      }
    }
    if (open !== undefined && !opensTransaction(migration.mode)) yield unfinished(migration, open)
  },
})

function nested(subject: StatementSubject, open: StatementSubject): Verdict {
  return {
    kind: 'finding',
    message: 'BEGIN inside a transaction that is open only warns, and the next COMMIT ends both',
    at: placeOfStatement(subject),
    evidence: [{ kind: 'source', text: subject.statement.text }],
    related: [{ at: placeOfStatement(open), message: 'opens the transaction' }],
    next: 'End the first one before it: COMMIT; BEGIN; — or take this BEGIN out.',
    fixes: fixes(subject, { title: 'COMMIT before it', at: subject.statement.start, text: 'COMMIT;\n' }),
  }
}

function insideRunners(subject: StatementSubject): Verdict {
  const { layout } = subject.migration
  const word = boundaryOf(subject.statement)?.kind === 'begin' ? 'BEGIN' : 'COMMIT'
  return {
    kind: 'finding',
    message:
      word === 'BEGIN'
        ? `${layout} has opened a transaction already: this BEGIN only warns, and the next COMMIT ends ${layout}’s`
        : `This COMMIT ends the transaction that ${layout} opened: what follows it, ${layout}’s own record too, ` +
          `runs outside`,
    at: placeOfStatement(subject),
    evidence: [{ kind: 'source', text: subject.statement.text }],
    next:
      'Take BEGIN and COMMIT out; the file is one transaction without them. Where it must be several, write several ' +
      'migrations.',
  }
}

function unfinished(migration: MigrationSubject, open: StatementSubject): Verdict {
  const { mode, layout, statements, text } = migration
  const last = statements.at(-1)?.statement ?? open.statement
  const at = afterSemicolon(text, last.end)
  // kei's runner commits what a file leaves open.
  const isLost = mode !== 'grouped'
  return {
    kind: 'finding',
    severity: isLost ? 'error' : 'warning',
    message: isLost
      ? `The transaction is never committed: ${layout} goes on in it, and its changes and locks depend on what ` +
        `comes after`
      : 'The transaction is never committed: kei does so after the last statement, psql and others roll it back',
    at: placeOfStatement(open),
    evidence: [{ kind: 'source', text: open.statement.text }],
    next: 'Write COMMIT; after the last statement.',
    fixes: fixes(open, {
      title: 'Write COMMIT after the last statement',
      at,
      text: at === last.end ? ';\nCOMMIT;' : '\nCOMMIT;',
      safety: 'safe',
    }),
  }
}

function fixes(
  { migration }: StatementSubject,
  { title, at, text, safety = 'review' }: { title: string; at: number; text: string; safety?: Fix['safety'] },
): Fix[] {
  if (migration.released) return []
  return [{ title, safety, edits: [{ file: migration.file, start: at, end: at, text }], newFiles: [] }]
}
