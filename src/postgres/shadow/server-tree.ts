import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { chmod, copyFile, link, mkdir, readdir, readFile, rename, rm, stat, symlink } from 'node:fs/promises'
import { basename, dirname, join, relative } from 'node:path'
import type { Installation } from './installation.ts'
import { ownFolder } from './private-folder.ts'
import { withLock } from './process-lock.ts'
import { isIntact, markUnsynced, syncFolder, syncMarked } from './unsynced.ts'

/** Extensions that reach files, other servers or a language's interpreter are not offered to a stranger's SQL. */
const withheld = /^(?:pl[a-z0-9]*|.*_pl[a-z0-9]*|dblink|postgres_fdw|file_fdw|adminpack|lo)\.control$/

/** `plpgsql` is part of every database. */
const kept = new Set(['plpgsql.control'])

/** Whose SQL a server is for: a stranger's is not offered extensions that reach out of the database. */
export type Audience = 'stranger' | 'user'

/**
 * The `bin` folder of an installation, ready to run. A package's files are linked (or copied) into the cache, where the
 * library links that npm may not have made are added; node_modules is never written to.
 */
export async function runnablePrograms(
  installation: Installation,
  cacheFolder: string,
  audience: Audience,
): Promise<string> {
  if (installation.kind === 'installed') return installation.bin
  const places = treePlaces(installation.packageVersion, cacheFolder, audience)
  if (!isUsable(places)) {
    ownFolder(join(cacheFolder, 'servers'))
    await withLock(ownFolder(places.folder), async () => {
      if (!isUsable(places)) await hydrate(installation.folder, places, audience)
    })
  }
  return join(places.tree, 'bin')
}

/** Brings a new tree of programs to the disk. */
export async function syncPrograms(installation: Installation, cacheFolder: string, audience: Audience): Promise<void> {
  if (installation.kind === 'installed') return
  const places = treePlaces(installation.packageVersion, cacheFolder, audience)
  await syncMarked(places.unsyncedMark, () => syncFolder(places.tree))
}

function treePlaces(version: string, cacheFolder: string, audience: Audience) {
  const folder = join(cacheFolder, 'servers', `${version}-${process.platform}-${process.arch}-${audience}`)
  return { folder, tree: join(folder, 'tree'), unsyncedMark: join(folder, 'unsynced') }
}

type TreePlaces = ReturnType<typeof treePlaces>

function isUsable(places: TreePlaces): boolean {
  return existsSync(places.tree) && isIntact(places.unsyncedMark)
}

async function hydrate(source: string, places: TreePlaces, audience: Audience): Promise<void> {
  for (const name of await readdir(places.folder)) {
    if (name === 'tree' || name.startsWith('new-')) await rm(join(places.folder, name), { recursive: true })
  }
  markUnsynced(places.unsyncedMark)
  const draft = join(places.folder, `new-${randomBytes(8).toString('hex')}`)
  await linkTree(source, draft, audience)
  await linkLibraries(source, draft)
  await rename(draft, places.tree)
}

async function linkTree(source: string, target: string, audience: Audience): Promise<void> {
  await mkdir(target)
  await chmod(target, 0o755)
  for (const entry of await readdir(source, { withFileTypes: true })) {
    const from = join(source, entry.name)
    const to = join(target, entry.name)
    if (entry.isDirectory()) await linkTree(from, to, audience)
    else if (entry.isFile() && isOffered(entry.name, audience)) await linkFile(from, to)
  }
}

function isOffered(name: string, audience: Audience): boolean {
  return audience === 'user' || kept.has(name) || !withheld.test(name)
}

/** Links where the file's own mode lets the server's user run it; a link shares the mode, so it is never changed. */
async function linkFile(from: string, to: string): Promise<void> {
  const mode = basename(dirname(from)) === 'bin' ? 0o755 : 0o644
  const found = await stat(from)
  if ((found.mode & mode) === mode) {
    try {
      await link(from, to)
      return
    } catch (error) {
      // Another file system, somebody else's file, or a file system without links.
      if (!['EXDEV', 'EPERM', 'EACCES', 'EMLINK', 'ENOTSUP'].includes((error as NodeJS.ErrnoException).code ?? '')) {
        throw error
      }
    }
  }
  await copyFile(from, to)
  await chmod(to, mode)
}

/** The package lists its links as `{source, target}` with paths relative to the package. */
async function linkLibraries(source: string, tree: string): Promise<void> {
  const text = await readFile(join(source, 'pg-symlinks.json'), 'utf8')
  const packageFolder = dirname(source)
  for (const entry of JSON.parse(text) as { source: string; target: string }[]) {
    const file = join(tree, relative(source, join(packageFolder, entry.source)))
    const name = join(tree, relative(source, join(packageFolder, entry.target)))
    await rm(name, { force: true })
    await symlink(relative(dirname(name), file), name)
  }
}
