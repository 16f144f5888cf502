import { realpathSync, statSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { usageError } from '../errors.ts'

/** What a PATH on the command line stands for. Real absolute paths. */
export interface AskedPath {
  /** A folder to search, or the migration folder that holds `file`. */
  folder: string
  /** The one file that was asked for. */
  file?: string
  /** Whether that is a file of a server's configuration rather than a migration. */
  isConfiguration?: true
}

const hint = 'Give a repository, a folder in it, one migration file, or a configuration file of a server.'

/** @throws KeiError `no-such-path`, `not-a-migration`. */
export function locate(path: string, workingDirectory: string): AskedPath {
  const absolute = resolve(workingDirectory, path)
  const real = realPath(absolute)
  if (!statSync(real).isDirectory()) {
    if (real.endsWith('.sql')) return ofFile(real)
    if (real.endsWith('.conf')) return { folder: dirname(real), file: real, isConfiguration: true }
    throw usageError({
      code: 'not-a-migration',
      message: `${path} is not a migration: kei reads .sql files, and pg_hba.conf and postgresql.conf`,
      hint,
    })
  }
  // Prisma has a folder for each script.
  const script = join(real, 'migration.sql')
  const isScriptFolder = /^\d+_/.test(basename(real)) && statSync(script, { throwIfNoEntry: false })?.isFile() === true
  return isScriptFolder ? ofFile(script) : { folder: real }
}

function ofFile(file: string): AskedPath {
  const folder = dirname(file)
  return { folder: basename(file) === 'migration.sql' ? dirname(folder) : folder, file }
}

function realPath(absolute: string): string {
  try {
    return realpathSync(absolute)
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    throw usageError({
      code: 'no-such-path',
      message: code === 'ENOENT' ? `There is no ${absolute}` : `${absolute} cannot be opened: ${message}`,
      hint,
      cause: error,
    })
  }
}
