import { defineRule } from '../rule.ts'
import { durationText } from './amounts.ts'
import { endSessionStep, placeOfSession, sessionText } from './session.ts'

export default defineRule({
  id: 'no-idle-transaction',
  since: '0.1.0',
  severity: 'warning',
  category: 'health',
  subject: 'database',
  about: 'state',
  needs: ['statistics'],
  summary: 'A transaction that is open while its client does something else',
  why:
    'It keeps its locks, so a migration that needs one of those tables waits, and everyone behind it; it keeps VACUUM ' +
    'from removing rows, and it occupies a connection, also that of a pooler. Mostly a call to another service stands ' +
    'within the transaction, or an error path forgets to end it.',
  instead:
    'Do nothing in a transaction but its statements, and end it on every path. Set idle_in_transaction_session_timeout ' +
    'for the roles of applications: the server then ends what is forgotten.',
  examples: [
    {
      title: 'Opened and forgotten',
      setup: 'CREATE TABLE orders (id int);',
      options: { minutes: 0 },
      bad: 'BEGIN;\nINSERT INTO orders VALUES (1);',
      at: 'session postgres (example)',
      good: 'BEGIN;\nINSERT INTO orders VALUES (1);\nCOMMIT;',
    },
  ],
  sources: [
    'https://www.postgresql.org/docs/current/runtime-config-client.html#GUC-IDLE-IN-TRANSACTION-SESSION-TIMEOUT',
  ],
  options: { minutes: { description: 'How long a transaction may wait for its client.', default: 5 } },
  claims: [],
  *check({ transactions, denied }, { options }) {
    if (denied.transactions !== undefined) yield { kind: 'unknown', needs: denied.transactions }
    for (const transaction of transactions) {
      const { state, seconds, stateSeconds } = transaction
      if (state !== 'idle' || stateSeconds <= Number(options['minutes']) * 60) continue
      yield {
        kind: 'finding',
        message: `A transaction of ${sessionText(transaction)}, is open and has done nothing for ${durationText(stateSeconds)}`,
        at: placeOfSession(transaction),
        evidence: [{ kind: 'statistics', facts: { open: durationText(seconds), idle: durationText(stateSeconds) } }],
        next: endSessionStep(transaction),
      }
    }
  },
})
