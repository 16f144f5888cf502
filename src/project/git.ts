import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'

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
  if (main.state !== 'known') return { ...main, files: new Set() }
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

type GitResult = { status: 'done'; stdout: string } | { status: 'missing' } | { status: 'refused'; reason: string }

const timeoutMilliseconds = 5_000
const maxOutputBytes = 256 * 1024 * 1024

/**
 * Runs one plumbing command on a repository that is not trusted. Its configuration names programs (fsmonitor, hooks,
 * pagers, filters, ssh, credential helpers, remote helpers); none of the commands used here reads a work tree or talks
 * to a remote, and what could make one do so is off:
 * - `--git-dir` is given, so nothing is searched for and an owner with another uid is no error;
 * - objects that a partial clone lacks are not fetched, and no transport is allowed, whatever the configuration says
 *   (GIT_ALLOW_PROTOCOL stands above every `protocol.*.allow`; GIT_NO_LAZY_FETCH is git 2.44);
 * - the environment is made anew: no GIT_* of the caller's, no configuration of the system's or the user's;
 * - it runs in `/`, so that a relative entry of PATH is not one of the repository's folders.
 * Source: git(1), git-config(1), "Environment Variables" and `protocol.allow`.
 */
function runGit(root: string, args: readonly string[], env: NodeJS.ProcessEnv): Promise<GitResult> {
  const guarded = [
    '--no-pager',
    '--literal-pathspecs',
    '--no-optional-locks',
    '--no-replace-objects',
    `--git-dir=${join(root, '.git')}`,
    ...['core.fsmonitor=false', 'core.hooksPath=/dev/null', 'core.sshCommand=false', 'credential.helper='].flatMap(set),
    ...['diff.external=', 'protocol.allow=never', 'submodule.recurse=false'].flatMap(set),
  ]
  const options = {
    cwd: '/',
    env: {
      PATH: env.PATH,
      HOME: env.HOME,
      LC_ALL: 'C',
      GIT_CONFIG_NOSYSTEM: '1',
      GIT_CONFIG_GLOBAL: '/dev/null',
      GIT_ATTR_NOSYSTEM: '1',
      GIT_OPTIONAL_LOCKS: '0',
      GIT_TERMINAL_PROMPT: '0',
      GIT_NO_LAZY_FETCH: '1',
      GIT_ALLOW_PROTOCOL: 'none',
    },
    timeout: timeoutMilliseconds,
    killSignal: 'SIGKILL' as const,
    maxBuffer: maxOutputBytes,
    encoding: 'utf8' as const,
  }
  return new Promise((resolve) => {
    const child = execFile('git', [...guarded, ...args], options, (error, stdout, stderr) => {
      if (error === null) return resolve({ status: 'done', stdout })
      if (error.code === 'ENOENT') return resolve({ status: 'missing' })
      const reason = error.killed === true ? 'it did not end in time' : firstLine(stderr)
      resolve({ status: 'refused', reason: reason || error.message })
    })
    child.stdin?.end()
  })
}

function set(setting: string): string[] {
  return ['-c', setting]
}

function firstLine(text: string): string {
  return text.trim().split('\n')[0] ?? ''
}
