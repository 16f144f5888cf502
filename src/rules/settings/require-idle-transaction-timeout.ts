import { defineRule } from '../rule.ts'
import { effective } from './effective-setting.ts'
import { settingVerdict } from './setting-verdict.ts'

export default defineRule({
  id: 'require-idle-transaction-timeout',
  since: '0.1.0',
  severity: 'warning',
  category: 'settings',
  subject: 'settings',
  about: 'file',
  needs: ['source', 'catalog'],
  summary: 'Nothing ends a session that sits idle in a transaction',
  why:
    'A process that waits for something else, or hangs, between BEGIN and COMMIT keeps its locks and its snapshot. Every ' +
    'migration queues behind it, and everything else behind the migration; vacuum removes no row that the snapshot ' +
    'could still see, so tables grow all over the server.',
  instead:
    'idle_in_transaction_session_timeout = 1min for all, more for the roles that need it (ALTER ROLE … SET). ' +
    'transaction_timeout (PostgreSQL 17) bounds the busy ones as well. In a file only a written 0 is found; on a ' +
    'running server the default counts too.',
  examples: [
    {
      title: 'No limit',
      bad: 'idle_in_transaction_session_timeout = 0\nwork_mem = 8MB',
      at: 'idle_in_transaction_session_timeout = 0',
      good: 'idle_in_transaction_session_timeout = 1min\nwork_mem = 8MB',
    },
    {
      title: 'Whole transactions are bounded',
      bad: "idle_in_transaction_session_timeout = '0'\ntransaction_timeout = 0",
      at: "idle_in_transaction_session_timeout = '0'",
      good: "idle_in_transaction_session_timeout = '0'\ntransaction_timeout = 5min",
      majors: [17, 18],
    },
  ],
  sources: [
    'https://www.postgresql.org/docs/17/runtime-config-client.html#GUC-IDLE-IN-TRANSACTION-SESSION-TIMEOUT',
    'https://www.postgresql.org/docs/17/runtime-config-client.html#GUC-TRANSACTION-TIMEOUT',
  ],
  options: {},
  claims: [],
  *check(settings, { major }) {
    const name = 'idle_in_transaction_session_timeout'
    const idle = effective(settings, name, major)
    const whole = effective(settings, 'transaction_timeout', major)
    if (idle.setting === undefined || idle.value !== 0 || (whole.value ?? 0) !== 0) return
    if (settings.ownValues.has(name) || settings.ownValues.has('transaction_timeout')) return
    yield settingVerdict(settings, idle.setting, {
      message: 'no limit for a session that sits idle in a transaction with its locks and its snapshot',
      next: `Set ${name} = 1min, and for a role that needs longer: ALTER ROLE name SET ${name} = '10min'.`,
    })
  },
})
