import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import fc from 'fast-check'
import type { Client } from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { TextPlace } from '../../findings/text-place.ts'
import { cacheFolder } from '../../config/cache-folder.ts'
import { acquireShadow } from '../../postgres/shadow/acquire.ts'
import type { Shadow } from '../../postgres/shadow/shadow.ts'
import rule from '../../rules/settings/no-invalid-setting.ts'
import { findParameter } from '../../rules/settings/parameters.ts'
import { majors } from '../../../test/postgres.ts'
import { readSettingsFiles } from './files.ts'

/** A server whose postgresql.conf these tests write: pg_file_settings reads it anew each time. */
interface Judge {
  shadow: Shadow
  client: Client
  folder: string
  original: string
}

const names = ['postgresql.conf', 'extra.conf', 'more.conf', 'conf.d/10-a.conf', 'conf.d/20-b.conf'] as const
type Files = Partial<Record<string, string>>

interface ServerLine {
  place: string
  name: string | null
  setting: string | null
  error: string | null
}

async function openJudge(major: number): Promise<Judge> {
  const project = 'postgresql.conf of the tests of kei'
  const shadow = await acquireShadow({ major, project, cacheFolder: cacheFolder() })
  const client = await shadow.connect({ database: 'postgres' })
  const { rows } = await client.query<{ config_file: string }>('SHOW config_file')
  const file = rows[0]?.config_file ?? ''
  return { shadow, client, folder: dirname(file), original: readFileSync(file, 'utf8') }
}

function writeFiles(folder: string, files: Files): void {
  rmSync(join(folder, 'conf.d'), { recursive: true, force: true })
  for (const name of names.slice(1)) rmSync(join(folder, name), { force: true })
  if (Object.keys(files).some((name) => name.startsWith('conf.d/'))) mkdirSync(join(folder, 'conf.d'))
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text ?? '', { mode: 0o644 })
}

async function askServer({ client, folder }: Judge): Promise<ServerLine[]> {
  const { rows } = await client.query<Omit<ServerLine, 'place'> & { file: string; line: number }>(
    `SELECT sourcefile AS file, sourceline AS line, name, setting, error FROM pg_file_settings
     WHERE sourcefile NOT LIKE '%auto.conf' ORDER BY seqno`,
  )
  return rows.map(({ file, line, ...row }) => ({ place: `${relative(folder, file)}:${line}`, ...row }))
}

/** What kei says of the same files. */
function askKei(folder: string, major: 16 | 17 | 18) {
  const texts = new Map<string, string>()
  const [settings] = readSettingsFiles(folder, ['postgresql.conf'], texts)
  if (settings === undefined) throw new Error('no settings were read')
  const placeOf = (at: (typeof settings.faults)[number]['at']) => {
    if (!('span' in at)) throw new Error('a setting of a file stands in a file')
    return `${at.file}:${at.text.slice(0, at.span.start).split('\n').length}`
  }
  const written = [...settings.settings.values(), ...settings.overridden].map(({ name, value, at }) => ({
    place: placeOf(at),
    name,
    value,
  }))
  const refused = new Set<string>()
  for (const verdict of rule.check(
    { ...settings, faults: [], unread: [] },
    { major, today: '2026-11-23', options: {} },
  )) {
    if (verdict.kind === 'finding' && 'span' in verdict.at) refused.add(placeOf(verdict.at))
  }
  // A file that need not exist may hold anything for kei, and nothing for a server that sees that it does not.
  const mayBeMissing = (at: TextPlace) => /^include_if_exists/i.test(at.text.slice(at.span.start))
  const unread = settings.unread.filter(({ at }) => !mayBeMissing(at))
  const unreadable = [...settings.faults, ...unread].map(({ at }) => placeOf(at))
  return { written, refused, unreadable }
}

