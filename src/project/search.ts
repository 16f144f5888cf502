import { joinPath, openFolder } from './folder.ts'
import type { Folder } from './folder.ts'
import { looksLikeMigration } from './layouts/layout.ts'
import { recognise } from './layouts/layouts.ts'
import type { Recognition } from './layouts/layouts.ts'

/** A folder that holds migrations, or numbered files of no layout that kei knows. */
export interface FoundFolder {
  folder: Folder
  recognition: Recognition | undefined
}

/** What a search came upon. `complete` is false when it stopped at a limit. */
export interface Search {
  found: FoundFolder[]
  complete: boolean
}

/** Folders below this depth, counted from where the search begins, are not opened. */
const maxDepth = 12
/** Files and folders seen before a search ends. */
const maxEntries = 200_000

/** Installed, built or made for tests: what lies there is not this repository’s own. */
export const skippedNames = new Set([
  ...['node_modules', 'bower_components', 'vendor', 'venv', '__pycache__'],
  ...['dist', 'build', 'out', 'target', 'coverage'],
  ...['testdata', 'fixtures', '__fixtures__', '__snapshots__'],
])

const migrationsName = /(?:^|[-_.])(?:migrations?|migrate)(?:$|[-_.])/i
const numberedName = /^(?:\d|[VUB]\d|R__).*\.sql$/
const markerNames = ['atlas.sum', 'migration_lock.toml', 'sqitch.plan', 'tern.conf']

/**
 * The migration folders at and below `start` (a path of the repository), in order of path. A folder counts when its
 * files say whose they are; when only their names are numbered, it must also be `start`, or be named `migrations` or
 * the like, or lie directly in one that is.
 *
 * Not opened: symbolic links, hidden folders, what is installed, built or made for tests, and other repositories.
 */
export function searchMigrations(root: string, start: string): Search {
  const found: FoundFolder[] = []
  let level = [start]
  let entries = 0
  for (let depth = 0; level.length > 0; depth++) {
    const next: string[] = []
    for (const path of level) {
      const folder = openFolder(root, path)
      if (folder === undefined) continue
      if (path !== start && (folder.folders.includes('.git') || folder.files.includes('.git'))) continue
      entries += folder.files.length + folder.folders.length
      if (entries > maxEntries) return { found: inPathOrder(found), complete: false }

      const recognition = judge(folder, path === start)
      if (recognition !== undefined) found.push(recognition)
      if (readsBelow(recognition?.recognition)) continue
      for (const name of folder.folders) {
        if (!name.startsWith('.') && !skippedNames.has(name)) next.push(joinPath(path, name))
      }
    }
    if (depth === maxDepth) return { found: inPathOrder(found), complete: next.length === 0 }
    level = next
  }
  return { found: inPathOrder(found), complete: true }
}

/** Prisma has a folder for each migration; Flyway reads all that lies below its own. */
function readsBelow(recognition: Recognition | undefined): boolean {
  return recognition?.kind === 'layout' && ['prisma', 'flyway'].includes(recognition.layout.name)
}

function judge(folder: Folder, isStart: boolean): FoundFolder | undefined {
  const named =
    isStart ||
    folder.path
      .split('/')
      .slice(-2)
      .some((name) => migrationsName.test(name))
  const marked =
    folder.files.some((name) => numberedName.test(name) || markerNames.includes(name)) ||
    folder.folders.some((name) => name === 'meta' || /^\d{14}_/.test(name))
  if (!named && !marked) return undefined
  const recognition = recognise(folder)
  if (recognition !== undefined)
    return named || recognition.certainty === 'inside' ? { folder, recognition } : undefined
  return named && folder.files.some(looksLikeMigration) ? { folder, recognition } : undefined
}

function inPathOrder(found: FoundFolder[]): FoundFolder[] {
  return found.sort((a, b) => (a.folder.path < b.folder.path ? -1 : 1))
}
