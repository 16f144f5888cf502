import { realpathSync } from 'node:fs'
import { dirname, join, relative, resolve, sep } from 'node:path'
import type { Config, LayoutName } from '../config/config.ts'
import { readConfig } from '../config/read.ts'
import { isWithin } from '../config/within.ts'
import { usageError } from '../errors.ts'
import { locate } from './asked-path.ts'
import { openFolder } from './folder.ts'
import { findRepository, releasedFiles } from './git.ts'
import type { Release } from './git.ts'
import { recognise } from './layouts/layouts.ts'
import type { MigrationFolder } from './migration-file.ts'
import { readFolder, refuseOtherDatabase } from './read-folder.ts'
import type { Refusal } from './read-folder.ts'
import { searchMigrations } from './search.ts'
import type { FoundFolder } from './search.ts'

/** What a repository holds that kei judges. */
export interface Project {
  /**
   * Real absolute path of the repository. Without one, of the working directory, so that the paths of a report can be
   * opened from there, or of the folder that was asked for when it lies elsewhere. All paths are relative to it.
   */
  root: string
  config: Config
  /** At least one. */
  folders: MigrationFolder[]
  /** The one file that was asked for; its folder is in `folders` whole, because the file means little without it. */
  only?: string
  release: Release
  /** What was passed over, and why, each as a sentence. */
  notices: string[]
}

/**
 * The project that `path` stands for: a repository, a folder in it, a migration folder, or one `.sql` file of one. The
 * folders are those that `kei.jsonc` names, as far as they concern `path`; else those that `searchMigrations` finds.
 *
 * A folder of a tool that kei does not read yet, or of another database, is refused where it was asked for by name (in
 * `kei.jsonc`, or as one file's folder) and where there is nothing else to read; beside others it is a notice.
 *
 * @throws KeiError `no-such-path`, `not-a-migration`, `no-migrations-found`, `unsupported-layout`, `not-postgresql`,
 * `layout-mismatch`, `outside-repository`, `invalid-config`: all exit 2.
 */
export async function findProject(path: string, workingDirectory: string = process.cwd()): Promise<Project> {
  const asked = locate(path, workingDirectory)
  const repository = findRepository(asked.folder)
  const root = repository ?? rootWithout(asked.folder, workingDirectory)
  const config = await readConfig(asked.folder, repository)

  const { folders, notices } = readFolders(chooseFolders(root, asked.folder, asked.file !== undefined, config))
  const only = asked.file === undefined ? undefined : relativePath(root, asked.file)
  if (only !== undefined) refuseStranger(folders, only)

  const paths = folders.map((folder) => folder.path)
  const release = await releasedFiles(root, paths, config.mainBranch)
  for (const migration of folders.flatMap((folder) => folder.migrations)) {
    migration.released = release.files.has(migration.path)
  }
  if (release.notice !== undefined) notices.push(release.notice)
  return { root, config, folders, only, release, notices }
}

function rootWithout(folder: string, workingDirectory: string): string {
  const here = realpathSync(workingDirectory)
  return isWithin(here, folder) ? here : folder
}

interface Candidate {
  found: FoundFolder
  /** Set by `kei.jsonc`. */
  layout?: LayoutName
  /** Asked for by name: to pass over it would be wrong. */
  byName: boolean
}

interface Choice {
  candidates: Candidate[]
  /** Where it was looked, in words. */
  lookedIn: string
  notices: string[]
}

function chooseFolders(root: string, start: string, isFile: boolean, config: Config): Choice {
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
  return migrations.flatMap(({ dir, layout }) => {
    const path = configuredPath(root, resolve(dirname(file), dir), dir)
    const absolute = join(root, path)
    if (!isWithin(start, absolute) && !isWithin(absolute, start)) return []
    const folder = openFolder(root, path)
    if (folder === undefined) throw noSuchFolder(dir)
    return [{ found: { folder, recognition: recognise(folder) }, layout, byName: true }]
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

function readFolders({ candidates, lookedIn, notices }: Choice): { folders: MigrationFolder[]; notices: string[] } {
  const folders: MigrationFolder[] = []
  const refusals: Refusal[] = []
  for (const { found, layout, byName } of candidates) {
    const otherDatabase = byName ? undefined : refuseOtherDatabase(found.folder.path)
    const reading = otherDatabase === undefined ? readFolder(found, layout) : refusedAs(otherDatabase)
    if (reading?.kind === 'folder') folders.push(reading.folder)
    if (reading?.kind !== 'refused') continue
    if (byName) throw usageError(reading.refusal)
    refusals.push(reading.refusal)
  }
  if (folders.length > 0) return { folders, notices: [...refusals.map(asNotice), ...notices] }

  const [first] = refusals
  if (first === undefined) throw nothingFound(lookedIn)
  throw usageError({ ...first, message: refusals.map((refusal) => refusal.message).join('\n') })
}

function refusedAs(refusal: Refusal) {
  return { kind: 'refused', refusal } as const
}

function asNotice({ message }: Refusal): string {
  return `${message}: it is not checked.`
}

function nothingFound(lookedIn: string): Error {
  return usageError({
    code: 'no-migrations-found',
    message:
      `No migrations in ${lookedIn}: no folder named migrations or migrate with files <version>_<name>.sql, ` +
      'and no files of goose, golang-migrate or Prisma',
    hint: 'Give the folder as PATH, or name it in kei.jsonc: { "migrations": [{ "dir": "…" }] }.',
  })
}

/** One file was asked for, and its folder's tool does not run it. */
function refuseStranger(folders: readonly MigrationFolder[], only: string): void {
  const isKnown = folders.some(
    ({ migrations, unreadable }) =>
      migrations.some(({ path, down }) => path === only || down?.file === only) ||
      unreadable.some(({ path }) => path === only),
  )
  if (isKnown) return
  const [{ layout, path } = { layout: 'kei', path: '.' }] = folders
  throw usageError({
    code: 'not-a-migration',
    message: `${only} is not one of the migrations of ${path} (layout ${layout})`,
    hint: 'Check its name: the tool takes the version and the order of a migration from it.',
  })
}

function relativePath(root: string, path: string): string {
  return relative(root, path).split(sep).join('/') || '.'
}
