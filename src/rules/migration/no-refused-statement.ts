import type { Statement } from '../../sql/statement.ts'
import { behaviourOf, refusals } from '../../sql/transactions.ts'
import type { TransactionMode } from '../../sql/transactions.ts'
import { defineRule } from '../rule.ts'
import type { Verdict } from '../rule.ts'

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
    'CREATE INDEX CONCURRENTLY, VACUUM, ALTER SYSTEM and some others commit by themselves on their way, so PostgreSQL ' +
    'refuses them inside a transaction block. A block is what stands between BEGIN and COMMIT, what the runner opens ' +
    'around a file, and every string of more than one statement. The migration fails in production, at the latest.',
  instead:
    'Put the statement where no transaction is around it: out of BEGIN … COMMIT; in goose a file with -- +goose NO ' +
    'TRANSACTION; in golang-migrate and Prisma a file of its own. kei’s runner sends such a statement alone by itself. ' +
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
  ],
  *check(migration) {
    const { layout, mode, file, text, down } = migration
    const statements = migration.statements.map(({ statement }) => statement)
    yield* refusedIn({ layout, mode, file, text, statements })
    if (down !== undefined) yield* refusedIn({ layout, ...down })
  },
})

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
          ? `Inside a transaction PostgreSQL refuses this (25001), and ${around(script)}; some versions of Prisma split it first`
          : `PostgreSQL refuses this inside a transaction (25001), and ${around(script)}`,
      at: { file, text, span: { start: statement.start, end: statement.end } },
      evidence: [{ kind: 'source', text: statement.text }],
      next: rollsBack ? 'Take it out of the migration.' : wayOut(script),
    }
  }
}

function around({ mode, layout }: RunnerScript): string {
  switch (mode) {
    case 'transaction':
      return `${layout} opens one around this file`
    case 'simple-query':
      return `${layout} sends this file as one string of several statements, which is one`
    case 'grouped':
    case 'statement':
      return 'it stands between BEGIN and COMMIT'
  }
}

function wayOut({ mode }: RunnerScript): string {
  switch (mode) {
    case 'transaction':
      return 'Begin the file with the line -- +goose NO TRANSACTION.'
    case 'simple-query':
      return 'Move it to a migration of its own.'
    case 'grouped':
    case 'statement':
      return 'Move it out of BEGIN … COMMIT.'
  }
}
