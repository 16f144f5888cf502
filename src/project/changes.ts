import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { blobsOfCommit, isBlobOf, readBlobs } from './blobs.ts'
import type { Blobs } from './blobs.ts'
import { decodeSource } from './files.ts'
import { runGit } from './git-command.ts'

/** A file as the branch it comes from had it. */
export interface ReleasedText {
  file: string
  /** Decoded. */
  text: string
}

/** What has come to the files since the branch left the main branch; `now` below is their text of today. */
export type Changes =
  | {
      state: 'known'
      /** The commit at which the branch left: `git merge-base`. */
      commit: string
      /** What that commit has below the folders that were asked for. */
      blobs: Blobs
      /** Its files that have another text now. */
      edited: ReleasedText[]
      /** Its `.sql` files that are there no longer. */
      deleted: ReleasedText[]
    }
  /** `shallow`: the commit at which the branch left was not fetched. */
  | { state: 'shallow' }
  | { state: 'none' }

/**
 * Compares the files below `folders` with the commit at which HEAD left `base`.
 * @param now the decoded texts of what is there, by path.
 */
export async function changesSince(
  root: string,
  base: string,
  folders: readonly string[],
  now: ReadonlyMap<string, string>,
  env: NodeJS.ProcessEnv = process.env,
): Promise<Changes> {
  const found = await runGit(root, ['merge-base', 'HEAD', base], env)
  if (found.status !== 'done')
    return existsSync(join(root, '.git', 'shallow')) ? { state: 'shallow' } : { state: 'none' }
  const commit = found.stdout.trim()
  const blobs = await blobsOfCommit(root, commit, folders, env)
  if (blobs === undefined) return { state: 'none' }
  const other = [...blobs].filter(([path, blob]) => {
    const text = now.get(path)
    return text === undefined ? path.endsWith('.sql') && !existsSync(join(root, path)) : !isBlobOf(blob, text)
  })
  const contents = await readBlobs(root, [...new Set(other.map(([, blob]) => blob))], env)
  const texts = other.flatMap(([path, blob]): ReleasedText[] => {
    const bytes = contents.get(blob)
    const reading = bytes && decodeSource(path, bytes)
    return reading?.kind === 'text' ? [{ file: path, text: reading.file.text }] : []
  })
  return {
    state: 'known',
    commit,
    blobs,
    // A blob with other line ends or a byte order mark has the same text.
    edited: texts.filter(({ file, text }) => now.has(file) && now.get(file) !== text),
    deleted: texts.filter(({ file }) => !now.has(file)),
  }
}

/** The files, of those with these texts, that are new or have another text since the commit that `changes` is about. */
export function changedFiles({ blobs }: Changes & { state: 'known' }, now: ReadonlyMap<string, string>): Set<string> {
  const isChanged = ([path, text]: [string, string]) => {
    const blob = blobs.get(path)
    // A text has LF; what was committed may have CRLF.
    return blob === undefined || !(isBlobOf(blob, text) || isBlobOf(blob, text.replaceAll('\n', '\r\n')))
  }
  return new Set([...now].filter(isChanged).map(([path]) => path))
}
