import { defineRule } from '../rule.ts'
import { durationText } from './amounts.ts'
import { endSessionStep, placeOfSession, sessionText } from './session.ts'

export default defineRule({
  id: 'no-long-transaction',
  since: '0.1.0',
  severity: 'warning',
  category: 'health',
  subject: 'database',
  about: 'state',
  needs: ['statistics'],
  summary: 'A transaction that has been at work for so long that it holds up VACUUM',
  why:
    'VACUUM removes no row that a running transaction may still see, in none of the database’s tables. So one long ' +
    'query or job lets every busy table grow, and each query slower by the dead rows that it passes. Its locks keep ' +
    'migrations waiting, and those keep everyone else waiting.',
  instead:
    'Work in batches, each in a transaction of its own. Read for reports from a standby. Set statement_timeout, and ' +
    'transaction_timeout from PostgreSQL 17 on, for the roles of applications.',
  examples: [
    {
      title: 'A job in one transaction',
      setup: 'CREATE TABLE orders (id int);',
      options: { minutes: 0 },
      bad: 'BEGIN;\nINSERT INTO orders SELECT generate_series(1, 1000);\nSELECT pg_sleep(1);',
      at: 'session postgres (example)',
      good: 'INSERT INTO orders SELECT generate_series(1, 1000);',
    },
  ],
  sources: [
    'https://www.postgresql.org/docs/current/routine-vacuuming.html#VACUUM-FOR-SPACE-RECOVERY',
    'https://www.postgresql.org/docs/current/runtime-config-client.html#GUC-TRANSACTION-TIMEOUT',
  ],
  options: { minutes: { description: 'How long a transaction may take.', default: 60 } },
  claims: [],
  *check({ transactions, denied }, { options }) {
    if (denied.transactions !== undefined) yield { kind: 'unknown', needs: denied.transactions }
    for (const transaction of transactions) {
      const { seconds, stateSeconds, state, holdsSnapshot } = transaction
      if (!holdsSnapshot || seconds <= Number(options['minutes']) * 60) continue
      // One that mostly waits for its client is no-idle-transaction's.
      if (state === 'idle' && stateSeconds > seconds / 2) continue
      yield {
        kind: 'finding',
        message: `A transaction of ${sessionText(transaction)}, is open for ${durationText(seconds)} and keeps VACUUM from removing rows`,
        at: placeOfSession(transaction),
        evidence: [
          {
            kind: 'statistics',
            facts: { state, open: durationText(seconds), [`${state} for`]: durationText(stateSeconds) },
          },
        ],
        next: endSessionStep(transaction),
      }
    }
  },
})
