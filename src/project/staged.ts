import { basename, dirname } from 'node:path'
import { usageError } from '../errors.ts'
import { blobsOfIndex, isBlobOf, readBlobs } from './blobs.ts'
import { decodeSource, readBytes } from './files.ts'
import type { FileReading } from './files.ts'
import { joinPath } from './folder.ts'
import type { Folder } from './folder.ts'
import { runGit } from './git-command.ts'

/** The repository as the next commit will have it. */
export interface Staged {
  /** Files that the next commit changes or adds. */
  files: ReadonlySet<string>
  /** The folder with what is staged in it: other files are not there, and staged texts stand before those on the disk. */
  folder(folder: Folder): Folder
  /** What is staged of a file whose text on the disk is another. */
  reading(path: string): FileReading | undefined
}

/**
 * Reads what is staged below `folders`, and of every file that the next commit changes.
 * @throws KeiError `no-index` where there is no repository, or git does not read its index.
 */
export async function readStaged(
  root: string,
  folders: readonly string[],
  env: NodeJS.ProcessEnv = process.env,
): Promise<Staged> {
  const files = await stagedFiles(root, env)
  const blobs = await blobsOfIndex(root, folders.includes('.') ? [] : [...folders, ...files], env)
  if (blobs === undefined) throw noIndex(root)
  const isOther = ([path, blob]: [string, string]) => {
    const bytes = readBytes(root, path)
    return bytes === undefined || !isBlobOf(blob, Buffer.from(bytes))
  }
  const other = [...blobs].filter(isOther)
  const contents = await readBlobs(root, [...new Set(other.map(([, blob]) => blob))], env)
  const readings = new Map(
    other.flatMap(([path, blob]): [string, FileReading][] => {
      const bytes = contents.get(blob)
      return bytes === undefined ? [] : [[path, decodeSource(path, bytes)]]
    }),
  )
  const namesByFolder = new Map<string, string[]>()
  for (const path of [...blobs.keys()].sort()) {
    const folder = dirname(path)
    namesByFolder.set(folder, [...(namesByFolder.get(folder) ?? []), basename(path)])
  }
  return {
    files: new Set(files),
    folder: (folder) => ({
      ...folder,
      files: namesByFolder.get(folder.path) ?? [],
      folders: folder.folders.filter((name) => namesByFolder.has(joinPath(folder.path, name))),
      read: (name) => readings.get(joinPath(folder.path, name)) ?? folder.read(name),
    }),
    reading: (path) => readings.get(path),
  }
}

async function stagedFiles(root: string, env: NodeJS.ProcessEnv): Promise<string[]> {
  const head = await runGit(root, ['rev-parse', '--quiet', '--verify', 'HEAD'], env)
  const args =
    head.status === 'done'
      ? ['diff-index', '--cached', '--name-only', '-z', '--no-ext-diff', 'HEAD']
      : ['ls-files', '-z']
  const listed = await runGit(root, args, env)
  if (listed.status !== 'done') throw noIndex(root)
  return listed.stdout.split('\0').filter((path) => path !== '')
}

function noIndex(root: string): Error {
  return usageError({
    code: 'no-index',
    message: `${root} has no git index to read what is staged from`,
    hint: 'Run `kei check --staged` in a git repository, or leave --staged out.',
  })
}
