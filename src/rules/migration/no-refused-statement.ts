import type { Statement } from '../../sql/statement.ts'
import { behaviourOf, refusals } from '../../sql/transactions.ts'
import type { TransactionMode } from '../../sql/transactions.ts'
import { showFiles } from '../next-step.ts'
import { placeOfStatement } from '../place.ts'
import { defineRule } from '../rule.ts'
import type { Verdict } from '../rule.ts'
import { withSearchPath } from '../search-path.ts'
import { outsideTransaction } from './outside-transaction.ts'
import { earlyUses } from './new-enum-values.ts'
import type { EarlyUse } from './new-enum-values.ts'
import { isBetweenBeginAndCommit, partOfFile } from './split-file.ts'
import type { StatementSubject } from '../subject.ts'

export default defineRule({
  id: 'no-refused-statement',
  since: '0.1.0',
  severity: 'error',
  category: 'migration',
  subject: 'migration',
  about: 'change',
  needs: ['source'],
  summary: 'A statement that is refused because of the transaction in which its runner sends it',
  why:
    'CREATE INDEX CONCURRENTLY, VACUUM, ALTER SYSTEM and some others commit by themselves on their way, so ' +
    'PostgreSQL ' +
    'refuses them inside a transaction block. A block is what stands between BEGIN and COMMIT, what the runner opens ' +
    'around a file, and every string of more than one statement; DO blocks and functions always run in one. The ' +
    'migration fails in production, at the latest.',
  instead:
    'Put the statement where no transaction is around it: out of BEGIN … COMMIT; in goose a file with -- +goose NO ' +
    'TRANSACTION, in Atlas one with -- atlas:txmode none; elsewhere a file of its own, which sqlx wants to begin with ' +
    '-- no-transaction, and dbmate to say transaction:false. kei’s runner sends such a statement alone by ' +
    'itself, ' +
    'and commits a new enum value before the statement that uses it; elsewhere that one goes into a later file. ' +
    'A ROLLBACK in a migration undoes what the file did while the runner notes it as done: take it out.',
  examples: [
    {
      title: 'An index built CONCURRENTLY between BEGIN and COMMIT',
      setup: 'CREATE TABLE orders (id bigint PRIMARY KEY, customer_id bigint NOT NULL);',
      bad: 'BEGIN;\nCREATE INDEX CONCURRENTLY orders_customer_id_idx ON orders (customer_id);\nCOMMIT;',
      at: 'CREATE INDEX CONCURRENTLY orders_customer_id_idx ON orders (customer_id)',
      good: 'CREATE INDEX CONCURRENTLY orders_customer_id_idx ON orders (customer_id);',
    },
    {
      title: 'VACUUM between BEGIN and COMMIT',
      setup: 'CREATE TABLE orders (id bigint PRIMARY KEY, note text);',
      bad: 'BEGIN;\nUPDATE orders SET note = NULL;\nVACUUM orders;\nCOMMIT;',
      at: 'VACUUM orders',
      good: 'BEGIN;\nUPDATE orders SET note = NULL;\nCOMMIT;\nVACUUM orders;',
    },
  ],
  sources: [
    'https://www.postgresql.org/docs/17/sql-createindex.html#SQL-CREATEINDEX-CONCURRENTLY',
    'https://www.postgresql.org/docs/17/protocol-flow.html#PROTOCOL-FLOW-MULTI-STATEMENT',
  ],
  options: {},
  claims: [
    {
      says: 'CREATE INDEX CONCURRENTLY is refused between BEGIN and COMMIT.',
      setup: 'CREATE TABLE t (a int);',
      statement: 'BEGIN; CREATE INDEX CONCURRENTLY ON t (a);',
      fails: '25001',
    },
    {
      says: 'It is refused in any string of several statements.',
      setup: 'CREATE TABLE t (a int);',
      statement: 'SELECT 1; CREATE INDEX CONCURRENTLY ON t (a);',
      fails: '25001',
    },
    {
      says: 'So is VACUUM.',
      setup: 'CREATE TABLE t (a int);',
      statement: 'BEGIN; VACUUM t;',
      fails: '25001',
    },
    {
      says: 'In a DO block both are refused, with no transaction around it.',
      setup: 'CREATE TABLE t (a int);',
      statement: 'DO $$ BEGIN CREATE INDEX CONCURRENTLY ON t (a); END $$',
      fails: '25001',
    },
    {
      says: 'A new enum value cannot be used before it is committed.',
      setup: "CREATE TYPE mood AS ENUM ('ok'); CREATE TABLE t (mood mood);",
      statement: "BEGIN; ALTER TYPE mood ADD VALUE 'good'; INSERT INTO t VALUES ('good')",
      fails: '55P04',
    },
    {
      says: 'Nor as a default.',
      setup: "CREATE TYPE mood AS ENUM ('ok'); CREATE TABLE t (mood mood);",
      statement: "ALTER TYPE mood ADD VALUE 'good'; ALTER TABLE t ALTER COLUMN mood SET DEFAULT 'good'",
      fails: '55P04',
    },
    {
      says: 'On 16 not even where the type was made in the same transaction.',
      setup: '',
      statement: "BEGIN; CREATE TYPE mood AS ENUM ('ok'); ALTER TYPE mood ADD VALUE 'good'; SELECT 'good'::mood",
      majors: [16],
      fails: '55P04',
    },
    {
      says: 'From 17 on it can be used where the type was made in the same transaction.',
      setup: '',
      statement: "CREATE TYPE mood AS ENUM ('ok'); ALTER TYPE mood ADD VALUE 'good'; SELECT 'good'::mood",
      majors: [17, 18],
    },
  ],
  *check(migration, { major }) {
    const { layout, mode, file, text, down } = migration
    const statements = migration.statements.map(({ statement }) => statement)
    yield* refusedIn({ layout, mode, file, text, statements })
    for (const { inner } of migration.statements) yield* refusedInCode(inner)
    if (down !== undefined) yield* refusedIn({ layout, ...down })
    for (const use of earlyUses(migration, major)) yield tooEarly(use)
  },
})