describe.each(majors)('on PostgreSQL %i', (major) => {
  let judge: Judge
  beforeAll(async () => {
    judge = await openJudge(major)
  })
  afterAll(async () => {
    writeFiles(judge.folder, { 'postgresql.conf': judge.original })
    await judge.client.end()
    await judge.shadow.release()
  })

  /**
   * Asked like this, the server leaves a file at its first syntax error and a folder at its first bad file, so what it
   * refuses is compared and then blanked, until it reads all of the files.
   */
  async function compare(asked: Files): Promise<{ refused: boolean; unreadable: boolean }> {
    const files = { ...asked }
    let unreadable = false
    for (;;) {
      writeFiles(judge.folder, files)
      const server = await askServer(judge)
      const kei = askKei(judge.folder, major)
      const story = JSON.stringify({ files, server }, null, 1)
      const faults = new Set(server.filter(({ name }) => name === null).map(({ place }) => place))
      if (faults.size === 0) {
        expect(kei.unreadable, story).toEqual([])
        return { unreadable, refused: compareSettings(server, kei, story) }
      }
      unreadable = true
      for (const place of faults) {
        expect(kei.unreadable, story).toContain(place)
        const [file = '', line] = place.split(':')
        const lines = (files[file] ?? '').split('\n')
        expect(lines[Number(line) - 1], story).not.toBe('')
        files[file] = lines.map((each, index) => (index === Number(line) - 1 ? '' : each)).join('\n')
      }
    }
  }

  /** Whether a name or value is refused. */
  function compareSettings(server: ServerLine[], kei: ReturnType<typeof askKei>, story: string): boolean {
    const asText = (place: string, name: string, value: string) => `${place} ${name} = ${value}`
    expect(new Set(kei.written.map(({ place, name, value }) => asText(place, name, value))), story).toEqual(
      new Set(server.map(({ place, name, setting }) => asText(place, name ?? '', setting ?? ''))),
    )

    // It looks at values only when all names are known.
    const unknownNames = server.filter(({ error }) => error === 'unrecognized configuration parameter')
    if (unknownNames.length > 0) {
      for (const { place } of unknownNames) expect(kei.refused, story).toContain(place)
      return true
    }
    // Of a file that is included twice, the server passes over what it reads first.
    const errors = new Set(server.filter(({ error }) => error !== null).map(({ place }) => place))
    for (const { place, name } of server) {
      const parameter = findParameter(name ?? '', major)
      // What can only be changed at a start is refused like a wrong value.
      const isForStart = typeof parameter === 'object' && parameter.context === 'postmaster'
      const isRefused = kei.refused.has(place)
      if (isRefused || !isForStart) expect(errors.has(place), `${place} ${story}`).toBe(isRefused)
    }
    return kei.refused.size > 0
  }

  test('the files of a server are read as the server reads them', async () => {
    const seen = { taken: 0, refused: 0, unreadable: 0 }
    for (const files of fc.sample(configuration, { numRuns: 400, seed: 20261123 + major })) {
      const { refused, unreadable } = await compare(files)
      if (refused) seen.refused++
      if (unreadable) seen.unreadable++
      if (!refused && !unreadable) seen.taken++
    }
    expect(seen.refused).toBeGreaterThan(50)
    expect(seen.unreadable).toBeGreaterThan(50)
    expect(seen.taken).toBeGreaterThan(20)
  })

  test.each<[string, Files]>([
    ['a file that includes itself', { 'postgresql.conf': "include 'postgresql.conf'\nwork_mem = 4MB\n" }],
    [
      'files that include each other',
      { 'postgresql.conf': "include 'extra.conf'\n", 'extra.conf': "include 'postgresql.conf'\n" },
    ],
    ['an empty name', { 'postgresql.conf': "include ''\ninclude_dir ' '\ninclude_if_exists '\t'\n" }],
    ['a missing file', { 'postgresql.conf': "include 'extra.conf'\nwork_mem = 4MB\n" }],
    ['a missing folder', { 'postgresql.conf': "include_dir 'conf.d'\nwork_mem = 4MB\n" }],
    ['no last line break', { 'postgresql.conf': "work_mem = 4MB\nlog_line_prefix = '%m # %q'" }],
    ['names that differ by case', { 'postgresql.conf': 'work_mem = 1\nWORK_MEM = 4MB\nWork_Mem = 8MB\n' }],
    ['escapes', { 'postgresql.conf': "log_line_prefix = 'a''b\\'c\\n\\101\\q\\\\'\ncluster_name = ''\n" }],
  ])('%s', async (_, files) => {
    await compare(files)
  })
})

const setting = fc
  .tuple(
    fc.constantFrom('', '', '', ' ', '\t'),
    fc.oneof(
      {
        weight: 6,
        arbitrary: fc.constantFrom(
          ...['work_mem', 'Work_Mem', 'fsync', 'statement_timeout', 'max_connections', 'log_line_prefix', 'wal_level'],
          ...['autovacuum_naptime', 'random_page_cost', 'log_min_messages', 'archive_command', 'hash_mem_multiplier'],
        ),
      },
      { weight: 1, arbitrary: fc.constantFrom('my.custom', 'é.x', 'sort_mem', 'server_version') },
      { weight: 1, arbitrary: fc.constantFrom('fsnyc', 'checkpoint_segments', '2work', 'a.b.c', 'é') },
    ),
    fc.constantFrom(' = ', ' = ', '=', ' ', '\t=\t', ' == ', ''),
    fc.oneof(
      {
        weight: 8,
        arbitrary: fc.constantFrom(
          ...['64MB', '4096', 'on', 'OFF', 'yes', "'30s'", '1.5', "'1.5h'", 'warning', "'replica'", '-1', '+5', '0x10'],
          ...["'cp %p /a/%f'", "'it''s'", "'a\\'b'", "'\\141'", "''", 'debug', '10min', "' 5 '", 'a-b/c:d.e', '1e3'],
        ),
      },
      {
        weight: 1,
        arbitrary: fc.constantFrom(
          '64mb',
          '30.1GB',
          "'unclosed",
          '"double"',
          '10, 20',
          '',
          '/a',
          '$x',
          "'a' 'b'",
          '1.5.2',
        ),
      },
    ),
    fc.constantFrom('', '', '', ' # why', '#', '\r', ' \t'),
  )
  .map((parts) => parts.join(''))

const line = fc.oneof(
  { weight: 8, arbitrary: setting },
  { weight: 2, arbitrary: fc.constantFrom('', '# a comment', '   ', "#work_mem = '4MB'", '\t# x') },
  { weight: 1, arbitrary: fc.constantFrom("include 'extra.conf'", "INCLUDE = 'more.conf'", "include_dir 'conf.d'") },
  { weight: 1, arbitrary: fc.constantFrom("include_if_exists 'extra.conf'", 'include_dir = conf.d') },
)

const text = fc.array(line, { minLength: 1, maxLength: 4 }).map((lines) => `${lines.join('\n')}\n`)

const configuration: fc.Arbitrary<Files> = fc.record({
  'postgresql.conf': text,
  'extra.conf': text,
  'more.conf': text,
  'conf.d/10-a.conf': text,
  'conf.d/20-b.conf': text,
})
