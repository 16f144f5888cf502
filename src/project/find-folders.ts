import { realpathSync } from 'node:fs'
import { dirname, join, relative, resolve, sep } from 'node:path'
import type { Config, LayoutName } from '../config/config.ts'
import { readConfig } from '../config/read.ts'
import { isWithin } from '../config/within.ts'
import { usageError } from '../errors.ts'
import { locate } from './asked-path.ts'
import { openFolder } from './folder.ts'
import { findRepository } from './git.ts'
import { recognise } from './layouts/layouts.ts'
import { searchMigrations } from './search.ts'
import type { FoundFolder } from './search.ts'

/** A folder that may hold migrations. */
export interface Candidate {
  found: FoundFolder
  /** Set by `kei.jsonc`. */
  layout?: LayoutName
  /** The target that `kei.jsonc` says it is for. */
  target?: string
  /** Asked for by name: to pass over it would be wrong. */
  byName: boolean
}

/** The folders that a path stands for, before their migrations are read. */
export interface FolderChoice {
  /**
   * Real absolute path of the repository. Without one, of the working directory, so that the paths of a report can be
   * opened from there, or of the folder that was asked for when it lies elsewhere. All paths are relative to it.
   */
  root: string
  config: Config
  candidates: Candidate[]
  /** The folder that was asked for, or the one configuration file, relative to `root`. */
  start: string
  /** The one migration file that was asked for. */
  only?: string
  /** Whether `start` is a configuration file. */
  isConfiguration?: true
  /** Where it was looked, in words. */
  lookedIn: string
  notices: string[]
}

/**
 * The folders that `path` stands for: those that `kei.jsonc` names, as far as they concern `path`; else those that
 * `searchMigrations` finds in it. Runs no git.
 *
 * @throws KeiError `no-such-path`, `not-a-migration`, `outside-repository`, `invalid-config`: all exit 2.
 */
export async function findFolders(path: string, workingDirectory: string): Promise<FolderChoice> {
  const asked = locate(path, workingDirectory)
  const repository = findRepository(asked.folder)
  const root = repository ?? rootWithout(asked.folder, workingDirectory)
  const config = await readConfig(asked.folder, repository)
  if (asked.file !== undefined && asked.isConfiguration) {
    const start = relativePath(root, asked.file)
    return { root, config, start, isConfiguration: true, candidates: [], lookedIn: start, notices: [] }
  }
  const only = asked.file === undefined ? undefined : relativePath(root, asked.file)
  return {
    root,
    config,
    only,
    start: relativePath(root, asked.folder),
    ...choose(root, asked.folder, only !== undefined, config),
  }
}

/** Nothing to read where it was looked. */
export function nothingFound(lookedIn: string): Error {
  return usageError({
    code: 'no-migrations-found',
    message:
      `No migrations in ${lookedIn}: no folder named migrations or migrate with files <version>_<name>.sql, ` +
      'and no files of another tool that kei reads',
    hint: 'Give the folder as PATH, or name it in kei.jsonc: { "migrations": [{ "dir": "…" }] }.',
  })
}

/** A file that is none of those that kei reads. */
export function notConfiguration(file: string): Error {
  return usageError({
    code: 'not-a-configuration',
    message: `${file} is no configuration file that kei reads: pg_hba*.conf, postgresql*.conf`,
    hint: 'Give it the name that the server knows it by, or check the folder that it is in.',
  })
}

function rootWithout(folder: string, workingDirectory: string): string {
  const here = realpathSync(workingDirectory)
  return isWithin(here, folder) ? here : folder
}

function choose(
  root: string,
  start: string,
  isFile: boolean,
  config: Config,
): Pick<FolderChoice, 'candidates' | 'lookedIn' | 'notices'> {
  const configured = configuredFolders(root, start, config)
  if (configured.length > 0) {
    return { candidates: configured, lookedIn: 'the folders that kei.jsonc names', notices: [] }
  }
  const path = relativePath(root, start)
  if (isFile) {
    const folder = openFolder(root, path)
    const candidates = folder === undefined ? [] : [{ found: { folder, recognition: recognise(folder) }, byName: true }]
    return { candidates, lookedIn: start, notices: [] }
  }
  const { found, complete } = searchMigrations(root, path)
  const notices = complete
    ? []
    : ['The search for migration folders stopped at its limit; name the folders as `migrations` in kei.jsonc.']
  const candidates = found.map((one) => ({ found: one, byName: false }))
  return { candidates, lookedIn: `${start} and below`, notices }
}

/** Those of `kei.jsonc` that lie in `start`, or that `start` lies in. */
function configuredFolders(root: string, start: string, { file, migrations }: Config): Candidate[] {
  if (file === undefined || migrations === undefined) return []
  return migrations.flatMap(({ dir, layout, target }) => {
    const path = configuredPath(root, resolve(dirname(file), dir), dir)
    const absolute = join(root, path)
    if (!isWithin(start, absolute) && !isWithin(absolute, start)) return []
    const folder = openFolder(root, path)
    if (folder === undefined) throw noSuchFolder(dir)
    return [{ found: { folder, recognition: recognise(folder) }, layout, target, byName: true }]
  })
}

function configuredPath(root: string, absolute: string, dir: string): string {
  let real: string
  try {
    real = realpathSync(absolute)
  } catch (error) {
    throw noSuchFolder(dir, error)
  }
  if (isWithin(root, real)) return relativePath(root, real)
  throw usageError({
    code: 'outside-repository',
    message: `kei.jsonc names the folder ${dir}, which lies outside the repository`,
    hint: 'Name a folder of the repository, or run kei in the other one.',
  })
}

function noSuchFolder(dir: string, cause?: unknown): Error {
  return usageError({
    code: 'no-such-path',
    message: `kei.jsonc names the folder ${dir}, which cannot be opened`,
    hint: 'Correct `migrations` in kei.jsonc; a `dir` is relative to that file.',
    cause,
  })
}

function relativePath(root: string, path: string): string {
  return relative(root, path).split(sep).join('/') || '.'
}
