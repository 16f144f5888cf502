import type { ServerSettings } from '../../findings/server-settings.ts'
import { parameterTable } from './parameter-table.ts'

/** A configuration parameter as pg_settings of one major describes it. */
export interface Parameter {
  name: string
  /** `internal`: preset, cannot be written into a file. */
  context: string
  type: 'bool' | 'integer' | 'real' | 'string' | 'enum'
  /** What a number without a unit counts: `8kB`, `kB`, `MB`, `B`, `ms`, `s`, `min`; undefined: it takes no unit. */
  unit?: string
  min: number
  max: number
  /** Of an enum, every spelling that the server takes. */
  words: readonly string[]
  /** The default, as written; undefined where it is a path or empty. */
  boot?: string
}

/** What pg_settings does not show: other names of a parameter that a file may use, by the majors that take them. */
const oldNames: Record<string, { name: string; majors: readonly number[] }> = {
  sort_mem: { name: 'work_mem', majors: [16, 17, 18] },
  vacuum_mem: { name: 'maintenance_work_mem', majors: [16, 17, 18] },
  ssl_ecdh_curve: { name: 'ssl_groups', majors: [18] },
}

/** Taken but not shown, for old files and for single sessions. */
const hiddenNames: ReadonlySet<string> = new Set([
  'default_with_oids',
  'is_superuser',
  'role',
  'seed',
  'session_authorization',
  'ssl_renegotiation_limit',
  'transaction_deferrable',
  'transaction_isolation',
  'transaction_read_only',
])

const spellingsOfSwitch = ['true', 'false', 'yes', 'no', '1', '0']

/** Spellings that the server takes but pg_settings does not list. */
const hiddenWords: Record<string, readonly string[]> = {
  client_min_messages: ['debug', 'info'],
  icu_validation_level: ['debug', 'info'],
  log_min_messages: ['debug'],
  log_min_error_statement: ['debug'],
  trace_recovery_messages: ['debug', 'info'],
  wal_level: ['archive', 'hot_standby'],
}

/** Words that only some builds take; whether a server does is not for a table to say. */
const wordsOfSomeBuilds: Record<string, readonly string[]> = {
  default_toast_compression: ['lz4'],
  dynamic_shared_memory_type: ['windows'],
  io_method: ['io_uring'],
  wal_compression: ['lz4', 'zstd'],
  wal_sync_method: ['fsync_writethrough', 'open_datasync', 'fdatasync'],
}

let parsed: ReadonlyMap<string, readonly { majors: readonly number[]; parameter: Parameter }[]> | undefined

/** The parameter of that name, in any case, on a major; `hidden`: it is taken, but pg_settings does not describe it. */
export function findParameter(name: string, major: number): Parameter | 'hidden' | undefined {
  const written = name.toLowerCase()
  const old = oldNames[written]
  const asked = old?.majors.includes(major) === true ? old.name : written
  if (hiddenNames.has(asked)) return 'hidden'
  return definitions()
    .get(asked)
    ?.find(({ majors }) => majors.includes(major))?.parameter
}

/** The majors that have a parameter of that name. */
export function majorsOf(name: string): number[] {
  const found = definitions().get(name.toLowerCase()) ?? []
  return found.flatMap(({ majors }) => majors)
}

/** The names of a major's parameters. */
export function parameterNames(major: number): string[] {
  return [...definitions().values()].flatMap((each) =>
    each.filter(({ majors }) => majors.includes(major)).map(({ parameter }) => parameter.name),
  )
}

/**
 * Whether a file is PostgreSQL's by what it says: collectd, systemd and others have a postgresql.conf too.
 */
export function isServerConfiguration({ settings, faults }: ServerSettings): boolean {
  const names = [...settings.keys()]
  return faults.length <= names.length && names.some((name) => definitions().has(name))
}

function definitions(): NonNullable<typeof parsed> {
  if (parsed !== undefined) return parsed
  const byName = new Map<string, { majors: number[]; parameter: Parameter }[]>()
  for (const line of parameterTable.trim().split('\n')) {
    const [name = '', majors = '', context = '', type = '', unit, min, max, words, boot] = line.split('|')
    const key = name.toLowerCase()
    byName.set(key, [
      ...(byName.get(key) ?? []),
      {
        majors: majors.split(',').map(Number),
        parameter: {
          name,
          context,
          type: type as Parameter['type'],
          ...(unit && { unit }),
          min: min ? Number(min) : -Infinity,
          max: max ? Number(max) : Infinity,
          words: type === 'enum' ? allWords(name, (words ?? '').split(',')) : [],
          ...(boot && { boot }),
        },
      },
    ])
  }
  parsed = byName
  return parsed
}

function allWords(name: string, listed: readonly string[]): string[] {
  const isSwitch = listed.includes('on') && listed.includes('off')
  return [
    ...new Set([
      ...listed,
      ...(isSwitch ? spellingsOfSwitch : []),
      ...(hiddenWords[name] ?? []),
      ...(wordsOfSomeBuilds[name] ?? []),
    ]),
  ]
}
