import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { commitAll, folderWith, git, repositoryWith, writeFiles } from '../../test/repository.ts'
import type { Files } from '../../test/repository.ts'
import { checkProject } from './check.ts'
import type { CheckOptions } from './check.ts'

const orders = 'CREATE TABLE orders (id bigint PRIMARY KEY, note text);\n'
const first = 'migrations/0001_orders.sql'
const second = 'migrations/0002_note.sql'

async function check(root: string, options: Partial<CheckOptions> = {}) {
  const { report, isWhole } = await checkProject({
    path: root,
    workingDirectory: root,
    trace: false,
    all: false,
    ...options,
  })
  return {
    report,
    isWhole,
    found: report.findings.map(({ rule, location, severity }) => ({ rule, location, severity })),
  }
}

/** What is found by one rule: the severity, the file and the line of each. */
async function foundBy(rule: string, root: string, options: Partial<CheckOptions> = {}) {
  const { found } = await check(root, options)
  return found.flatMap(({ location, severity, ...each }) =>
    each.rule === rule && location.kind === 'file' ? [`${severity} ${location.file}:${location.line}`] : [],
  )
}

/** A repository whose main branch has these files, on a branch that left it. */
function branchOf(files: Files): string {
  const root = repositoryWith(files)
  git(root, 'switch', '--quiet', '--create', 'work')
  return root
}

describe('no-edited-migration', () => {
  const edits = (root: string) => foundBy('no-edited-migration', root)

  it('finds a released migration with other statements, at the first line that differs', async () => {
    const root = branchOf({ [first]: `-- orders\n\n${orders}` })
    expect(await edits(root)).toEqual([])
    writeFiles(root, { [first]: `-- orders\n\n${orders.replace('text', 'varchar(9)')}` })
    expect(await edits(root)).toEqual([`error ${first}:3`])
    commitAll(root)
    expect(await edits(root)).toEqual([`error ${first}:3`])
  })

  it('takes a changed comment for a change where the runner compares checksums, for a note where not', async () => {
    const root = branchOf({ [first]: orders })
    writeFiles(root, { [first]: `-- Orders.\n${orders}` })
    expect(await edits(root)).toEqual([`error ${first}:1`])

    const up = '-- +goose Up\nCREATE TABLE t (id bigint PRIMARY KEY);\n-- +goose Down\nDROP TABLE t;\n'
    const goose = branchOf({ 'db/00001_t.sql': up })
    writeFiles(goose, { 'db/00001_t.sql': up.replace('CREATE', '-- T.\nCREATE') })
    expect(await edits(goose)).toEqual(['note db/00001_t.sql:2'])
    writeFiles(goose, { 'db/00001_t.sql': up.replace('DROP TABLE t', 'DROP TABLE IF EXISTS t') })
    expect(await edits(goose)).toEqual([])
  })

  it('finds one that is gone, and says which commit has it', async () => {
    const root = branchOf({ [first]: orders, [second]: 'SELECT 1;\n' })
    rmSync(join(root, second))
    expect(await edits(root)).toEqual([`warning ${second}:1`])
    const { report } = await check(root)
    const [finding] = report.findings.filter(({ rule }) => rule === 'no-edited-migration')
    expect(finding?.evidence).toMatchObject([{ kind: 'git', commit: git(root, 'rev-parse', 'main') }])
  })

  it('leaves alone new files, line ends, and what only the main branch has changed since', async () => {
    const root = branchOf({ [first]: orders })
    writeFiles(root, { [first]: orders.replaceAll('\n', '\r\n'), [second]: 'SELECT 1;\n' })
    expect(await edits(root)).toEqual([])
    git(root, 'switch', '--quiet', '--force', 'main')
    rmSync(join(root, second))
    writeFiles(root, { [first]: `-- Changed on main.\n${orders}` })
    commitAll(root)
    git(root, 'switch', '--quiet', 'work')
    expect(await edits(root)).toEqual([])
  })

  it('says what it needs in a shallow clone', async () => {
    const root = branchOf({ [first]: orders })
    for (const number of [2, 3]) {
      writeFiles(root, { [`migrations/000${number}_more.sql`]: 'SELECT 1;\n' })
      commitAll(root)
    }
    git(root, 'switch', '--quiet', 'main')
    writeFiles(root, { 'README.md': 'Main went on.\n' })
    commitAll(root)
    const clone = join(folderWith(), 'clone')
    mkdirSync(clone)
    git(clone, 'clone', '--quiet', '--depth=1', '--no-single-branch', `file://${root}`, '.')
    git(clone, 'switch', '--quiet', 'work')
    const { report } = await check(clone)
    expect(report.unknown).toContainEqual(
      expect.objectContaining({ rule: 'no-edited-migration', needs: expect.stringContaining('--unshallow') }),
    )
  })
})

