import type { ServerSetting, ServerSettings } from '../../findings/server-settings.ts'
import { nearest } from '../../findings/nearest.ts'
import { defineRule } from '../rule.ts'
import type { Verdict } from '../rule.ts'
import { readValue } from './parameter-value.ts'
import { findParameter, majorsOf, parameterNames } from './parameters.ts'
import { settingVerdict } from './setting-verdict.ts'

export default defineRule({
  id: 'no-invalid-setting',
  since: '0.1.0',
  severity: 'error',
  category: 'settings',
  subject: 'settings',
  about: 'file',
  needs: ['source', 'catalog'],
  summary: 'A line of postgresql.conf that the server refuses: syntax, unknown name, value out of range',
  why:
    'With one line that it refuses the server does not start, and a running one keeps all that it had: none of the ' +
    'file’s changes take effect, which only its log says. That is found out at the next restart, often months later.',
  instead:
    'Mend the line. Strings stand in single quotes, units are B, kB, MB, GB, TB, us, ms, s, min, h and d in just this ' +
    'spelling.',
  examples: [
    {
      title: 'A misspelt name',
      bad: 'port = 5432\nshared_bufers = 4GB',
      at: 'shared_bufers = 4GB',
      good: 'port = 5432\nshared_buffers = 4GB',
    },
    {
      title: 'A unit that does not exist',
      bad: "work_mem = '64mb'",
      at: "work_mem = '64mb'",
      good: "work_mem = '64MB'",
    },
    {
      title: 'A parameter of a later version',
      bad: "io_method = 'worker'\nwork_mem = 4MB",
      at: "io_method = 'worker'",
      good: 'work_mem = 4MB',
      majors: [16, 17],
    },
    {
      title: 'A string without quotes',
      bad: 'port = 5432\nlisten_addresses = 10.0.0.7, localhost',
      at: '.0',
      good: "port = 5432\nlisten_addresses = '10.0.0.7, localhost'",
    },
  ],
  sources: [
    'https://www.postgresql.org/docs/17/config-setting.html',
    'https://www.postgresql.org/docs/17/view-pg-file-settings.html',
  ],
  options: {},
  claims: [],
  *check(settings, { major }) {
    for (const { at, message } of settings.faults) {
      yield {
        kind: 'finding',
        message: `the server refuses this: ${message}`,
        at,
        evidence: [
          settings.from === 'file'
            ? { kind: 'source', text: message }
            : { kind: 'catalog', facts: { 'pg_file_settings.error': message } },
        ],
        next: 'Mend it. On the server, pg_file_settings shows each line with its error.',
        identity: message,
      }
    }
    for (const { at, needs } of settings.unread) yield { kind: 'unknown', needs, file: at.file }
    if (settings.from === 'server') return
    for (const setting of judgedSettings(settings, major)) {
      const verdict = refusal(settings, setting, major)
      if (verdict !== undefined) yield verdict
    }
  },
})

/** Of lines with the very same name the server looks at the last only, once it knows the name. */
function judgedSettings({ settings, overridden }: ServerSettings, major: number): ServerSetting[] {
  const judged = [...settings.values()]
  const names = new Set(judged.map(({ name }) => name))
  for (const setting of overridden.toReversed()) {
    if (names.has(setting.name) && findParameter(setting.name, major) !== undefined) continue
    judged.push(setting)
    names.add(setting.name)
  }
  return judged
}

function refusal(settings: ServerSettings, setting: ServerSetting, major: number): Verdict | undefined {
  const { name, value } = setting
  // Of an extension, which the server knows only once it is loaded.
  if (name.includes('.')) return undefined
  const parameter = findParameter(name, major)
  if (parameter === 'hidden') return undefined
  if (parameter === undefined) return unknownName(settings, setting, major)
  if (parameter.context === 'internal') {
    return settingVerdict(settings, setting, {
      message: `${name} shows what the server was built or made with and cannot be set`,
      next: 'Delete the line.',
    })
  }
  const reading = readValue(parameter, value)
  if ('value' in reading) return undefined
  return settingVerdict(settings, setting, {
    message: `PostgreSQL ${major} refuses this value of ${name}: ${reading.refusal}`,
    next: `Write a value that it takes, or delete the line${parameter.boot ? ` for the default, ${parameter.boot}` : ''}.`,
  })
}

function unknownName(settings: ServerSettings, setting: ServerSetting, major: number): Verdict {
  const { name } = setting
  const others = majorsOf(name)
  const meant = nearest(name, parameterNames(major))
  return settingVerdict(settings, setting, {
    message: `PostgreSQL ${major} has no parameter ${name}${others.length > 0 ? `; ${others.join(' and ')} do` : ''}`,
    next:
      others.length === 0 && meant !== undefined
        ? `Write ${meant} if that is meant, else delete the line.`
        : 'Delete the line.',
  })
}
