import { defineRule } from '../rule.ts'
import { settingVerdict } from './setting-verdict.ts'

export default defineRule({
  id: 'require-checksums',
  since: '0.1.0',
  severity: 'note',
  category: 'settings',
  subject: 'settings',
  about: 'file',
  needs: ['catalog'],
  summary: 'The running cluster has no data checksums',
  why:
    'A page that disk, controller or memory has damaged is read as if it were right, copied into every backup, and found ' +
    'when the last good backup is gone. With checksums the first read says which page of which file it is, and ' +
    'pg_basebackup refuses to call such a backup good. They are on by default since PostgreSQL 18.',
  instead:
    'pg_checksums --enable on the stopped cluster, which reads and writes every page once; or initdb --data-checksums ' +
    'for a new cluster. With a standby: enable them there first and switch over.',
  examples: [],
  sources: [
    'https://www.postgresql.org/docs/17/checksums.html',
    'https://www.postgresql.org/docs/17/app-pgchecksums.html',
  ],
  options: {},
  claims: [],
  *check(settings) {
    const setting = settings.settings.get('data_checksums')
    if (settings.from === 'file' || setting?.value !== 'off') return
    yield settingVerdict(settings, setting, {
      message: 'the cluster has no data checksums, so damaged pages are read, and backed up, as if they were right',
      next: 'Stop the server and run `pg_checksums --enable`, at best on a standby that then takes over.',
    })
  },
})
