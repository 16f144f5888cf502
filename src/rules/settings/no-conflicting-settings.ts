import type { ServerSetting } from '../../findings/server-settings.ts'
import { defineRule } from '../rule.ts'
import { effective } from './effective-setting.ts'
import { settingVerdict } from './setting-verdict.ts'

export default defineRule({
  id: 'no-conflicting-settings',
  since: '0.1.0',
  severity: 'error',
  category: 'settings',
  subject: 'settings',
  about: 'file',
  needs: ['source'],
  summary: 'Settings that are each allowed but with which together the server does not start',
  why:
    'The server looks at these only when it starts. A reload takes such a file without a word, and the next restart, ' +
    'planned or not, ends with a server that stays down.',
  instead: 'Change one of the two; the message says which they are.',
  examples: [
    {
      title: 'Archiving without the WAL for it',
      bad: 'wal_level = minimal\nmax_wal_senders = 0\narchive_mode = on\narchive_library = basic_archive',
      at: 'wal_level = minimal',
      good: 'wal_level = replica\nmax_wal_senders = 0\narchive_mode = on\narchive_library = basic_archive',
    },
    {
      title: 'WAL senders are allowed by default',
      bad: 'wal_level = minimal',
      at: 'wal_level = minimal',
      good: 'wal_level = minimal\nmax_wal_senders = 0',
    },
    {
      title: 'Every connection is reserved',
      bad: 'max_connections = 10\nsuperuser_reserved_connections = 7\nreserved_connections = 3',
      at: 'max_connections = 10',
      good: 'max_connections = 100\nsuperuser_reserved_connections = 7\nreserved_connections = 3',
    },
  ],
  sources: [
    'https://www.postgresql.org/docs/17/runtime-config-wal.html#GUC-WAL-LEVEL',
    'https://www.postgresql.org/docs/17/runtime-config-connection.html#GUC-RESERVED-CONNECTIONS',
  ],
  options: {},
  claims: [],
  *check(settings, { major }) {
    if (settings.from === 'server') return
    const read = (name: string) => effective(settings, name, major)
    const find = function* (message: string, next: string, ...parts: { setting?: ServerSetting }[]) {
      const [setting, ...others] = parts.flatMap((part) => part.setting ?? [])
      if (setting !== undefined) yield settingVerdict(settings, setting, { message, next, with: others })
    }

    const level = read('wal_level')
    if (level.value === 'minimal') {
      const archive = read('archive_mode')
      const senders = read('max_wal_senders')
      const summaries = read('summarize_wal')
      const wanting = [
        ...(isOn(archive.value) ? ['archive_mode'] : []),
        ...(typeof senders.value === 'number' && senders.value > 0 ? [`max_wal_senders = ${senders.value}`] : []),
        ...(summaries.value === true ? ['summarize_wal'] : []),
      ]
      if (wanting.length > 0) {
        yield* find(
          `the server does not start: wal_level is minimal, and ${wanting.join(' and ')} ` +
            `${wanting.length > 1 ? 'need' : 'needs'} more`,
          'Set wal_level = replica; or, for a server without backups and standbys, max_wal_senders = 0 and no archiving.',
          level,
          archive,
          senders,
          summaries,
        )
      }
    }

    const all = read('max_connections')
    const ofSuperusers = read('superuser_reserved_connections')
    const reserved = read('reserved_connections')
    if (![all, ofSuperusers, reserved].every(({ value }) => typeof value === 'number')) return
    if (Number(ofSuperusers.value) + Number(reserved.value) < Number(all.value)) return
    yield* find(
      `the server does not start: max_connections is ${String(all.value)}, and ` +
        `${Number(ofSuperusers.value) + Number(reserved.value)} of them are reserved`,
      'Raise max_connections, or reserve fewer with superuser_reserved_connections and reserved_connections.',
      all,
      ofSuperusers,
      reserved,
    )
  },
})

function isOn(value: unknown): boolean {
  return typeof value === 'string' && !['off', 'false', 'no', '0'].includes(value)
}
