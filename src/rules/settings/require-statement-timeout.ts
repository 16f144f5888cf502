import { defineRule } from '../rule.ts'
import { effective } from './effective-setting.ts'
import { settingVerdict } from './setting-verdict.ts'

export default defineRule({
  id: 'require-statement-timeout',
  since: '0.1.0',
  severity: 'note',
  category: 'settings',
  subject: 'settings',
  about: 'file',
  needs: ['catalog'],
  summary: 'No role of a running server has a statement_timeout',
  why:
    'A query that has lost its index, or a client that has long gone, works on for hours and holds its connection, ' +
    'memory and snapshot. Enough of them, and nobody else gets a connection.',
  instead:
    "ALTER ROLE application SET statement_timeout = '30s'. The manual advises against postgresql.conf, where it would " +
    'end backups and maintenance too; so files are not judged, and a value for any role or database is enough.',
  examples: [],
  sources: ['https://www.postgresql.org/docs/17/runtime-config-client.html#GUC-STATEMENT-TIMEOUT'],
  options: {},
  claims: [],
  *check(settings, { major }) {
    if (settings.from === 'file' || settings.ownValues.has('statement_timeout')) return
    if (settings.ownValues.has('transaction_timeout')) return
    const { setting, value } = effective(settings, 'statement_timeout', major)
    if (setting === undefined || value !== 0) return
    yield settingVerdict(settings, setting, {
      message: 'statements run without a time limit: no role and no database has a statement_timeout',
      next: "ALTER ROLE name SET statement_timeout = '30s', for each role that an application logs in with.",
    })
  },
})