describe('kei check --since', () => {
  const index = 'CREATE INDEX orders_note_idx ON orders (note);\n'

  it('judges what came since a commit, committed or not, and takes the rest for released', async () => {
    const root = repositoryWith({ [first]: orders, [second]: index })
    const start = git(root, 'rev-parse', 'HEAD')
    writeFiles(root, { 'migrations/0003_more.sql': index.replace('_idx', '_2_idx') })
    commitAll(root)
    writeFiles(root, { 'migrations/0004_more.sql': index.replace('_idx', '_3_idx') })
    expect(await foundBy('require-concurrent-index', root, { since: start })).toEqual([
      'error migrations/0003_more.sql:1',
      'error migrations/0004_more.sql:1',
    ])
    expect(await foundBy('require-concurrent-index', root, { since: 'HEAD' })).toEqual([
      'error migrations/0004_more.sql:1',
    ])
    expect((await check(root, { since: 'HEAD' })).isWhole).toBe(false)
  })

  it('finds what was edited since', async () => {
    const root = repositoryWith({ [first]: orders })
    writeFiles(root, { [first]: orders.replace('text', 'citext') })
    expect(await foundBy('no-edited-migration', root, { since: 'HEAD' })).toEqual([`error ${first}:1`])
  })

  it('leaves out what the history of git has from before', async () => {
    const secret = ['s3cr3t', 'Pa55'].join('-')
    const root = repositoryWith({ [first]: orders, '.env': `DATABASE_URL=postgres://shop:${secret}@db.shop.io/shop\n` })
    rmSync(join(root, '.env'))
    writeFiles(root, { '.gitignore': '.env\n' })
    commitAll(root)
    const rulesOf = async (options: Partial<CheckOptions>) => (await check(root, options)).found.map(({ rule }) => rule)
    expect(await rulesOf({})).toContain('no-committed-env')
    expect(await rulesOf({ since: 'HEAD' })).not.toContain('no-committed-env')
  })

  it('refuses a commit that is not there, and what is no commit but an option', async () => {
    const root = repositoryWith({ [first]: orders })
    for (const since of ['gone', '--all', '']) {
      await expect(check(root, { since })).rejects.toMatchObject({ code: 'no-such-commit' })
    }
  })
})

describe('kei check --staged', () => {
  const index = 'CREATE INDEX orders_note_idx ON orders (note);\n'
  const staged = (root: string) => foundBy('require-concurrent-index', root, { staged: true })

  it('judges the staged text of the staged files, whatever is on the disk', async () => {
    const root = repositoryWith({ [first]: orders })
    writeFiles(root, { [second]: index, 'migrations/0003_later.sql': index.replace('_idx', '_2_idx') })
    expect(await staged(root)).toEqual([])
    git(root, 'add', second)
    writeFiles(root, { [second]: '-- mended\n' })
    expect(await staged(root)).toEqual([`error ${second}:1`])
    git(root, 'add', second)
    writeFiles(root, { [second]: index })
    expect(await staged(root)).toEqual([])
  })

  it('judges the first commit of a repository too', async () => {
    const root = folderWith({ [first]: orders, [second]: index })
    git(root, 'init', '--quiet', '--initial-branch=main')
    git(root, 'add', '.')
    expect(await staged(root)).toEqual([`error ${second}:1`])
  })

  it('takes a file that is staged and gone from the disk', async () => {
    const root = repositoryWith({ [first]: orders })
    writeFiles(root, { [second]: index })
    git(root, 'add', second)
    rmSync(join(root, second))
    expect(await staged(root)).toEqual([`error ${second}:1`])
  })

  it('refuses where there is no repository', async () => {
    await expect(check(folderWith({ [first]: orders }), { staged: true })).rejects.toMatchObject({ code: 'no-index' })
  })
})
