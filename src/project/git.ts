import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { usageError } from '../errors.ts'
import { runGit } from './git-command.ts'

/** Which files of the repository are on the main branch, and how that is known. */
export interface Release {
  /**
   * - `known`: `files` is what the main branch has.
   * - `no-repository`, `no-git` (the program is missing), `no-commits`: nothing is released.
   * - `no-main-branch`: there are commits, but no main branch here to compare with; nothing counts as released.
   * - `failed`: git refused; nothing counts as released.
   */
  state: 'known' | 'no-repository' | 'no-git' | 'no-commits' | 'no-main-branch' | 'failed'
  /** Paths relative to the repository, `/` as separator, below the folders that were asked for. */
  files: ReadonlySet<string>
  /** The main branch as git names it, for example `refs/remotes/origin/main`. */
  branch?: string
  /** The commit that `files` is of. */
  base?: string
  /** Why it is not known, with what to do, as a sentence; only for what a person should hear of. */
  notice?: string
}

/** The folder, upward from `path` (absolute), that holds `.git`; undefined outside a repository. */
export function findRepository(path: string): string | undefined {
  for (let folder = path; ; folder = dirname(folder)) {
    if (existsSync(join(folder, '.git'))) return folder
    if (folder === dirname(folder)) return undefined
  }
}

/**
 * The files below `folders` that the main branch has: they are released. The main branch is `mainBranch`, on `origin`
 * first; by default origin/HEAD, else origin/main, origin/master, main, master. A commit that is only on a local main
 * branch is not released where origin has that branch.
 *
 * git runs as plumbing and runs nothing of the repository's: see `runGit`.
 */
export async function releasedFiles(
  root: string,
  folders: readonly string[],
  mainBranch?: string,
  env: NodeJS.ProcessEnv = process.env,
): Promise<Release> {
  const main = await findMainBranch(root, mainBranch, env)
  return main.state === 'known' ? filesOf(root, main, folders, env) : { ...main, files: new Set() }
}

/**
 * The files below `folders` that `revision` has, as `releasedFiles` gives those of the main branch.
 * @throws KeiError `no-such-commit` where git knows no such commit here.
 */
export async function filesAt(
  root: string,
  folders: readonly string[],
  revision: string,
  env: NodeJS.ProcessEnv = process.env,
): Promise<Release> {
  const found = await runGit(
    root,
    ['rev-parse', '--quiet', '--verify', '--end-of-options', `${revision}^{commit}`],
    env,
  )
  if (found.status === 'done') {
    return filesOf(root, { state: 'known', branch: revision, base: found.stdout.trim() }, folders, env)
  }
  throw usageError({
    code: 'no-such-commit',
    message: `git knows no commit ${JSON.stringify(revision)} in ${root}`,
    hint: 'Fetch it first (`git fetch origin main`), or name a branch, tag or commit that `git log` knows.',
  })
}

async function filesOf(
  root: string,
  main: MainBranch & { state: 'known' },
  folders: readonly string[],
  env: NodeJS.ProcessEnv,
): Promise<Release> {
  const paths = folders.includes('.') ? [] : folders
  const tree = await runGit(root, ['ls-tree', '-r', '-z', '--name-only', '--full-tree', main.base, '--', ...paths], env)
  if (tree.status === 'missing') return { ...noGit, files: new Set() }
  if (tree.status === 'refused') return { ...failed(tree.reason), files: new Set() }
  return { ...main, files: new Set(tree.stdout.split('\0').filter((path) => path !== '')) }
}

type MainBranch =
  | { state: 'known'; branch: string; base: string }
  | { state: Exclude<Release['state'], 'known'>; notice?: string }

const noGit = { state: 'no-git', notice: 'git is not installed, so no file counts as released.' } as const

async function findMainBranch(
  root: string,
  mainBranch: string | undefined,
  env: NodeJS.ProcessEnv,
): Promise<MainBranch> {
  if (!existsSync(join(root, '.git'))) return { state: 'no-repository' }
  const candidates =
    mainBranch === undefined
      ? ['remotes/origin/HEAD', 'remotes/origin/main', 'remotes/origin/master', 'heads/main', 'heads/master']
      : [`remotes/origin/${mainBranch}`, `heads/${mainBranch}`, `remotes/${mainBranch}`]
  const names = candidates.map((candidate) => `refs/${candidate}`)

  const listed = await runGit(root, ['for-each-ref', '--format=%(refname) %(objectname)', ...names], env)
  if (listed.status === 'missing') return noGit
  if (listed.status === 'refused') return failed(listed.reason)
  const commits = new Map(listed.stdout.split('\n').map((line) => line.split(' ') as [string, string]))
  for (const branch of names) {
    const base = commits.get(branch)
    if (base !== undefined) return { state: 'known', branch, base }
  }

  const head = await runGit(root, ['rev-parse', '--quiet', '--verify', 'HEAD'], env)
  if (head.status !== 'done' && mainBranch === undefined) return { state: 'no-commits' }
  const looked = names.map((name) => name.replace(/^refs\/(?:heads|remotes)\//, '')).join(', ')
  return {
    state: 'no-main-branch',
    notice:
      `No main branch here (looked for ${looked}), so no file counts as released. ` +
      'Fetch it (`git fetch origin main:refs/remotes/origin/main`), or name it as `mainBranch` in kei.jsonc.',
  }
}

function failed(reason: string) {
  const notice = `git could not read the main branch, so no file counts as released: ${reason}`
  return { state: 'failed', notice } as const
}

/** Which files git knows of, and how that is known; the states are those of `Release`. */
export type Index =
  | {
      state: 'known'
      /** In the index. */
      tracked: string[]
      /** In the work tree, and neither tracked nor ignored. */
      untracked: string[]
    }
  | { state: 'no-repository' | 'no-git' | 'failed'; notice?: string }

/** What git's index and its ignore rules say of the files below `start` (relative to the repository). */
export async function readIndex(root: string, start: string, env: NodeJS.ProcessEnv = process.env): Promise<Index> {
  if (!existsSync(join(root, '.git'))) return { state: 'no-repository' }
  const list = (...which: string[]) =>
    runGit(root, [`--work-tree=${root}`, '-C', root, 'ls-files', '-z', ...which, '--', start], env)
  const [tracked, untracked] = await Promise.all([list('--cached'), list('--others', '--exclude-standard')])
  if (tracked.status === 'missing' || untracked.status === 'missing') return { state: 'no-git', notice: noGit.notice }
  if (tracked.status === 'refused')
    return { state: 'failed', notice: `git could not read its index: ${tracked.reason}` }
  return {
    state: 'known',
    tracked: [...new Set(paths(tracked.stdout))],
    // A work tree that git cannot walk still has an index.
    untracked: untracked.status === 'done' ? paths(untracked.stdout) : [],
  }
}

function paths(output: string): string[] {
  return output.split('\0').filter((path) => path !== '')
}
