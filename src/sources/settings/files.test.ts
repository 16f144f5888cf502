import { symlinkSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { folderWith } from '../../../test/repository.ts'
import { isSettingsFile, readSettingsFiles } from './files.ts'
import { readSettingLines } from './lines.ts'

/** What the settings files among these say, each server by itself. */
function read(files: Record<string, string | Uint8Array>) {
  const root = folderWith(files)
  const texts = new Map<string, string>()
  const paths = Object.keys(files).filter((path) => isSettingsFile(path.split('/').at(-1) ?? ''))
  const servers = readSettingsFiles(root, paths, texts)
  return { servers, texts, root }
}

const valuesOf = (settings: ReadonlyMap<string, { value: string }>) =>
  Object.fromEntries([...settings].map(([name, { value }]) => [name, value]))

test('the names of a server’s main file are known, those of other files are not', () => {
  const names = ['postgresql.conf', 'postgresql.prod.conf', 'postgresql-replica.conf', 'postgresql.auto.conf']
  expect(names.filter(isSettingsFile)).toEqual(names)
  const others = ['postgresql.conf.sample', 'pg_hba.conf', 'mypostgresql.conf', 'postgresqlconf', 'postgresql.conf.j2']
  expect(others.filter(isSettingsFile)).toEqual([])
})

test('what a file includes belongs to it, in order and sorted', () => {
  const { servers, texts } = read({
    'pg/postgresql.conf': "work_mem = 1MB\ninclude_dir 'conf.d'\ninclude 'postgresql.prod.conf'\n",
    'pg/postgresql.prod.conf': 'fsync = on\n',
    'pg/conf.d/20.conf': 'work_mem = 3MB\n',
    'pg/conf.d/10.conf': 'work_mem = 2MB\nport = 1\n',
    'pg/conf.d/.hidden.conf': 'port = 2\n',
    'pg/conf.d/README': 'port = 3\n',
  })
  expect(servers).toHaveLength(1)
  expect(valuesOf(servers[0]?.settings ?? new Map())).toEqual({ work_mem: '3MB', port: '1', fsync: 'on' })
  expect(servers[0]?.overridden.map(({ value }) => value)).toEqual(['1MB', '2MB'])
  expect([...texts.keys()].sort()).toEqual([
    'pg/conf.d/10.conf',
    'pg/conf.d/20.conf',
    'pg/postgresql.conf',
    'pg/postgresql.prod.conf',
  ])
})

test('files that include each other are judged once, as the first of them', () => {
  const { servers } = read({
    'postgresql.a.conf': "include 'postgresql.b.conf'\n",
    'postgresql.b.conf': "include 'postgresql.a.conf'\n",
  })
  expect(servers.map(({ faults }) => faults.map(({ message }) => message))).toEqual([
    ['files include each other more than 10 deep'],
  ])
})

test('postgresql.auto.conf comes after the postgresql.conf beside it', () => {
  const { servers } = read({
    'a/postgresql.conf': 'work_mem = 1MB\n',
    'a/postgresql.auto.conf': "work_mem = '2MB'\n",
    'b/postgresql.auto.conf': "port = '1'\n",
  })
  expect(servers.map(({ settings }) => valuesOf(settings))).toEqual([{ work_mem: '2MB' }, { port: '1' }])
})

test('what is not in the repository, or a template fills in, is unread and no fault', () => {
  const { servers, root } = read({
    'pg/postgresql.conf': [
      "include '/etc/postgresql/extra.conf'",
      "include '../../extra.conf'",
      "include 'missing.conf'",
      "include_dir 'conf.d'",
      "include_if_exists 'local.conf'",
      "include 'link.conf'",
      'work_mem = {{ work_mem }}',
      "shared_buffers = '${SHARED_BUFFERS}MB'",
      "archive_command = 'test ! -f ${ARCHIVE}/%f && cp %p ${ARCHIVE}/%f'",
      '',
    ].join('\n'),
  })
  symlinkSync('/etc/hostname', join(root, 'pg/link.conf'))
  const [again] = readSettingsFiles(root, ['pg/postgresql.conf'], new Map())
  expect(servers[0]?.faults).toEqual([])
  expect(again?.unread.map(({ needs }) => needs)).toEqual([
    '/etc/postgresql/extra.conf, which is outside the repository',
    '../../extra.conf, which is outside the repository',
    'pg/missing.conf, which the repository does not have',
    'pg/conf.d/, which the repository does not have',
    'pg/local.conf, which the repository does not have',
    expect.stringMatching(/^pg\/link\.conf: the file is a symbolic link/),
    'what a template fills in',
    'what a template fills in',
  ])
  expect([...(again?.settings.keys() ?? [])]).toEqual(['archive_command'])
})

test('a byte order mark is refused, carriage returns are not', () => {
  const { servers } = read({ 'postgresql.conf': '\uFEFFfsync = on\r\nwork_mem = 1MB\r\n' })
  expect(servers[0]?.faults.map(({ message }) => message)).toEqual([
    'the byte order mark becomes part of the first word',
  ])
  expect(servers[0]?.settings.get('work_mem')?.value).toBe('1MB')
})

test('files that include each other several times are not read without end', () => {
  const include = "include 'postgresql.conf.d/a.conf'\n".repeat(9)
  const started = performance.now()
  const { servers } = read({
    'postgresql.conf': include,
    'postgresql.conf.d/a.conf': "include 'b.conf'\n".repeat(9),
    'postgresql.conf.d/b.conf': "include 'a.conf'\n".repeat(9),
  })
  expect(performance.now() - started).toBeLessThan(2_000)
  expect(servers[0]?.unread.map(({ needs }) => needs)).toContain('more than 1000 included files')
})

test('any text is read to its end, and what is found stands where it says', () => {
  const word = fc.constantFrom(
    "'",
    '"',
    '\\',
    '=',
    '#',
    '\n',
    ' ',
    'fsync',
    'é',
    '\u{1f600}',
    '0x1',
    '.',
    'a.b',
    '\r',
    "''",
  )
  const text = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.array(word, { maxLength: 30 }).map((words) => words.join('')),
  )
  fc.assert(
    fc.property(text, (any) => {
      for (const reading of readSettingLines(any)) {
        const { span } = reading.kind === 'setting' ? reading.line : reading.fault
        const found = any.slice(span.start, span.end)
        expect(found).not.toContain('\n')
        if (reading.kind === 'setting') expect(found.startsWith(reading.line.name)).toBe(true)
        else expect(found.startsWith(reading.fault.token)).toBe(true)
      }
    }),
    { numRuns: 5_000, seed: 20261123 },
  )
})
