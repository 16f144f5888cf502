import { createHash } from 'node:crypto'
import { runGit, runGitForBytes } from './git-command.ts'

/** Files of a commit or of the index: the name of each one's blob, by path. */
export type Blobs = ReadonlyMap<string, string>

/** The files that a commit has below `folders`; undefined when git does not say. Symbolic links are not among them. */
export async function blobsOfCommit(
  root: string,
  commit: string,
  folders: readonly string[],
  env: NodeJS.ProcessEnv,
): Promise<Blobs | undefined> {
  const paths = folders.includes('.') ? [] : folders
  const tree = await runGit(root, ['ls-tree', '-r', '-z', '--full-tree', commit, '--', ...paths], env)
  if (tree.status !== 'done') return undefined
  return readEntries(tree.stdout, /^100\d{3} blob (\w+)\t(.+)$/s)
}

/** The files that the index has below `folders`, but for those with a conflict. */
export async function blobsOfIndex(
  root: string,
  folders: readonly string[],
  env: NodeJS.ProcessEnv,
): Promise<Blobs | undefined> {
  const listed = await runGit(root, ['ls-files', '-s', '-z', '--', ...folders], env)
  if (listed.status !== 'done') return undefined
  return readEntries(listed.stdout, /^100\d{3} (\w+) 0\t(.+)$/s)
}

function readEntries(output: string, pattern: RegExp): Blobs {
  return new Map(
    output.split('\0').flatMap((entry): [string, string][] => {
      const [, blob, path] = pattern.exec(entry) ?? []
      return blob === undefined || path === undefined ? [] : [[path, blob]]
    }),
  )
}

/** Whether a blob holds this text, to the byte. Source: git-hash-object(1). */
export function isBlobOf(blob: string, text: string | Buffer): boolean {
  const bytes = typeof text === 'string' ? Buffer.from(text) : text
  const hash = createHash(blob.length === 64 ? 'sha256' : 'sha1')
  return hash.update(`blob ${bytes.length}\0`).update(bytes).digest('hex') === blob
}

/** The contents of blobs, by name; one that is not here, or cannot be read, is missing. */
export async function readBlobs(
  root: string,
  blobs: readonly string[],
  env: NodeJS.ProcessEnv,
): Promise<ReadonlyMap<string, Buffer>> {
  const contents = new Map<string, Buffer>()
  if (blobs.length === 0) return contents
  const result = await runGitForBytes(root, ['cat-file', '--batch'], env, `${blobs.join('\n')}\n`)
  if (result.status !== 'done') return contents
  const { stdout } = result
  for (let at = 0; at < stdout.length;) {
    const lineEnd = stdout.indexOf(10, at)
    if (lineEnd === -1) break
    const [, name, length] = /^(\w+) blob (\d+)$/.exec(stdout.toString('latin1', at, lineEnd)) ?? []
    at = lineEnd + 1
    if (name === undefined) continue
    contents.set(name, stdout.subarray(at, at + Number(length)))
    at += Number(length) + 1
  }
  return contents
}
