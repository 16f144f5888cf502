import { mkdirSync, realpathSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { folderWith, git, repositoryWith } from '../../test/repository.ts'
import type { Files } from '../../test/repository.ts'
import { KeiError } from '../errors.ts'
import { readMigrations } from './read-migrations.ts'
import type { ReadMigrationsOptions } from './read-migrations.ts'

type Options = Omit<ReadMigrationsOptions, 'workingDirectory'>

async function refusal(files: Files, options: Options = {}): Promise<KeiError> {
  const error: unknown = await readMigrations({ ...options, workingDirectory: folderWith(files) }).catch(
    (caught: unknown) => caught,
  )
  if (!(error instanceof KeiError)) throw new Error(`not refused: ${JSON.stringify(error)}`)
  expect(error.exitCode).toBe(2)
  expect(error.hint).toBeTruthy()
  return error
}

async function folderOf(files: Files, options: Options = {}): Promise<string> {
  const { folder, migrations } = await readMigrations({ ...options, workingDirectory: folderWith(files) })
  return `${folder}: ${migrations.map(({ version, name }) => `${version}_${name}`).join(' ')}`
}

const goose = '-- +goose Up\nSELECT 1;\n'

describe('readMigrations', () => {
  it('reads the migrations in the order of their versions, with their headers and checksums', async () => {
    const root = repositoryWith({
      'db/migrations/10_b.sql': '-- kei: irreversible gone\nSELECT 10;',
      'db/migrations/2_a.sql': '-- kei: lock-timeout 2s\nSELECT 2;',
      'db/migrations/2_a.down.sql': 'SELECT -2;',
      'db/migrations/README.md': 'notes',
    })
    const read = await readMigrations({ workingDirectory: root })
    expect(read).toMatchObject({ root, folder: 'db/migrations' })
    expect(read.migrations).toEqual([
      {
        ...{ version: '2', name: 'a' },
        up: {
          ...{ file: 'db/migrations/2_a.sql', text: '-- kei: lock-timeout 2s\nSELECT 2;' },
          ...{ header: { lockTimeout: 2000 }, checksum: expect.stringMatching(/^1:[0-9a-f]{64}$/) },
        },
        down: {
          ...{ file: 'db/migrations/2_a.down.sql', text: 'SELECT -2;', header: {} },
          checksum: expect.stringMatching(/^1:[0-9a-f]{64}$/),
        },
      },
      {
        ...{ version: '10', name: 'b' },
        up: {
          ...{ file: 'db/migrations/10_b.sql', text: '-- kei: irreversible gone\nSELECT 10;' },
          ...{ header: { irreversible: 'gone' }, checksum: expect.stringMatching(/^1:[0-9a-f]{64}$/) },
        },
      },
    ])
  })

  it('gives a checkout with CRLF and a byte order mark the checksums of one without', async () => {
    const text = `CREATE TABLE a (b text DEFAULT 'x\ny'); -- c\nINSERT INTO a VALUES ($$\n$$);\n`
    const [one, other] = await Promise.all(
      [text, `\uFEFF${text.replaceAll('\n', '\r\n')}`].map((content) =>
        readMigrations({ workingDirectory: folderWith({ 'migrations/1_a.sql': content }) }),
      ),
    )
    expect(other?.migrations).toEqual(one?.migrations)
  })

  it('takes the folder that is asked for, or one below it', async () => {
    const files = { 'a/changes/1_a.sql': '', 'b/migrations/1_b.sql': '' }
    expect(await folderOf(files, { path: 'a/changes' })).toBe('a/changes: 1_a')
    expect(await folderOf(files, { path: 'b' })).toBe('b/migrations: 1_b')
    expect(await folderOf(files)).toBe('b/migrations: 1_b')
  })

  it('passes over the folders of other tools when there is one of kei', async () => {
    expect(await folderOf({ 'x/migrations/1_a.sql': goose, 'y/migrations/1_b.sql': '' })).toBe('y/migrations: 1_b')
    expect(await folderOf({ 'clickhouse/migrations/1_a.sql': '', 'y/migrations/1_b.sql': '' })).toBe(
      'y/migrations: 1_b',
    )
  })

  it('asks which one when there are several', async () => {
    const error = await refusal({ 'x/migrations/1_a.sql': '', 'y/migrations/1_b.sql': '' })
    expect(error.code).toBe('several-folders')
    expect(error.message).toContain('x/migrations, y/migrations')
    expect(error.hint).toContain('--dir')
  })

  it('chooses among the folders of kei.jsonc by their target', async () => {
    const files = {
      'kei.jsonc': JSON.stringify({
        targets: { shop: {}, audit: {}, other: {} },
        migrations: [{ dir: 'a', target: 'shop' }, { dir: 'b', target: 'audit' }, { dir: 'c' }],
      }),
      ...{ 'a/1_a.sql': '', 'b/1_b.sql': '', 'c/1_c.sql': '' },
    }
    expect(await folderOf(files, { target: 'audit' })).toBe('b: 1_b')
    expect(await folderOf(files, { target: 'other' })).toBe('c: 1_c')
    expect(await folderOf(files, { path: 'a' })).toBe('a: 1_a')
    const error = await refusal(files)
    expect(error.code).toBe('several-folders')
    expect(error.hint).toContain('shop, audit, other')
    const bound = { ...files, 'kei.jsonc': files['kei.jsonc'].replace(',{"dir":"c"}', '') }
    expect((await refusal(bound, { target: 'other' })).code).toBe('no-folder-for-target')
  })

  it.each([
    [{ 'migrations/1_a.sql': goose }, 'goose'],
    [{ 'migrations/1_a.sql': '-- migrate:up\n' }, 'dbmate'],
    [{ 'migrations/1_a.up.sql': '', 'migrations/1_a.down.sql': '' }, 'golang-migrate'],
    [{ 'migrations/V1__a.sql': '' }, 'flyway'],
    [{ 'migrations/1_a.sql': '', 'Cargo.toml': '' }, 'sqlx'],
    [{ 'a/migrations/1_a.sql': goose, 'b/migrations/1_a.sql': '-- migrate:up\n' }, 'goose'],
    [
      { 'kei.jsonc': '{ "migrations": [{ "dir": "m", "layout": "golang-migrate" }] }', 'm/1_a.up.sql': '' },
      'golang-migrate',
    ],
  ])('refuses the folder of another tool by its name: %j', async (files, tool) => {
    const error = await refusal(files as Files)
    expect(error.code).toBe('other-tools-folder')
    expect(error.message).toContain(`is laid out for ${tool}`)
    expect(error.message).toContain('kei migrate runs its own layout only')
  })

  it('says how a folder beside another tool’s file is made kei’s, and then reads it', async () => {
    const files = { 'migrations/1_a.sql': '', 'Cargo.toml': '' }
    const { hint = '' } = await refusal(files)
    const config = /\{.*\}/.exec(hint)?.[0] ?? ''
    expect(await folderOf({ ...files, 'kei.jsonc': config })).toBe('migrations: 1_a')
  })

  it.each([
    [{}, 'no-migrations-found'],
    [{ 'migrations/notes.txt': '' }, 'no-migrations-found'],
    [{ 'migrations/1.sql': '' }, 'no-migrations-found'],
    [{ 'mysql/migrations/1_a.sql': '' }, 'not-postgresql'],
    [{ 'kei.jsonc': '{ "migrations": [{ "dir": "m" }] }', 'm/.keep': '' }, 'no-migrations-found'],
    [{ 'kei.jsonc': '{ "migrations": [{ "dir": "m" }] }' }, 'no-such-path'],
    [{ 'kei.jsonc': '{ "migrations": [{ "dir": "m", "layout": "kei" }] }', 'm/1_a.sql': goose }, 'layout-mismatch'],
  ])('refuses %j as %s', async (files, code) => {
    expect((await refusal(files as Files)).code).toBe(code)
  })

  it('refuses a file, and a path that is not there', async () => {
    expect((await refusal({ 'migrations/1_a.sql': '' }, { path: 'migrations/1_a.sql' })).code).toBe('not-a-folder')
    expect((await refusal({}, { path: 'nowhere' })).code).toBe('no-such-path')
  })

  it.each([
    [
      { '1_a.sql': '', '01_b.sql': '' },
      'duplicate-version',
      'migrations/1_a.sql: the version 1 is that of migrations/01_b.sql too',
    ],
    [
      { '1_a.sql': 'SELECT 1;\n-- kei: transaction none' },
      'bad-header',
      'migrations/1_a.sql:2: `-- kei: transaction` must',
    ],
    [{ '1_a.sql': '', '1_a.down.sql': '\n-- kei: nothing' }, 'bad-header', 'migrations/1_a.down.sql:2: unknown header'],
    [
      { '1_a.sql': '-- kei: irreversible x', '1_a.down.sql': '' },
      'bad-header',
      'migrations/1_a.sql: it says irreversible',
    ],
    [
      { '1_a.sql': '', '1_a.down.sql': '-- kei: irreversible x' },
      'bad-header',
      'migrations/1_a.down.sql: `-- kei: irr',
    ],
    [{ '1_a.sql': '', '2b.sql': '' }, 'unrecognised-name', 'migrations/2b.sql: The file is not named'],
    [{ '1_a.sql': '', '2_b.SQL': '' }, 'unrecognised-name', 'migrations/2_b.SQL: The file is not named'],
    [{ '1_a.sql': '', '2_b.down.sql': '' }, 'down-without-up', 'migrations/2_b.down.sql: The file has no 2_b.sql'],
    [
      { '1_a.sql': '', '2_b.sql': Buffer.from([0x41, 0xff]) },
      'invalid-utf8',
      'migrations/2_b.sql:1: The file is not UTF-8',
    ],
  ])('refuses the files %j as %s', async (files, code, message) => {
    const moved = Object.fromEntries(Object.entries(files as Files).map(([name, text]) => [`migrations/${name}`, text]))
    const error = await refusal(moved)
    expect(error.code).toBe(code)
    expect(error.message.slice(0, message.length)).toBe(message)
  })

  it('lists all that is wrong in one error, by file and line', async () => {
    const error = await refusal({
      'migrations/1_a.sql': '-- kei: frobnicate\n-- kei: lock-timeout 5',
      'migrations/1_b.sql': '',
      'migrations/3c.sql': '',
    })
    expect(error.code).toBe('bad-migration-files')
    expect(error.message.split('\n').map((line) => line.split(' ')[0])).toEqual([
      ...['migrations/1_a.sql:1:', 'migrations/1_a.sql:2:', 'migrations/1_b.sql:', 'migrations/3c.sql:'],
    ])
  })

  it('runs no git: a repository that git refuses is read', async () => {
    const root = repositoryWith({ 'migrations/1_a.sql': '' })
    git(root, 'config', 'core.repositoryformatversion', '99')
    expect((await readMigrations({ workingDirectory: root })).root).toBe(root)
  })

  describe('with mayBeEmpty', () => {
    async function emptyFolder(root: string, path?: string): Promise<string> {
      const read = await readMigrations({
        workingDirectory: root,
        mayBeEmpty: true,
        ...(path !== undefined && { path }),
      })
      expect(read.migrations).toEqual([])
      return join(read.root, read.folder)
    }

    it('gives the folder where the first migration goes', async () => {
      const root = folderWith()
      expect(await emptyFolder(root)).toBe(join(root, 'migrations'))
      expect(await emptyFolder(root, 'db/changes')).toBe(join(root, 'db/changes'))
      expect(await emptyFolder(root, '.')).toBe(root)
      mkdirSync(join(root, 'migrations'))
      expect(await emptyFolder(join(root, 'migrations'))).toBe(join(root, 'migrations'))
      const elsewhere = realpathSync(folderWith())
      expect(await emptyFolder(root, join(elsewhere, 'db'))).toBe(join(elsewhere, 'db'))
    })

    it('gives the folder that kei.jsonc names, and still refuses another tool’s', async () => {
      const configured = { 'kei.jsonc': '{ "migrations": [{ "dir": "m" }] }', 'm/.keep': '' }
      expect(await folderOf(configured, { mayBeEmpty: true })).toBe('m: ')
      expect((await refusal({ 'migrations/1_a.sql': goose }, { mayBeEmpty: true })).code).toBe('other-tools-folder')
      expect(await folderOf({ 'migrations/1_a.sql': '' }, { mayBeEmpty: true })).toBe('migrations: 1_a')
    })
  })
})
