import type { ServerSettings } from '../../findings/server-settings.ts'
import { defineRule } from '../rule.ts'
import type { Verdict } from '../rule.ts'
import { effective } from './effective-setting.ts'
import { settingVerdict } from './setting-verdict.ts'

export default defineRule({
  id: 'require-working-archive',
  since: '0.1.0',
  severity: 'error',
  category: 'settings',
  subject: 'settings',
  about: 'file',
  needs: ['source', 'catalog'],
  summary: 'WAL archiving that archives nothing, or says that it worked whatever happened',
  why:
    'A base backup without the WAL that follows it cannot be restored, let alone to a point in time. A command that ends ' +
    'with 0 although nothing was copied makes the server delete the segment: the gap is found on the day of the restore. ' +
    'With archive_mode on and no command, the server keeps every segment until the disk is full.',
  instead:
    'A tool that fails when it fails (pgBackRest, Barman, WAL-G), or a script that copies, syncs and only then ends with ' +
    '0. Until there is one, archive_mode = off.',
  examples: [
    {
      title: 'Throws the WAL away and says that it worked',
      bad: "archive_mode = on\narchive_command = '/bin/true'",
      at: "archive_command = '/bin/true'",
      good: "archive_mode = on\narchive_command = 'pgbackrest --stanza=main archive-push %p'",
    },
    {
      title: 'Failure counts as success',
      bad: "archive_mode = on\narchive_command = 'cp %p /archive/%f || true'",
      at: "archive_command = 'cp %p /archive/%f || true'",
      good: "archive_mode = on\narchive_command = 'test ! -f /archive/%f && cp %p /archive/%f'",
    },
    {
      title: 'Nothing archives',
      bad: "archive_mode = on\narchive_command = ''",
      at: "archive_command = ''",
      good: "archive_mode = on\narchive_library = 'basic_archive'",
    },
    {
      title: 'A command that is never run',
      bad: "wal_level = replica\narchive_command = 'pgbackrest --stanza=main archive-push %p'",
      at: "archive_command = 'pgbackrest --stanza=main archive-push %p'",
      good: 'wal_level = replica\narchive_mode = off',
    },
  ],
  sources: [
    'https://www.postgresql.org/docs/17/continuous-archiving.html#BACKUP-ARCHIVING-WAL',
    'https://www.postgresql.org/docs/17/runtime-config-wal.html#RUNTIME-CONFIG-WAL-ARCHIVING',
  ],
  options: {},
  claims: [],
  *check(settings, { major }) {
    const verdict = archiving(settings, major)
    if (verdict !== undefined) yield verdict
  },
})

function archiving(settings: ServerSettings, major: number): Verdict | undefined {
  const mode = effective(settings, 'archive_mode', major)
  const command = effective(settings, 'archive_command', major)
  const library = effective(settings, 'archive_library', major)
  if (typeof mode.value !== 'string' || typeof command.value !== 'string' || library.value === undefined) {
    return undefined
  }
  const isOn = !['off', 'false', 'no', '0'].includes(mode.value)
  if (!isOn) {
    // A running server shows `(disabled)` then.
    if (command.setting === undefined || settings.from === 'server' || command.value === '') return undefined
    return settingVerdict(settings, command.setting, {
      severity: 'warning',
      message: 'archive_mode is off, so this command is never run and no WAL is archived',
      next: 'Set archive_mode = on and restart, or delete the line.',
      with: [mode.setting],
    })
  }
  const setting = command.setting ?? mode.setting
  if (setting === undefined) return undefined
  if (command.value !== '' && library.value !== '') {
    return settingVerdict(settings, setting, {
      message: 'archive_command and archive_library are both set: the archiver stops with an error',
      next: 'Delete one of the two.',
      with: [library.setting],
    })
  }
  if (library.value !== '') return undefined
  if (command.value === '') {
    return settingVerdict(settings, setting, {
      message: 'archive_mode is on, but nothing archives: every WAL segment is kept until the disk is full',
      next: 'Set archive_command or archive_library, or archive_mode = off.',
      with: [mode.setting],
    })
  }
  const fault = faultOf(command.value)
  if (fault === undefined) return undefined
  return settingVerdict(settings, setting, {
    message: `archive_command ${fault}`,
    next:
      'Set a command that ends with 0 only when the segment is safe elsewhere, for example ' +
      "'pgbackrest --stanza=NAME archive-push %p'; or archive_mode = off.",
  })
}

const nothing = String.raw`(?:(?:/usr)?/bin/)?(?:true|:)|exit 0`

/** What is wrong with a command whose success means nothing, as a predicate. */
function faultOf(command: string): string | undefined {
  const bare = command.trim().replace(/^(?:(?:\/usr)?\/bin\/)?(?:ba|da)?sh -c (["'])(.*)\1$/s, '$2')
  if (new RegExp(`^(?:${nothing}|cd \\.|rem)$`, 'i').test(bare.trim()) || /^echo\b[^|&;>]*$/.test(bare)) {
    return 'throws the WAL away and says that it worked'
  }
  if (new RegExp(`(?:\\|\\||;)\\s*(?:${nothing})\\s*;?\\s*$`).test(bare)) {
    return 'says that it worked whatever happened: a segment that was not copied is deleted'
  }
  if (/[^&]&\s*$/.test(bare)) return 'goes on in the background and says that it worked before it has'
  return undefined
}
