import { defineRule } from '../rule.ts'
import { durationText } from './amounts.ts'

export default defineRule({
  id: 'no-orphaned-prepared-transaction',
  since: '0.1.0',
  severity: 'error',
  category: 'health',
  subject: 'database',
  about: 'state',
  needs: ['catalog'],
  summary: 'A prepared transaction that nobody has ended',
  why:
    'PREPARE TRANSACTION leaves a transaction without a session: it keeps its locks and holds up VACUUM until somebody ' +
    'commits it or rolls it back, through restarts of the server too. No timeout ends it, and no session shows it.',
  instead:
    'Ask the transaction manager that prepared it how it ended, and end it the same way. Where there is none, set ' +
    'max_prepared_transactions = 0, the default: then nobody can prepare one by accident.',
  examples: [
    {
      title: 'Its manager is gone',
      setup: 'CREATE TABLE orders (id int);',
      options: { minutes: 0 },
      bad: "BEGIN;\nINSERT INTO orders VALUES (1);\nPREPARE TRANSACTION 'order-1';",
      at: 'prepared transaction order-1',
      good: "BEGIN;\nINSERT INTO orders VALUES (1);\nPREPARE TRANSACTION 'order-1';\nCOMMIT PREPARED 'order-1';",
    },
  ],
  sources: ['https://www.postgresql.org/docs/current/sql-prepare-transaction.html'],
  options: { minutes: { description: 'How long a transaction may stay prepared.', default: 60 } },
  claims: [],
  *check({ preparedTransactions }, { options }) {
    for (const { identifier, owner, seconds } of preparedTransactions) {
      if (seconds <= Number(options['minutes']) * 60) continue
      const literal = `'${identifier.replaceAll("'", "''")}'`
      yield {
        kind: 'finding',
        message: `${literal} of ${owner} has been prepared for ${durationText(seconds)}; it holds its locks and keeps VACUUM from removing rows`,
        at: { kind: 'object', objectType: 'prepared transaction', name: identifier },
        evidence: [{ kind: 'catalog', facts: { owner, prepared: durationText(seconds) } }],
        next:
          `End it as its transaction manager says, as ${owner} or a superuser, in this database:\n` +
          `COMMIT PREPARED ${literal};\nROLLBACK PREPARED ${literal};`,
      }
    }
  },
})
