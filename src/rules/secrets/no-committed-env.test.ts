import { describe, expect, it } from 'vitest'
import { checkProject } from '../../check/check.ts'
import { commitAll, folderWith, git, repositoryWith, writeFiles } from '../../../test/repository.ts'

const password = ['tall', 'Birch', '57'].join('-')
const secret = `PORT=8080\nDATABASE_URL=postgres://shop:${password}@10.0.4.7/shop\n`
const migration = { 'migrations/0001_a.sql': 'SELECT 1;\n', 'migrations/0001_a.down.sql': 'SELECT 1;\n' }

async function check(root: string, path = root) {
  const options = { path, workingDirectory: root, trace: false, all: true }
  const { report } = await checkProject(options)
  const isOwn = ({ rule }: { rule: string }) => rule === 'no-committed-env'
  return { found: report.findings.filter(isOwn), unknown: report.unknown.filter(isOwn).map(({ needs }) => needs) }
}

describe('no-committed-env', () => {
  it('finds a tracked file once, at the password, and says which variable has it and what to do first', async () => {
    const { found } = await check(repositoryWith({ ...migration, 'api/.env.production': secret }))
    expect(found).toMatchObject([
      {
        severity: 'error',
        message: 'git has api/.env.production with the password in DATABASE_URL',
        location: { file: 'api/.env.production', line: 2, column: 30 },
        evidence: [{ kind: 'git', detail: 'in the index' }, { kind: 'source' }],
      },
    ])
    expect(found[0]?.next).toMatch(/^Change the password .* git rm --cached api\/\.env\.production/)
  })

  it('finds one that is neither tracked nor ignored, by git’s own ignore rules', async () => {
    const root = repositoryWith({ ...migration, 'web/.gitignore': '.env*\n!.env.example\n' })
    writeFiles(root, { 'web/.env': secret, 'web/.env.example': secret, 'api/.env': secret })
    const { found } = await check(root)
    expect(found).toMatchObject([
      { severity: 'warning', location: { file: 'api/.env' }, next: 'Add a line /api/.env to .gitignore.' },
      { severity: 'warning', location: { file: 'web/.env.example' } },
    ])
  })

  it('finds in the history what the work tree has no more, once for each file, with the newest commit', async () => {
    const root = repositoryWith({
      ...migration,
      '.env': 'PORT=8080\n',
      'b [1]/.env': secret,
      'b [1]/migrations/0001_a.sql': 'SELECT 1;\n',
    })
    writeFiles(root, { '.env': secret })
    commitAll(root)
    writeFiles(root, { '.env': `${secret}A=1\n` })
    commitAll(root)
    const commit = git(root, 'rev-parse', 'HEAD')
    writeFiles(root, { '.env': 'PORT=8080\n', '.gitignore': '.env\n' })
    git(root, 'rm', '--quiet', '--cached', 'b [1]/.env')
    commitAll(root)
    const { found } = await check(root)
    const files = found.map(({ location }) => location.kind === 'object' && location.name.split(':')[1])
    expect(files.toSorted()).toEqual(['.env', 'b [1]/.env'])
    expect(found.map(({ evidence }) => evidence[0])).toContainEqual({
      kind: 'git',
      commit,
      detail: 'the commit brought .env',
    })
    expect(await check(root, `${root}/b [1]`)).toMatchObject({ found: [{ severity: 'warning' }] })
  })

  it('looks on every branch, and at no stash', async () => {
    const root = repositoryWith(migration)
    git(root, 'checkout', '--quiet', '-b', 'old')
    writeFiles(root, { '.env': secret })
    commitAll(root)
    git(root, 'checkout', '--quiet', 'main')
    writeFiles(root, { 'stashed.env': secret })
    git(root, 'add', '--all')
    git(root, 'stash', '--quiet')
    const { found } = await check(root)
    expect(found.map(({ message }) => message)).toEqual([
      'the history of git has .env with the password in DATABASE_URL',
    ])
  })

  it('does not know what a shallow clone has not', async () => {
    const origin = repositoryWith({ ...migration, '.env': secret })
    git(origin, 'rm', '--quiet', '.env')
    git(origin, 'commit', '--quiet', '--message=remove')
    const root = folderWith()
    git(root, 'clone', '--quiet', '--depth=1', `file://${origin}`, 'clone')
    expect(await check(`${root}/clone`)).toEqual({
      found: [],
      unknown: ['the whole history of git (git fetch --unshallow)'],
    })
  })

  it('does not know what is committed where there is no git', async () => {
    const { found, unknown } = await check(folderWith({ ...migration, '.env': secret }))
    expect(found).toEqual([])
    expect(unknown).toEqual(['a git repository that says whether it is committed'])
  })

  it('can be told that the passwords of the history have been changed', async () => {
    const root = repositoryWith({ ...migration, '.env': secret })
    git(root, 'rm', '--quiet', '.env')
    writeFiles(root, { 'kei.jsonc': '{ "rules": { "no-committed-env": { "history": false } } }' })
    commitAll(root)
    expect(await check(root)).toEqual({ found: [], unknown: [] })
  })

  it('is silent about placeholders, templates and what git ignores', async () => {
    const root = repositoryWith({
      ...migration,
      '.gitignore': '.env\n',
      '.env.example': 'DATABASE_URL=postgres://user:password@localhost/shop\nDB_PASSWORD=\n',
      '.env.test': 'DATABASE_URL=postgres://postgres:postgres@localhost/test\n',
    })
    writeFiles(root, { '.env': secret })
    expect(await check(root)).toEqual({ found: [], unknown: [] })
  })

  it('takes a comment with a reason', async () => {
    const ignored = secret.replace('DATABASE_URL', '# kei: ignore no-committed-env: made up\nDATABASE_URL')
    expect((await check(repositoryWith({ ...migration, '.env': ignored }))).found).toEqual([])
  })
})
