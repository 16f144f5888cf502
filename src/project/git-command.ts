import { execFile } from 'node:child_process'
import { join } from 'node:path'

/** How a command of git ended. `missing`: the program is not installed. */
export type GitResult<Output> =
  | { status: 'done'; stdout: Output }
  | { status: 'missing' }
  | { status: 'refused'; reason: string }

const timeoutMilliseconds = 5_000
const maxOutputBytes = 256 * 1024 * 1024

/**
 * Runs one plumbing command on a repository that is not trusted. Its configuration names programs (fsmonitor, hooks,
 * pagers, filters, ssh, credential helpers, remote helpers); none of the commands used here reads the contents of a work
 * tree or talks to a remote, and what could make one do so is off:
 * - `--git-dir` is given, so nothing is searched for and an owner with another uid is no error;
 * - objects that a partial clone lacks are not fetched, and no transport is allowed, whatever the configuration says
 *   (GIT_ALLOW_PROTOCOL stands above every `protocol.*.allow`; GIT_NO_LAZY_FETCH is git 2.44);
 * - the environment is made anew: no GIT_* of the caller's, no configuration of the system's or the user's;
 * - it runs in `/`, so that a relative entry of PATH is not one of the repository's folders.
 * Source: git(1), git-config(1), "Environment Variables" and `protocol.allow`.
 */
export async function runGit(
  root: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv,
): Promise<GitResult<string>> {
  const result = await runGitForBytes(root, args, env)
  return result.status === 'done' ? { status: 'done', stdout: result.stdout.toString('utf8') } : result
}

/** As `runGit`, with its output as it is; `input` is what it reads. Pathspecs are plain paths unless `glob` is said. */
export function runGitForBytes(
  root: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv,
  input = '',
  pathspecs: 'literal' | 'glob' = 'literal',
): Promise<GitResult<Buffer>> {
  const guarded = [
    '--no-pager',
    `--${pathspecs}-pathspecs`,
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
    encoding: 'buffer' as const,
  }
  return new Promise((resolve) => {
    const child = execFile('git', [...guarded, ...args], options, (error, stdout, stderr) => {
      if (error === null) return resolve({ status: 'done', stdout })
      if (error.code === 'ENOENT') return resolve({ status: 'missing' })
      const reason = error.killed === true ? 'it did not end in time' : firstLine(stderr.toString('utf8'))
      resolve({ status: 'refused', reason: reason || error.message })
    })
    // git may end before it has read everything.
    child.stdin?.on('error', () => undefined)
    child.stdin?.end(input)
  })
}

function set(setting: string): string[] {
  return ['-c', setting]
}

function firstLine(text: string): string {
  return text.trim().split('\n')[0] ?? ''
}
