import { describe, expect, it } from 'vitest'
import { folderWith } from '../../../test/repository.ts'
import type { Files } from '../../../test/repository.ts'
import { openFolder } from '../folder.ts'
import type { Folder } from '../folder.ts'
import type { MigrationFolder } from '../migration-file.ts'
import { recognise } from './layouts.ts'

function open(files: Files, path = 'm'): Folder {
  const folder = openFolder(folderWith(files), path)
  if (folder === undefined) throw new Error('there is no such folder')
  return folder
}

function whose(files: Files): string | undefined {
  const recognition = recognise(open(files))
  return recognition?.kind === 'layout' ? recognition.layout.name : recognition?.tool
}

function read(files: Files): MigrationFolder {
  const folder = open(files)
  const recognition = recognise(folder)
  if (recognition?.kind !== 'layout') throw new Error('no layout')
  return recognition.layout.read(folder)
}

const paths = (folder: MigrationFolder) => folder.migrations.map((migration) => migration.path)
const codes = (folder: MigrationFolder) => folder.unreadable.map(({ path, code }) => `${path} ${code}`)

describe('recognise', () => {
  it.each<[string, Files]>([
    ['kei', { 'm/20250101000000_a.sql': 'SELECT 1;' }],
    ['kei', { 'm/1_a.sql': 'SELECT 1;', 'm/1_a.down.sql': '' }],
    ['goose', { 'm/00001_a.sql': '-- +goose Up\n' }],
    ['goose', { 'm/1_a.sql': 'SELECT 1;', 'm/2_b.sql': '-- +goose Up\n' }],
    ['golang-migrate', { 'm/1_a.up.sql': '', 'm/1_a.down.sql': '' }],
    ['prisma', { 'm/migration_lock.toml': '', 'm/20250101000000_a/migration.sql': '' }],
    ['prisma', { 'm/20250101000000_a/migration.sql': '' }],
    ['atlas', { 'm/atlas.sum': '', 'm/20250101000000_a.sql': '' }],
    ['atlas', { 'm/1_a.sql': '-- atlas:txmode none\n\nSELECT 1;' }],
    ['dbmate', { 'm/20250101000000_a.sql': '-- migrate:up\n\n-- migrate:down\n' }],
    ['dbmate', { 'm/20250101000000_a.sql': '-- migrate:up transaction:false\n' }],
    ['flyway', { 'm/V1__a.sql': '' }],
    ['flyway', { 'm/V2025.01.01_2__a.sql': '' }],
    ['flyway', { 'm/R__view.sql': '' }],
    ['Liquibase', { 'm/1_a.sql': '--liquibase formatted sql\n' }],
    ['Liquibase', { 'm/1_a.sql': '-- Liquibase formatted SQL\n' }],
    ['graphile-migrate', { 'm/000001.sql': '--! Previous: -\n--! Hash: sha1:0\n' }],
    ['tern', { 'm/001_a.sql': 'SELECT 1;\n---- create above / drop below ----\nSELECT 2;' }],
    ['tern', { 'm/001_a.sql': 'SELECT 1;', 'm/tern.conf': '' }],
    ['node-pg-migrate', { 'm/1700000000000_a.sql': '-- Up Migration\n\n-- Down Migration\n' }],
    ['Drizzle', { 'm/0000_a.sql': 'SELECT 1;', 'm/meta/_journal.json': '{}' }],
    ['Drizzle', { 'm/20250101000000_a/migration.sql': '', 'm/20250101000000_a/snapshot.json': '' }],
    ['sqitch', { 'm/sqitch.plan': '', 'm/deploy/a.sql': '' }],
    ['Diesel', { 'm/2025-01-01-000000_a/up.sql': '', 'm/2025-01-01-000000_a/down.sql': '' }],
    ['sqlx', { 'm/1_a.sql': '', 'Cargo.toml': '' }],
    ['sqlx', { 'm/1_a.up.sql': '', 'm/1_a.down.sql': '', 'sqlx.toml': '' }],
    ['sqlx', { 'm/1_a.sql': '', '.sqlx/query-1.json': '' }],
    ['sqlx', { 'm/1_a.sql': '-- no-transaction\nSELECT 1;' }],
    ['refinery', { 'm/V1__a.sql': '', 'Cargo.toml': '' }],
  ])('knows %s by its marks', (name, files) => {
    expect(whose(files)).toBe(name)
  })

  it.each<[string, string, Files]>([
    ["goose's annotations", 'goose', { 'm/1_a.sql': '-- +goose Up\n', 'm/atlas.sum': '' }],
    ["golang-migrate's pairs", 'golang-migrate', { 'm/1_a.up.sql': '', 'm/atlas.sum': '' }],
    ["dbmate's sections", 'dbmate', { 'm/1_a.sql': '-- migrate:up\n', 'm/atlas.sum': '' }],
    ["Flyway's names", 'flyway', { 'm/V1__a.sql': '', 'm/atlas.sum': '' }],
    ["Liquibase's header", 'Liquibase', { 'm/1_a.sql': '--liquibase formatted sql\n', 'm/atlas.sum': '' }],
    ["Atlas's sum", 'atlas', { 'm/1_a.sql': '', 'm/atlas.sum': '', 'Cargo.toml': '' }],
    ['Cargo.toml', 'goose', { 'm/1_a.sql': '-- +goose Up\n', 'Cargo.toml': '' }],
    ['Cargo.toml', 'dbmate', { 'm/1_a.sql': '-- migrate:up\n', 'Cargo.toml': '' }],
  ])('lets the files decide where several marks stand together: %s', (_, name, files) => {
    expect(whose(files)).toBe(name)
  })

  it.each<[Files]>([
    [{ 'm/README.md': '' }],
    [{ 'm/seed.sql': 'INSERT' }],
    [{ 'm/schema.sql': '', 'Cargo.toml': '' }],
    [{ 'm/0001-dash.sql': '' }],
    [{ 'm/1_a.down.sql': '' }],
  ])('knows nothing in %j', (files) => {
    expect(whose(files)).toBeUndefined()
  })

  it('does not take a word in a comment for a mark', () => {
    expect(whose({ 'm/1_a.sql': '-- moved here from goose (+goose Up) and dbmate (migrate:up)\nSELECT 1;' })).toBe(
      'kei',
    )
  })
})

