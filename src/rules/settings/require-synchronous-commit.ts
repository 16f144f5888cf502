import { defineRule } from '../rule.ts'
import { effective } from './effective-setting.ts'
import { settingVerdict } from './setting-verdict.ts'

export default defineRule({
  id: 'require-synchronous-commit',
  since: '0.1.0',
  severity: 'note',
  category: 'settings',
  subject: 'settings',
  about: 'file',
  needs: ['source', 'catalog'],
  summary: 'synchronous_commit is off for everyone: a crash loses the last commits',
  why:
    'COMMIT returns before the WAL is on disk. The cluster is never damaged by that, but a crash loses what was committed ' +
    'in the last moments (up to three times wal_writer_delay), after clients were told that it is safe: an order ' +
    'confirmed, a mail sent, no row.',
  instead:
    'Leave it on for all, and SET LOCAL synchronous_commit = off in the transactions whose loss is acceptable, or ' +
    'ALTER ROLE … SET for a role that writes only such.',
  examples: [
    {
      title: 'Off for every transaction',
      bad: 'synchronous_commit = off\nwal_level = replica',
      at: 'synchronous_commit = off',
      good: 'synchronous_commit = local\nwal_level = replica',
    },
  ],
  sources: ['https://www.postgresql.org/docs/17/wal-async-commit.html'],
  options: {},
  claims: [],
  *check(settings, { major }) {
    const { setting, value } = effective(settings, 'synchronous_commit', major)
    if (setting === undefined || !isOff(value)) return
    yield settingVerdict(settings, setting, {
      message: 'synchronous_commit is off for every transaction: a crash loses commits that clients were told of',
      next: 'Set synchronous_commit = on here, and SET LOCAL synchronous_commit = off where a loss is acceptable.',
    })
  },
})

function isOff(value: unknown): boolean {
  return value === 'off' || value === 'false' || value === 'no' || value === '0'
}
