import { chmodSync, lstatSync, mkdirSync, realpathSync, statSync } from 'node:fs'
import { homedir } from 'node:os'
import { isAbsolute, join } from 'node:path'
import { KeiError, usageError } from '../errors.ts'

/**
 * The absolute path of kei's cache folder, made when it is not there: `KEI_CACHE_DIR`, else `/var/cache/kei` as root,
 * else `$XDG_CACHE_HOME/kei`, else `~/.cache/kei` (`~/Library/Caches/kei` on macOS).
 * Mode 0700; as root 0711, because the shadow server then runs under an unprivileged user that must pass through.
 * Everything in it can be made again.
 *
 * Source of `XDG_CACHE_HOME`, and of leaving out a relative one: XDG Base Directory Specification 0.8.
 * @throws KeiError `unsafe-cache-folder` when someone else owns it or may write to it, or it is not a folder;
 * `cache-folder-unavailable` when it cannot be made; `relative-cache-folder` when `KEI_CACHE_DIR` is not absolute.
 */
export function cacheFolder(env: NodeJS.ProcessEnv = process.env): string {
  const user = process.getuid?.()
  const path = cachePath(env, user)
  const mode = user === 0 ? 0o711 : 0o700
  try {
    // The mode given to mkdir is cut by the umask.
    if (mkdirSync(path, { recursive: true, mode }) !== undefined) chmodSync(path, mode)
    refuseUnsafe(path, user)
    if (user === 0 && (statSync(path).mode & 0o011) !== 0o011) chmodSync(path, mode)
    return realpathSync(path)
  } catch (error) {
    if (error instanceof KeiError) throw error
    throw usageError({
      code: 'cache-folder-unavailable',
      message: `The cache folder ${path} cannot be made or read: ${(error as Error).message}`,
      hint: 'Set KEI_CACHE_DIR to a folder that you may write to.',
      cause: error,
    })
  }
}

function cachePath(env: NodeJS.ProcessEnv, user: number | undefined): string {
  if (env.KEI_CACHE_DIR) {
    if (isAbsolute(env.KEI_CACHE_DIR)) return env.KEI_CACHE_DIR
    throw usageError({
      code: 'relative-cache-folder',
      message: `KEI_CACHE_DIR is not an absolute path: ${env.KEI_CACHE_DIR}`,
      hint: 'Set KEI_CACHE_DIR to an absolute path.',
    })
  }
  // Under sudo, HOME and XDG_CACHE_HOME can still be those of the user who called it.
  if (user === 0) return '/var/cache/kei'
  if (env.XDG_CACHE_HOME && isAbsolute(env.XDG_CACHE_HOME)) return join(env.XDG_CACHE_HOME, 'kei')
  const home = env.HOME && isAbsolute(env.HOME) ? env.HOME : homedir()
  return process.platform === 'darwin' ? join(home, 'Library', 'Caches', 'kei') : join(home, '.cache', 'kei')
}

function refuseUnsafe(path: string, user: number | undefined): void {
  // A link that someone else made could be turned elsewhere at any time, whoever owns what it points at now.
  const entry = lstatSync(path)
  const folder = statSync(path)
  const reason = !folder.isDirectory()
    ? 'is not a folder'
    : user !== undefined && (entry.uid !== user || folder.uid !== user)
      ? `belongs to another user (uid ${entry.uid !== user ? entry.uid : folder.uid})`
      : (folder.mode & 0o022) !== 0
        ? 'can be written to by others'
        : undefined
  if (reason === undefined) return
  throw usageError({
    code: 'unsafe-cache-folder',
    message: `The cache folder ${path} ${reason}`,
    hint: reason.startsWith('can be')
      ? `Run \`chmod go-w ${path}\`, or set KEI_CACHE_DIR to a folder of your own.`
      : 'Set KEI_CACHE_DIR to a folder of your own.',
  })
}
