import { describe, expect, it } from 'vitest'
import { folderWith } from '../repository.ts'
import type { Files } from '../repository.ts'
import { kei } from './kei.ts'
import type { Ran } from './kei.ts'

async function check(files: Files, args: string[] = ['--no-trace']): Promise<Ran> {
  const ran = await kei(['check', ...args], { cwd: folderWith(files) })
  // Whatever the input, nobody is shown a stack trace.
  expect(ran.out + ran.err).not.toMatch(/\n\s+at .*\.js:\d+/)
  expect(ran.out + ran.err).not.toContain('error[internal]')
  return ran
}

const good = 'CREATE TABLE t (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY);\n'

describe('kei check on bad input', () => {
  it('points at a syntax error with a caret', async () => {
    const ran = await check({ 'migrations/1_a.sql': "SELECT 'é', FROM t;\n" })
    expect(ran.code).toBe(1)
    expect(ran.out).toContain('migrations/1_a.sql:1:13  error  no-syntax-error')
    expect(ran.out).toContain('syntax error at or near "FROM"')
    expect(ran.out).toMatch(/1 │ SELECT 'é', FROM t;\n\s+│ {13}\^/)
  })

  it('takes a file that is not SQL for a syntax error, and still judges the others', async () => {
    const ran = await check({
      'migrations/1_a.sql': '# Notes\n\nnot SQL',
      'migrations/2_b.sql': 'CREATE TABLE t (id serial);',
    })
    expect(ran.code).toBe(1)
    expect(ran.out).toContain('no-syntax-error')
    expect(ran.out).toContain('prefer-identity')
  })

  it('names a file that is not UTF-8, with the byte', async () => {
    const ran = await check({ 'migrations/1_a.sql': Buffer.from([0x53, 0x45, 0x4c, 0xff]), 'migrations/2_b.sql': good })
    expect(ran.code).toBe(1)
    expect(ran.out).toContain('migrations/1_a.sql:1:1  error  no-unreadable-file')
    expect(ran.out).toContain('0xFF at offset 3')
  })

  it('reads a byte order mark and CRLF as if they were not there', async () => {
    const ran = await check({ 'migrations/1_a.sql': `\uFEFF-- first\r\nCREATE TABLE t (\r\n  id serial\r\n);\r\n` })
    expect(ran.out).toContain('migrations/1_a.sql:3:3  warning  prefer-identity')
    expect(ran.code).toBe(1)
  })

  it('finds nothing but their emptiness in an empty file, or one of comments only', async () => {
    const ran = await check({ 'migrations/1_a.sql': '', 'migrations/2_b.sql': '-- later\n/* /* nested */ */ ;;' })
    expect(ran.code).toBe(1)
    expect(ran.out).toContain('2 migrations')
    expect(ran.out).toContain('0 statements')
    expect(ran.out).toMatch(/1_a\.sql:1:1  error  no-empty-migration\n[^]*2_b\.sql:\d:\d+  error  no-empty-migration\n/)
    expect(ran.out).toContain('\n2 errors')
  })

  it('says how large a file of 20 MB is, and what it reads', async () => {
    const ran = await check({ 'migrations/1_a.sql': 'SELECT 1;\n'.repeat(2_000_000), 'migrations/2_b.sql': good })
    expect(ran.code).toBe(1)
    expect(ran.out).toContain('no-unreadable-file')
    expect(ran.out).toMatch(/19\.1 MiB.*10 MiB/)
  })

  it('says what it looked for in a folder without migrations', async () => {
    const ran = await check({ 'README.md': 'nothing here' })
    expect(ran.code).toBe(2)
    expect(ran.err).toContain('error[no-migrations-found]')
    expect(ran.err).toContain('kei.jsonc')
  })

  it('points into a broken kei.jsonc', async () => {
    const ran = await check({ 'kei.jsonc': '{\n  "postgres": { "major": 12 }\n}', 'migrations/1_a.sql': good })
    expect(ran.code).toBe(2)
    expect(ran.err).toContain('error[invalid-config]')
    expect(ran.err).toMatch(/kei\.jsonc:2:\d+/)
  })

  it('names a rule in kei.jsonc that does not exist, with the one that was meant', async () => {
    const ran = await check({ 'kei.jsonc': '{"rules": {"prefer-identty": "off"}}', 'migrations/1_a.sql': good })
    expect(ran.code).toBe(2)
    expect(ran.err).toContain('Did you mean prefer-identity?')
  })

  it('names a tool whose folders it does not read yet, and runs nothing of them', async () => {
    const ran = await check({ 'migrations/1_a.sql': 'SELECT 1;\n---- create above / drop below ----\n' }, [])
    expect(ran.code).toBe(2)
    expect(ran.err).toContain('error[unsupported-layout]')
    expect(ran.err).toContain('tern')
  })

  it.each([
    ['an unknown option', ['--no-such'], 'unknown option'],
    ['an unknown reporter', ['--reporter', 'xml'], 'unknown-reporter'],
    ['an unknown severity', ['--fail-on', 'fatal'], 'Allowed choices are error, warning, note'],
    ['an unsupported major', ['--postgres-major', '9'], 'Allowed choices are 16, 17, 18'],
    ['a path that is not there', ['nowhere'], 'no-such-path'],
  ])('refuses %s with exit code 2', async (_, args, text) => {
    const ran = await check({ 'migrations/1_a.sql': good }, args)
    expect(ran.code).toBe(2)
    expect(ran.err).toContain(text)
  })

  it('escapes control characters and never starts a line that a build service would take for a command', async () => {
    const ran = await check({ 'migrations/1_a.sql': 'CREATE TABLE "\u001b[31mx" (id serial);\n' })
    expect(ran.out).not.toContain('\u001b[31m')
    expect(ran.out).toContain('\\x1b[31m')
  })

  it('judges only the file that was asked for', async () => {
    const files = {
      'migrations/1_a.sql': '-- kei: ignore prefer-identity: it is small\nCREATE TABLE t (id serial PRIMARY KEY);',
      'migrations/2_b.sql': 'CREATE TABLE u (id serial PRIMARY KEY);',
    }
    const ran = await check(files, ['--no-trace', '--json', 'migrations/2_b.sql'])
    const { summary, findings } = JSON.parse(ran.out)
    expect(findings.map(({ location }: { location: { file: string } }) => location.file)).toEqual([
      'migrations/2_b.sql',
    ])
    expect(summary).toMatchObject({ files: 1, statements: 1, ignored: 0, warnings: 1 })
  })
})
