import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { commitAll, folderWith, repositoryWith, writeFiles } from '../repository.ts'
import { kei } from './kei.ts'

const tables =
  'CREATE TABLE customers (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text);\n' +
  'CREATE TABLE orders (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, customer_id bigint, note text);\n'
const change =
  'CREATE INDEX orders_note_idx ON orders (note);\n' +
  'ALTER TABLE orders ADD CONSTRAINT orders_note_short CHECK (length(note) < 100);\n' +
  'ALTER TABLE customers ADD CONSTRAINT customers_name_short CHECK (length(name) < 100);\n'
const files = {
  'migrations/0001_tables.sql': tables,
  'migrations/0001_tables.down.sql': 'DROP TABLE orders, customers;\n',
  'migrations/0002_change.sql': change,
  'migrations/0002_change.down.sql':
    'DROP INDEX orders_note_idx;\n' +
    'ALTER TABLE orders DROP CONSTRAINT orders_note_short;\n' +
    'ALTER TABLE customers DROP CONSTRAINT customers_name_short;\n',
}
const upNames = (root: string) => readdirSync(join(root, 'migrations')).filter((name) => !name.endsWith('.down.sql'))
const check = (cwd: string, ...args: string[]) => kei(['check', '--no-trace', ...args], { cwd })
const textOf = (root: string, name: string) => readFileSync(join(root, 'migrations', name), 'utf8')

describe('kei check --fix', () => {
  it('makes the safe edits, keeps line ends and byte order mark, and reports what is left', async () => {
    const root = folderWith({ ...files, 'migrations/0002_change.sql': `\uFEFF${change.replaceAll('\n', '\r\n')}` })
    const { code, out, err } = await check(root, '--fix', '--json')
    expect(err).toContain(
      'migrations/0002_change.sql:1:1 require-concurrent-index: Write CONCURRENTLY\nMade 1 of 1 fix.',
    )
    expect(err).toMatch(/\d more need a look/)
    expect(code).toBe(1)
    const rules = (JSON.parse(out) as { findings: { rule: string }[] }).findings.map(({ rule }) => rule)
    expect(rules).toContain('require-not-valid-check')
    expect(rules).not.toContain('require-concurrent-index')
    expect(textOf(root, '0002_change.sql')).toBe(
      `\uFEFF${change.replace('CREATE INDEX', 'CREATE INDEX CONCURRENTLY').replaceAll('\n', '\r\n')}`,
    )
    expect(upNames(root)).toHaveLength(2)
  })

  it('writes nothing with --dry-run, and shows the changes as a patch', async () => {
    const root = folderWith(files)
    const { out, err } = await check(root, '--fix=review', '--dry-run')
    expect(out).toContain('--- a/migrations/0002_change.sql\n+++ b/migrations/0002_change.sql\n')
    expect(out).toContain('+CREATE INDEX CONCURRENTLY orders_note_idx ON orders (note);\n')
    expect(out).toContain('--- /dev/null\n+++ b/migrations/0003_validate_orders_note_short.sql\n')
    expect(err).toContain('Would make 3 of 3 fixes.')
    expect(textOf(root, '0002_change.sql')).toBe(change)
    expect(upNames(root)).toHaveLength(2)
  })

  it('numbers the new migrations of several fixes one after another', async () => {
    const root = folderWith(files)
    const { err } = await check(root, '--fix=review', '--yes')
    expect(err).toContain('Made 3 of 3 fixes.')
    expect(upNames(root)).toEqual([
      '0001_tables.sql',
      '0002_change.sql',
      '0003_validate_orders_note_short.sql',
      '0004_validate_customers_name_short.sql',
    ])
    const again = await check(root, '--fix=review', '--yes')
    expect(again.err).toContain('Made 0 of 0 fixes.')
  })

  it('takes a new migration that a killed run has written already for its own', async () => {
    const root = folderWith(files)
    await check(root, '--fix=review', '--yes')
    const names = readdirSync(join(root, 'migrations'))
    writeFileSync(join(root, 'migrations', '0002_change.sql'), change)
    await check(root, '--fix=review', '--yes')
    expect(readdirSync(join(root, 'migrations'))).toEqual(names)
    expect(textOf(root, '0002_change.sql')).toContain('NOT VALID')
  })

  it('never edits a released file', async () => {
    const root = repositoryWith(files)
    const { err } = await check(root, '--fix=review', '--yes', '--all')
    expect(err).toContain('Made 0 of 0 fixes.')
    expect(textOf(root, '0002_change.sql')).toBe(change)
  })

  it('refuses to ask where nobody can answer', async () => {
    const root = folderWith(files)
    const { code, err } = await check(root, '--fix=review')
    expect(code).toBe(2)
    expect(err).toContain('error[nobody-to-ask]')
    expect(textOf(root, '0002_change.sql')).toBe(change)
  })
})

describe('kei check --known', () => {
  it('accepts what is found today, then reports only what is new, and says what is gone', async () => {
    const root = repositoryWith({ 'migrations/0001_tables.sql': tables })
    writeFiles(root, { 'migrations/0002_change.sql': change })
    const accepted = await check(root, '--known', 'known.json', '--accept', '--dry-run')
    expect(accepted.err).toMatch(/Would accept \d+ findings into known\.json/)
    expect(existsSync(join(root, 'known.json'))).toBe(false)
    expect((await check(root, '--known', 'known.json', '--accept')).code).toBe(0)
    expect((await check(root, '--known', 'known.json')).code).toBe(0)

    writeFiles(root, {
      'migrations/0002_change.sql': `-- A line above moves everything.\n${change}`,
      'migrations/0003_more.sql': 'CREATE INDEX orders_customer_id_idx ON orders (customer_id);\n',
    })
    const { code, out } = await check(root, '--known', 'known.json', '--json')
    expect(code).toBe(1)
    const { findings } = JSON.parse(out) as { findings: { rule: string; location: { file: string } }[] }
    expect(findings.map(({ rule, location }) => `${location.file} ${rule}`)).toEqual([
      'migrations/0003_more.sql require-concurrent-index',
    ])

    writeFiles(root, { 'migrations/0002_change.sql': 'SELECT 1;\n', 'migrations/0003_more.sql': 'SELECT 1;\n' })
    commitAll(root)
    expect((await check(root, '--known', 'known.json')).out).toMatch(/\d known findings are there no longer/)
  })

  it('refuses a file that is not there or is something else, and to accept a part', async () => {
    const root = repositoryWith(files)
    expect((await check(root, '--known', 'known.json')).err).toContain('error[no-known-file]')
    writeFiles(root, { 'known.json': '{"version":2}' })
    expect((await check(root, '--known', 'known.json')).err).toContain('error[invalid-known-file]')
    expect((await check(root, '--accept')).err).toContain('error[accept-without-known]')
    const part = await check(root, '--known', 'known.json', '--accept', '--since', 'HEAD')
    expect(part.err).toContain('error[accept-of-a-part]')
    expect(part.code).toBe(2)
  })
})
