import { execFile } from 'node:child_process'
import { readFileSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** The operating system account that a server of kei's runs under. */
export interface ServerUser {
  uid: number
  gid: number
}

const fallback: ServerUser = { uid: 65534, gid: 65534 }

/**
 * The account to switch to before a server program is started: `nobody` when this process is root, because PostgreSQL
 * refuses to run as root; `undefined` for an ordinary user, whose servers run as that user.
 */
export function serverUser(): ServerUser | undefined {
  if (process.getuid?.() !== 0) return undefined
  const nobody = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .map((line) => line.split(':'))
    .find((fields) => fields[0] === 'nobody')
  const uid = unsigned(nobody?.[2])
  const gid = unsigned(nobody?.[3])
  return uid === undefined || gid === undefined ? fallback : { uid, gid }
}

/** macOS writes the ids of `nobody` as -2. */
function unsigned(field: string | undefined): number | undefined {
  return field !== undefined && /^-?\d+$/.test(field) ? Number(field) >>> 0 : undefined
}

/** What a server program sees of the environment: nothing that a user could have set for clients. */
export function serverEnvironment(): NodeJS.ProcessEnv {
  return { PATH: '/usr/local/bin:/usr/bin:/bin', LC_ALL: 'C', TZ: 'UTC' }
}

/**
 * Runs a program to its end as the server's user and returns what it printed.
 * @throws the error of `child_process.execFile`, with `stderr`, when it does not exit with 0.
 */
export async function runAsServer(
  user: ServerUser | undefined,
  program: string,
  args: string[],
): Promise<{ stdout: string; stderr: string }> {
  return run(program, args, { ...user, cwd: '/', env: serverEnvironment(), maxBuffer: 16 * 1024 * 1024 })
}

/** The first folder on the way to `path` that the account may not pass through, judged by its mode bits. */
export function closedFolder(path: string, user: ServerUser): string | undefined {
  const parent = dirname(path)
  const above = parent === path ? undefined : closedFolder(parent, user)
  if (above !== undefined) return above
  const { mode, uid, gid } = statSync(path)
  const bit = uid === user.uid ? 0o100 : gid === user.gid ? 0o010 : 0o001
  return (mode & bit) === 0 ? path : undefined
}
