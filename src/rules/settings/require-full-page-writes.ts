import { defineRule } from '../rule.ts'
import { switchedTo } from './effective-setting.ts'
import { settingVerdict } from './setting-verdict.ts'

export default defineRule({
  id: 'require-full-page-writes',
  since: '0.1.0',
  severity: 'error',
  category: 'settings',
  subject: 'settings',
  about: 'file',
  needs: ['source', 'catalog'],
  summary: 'full_page_writes is off: a page half written at a crash stays damaged',
  why:
    'PostgreSQL writes pages of 8 kB, most disks and file systems do not write them whole. A page that was half written ' +
    'when the machine crashed can then not be repaired from the WAL, and the damage may be seen only much later. An ' +
    'online backup needs full pages as well.',
  instead:
    'Leave it on. wal_compression and a longer checkpoint_timeout make the WAL smaller without risk. On a file system ' +
    'that never tears a page (ZFS with a recordsize of 8 kB or more), say so in an ignore comment.',
  examples: [
    {
      title: 'Full pages switched off',
      bad: 'full_page_writes = off\nwal_compression = on',
      at: 'full_page_writes = off',
      good: 'wal_compression = on',
    },
  ],
  sources: ['https://www.postgresql.org/docs/17/runtime-config-wal.html#GUC-FULL-PAGE-WRITES'],
  options: {},
  claims: [],
  *check(settings, { major }) {
    const setting = switchedTo(settings, 'full_page_writes', false, major)
    if (setting === undefined) return
    yield settingVerdict(settings, setting, {
      message: 'full_page_writes is off: a page that a crash leaves half written cannot be repaired',
      next: 'Delete the line, or set full_page_writes = on.',
    })
  },
})