describe('the layout kei', () => {
  it('reads files in the order of their numbers, each with its down', () => {
    const folder = read({
      'm/10_c.sql': 'SELECT 3;',
      'm/9_b.sql': 'SELECT 2;',
      'm/0001_a.sql': '\uFEFFSELECT 1;\r\n',
      'm/0001_a.down.sql': 'SELECT -1;\r\n',
      'm/20250101000000_d_e.sql': '',
      'm/README.md': '',
      'm/notes.sql': '',
    })
    expect(paths(folder)).toEqual(['m/0001_a.sql', 'm/9_b.sql', 'm/10_c.sql', 'm/20250101000000_d_e.sql'])
    expect(folder.unreadable).toEqual([])
    expect(folder.migrations[0]).toEqual({
      layout: 'kei',
      version: '0001',
      name: 'a',
      path: 'm/0001_a.sql',
      text: 'SELECT 1;\n',
      up: { file: 'm/0001_a.sql', text: 'SELECT 1;\n', start: 0, mode: 'grouped' },
      down: { file: 'm/0001_a.down.sql', text: 'SELECT -1;\n', start: 0, mode: 'grouped' },
      released: false,
    })
    expect(folder.migrations[3]?.name).toBe('d_e')
  })

  it('keeps both files of one version', () => {
    expect(paths(read({ 'm/1_a.sql': '', 'm/1_b.sql': '', 'm/01_c.sql': '' }))).toEqual([
      'm/01_c.sql',
      'm/1_a.sql',
      'm/1_b.sql',
    ])
  })

  it('names what it cannot read, and reads the rest', () => {
    const folder = read({
      'm/1_a.sql': 'SELECT 1;',
      'm/2_b.sql': Buffer.from([0xff, 0x41]),
      'm/3-c.sql': '',
      'm/4.sql': '',
      'm/5_d.down.sql': '',
      'm/6_e.sql': '',
      'm/6_e.down.sql': Buffer.from([0xfe]),
    })
    expect(paths(folder)).toEqual(['m/1_a.sql', 'm/6_e.sql'])
    expect(folder.migrations[1]?.down).toBeUndefined()
    expect(codes(folder)).toEqual([
      'm/2_b.sql invalid-utf8',
      'm/3-c.sql unrecognised-name',
      'm/4.sql unrecognised-name',
      'm/5_d.down.sql down-without-up',
      'm/6_e.down.sql invalid-utf8',
    ])
  })
})

