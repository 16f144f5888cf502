import { execFileSync } from 'node:child_process'
import { chmodSync, chownSync, existsSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { commitAll, folderWith, git, repositoryWith, writeFiles } from '../../test/repository.ts'
import { findRepository, releasedFiles } from './git.ts'

const isRoot = process.getuid?.() === 0
const files = { 'db/migrations/1_a.sql': 'SELECT 1;', 'README.md': '' }

/** A clone, on a branch of its own with one more migration. */
function cloneOf(origin: string): string {
  const root = folderWith()
  git(root, 'clone', '--quiet', origin, '.')
  git(root, 'switch', '--quiet', '--create', 'feature')
  writeFiles(root, { 'db/migrations/2_b.sql': 'SELECT 2;' })
  commitAll(root)
  return root
}

describe('releasedFiles', () => {
  it('takes what is committed on main for released, and nothing else', async () => {
    const root = repositoryWith(files)
    writeFiles(root, { 'db/migrations/2_b.sql': 'SELECT 2;' })
    const release = await releasedFiles(root, ['db/migrations'])
    expect(release).toEqual({
      state: 'known',
      branch: 'refs/heads/main',
      base: git(root, 'rev-parse', 'HEAD'),
      files: new Set(['db/migrations/1_a.sql']),
    })
  })

  it('compares a branch with the main branch of origin', async () => {
    const root = cloneOf(repositoryWith(files))
    const release = await releasedFiles(root, ['db/migrations'])
    expect(release.branch).toBe('refs/remotes/origin/HEAD')
    expect([...release.files]).toEqual(['db/migrations/1_a.sql'])
  })

  it('does not take a commit that main has and origin has not for released', async () => {
    const root = cloneOf(repositoryWith(files))
    git(root, 'switch', '--quiet', 'main')
    git(root, 'merge', '--quiet', 'feature')
    expect([...(await releasedFiles(root, ['db/migrations'])).files]).toEqual(['db/migrations/1_a.sql'])
  })

  it('falls back to origin/main, then to main', async () => {
    const root = cloneOf(repositoryWith(files))
    git(root, 'remote', 'set-head', 'origin', '--delete')
    expect((await releasedFiles(root, ['.'])).branch).toBe('refs/remotes/origin/main')
    git(root, 'remote', 'remove', 'origin')
    expect((await releasedFiles(root, ['.'])).branch).toBe('refs/heads/main')
  })

  it('takes the branch that is named, on origin first', async () => {
    const root = cloneOf(repositoryWith(files))
    expect((await releasedFiles(root, ['.'], 'feature')).branch).toBe('refs/heads/feature')
    expect((await releasedFiles(root, ['.'], 'feature')).files).toContain('db/migrations/2_b.sql')
    expect((await releasedFiles(root, ['.'], 'main')).branch).toBe('refs/remotes/origin/main')
    expect(await releasedFiles(root, ['.'], 'trunk')).toMatchObject({
      state: 'no-main-branch',
      notice: expect.stringContaining('origin/trunk, trunk'),
    })
  })

  it('lists the whole tree for the repository itself', async () => {
    const root = repositoryWith(files)
    expect((await releasedFiles(root, ['.'])).files).toEqual(new Set(['README.md', 'db/migrations/1_a.sql']))
  })

  it('reads paths of any letters, and takes a folder by its name alone', async () => {
    const odd = { 'mïg "x"\n/1_é.sql': '', ':(top)/1_a.sql': '', '*/1_b.sql': '', '-r/1_c.sql': '', 'x/1_d.sql': '' }
    const root = repositoryWith(odd)
    const folders = ['mïg "x"\n', ':(top)', '*', '-r']
    expect((await releasedFiles(root, folders)).files).toEqual(
      new Set(['mïg "x"\n/1_é.sql', ':(top)/1_a.sql', '*/1_b.sql', '-r/1_c.sql']),
    )
  })

  it('works in a linked work tree', async () => {
    const root = repositoryWith(files)
    const linked = join(folderWith(), 'linked')
    git(root, 'worktree', 'add', '--quiet', '-b', 'other', linked)
    expect((await releasedFiles(linked, ['db/migrations'])).files).toEqual(new Set(['db/migrations/1_a.sql']))
  })

  it('says that the shallow checkout of a merge request has no main branch to compare with', async () => {
    const clone = cloneOf(repositoryWith(files))
    const root = folderWith()
    git(root, 'init', '--quiet')
    git(root, 'fetch', '--quiet', '--depth=1', `file://${clone}`, 'feature:refs/remotes/pull/1/merge')
    git(root, 'checkout', '--quiet', 'refs/remotes/pull/1/merge')
    expect(await releasedFiles(root, ['db/migrations'])).toEqual({
      state: 'no-main-branch',
      files: new Set(),
      notice: expect.stringContaining('git fetch origin main'),
    })
  })

  it('says why nothing is released: no repository, no commits, no git, a broken repository', async () => {
    expect(await releasedFiles(folderWith(files), ['.'])).toEqual({ state: 'no-repository', files: new Set() })

    const empty = folderWith()
    git(empty, 'init', '--quiet')
    expect(await releasedFiles(empty, ['.'])).toEqual({ state: 'no-commits', files: new Set() })

    const root = repositoryWith(files)
    expect(await releasedFiles(root, ['.'], undefined, { PATH: folderWith() })).toMatchObject({ state: 'no-git' })

    writeFileSync(join(root, '.git', 'config'), '[core')
    expect(await releasedFiles(root, ['.'])).toMatchObject({
      state: 'failed',
      notice: expect.stringContaining('bad config'),
    })
  })

  it('reads a repository of another user, which git itself refuses', async (context) => {
    if (!isRoot) context.skip('only root can act for another user')
    const root = repositoryWith(files)
    for (const entry of ['', ...(readdirSync(root, { recursive: true }) as string[])]) {
      chownSync(join(root, entry), 65534, 65534)
    }
    expect(() => git(root, 'status')).toThrow('dubious ownership')
    expect(await releasedFiles(root, ['.'])).toMatchObject({ state: 'known' })
  })
})

describe('a repository whose configuration runs programs', () => {
  /** A program that leaves a file behind when it runs. */
  function trap(): { program: string; sprung: () => boolean } {
    const folder = folderWith()
    const program = join(folder, 'trap')
    const trace = join(folder, 'sprung')
    writeFileSync(program, `#!/bin/sh\ntouch ${trace}\n`)
    chmodSync(program, 0o755)
    return { program, sprung: () => existsSync(trace) }
  }

  const settings = [
    'core.fsmonitor',
    'core.sshCommand',
    'core.pager',
    'core.editor',
    'core.askPass',
    'core.gitProxy',
    'core.alternateRefsCommand',
    'pager.ls-tree',
    'pager.for-each-ref',
    'diff.external',
    'diff.sql.textconv',
    'diff.sql.command',
    'filter.sql.clean',
    'filter.sql.smudge',
    'filter.sql.process',
    'credential.helper',
    'gpg.program',
    'sequence.editor',
    'uploadpack.packObjectsHook',
  ]

  it.each(settings)('does no harm by %s, set or included', async (name) => {
    const { program, sprung } = trap()
    const root = repositoryWith({ ...files, '.gitattributes': '*.sql filter=sql diff=sql\n' })
    git(root, 'config', name, program)
    expect(await releasedFiles(root, ['.'])).toMatchObject({ state: 'known' })

    git(root, 'config', '--unset', name)
    const included = join(root, '.git', 'included')
    git(root, 'config', '--file', included, name, program)
    git(root, 'config', 'include.path', included)
    expect(await releasedFiles(root, ['.'])).toMatchObject({ state: 'known' })
    expect(sprung()).toBe(false)
  })

  it('springs the trap when git is run without care', () => {
    const { program, sprung } = trap()
    const root = repositoryWith(files)
    git(root, 'config', 'core.fsmonitor', program)
    git(root, 'status')
    expect(sprung()).toBe(true)
  })

  it.each(['ls-tree', 'for-each-ref', 'rev-parse'])('does no harm by an alias of %s', async (command) => {
    const { program, sprung } = trap()
    const root = repositoryWith(files)
    git(root, 'config', `alias.${command}`, `!${program}`)
    await releasedFiles(root, ['.'])
    await releasedFiles(root, ['.'], 'none-such')
    expect(sprung()).toBe(false)
  })

  it('does no harm by hooks, in their place or elsewhere', async () => {
    const { program, sprung } = trap()
    const root = repositoryWith(files)
    for (const hook of ['post-index-change', 'reference-transaction', 'post-checkout', 'fsmonitor-watchman']) {
      writeFileSync(join(root, '.git', 'hooks', hook), `#!/bin/sh\n${program}\n`, { mode: 0o755 })
    }
    await releasedFiles(root, ['.'])
    git(root, 'config', 'core.hooksPath', join(root, '.git', 'hooks'))
    await releasedFiles(root, ['.'])
    expect(sprung()).toBe(false)
  })

  it('fetches nothing that a partial clone lacks, by a program that its address names', async () => {
    const { program, sprung } = trap()
    const root = repositoryWith(files)
    const tree = git(root, 'rev-parse', 'HEAD^{tree}')
    rmSync(join(root, '.git', 'objects', tree.slice(0, 2), tree.slice(2)))
    git(root, 'config', 'core.repositoryFormatVersion', '1')
    git(root, 'config', 'extensions.partialClone', 'origin')
    git(root, 'config', 'remote.origin.promisor', 'true')
    git(root, 'config', 'remote.origin.url', `ext::${program}`)
    git(root, 'config', 'protocol.ext.allow', 'always')

    expect(await releasedFiles(root, ['.'])).toMatchObject({ state: 'failed', files: new Set() })
    expect(sprung()).toBe(false)
    expect(() => git(root, 'ls-tree', '-r', 'HEAD')).toThrow()
    expect(sprung()).toBe(true)
  })

  it('takes no git out of the repository, whatever PATH says', async () => {
    const { program, sprung } = trap()
    const root = repositoryWith(files)
    writeFileSync(join(root, 'git'), `#!/bin/sh\n${program}\n`, { mode: 0o755 })
    const before = process.cwd()
    process.chdir(root)
    try {
      await releasedFiles(root, ['.'], undefined, { PATH: `.:${process.env['PATH']}` })
    } finally {
      process.chdir(before)
    }
    expect(sprung()).toBe(false)
  })

  it('does not wait for a configuration that never ends', async () => {
    const root = repositoryWith(files)
    execFileSync('mkfifo', [join(root, '.git', 'pipe')])
    git(root, 'config', 'include.path', join(root, '.git', 'pipe'))
    expect(await releasedFiles(root, ['.'])).toMatchObject({ state: 'failed' })
  })

  it('hears nothing of the GIT_ variables of its caller', async () => {
    const root = repositoryWith(files)
    const other = repositoryWith({ 'other.sql': '' })
    const env = { ...process.env, GIT_DIR: join(other, '.git'), GIT_OBJECT_DIRECTORY: '/nowhere' }
    expect((await releasedFiles(root, ['.'], undefined, env)).files).toContain('README.md')
  })

  it('changes nothing in the repository', async () => {
    const root = repositoryWith(files)
    const before = statSync(join(root, '.git', 'index')).mtimeMs
    const entries = readdirSync(join(root, '.git'), { recursive: true })
    await releasedFiles(root, ['.'])
    expect(statSync(join(root, '.git', 'index')).mtimeMs).toBe(before)
    expect(readdirSync(join(root, '.git'), { recursive: true })).toEqual(entries)
  })
})

describe('findRepository', () => {
  it('goes upward to the folder that holds .git', () => {
    const root = repositoryWith(files)
    expect(findRepository(join(root, 'db', 'migrations'))).toBe(root)
    expect(findRepository(folderWith())).toBeUndefined()
  })
})
