import type { Config } from '../config/config.ts'
import { usageError } from '../errors.ts'
import { findFolders, notConfiguration, nothingFound } from './find-folders.ts'
import type { FolderChoice } from './find-folders.ts'
import { changesSince } from './changes.ts'
import type { Changes } from './changes.ts'
import { filesAt, releasedFiles } from './git.ts'
import type { Release } from './git.ts'
import type { MigrationFolder } from './migration-file.ts'
import { readFolder, refuseOtherDatabase } from './read-folder.ts'
import type { Refusal } from './read-folder.ts'
import { readStaged } from './staged.ts'
import type { Staged } from './staged.ts'

/** What a repository holds that kei judges. */
export interface Project {
  /** As `FolderChoice.root`. */
  root: string
  config: Config
  folders: MigrationFolder[]
  /** The folder that was asked for, or the one configuration file, relative to the repository. */
  start: string
  /** Whether `start` is a configuration file: that there are no migrations is no news then. */
  isConfiguration?: true
  /** Why there are no folders; set when there are none. */
  nothing?: Error
  /** The one file that was asked for; its folder is in `folders` whole, because the file means little without it. */
  only?: string
  release: Release
  /** What has come to the migrations since the branch left the main branch, or since `since`. */
  changes: Changes
  /** What is staged, where that was asked for. */
  staged?: Staged
  /** What was passed over, and why, each as a sentence. */
  notices: string[]
}

/** Which part of a repository is looked at. */
export interface Extent {
  /** A commit or branch: what it has is released, in the main branch's place. */
  since?: string | undefined
  /** What is staged, rather than what is on the disk. Default: no. */
  staged?: boolean
}

/**
 * The project that `path` stands for: a repository, a folder in it, a migration folder, or one `.sql` file of one. The
 * folders are those of `findFolders`.
 *
 * A folder of a tool that kei does not read yet, or of another database, is refused where it was asked for by name (in
 * `kei.jsonc`, or as one file's folder) and where there is nothing else to read; beside others it is a notice.
 *
 * @throws KeiError `no-such-path`, `not-a-migration`, `unsupported-layout`, `not-postgresql`,
 * `layout-mismatch`, `outside-repository`, `invalid-config`, `no-such-commit`, `no-index`: all exit 2.
 */
export async function findProject(
  path: string,
  workingDirectory: string = process.cwd(),
  { since, staged: asStaged = false }: Extent = {},
): Promise<Project> {
  const choice = await findFolders(path, workingDirectory)
  const { root, config, only, start, candidates } = choice
  const staged = asStaged
    ? await readStaged(
        root,
        candidates.map(({ found }) => found.folder.path),
      )
    : undefined
  const { folders, notices } = readFolders(staged === undefined ? choice : asStagedIn(choice, staged))
  if (only !== undefined) refuseStranger(folders, only)

  const paths = folders.map((folder) => folder.path)
  const release = await (since === undefined
    ? releasedFiles(root, paths, config.mainBranch)
    : filesAt(root, paths, since))
  for (const migration of folders.flatMap((folder) => folder.migrations)) {
    migration.released = release.files.has(migration.path)
  }
  if (release.notice !== undefined) notices.push(release.notice)
  const nothing = folders.length === 0 ? nothingIn(choice) : undefined
  const changes = await changesOf(root, release, folders, since === undefined ? paths : ['.'])
  return {
    ...{ root, config, folders, start, only, release, changes, notices },
    ...(nothing && { nothing }),
    ...(choice.isConfiguration && { isConfiguration: true as const }),
    ...(staged && { staged }),
  }
}

function nothingIn({ start, lookedIn, isConfiguration }: FolderChoice): Error {
  return isConfiguration ? notConfiguration(start) : nothingFound(lookedIn)
}

function asStagedIn(choice: FolderChoice, staged: Staged): FolderChoice {
  const candidates = choice.candidates.map((one) => {
    return { ...one, found: { ...one.found, folder: staged.folder(one.found.folder) } }
  })
  return { ...choice, candidates }
}

async function changesOf(
  root: string,
  { base }: Release,
  folders: readonly MigrationFolder[],
  paths: readonly string[],
): Promise<Changes> {
  if (base === undefined || paths.length === 0) return { state: 'none' }
  const now = folders.flatMap(({ migrations }) => migrations).map(({ path, text }) => [path, text] as const)
  return changesSince(root, base, paths, new Map(now))
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
  if (first === undefined && candidates.some(({ byName }) => byName)) throw nothingFound(lookedIn)
  if (first === undefined) return { folders, notices }
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
