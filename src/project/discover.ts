import type { Config } from '../config/config.ts'
import { usageError } from '../errors.ts'
import { findFolders, nothingFound } from './find-folders.ts'
import type { FolderChoice } from './find-folders.ts'
import { releasedFiles } from './git.ts'
import type { Release } from './git.ts'
import type { MigrationFolder } from './migration-file.ts'
import { readFolder, refuseOtherDatabase } from './read-folder.ts'
import type { Refusal } from './read-folder.ts'

/** What a repository holds that kei judges. */
export interface Project {
  /** As `FolderChoice.root`. */
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
 * folders are those of `findFolders`.
 *
 * A folder of a tool that kei does not read yet, or of another database, is refused where it was asked for by name (in
 * `kei.jsonc`, or as one file's folder) and where there is nothing else to read; beside others it is a notice.
 *
 * @throws KeiError `no-such-path`, `not-a-migration`, `no-migrations-found`, `unsupported-layout`, `not-postgresql`,
 * `layout-mismatch`, `outside-repository`, `invalid-config`: all exit 2.
 */
export async function findProject(path: string, workingDirectory: string = process.cwd()): Promise<Project> {
  const choice = await findFolders(path, workingDirectory)
  const { root, config, only } = choice
  const { folders, notices } = readFolders(choice)
  if (only !== undefined) refuseStranger(folders, only)

  const paths = folders.map((folder) => folder.path)
  const release = await releasedFiles(root, paths, config.mainBranch)
  for (const migration of folders.flatMap((folder) => folder.migrations)) {
    migration.released = release.files.has(migration.path)
  }
  if (release.notice !== undefined) notices.push(release.notice)
  return { root, config, folders, only, release, notices }
}

function readFolders({ candidates, lookedIn, notices }: FolderChoice): {
  folders: MigrationFolder[]
  notices: string[]
} {
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