describe('the layout goose', () => {
  it('reads sections with their places in the file, and names code', () => {
    const text = '-- +goose NO TRANSACTION\n-- +goose Up\nSELECT 1;\n-- +goose Down\nSELECT 2;\n'
    const folder = read({
      'm/00002_b.sql': text,
      'm/00001_a.sql': '-- +goose Up\nSELECT 1;\n',
      'm/00003_c.go': 'package m',
      'm/00003_c_test.go': 'package m',
      'm/embed.go': 'package m',
    })
    expect(paths(folder)).toEqual(['m/00001_a.sql', 'm/00002_b.sql'])
    expect(folder.code).toEqual([{ path: 'm/00003_c.go', version: '00003' }])
    const [first, second] = folder.migrations
    expect(first?.up).toEqual({ file: 'm/00001_a.sql', text: 'SELECT 1;\n', start: 13, mode: 'transaction' })
    expect(second?.text).toBe(text)
    expect(second?.up).toMatchObject({ text: 'SELECT 1;\n', start: text.indexOf('SELECT 1'), mode: 'statement' })
    expect(second?.down).toMatchObject({ text: 'SELECT 2;\n', start: text.indexOf('SELECT 2'), mode: 'statement' })
  })

  it('names what goose refuses', () => {
    const folder = read({
      'm/1_a.sql': '-- +goose Up\n',
      'm/2_b.sql': 'SELECT 1;',
      'm/3_c.sql': '-- +goose Up\n-- +goose ENVSUB ON\n',
      'm/0_d.sql': '-- +goose Up\n',
      'm/9223372036854775808_e.sql': '-- +goose Up\n',
      'm/9223372036854775807_f.sql': '-- +goose Up\n',
      'm/seed.sql': '-- +goose Up\n',
    })
    expect(paths(folder)).toEqual(['m/1_a.sql', 'm/9223372036854775807_f.sql'])
    expect(codes(folder)).toEqual([
      'm/0_d.sql unrecognised-name',
      'm/2_b.sql bad-annotation',
      'm/3_c.sql unsupported-annotation',
      'm/9223372036854775808_e.sql unrecognised-name',
    ])
  })
})

describe('the layout golang-migrate', () => {
  it('pairs files by their version and sends each whole', () => {
    const folder = read({
      'm/2_b.up.sql': 'SELECT 2;',
      'm/2_other-name.down.sql': 'SELECT -2;',
      'm/1_.up.sql': 'SELECT 1;',
      'm/3_c.up.json': '[]',
      'm/4_d.down.sql': '',
      'm/5_e.sql': '',
      'm/atlas.sum': '',
    })
    expect(paths(folder)).toEqual(['m/1_.up.sql', 'm/2_b.up.sql'])
    expect(folder.migrations[1]?.down).toMatchObject({ file: 'm/2_other-name.down.sql', mode: 'simple-query' })
    expect(codes(folder)).toEqual(['m/5_e.sql unrecognised-name', 'm/4_d.down.sql down-without-up'])
  })

  it('keeps both of one version, each with the down of its name', () => {
    const folder = read({ 'm/1_a.up.sql': '', 'm/1_a.down.sql': '', 'm/1_b.up.sql': '', 'm/1_b.down.sql': '' })
    expect(folder.migrations.map(({ path, down }) => [path, down?.file])).toEqual([
      ['m/1_a.up.sql', 'm/1_a.down.sql'],
      ['m/1_b.up.sql', 'm/1_b.down.sql'],
    ])
  })
})

describe('the layout prisma', () => {
  it('reads one script from each folder, in the order of their names', () => {
    const folder = read({
      'm/migration_lock.toml': 'provider = "postgresql"\n',
      'm/20250102000000_b/migration.sql': 'SELECT 2;',
      'm/20250101000000_a/migration.sql': 'SELECT 1;',
      'm/20250101_old/migration.sql': 'SELECT 0;',
      'm/20250103000000_c/README.md': '',
    })
    expect(folder.migrations.map(({ version, name, path }) => ({ version, name, path }))).toEqual([
      { version: '20250101000000_a', name: 'a', path: 'm/20250101000000_a/migration.sql' },
      { version: '20250101_old', name: 'old', path: 'm/20250101_old/migration.sql' },
      { version: '20250102000000_b', name: 'b', path: 'm/20250102000000_b/migration.sql' },
    ])
    expect(folder.migrations[0]?.up.mode).toBe('simple-query')
    expect(codes(folder)).toEqual(['m/20250103000000_c missing-script'])
  })
})
