import { defineRule } from '../rule.ts'
import { switchedTo } from './effective-setting.ts'
import { settingVerdict } from './setting-verdict.ts'

export default defineRule({
  id: 'require-fsync',
  since: '0.1.0',
  severity: 'error',
  category: 'settings',
  subject: 'settings',
  about: 'file',
  needs: ['source', 'catalog'],
  summary: 'fsync is off: a crash of the machine can destroy the whole cluster',
  why:
    'The server says that a transaction is committed before anything of it is on disk. After a power cut or a crash of ' +
    'the operating system the data files can be of different moments, and nothing repairs that: only a backup helps.',
  instead:
    'Leave it on. Where single commits may be lost for speed, synchronous_commit = off for those transactions gives ' +
    'most of the gain and can never damage the cluster.',
  examples: [
    {
      title: 'Durability switched off',
      bad: 'fsync = off\nshared_buffers = 1GB',
      at: 'fsync = off',
      good: 'shared_buffers = 1GB\nsynchronous_commit = off',
    },
  ],
  sources: ['https://www.postgresql.org/docs/17/runtime-config-wal.html#GUC-FSYNC'],
  options: {},
  claims: [],
  *check(settings, { major }) {
    const setting = switchedTo(settings, 'fsync', false, major)
    if (setting === undefined) return
    yield settingVerdict(settings, setting, {
      message: 'fsync is off: a crash of the machine can leave the cluster damaged beyond repair',
      next: 'Set fsync = on, or delete the line, and reload. Then run `sync` on the machine once: what was written before may still be in its cache.',
    })
  },
})
