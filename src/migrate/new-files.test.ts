import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { folderWith } from '../../test/repository.ts'
import { KeiError } from '../errors.ts'
import { compareVersions } from '../project/layouts/layout.ts'
import { readHeader } from '../sql/file-header.ts'
import { newMigrationFiles, writeNewMigration } from './new-files.ts'
import type { NewMigrationOptions } from './new-files.ts'
import { readMigrations } from './read-migrations.ts'

const now = new Date('2026-03-04T05:06:07.890Z')

function filesFor(options: Partial<NewMigrationOptions> = {}) {
  return newMigrationFiles({ folder: 'migrations', name: 'a', now, existing: [], ...options })
}

function firstName(options: Partial<NewMigrationOptions>): string | undefined {
  return filesFor(options)[0]?.file
}

function versions(...existing: string[]): { version: string }[] {
  return existing.map((version) => ({ version }))
}

function codeOf(work: () => unknown): string | undefined {
  try {
    work()
  } catch (error) {
    if (error instanceof KeiError) return error.code
    throw error
  }
  return undefined
}

describe('newMigrationFiles', () => {
  it('are an up and a down file, named by the time in UTC', () => {
    const files = filesFor({ name: 'create users' })
    expect(files.map(({ file }) => file)).toEqual([
      'migrations/20260304050607_create_users.sql',
      'migrations/20260304050607_create_users.down.sql',
    ])
    for (const { text } of files) {
      expect(text).toMatch(/^-- .+\n/)
      expect(readHeader(text)).toEqual({ header: {}, problems: [] })
    }
    expect(filesFor({ folder: '.' })[0]?.file).toBe('20260304050607_a.sql')
  })

  it('are one file that says why when there is no way back', () => {
    const files = filesFor({ irreversible: ' the totals are gone ' })
    expect(files).toHaveLength(1)
    expect(readHeader(files[0]?.text ?? '')).toEqual({ header: { irreversible: 'the totals are gone' }, problems: [] })
    for (const irreversible of ['', '  ', 'a\nDROP TABLE b']) {
      expect(codeOf(() => filesFor({ irreversible }))).toBe('bad-reason')
    }
  })

  it.each([
    ['Create Users', 'create_users'],
    ['  add  index on orders(total)! ', 'add_index_on_orders_total'],
    ['createUsersTable', 'create_users_table'],
    ['add-index_2', 'add_index_2'],
    ['Größe ändern', 'größe_ändern'],
    ['__a__', 'a'],
  ])('turn the name %j into %s', (name, slug) => {
    expect(firstName({ name })).toBe(`migrations/20260304050607_${slug}.sql`)
  })

  it.each([[''], ['  '], ['!?'], ['a/b'], ['a\\b'], ['..'], ['a.down'], ['a'.repeat(201)]])(
    'refuse the name %j',
    (name) => {
      expect(codeOf(() => filesFor({ name }))).toBe('bad-name')
    },
  )

  it.each([
    [versions('20260304050606'), '20260304050607'],
    [versions('20260304050607'), '20260304050608'],
    [versions('20270101235959', '20250101000000'), '20270102000000'],
    [versions('0001', '0009'), '0010'],
    [versions('7', '12'), '13'],
    [versions('999'), '1000'],
    [versions('1700000000'), '1700000001'],
    [versions('99999999999999'), '100000000000000'],
  ])('after %j have the version %s', (existing, version) => {
    expect(firstName({ existing })).toBe(`migrations/${version}_a.sql`)
  })

  it('have a greater version than every one that is there', () => {
    fc.assert(
      fc.property(
        fc.array(fc.stringMatching(/^\d{1,20}$/)),
        fc.date({ min: new Date(0), noInvalidDate: true }),
        (all, at) => {
          fc.pre(at.getUTCFullYear() < 10_000)
          const version = /(\d+)_a\.sql$/.exec(firstName({ existing: versions(...all), now: at }) ?? '')?.[1] ?? ''
          for (const each of all) expect(compareVersions(version, each)).toBeGreaterThan(0)
        },
      ),
    )
  })
})

describe('writeNewMigration', () => {
  it('writes files that the runner reads, one migration after the other', async () => {
    const workingDirectory = folderWith()
    const first = await writeNewMigration({ name: 'create users', workingDirectory })
    for (const { file, text } of first) expect(readFileSync(join(workingDirectory, file), 'utf8')).toBe(text)
    await writeNewMigration({ name: 'drop totals', irreversible: 'gone', workingDirectory })
    const { folder, migrations } = await readMigrations({ workingDirectory })
    expect(folder).toBe('migrations')
    expect(migrations.map(({ name, down }) => [name, down !== undefined])).toEqual([
      ['create_users', true],
      ['drop_totals', false],
    ])
  })

  it('writes nothing when it is only to say what it would write', async () => {
    const workingDirectory = folderWith()
    expect(await writeNewMigration({ name: 'a', workingDirectory, dryRun: true })).toHaveLength(2)
    expect(readdirSync(workingDirectory)).toEqual([])
  })

  it('says when the folder cannot be made', async () => {
    const workingDirectory = folderWith({ db: 'a file' })
    const error: unknown = await writeNewMigration({ name: 'a', workingDirectory, path: 'db/migrations' }).catch(
      (caught: unknown) => caught,
    )
    expect(error).toMatchObject({ exitCode: 2 })
  })
})