function tooEarly({ subject, addedBy, value, type }: EarlyUse): Verdict {
  const { migration, statement, trace } = subject
  const parts = [partOfFile(migration, statement.index, migration.statements.length, 2).draft]
  return {
    kind: 'finding',
    message:
      `PostgreSQL refuses the new value ${value} of ${type} here (55P04): the transaction that adds it has not ` +
      `committed`,
    at: placeOfStatement(subject),
    evidence: [{ kind: 'source', text: trace?.status === 'failed' ? trace.cause : statement.text }],
    related: [{ at: placeOfStatement(addedBy), message: `adds ${value}` }],
    next: isBetweenBeginAndCommit(migration)
      ? 'Write COMMIT; BEGIN; before it, so that the value is committed first.'
      : `Use it in a migration of its own, which comes after the value is ` +
        `committed.\n${showFiles(migration.history.newMigrations(withSearchPath(subject, parts)))}`,
  }
}

/** A section of a file: up or down. */
interface RunnerScript {
  layout: string
  mode: TransactionMode
  file: string
  text: string
  statements: readonly Statement[]
}

function* refusedIn(script: RunnerScript): Iterable<Verdict> {
  const { layout, mode, file, text, statements } = script
  // Most files have nothing that could be refused, and grouping costs more than looking.
  if (!statements.some((each) => each.tag === 'TransactionStmt' || behaviourOf(each) === 'outside')) return
  for (const { statement, reason } of refusals(statements, mode)) {
    const rollsBack = reason === 'rollback-by-file'
    // Newer versions of Prisma cut some such scripts into statements before they send them.
    const mayRun = layout === 'prisma' && !rollsBack
    yield {
      kind: 'finding',
      ...(mayRun && { severity: 'note' as const }),
      message: rollsBack
        ? 'This takes back what the file did, while the runner would note it as done'
        : mayRun
          ? `Inside a transaction PostgreSQL refuses this (25001), and ${around(script)}; some versions of ` +
            `Prisma split it first`
          : `PostgreSQL refuses this inside a transaction (25001), and ${around(script)}`,
      at: { file, text, span: { start: statement.start, end: statement.end } },
      evidence: [{ kind: 'source', text: statement.text }],
      next: rollsBack ? 'Take it out of the migration.' : wayOut(script),
    }
  }
}

/** Code runs in a transaction, whoever sends it. */
function* refusedInCode(inner: readonly StatementSubject[]): Iterable<Verdict> {
  for (const subject of inner) {
    if (behaviourOf(subject.statement) !== 'outside') continue
    yield {
      kind: 'finding',
      message: 'PostgreSQL refuses this in a DO block or a function (25001)',
      at: placeOfStatement(subject),
      evidence: [{ kind: 'source', text: subject.statement.text }],
      next: 'Take it out of the code: write it as a statement of its own, where no transaction is around it.',
    }
  }
}

function around({ mode, layout }: RunnerScript): string {
  switch (mode) {
    case 'transaction':
    case 'transaction-query':
      return layout === 'flyway'
        ? 'flyway opens one around this file or, where it knows the statement, refuses the file'
        : `${layout} opens one around this file`
    case 'simple-query':
      return `${layout} sends this file as one string of several statements, which is one`
    case 'grouped':
    case 'statement':
      return 'it stands between BEGIN and COMMIT'
  }
}

function wayOut({ mode, layout }: RunnerScript): string {
  switch (mode) {
    case 'transaction':
    case 'transaction-query':
      return outsideTransaction(layout)
    case 'simple-query':
      return 'Move it to a migration of its own.'
    case 'grouped':
    case 'statement':
      return 'Move it out of BEGIN … COMMIT.'
  }
}
