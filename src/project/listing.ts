import { joinPath, openFolder } from './folder.ts'
import { readIndex } from './git.ts'
import { skippedNames } from './search.ts'

/** A file of the repository, by its path. */
export interface ListedFile {
  path: string
  /** Whether git's index has it; undefined where git does not say. */
  tracked?: boolean
}

export interface Listing {
  files: ListedFile[]
  /** Why git does not say, as a sentence; only for what a person should hear of. */
  notice?: string
}

/** Hidden folders in which the files of CI services and development containers lie. */
const openedFolders = new Set([
  '.github',
  '.gitlab',
  '.circleci',
  '.buildkite',
  '.woodpecker',
  '.forgejo',
  '.devcontainer',
])

/** Files and folders seen before a listing without git ends. */
const maxEntries = 200_000

/**
 * The files below `start`, or `start` itself when it is one, that belong to the repository: git's index and what would be added to it. Without git all
 * but what is installed or built, and what lies in a hidden folder that is not one of those that services read.
 */
export async function listRepository(root: string, start: string): Promise<Listing> {
  const index = await readIndex(root, start)
  if (index.state === 'known') {
    const tracked = index.tracked.map((path) => ({ path, tracked: true }))
    const files = [...tracked, ...index.untracked.map((path) => ({ path, tracked: false }))]
    // One file that was asked for is read where git ignores it, too.
    const isIgnored = files.length === 0 && openFolder(root, start) === undefined
    return { files: isIgnored ? [{ path: start, tracked: false }] : files }
  }
  return { files: walkFiles(root, start), ...(index.notice !== undefined && { notice: index.notice }) }
}

function walkFiles(root: string, start: string): ListedFile[] {
  if (openFolder(root, start) === undefined) return [{ path: start }]
  const files: ListedFile[] = []
  const waiting = [start]
  let entries = 0
  for (let path = waiting.shift(); path !== undefined && entries < maxEntries; path = waiting.shift()) {
    const folder = openFolder(root, path)
    if (folder === undefined) continue
    if (path !== start && (folder.folders.includes('.git') || folder.files.includes('.git'))) continue
    entries += folder.files.length + folder.folders.length
    for (const name of folder.files) files.push({ path: joinPath(path, name) })
    for (const name of folder.folders) {
      const isOpened = name.startsWith('.') ? openedFolders.has(name) : !skippedNames.has(name)
      if (isOpened) waiting.push(joinPath(path, name))
    }
  }
  return files
}
