import { mkdirSync, readFileSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { commitAll, folderWith, git, repositoryWith, writeFiles } from '../../test/repository.ts'
import type { Files } from '../../test/repository.ts'
import { KeiError } from '../errors.ts'
import { findProject } from './discover.ts'

const one = { '1_a.sql': 'SELECT 1;' }
const goose = { '1_a.sql': '-- +goose Up\nSELECT 1;\n' }
const tern = { '1_a.sql': 'SELECT 1;\n---- create above / drop below ----\n' }

/** Files moved below a folder. */
function below(folder: string, files: Files): Files {
  return Object.fromEntries(Object.entries(files).map(([path, content]) => [`${folder}/${path}`, content]))
}

async function foldersOf(files: Files, path = '.'): Promise<string[]> {
  const { folders } = await findProject(path, folderWith(files))
  return folders.map((folder) => `${folder.layout} ${folder.path}`)
}

async function refusal(files: Files, path = '.'): Promise<KeiError> {
  const error: unknown = await findProject(path, folderWith(files)).catch((caught: unknown) => caught)
  if (!(error instanceof KeiError)) throw new Error(`not refused: ${JSON.stringify(error)}`)
  expect(error.exitCode).toBe(2)
  expect(error.hint).toBeTruthy()
  return error
}

describe('findProject', () => {
  it('finds every migration folder of a repository, each on its own', async () => {
    expect(
      await foldersOf({
        ...below('db/migrate', one),
        ...below('services/a/migrations', goose),
        ...below('services/b/sql/schema', goose),
        ...below('supabase/migrations', one),
        ...below('migrations/tenant', one),
        ...below('postgres-migrations', { '1_a.up.sql': '' }),
        'packages/shared/prisma/migrations/20250101000000_a/migration.sql': 'SELECT 1;',
      }),
    ).toEqual([
      'kei db/migrate',
      'kei migrations/tenant',
      'prisma packages/shared/prisma/migrations',
      'golang-migrate postgres-migrations',
      'goose services/a/migrations',
      'goose services/b/sql/schema',
      'kei supabase/migrations',
    ])
  })

  it('opens nothing that is installed, built, hidden or made for tests, and no other repository', async () => {
    const skipped = ['node_modules/x', 'vendor/x', 'dist', 'target', '.git', '.kei', '.cache', 'internal/testdata']
    const files = Object.assign(
      {},
      below('migrations', one),
      ...skipped.map((name) => below(`${name}/migrations`, one)),
    )
    expect(await foldersOf({ ...files, ...below('sub/migrations', one), 'sub/.git': 'gitdir: elsewhere' })).toEqual([
      'kei migrations',
    ])
  })

  it('does not take numbered files for migrations because they are numbered', async () => {
    expect(
      await foldersOf({ ...below('migrations', one), ...below('seeds', one), ...below('docker/init', one) }),
    ).toEqual(['kei migrations'])
  })

  it('takes a folder, whatever its name, when it is the one that was asked for', async () => {
    expect(await foldersOf(below('changes', one), 'changes')).toEqual(['kei changes'])
    const root = repositoryWith(below('changes', one))
    const project = await findProject('changes', root)
    expect(project.root).toBe(root)
    expect(project.folders.map(({ path }) => path)).toEqual(['changes'])
  })

  it('takes a part of the repository, with paths from its root', async () => {
    const root = repositoryWith({ ...below('a/migrations', one), ...below('b/migrations', one) })
    const { folders } = await findProject('b', root)
    expect(folders.map((folder) => folder.migrations[0]?.path)).toEqual(['b/migrations/1_a.sql'])
  })

  it('takes one file, and reads its folder whole', async () => {
    const root = folderWith(below('migrations', { ...one, '2_b.sql': 'SELECT 2;' }))
    const project = await findProject('migrations/2_b.sql', root)
    expect(project.only).toBe('migrations/2_b.sql')
    expect(project.folders[0]?.migrations).toHaveLength(2)
  })

  it("takes one of Prisma's scripts, by the file or by its folder", async () => {
    const root = repositoryWith({
      'prisma/migrations/20250101000000_a/migration.sql': 'SELECT 1;',
      'prisma/migrations/20250102000000_b/migration.sql': 'SELECT 2;',
    })
    for (const path of ['prisma/migrations/20250102000000_b/migration.sql', 'prisma/migrations/20250102000000_b']) {
      const project = await findProject(path, root)
      expect(project.only).toBe('prisma/migrations/20250102000000_b/migration.sql')
      expect(project.folders).toMatchObject([{ path: 'prisma/migrations', migrations: [{}, {}] }])
    }
  })

  it('marks what the main branch has as released', async () => {
    const root = repositoryWith(below('migrations', one))
    git(root, 'switch', '--quiet', '--create', 'feature')
    writeFiles(root, below('migrations', { '2_b.sql': 'SELECT 2;' }))
    commitAll(root)
    const { folders, release, notices } = await findProject('.', root)
    expect(folders[0]?.migrations.map(({ path, released }) => [path, released])).toEqual([
      ['migrations/1_a.sql', true],
      ['migrations/2_b.sql', false],
    ])
    expect(release).toMatchObject({ state: 'known', branch: 'refs/heads/main' })
    expect(notices).toEqual([])
  })

  it('says when there is no main branch to compare with', async () => {
    const root = repositoryWith(below('migrations', one))
    git(root, 'branch', '--quiet', '--move', 'trunk')
    expect((await findProject('.', root)).notices).toEqual([expect.stringContaining('No main branch here')])
    writeFiles(root, { 'kei.jsonc': '{ "mainBranch": "trunk" }' })
    expect((await findProject('.', root)).folders[0]?.migrations[0]?.released).toBe(true)
  })

  it('does not follow symbolic links out of the repository', async () => {
    const elsewhere = folderWith(below('migrations', one))
    const root = repositoryWith(below('db/migrations', { '2_b.sql': 'SELECT 2;' }))
    symlinkSync(join(elsewhere, 'migrations'), join(root, 'migrations'))
    symlinkSync(join(elsewhere, 'migrations', '1_a.sql'), join(root, 'db', 'migrations', '1_a.sql'))
    const { folders } = await findProject('.', root)
    expect(folders).toMatchObject([
      {
        path: 'db/migrations',
        migrations: [{ path: 'db/migrations/2_b.sql' }],
        unreadable: [{ path: 'db/migrations/1_a.sql', code: 'outside-repository' }],
      },
    ])
  })
})

describe('findProject with kei.jsonc', () => {
  it('reads the folders that it names and no others', async () => {
    const files = { ...below('sql', one), ...below('migrations', one) }
    expect(await foldersOf({ ...files, 'kei.jsonc': '{ "migrations": [{ "dir": "sql" }] }' })).toEqual(['kei sql'])
  })

  it('takes their paths from its own folder', async () => {
    const root = repositoryWith({
      'api/kei.jsonc': '{ "migrations": [{ "dir": "../sql" }, { "dir": "." }] }',
      ...below('sql', one),
      ...below('api', one),
    })
    const { folders } = await findProject('api', root)
    expect(folders.map(({ path }) => path)).toEqual(['api'])
    expect((await findProject('api/1_a.sql', root)).only).toBe('api/1_a.sql')
  })

  it('lets PATH choose among them, and find one that it does not name', async () => {
    const files = { ...below('a', one), ...below('b', one), ...below('c', one) }
    const root = repositoryWith({ ...files, 'kei.jsonc': '{ "migrations": [{ "dir": "a" }, { "dir": "b" }] }' })
    const pathsOf = async (path: string) => (await findProject(path, root)).folders.map((folder) => folder.path)
    expect(await pathsOf('.')).toEqual(['a', 'b'])
    expect(await pathsOf('b')).toEqual(['b'])
    expect(await pathsOf('c')).toEqual(['c'])
  })

  it('decides between layouts that only the names tell', async () => {
    const rust = { ...below('migrations', one), 'Cargo.toml': '' }
    expect(await foldersOf(rust)).toEqual(['sqlx migrations'])
    expect(
      await foldersOf({ ...rust, 'kei.jsonc': '{ "migrations": [{ "dir": "migrations", "layout": "kei" }] }' }),
    ).toEqual(['kei migrations'])
  })

  it("never reads another tool's files as kei's", async () => {
    const config = { 'kei.jsonc': '{ "migrations": [{ "dir": "m", "layout": "kei" }] }' }
    for (const files of [goose, tern, { '1_a.up.sql': '', '1_a.down.sql': '' }]) {
      expect(await refusal({ ...config, ...below('m', files) })).toMatchObject({ code: 'layout-mismatch' })
    }
  })

  it.each([
    ['no-such-path', '{ "migrations": [{ "dir": "gone" }] }'],
    ['outside-repository', '{ "migrations": [{ "dir": ".." }] }'],
    ['unsupported-layout', '{ "migrations": [{ "dir": "migrations" }, { "dir": "other" }] }'],
    ['no-migrations-found', '{ "migrations": [{ "dir": "empty" }] }'],
    ['invalid-config', '{ "migrations": {} }'],
  ])('refuses with %s', async (code, config) => {
    const files = { ...below('migrations', one), ...below('other', tern), 'empty/README.md': '', 'kei.jsonc': config }
    expect(await refusal(files)).toMatchObject({ code })
  })
})

describe('findProject, where there is nothing to check', () => {
  it('names a tool that kei does not read yet, and its mark', async () => {
    const error = await refusal(below('db/migrations', tern))
    expect(error).toMatchObject({
      code: 'unsupported-layout',
      message:
        'db/migrations is laid out for tern (`---- create above / drop below ----` in 1_a.sql), which kei does not read yet',
    })
    expect(await refusal(below('db/migrations', tern), 'db/migrations/1_a.sql')).toMatchObject({
      code: 'unsupported-layout',
    })
  })

  it('names every one of several', async () => {
    const error = await refusal({ ...below('a/migrations', tern), ...below('b/migrations', tern) })
    expect(error.message.split('\n')).toHaveLength(2)
  })

  it('only notes such a folder beside one that it reads', async () => {
    const root = folderWith({ ...below('a/migrations', tern), ...below('b/migrations', one) })
    const { folders, notices } = await findProject('.', root)
    expect(folders.map(({ path }) => path)).toEqual(['b/migrations'])
    expect(notices).toEqual([expect.stringMatching(/^a\/migrations is laid out for tern .* it is not checked\.$/)])
  })

  it("leaves other databases' folders alone, by their lock file or their name", async () => {
    const mysql = { 'migration_lock.toml': 'provider = "mysql"\n', '20250101000000_a/migration.sql': '' }
    expect(await refusal(below('prisma/migrations', mysql))).toMatchObject({ code: 'not-postgresql' })
    expect(await refusal(below('clickhouse/migrations', one))).toMatchObject({ code: 'not-postgresql' })
    const root = folderWith({ ...below('clickhouse/migrations', one), ...below('mysql-to-pg/migrations', one) })
    const { folders, notices } = await findProject('.', root)
    expect(folders.map(({ path }) => path)).toEqual(['mysql-to-pg/migrations'])
    expect(notices).toEqual(['clickhouse/migrations is for clickhouse by its name: it is not checked.'])
  })

  it.each<[string, Files, string]>([
    ['no-migrations-found', { 'migrations/0001-a.sql': '' }, '.'],
    ['no-migrations-found', { 'x/schema.sql': '' }, 'x/schema.sql'],
    ['not-a-migration', { ...below('migrations', one), 'migrations/seed.sql': '' }, 'migrations/seed.sql'],
    ['not-a-migration', { 'README.md': '' }, 'README.md'],
    ['no-such-path', {}, 'gone'],
  ])('refuses with %s: %j', async (code, files, path) => {
    expect(await refusal(files, path)).toMatchObject({ code })
  })

  it.each<[Files, string]>([
    [{ 'README.md': '' }, '.'],
    [{ 'migrations/migration_lock.toml': 'provider = "postgresql"' }, '.'],
  ])('has no folders, and says why: %j', async (files, path) => {
    const { folders, nothing } = await findProject(path, folderWith(files))
    expect(folders).toEqual([])
    expect(nothing).toMatchObject({ code: 'no-migrations-found' })
  })

  it('says where it looked and for what', async () => {
    const root = folderWith()
    const { nothing } = await findProject('.', root)
    expect(nothing).toMatchObject({
      message: expect.stringContaining(`${root} and below`),
      hint: expect.stringContaining('kei.jsonc'),
    })
  })

  it('reads a file that cannot be read as an unreadable one, not as a crash', async () => {
    const root = folderWith(
      below('migrations', { ...one, '2_b.sql': Buffer.alloc(11 * 1024 * 1024, 32), '3_c.sql': '' }),
    )
    mkdirSync(join(root, 'migrations', '4_d.sql'))
    const { folders } = await findProject('.', root)
    expect(folders).toMatchObject([{ migrations: [{}, {}], unreadable: [{ code: 'too-large' }] }])
  })

  it('writes nothing', async () => {
    const root = repositoryWith(below('migrations', one))
    const head = readFileSync(join(root, '.git', 'HEAD'), 'utf8')
    await findProject('.', root)
    expect(git(root, 'status', '--porcelain')).toBe('')
    expect(readFileSync(join(root, '.git', 'HEAD'), 'utf8')).toBe(head)
  })
})
