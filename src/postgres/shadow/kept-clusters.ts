import { existsSync } from 'node:fs'
import { lstat, readdir, rename, rm, stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { clusterPlaces, emptyCluster } from './cluster.ts'
import { takeLock } from './process-lock.ts'

/** What stopped clusters may take: as many, and as many bytes together, the ones last used first. */
const most = { clusters: 8, bytes: 4 * 1024 ** 3 }

const removedPrefix = '.removed-'

/**
 * Removes the clusters that were not used for the longest time, until the others keep within the bounds. Leaves it to
 * another process that is at it.
 */
export async function removeOldClusters(cacheFolder: string): Promise<void> {
  const parent = join(cacheFolder, 'clusters')
  const lock = await takeLock(parent)
  if (lock === undefined) return
  try {
    await removeBeyondBounds(parent)
  } finally {
    await lock.release()
  }
}

async function removeBeyondBounds(parent: string): Promise<void> {
  const entries = await readdir(parent, { withFileTypes: true })
  for (const { name } of entries.filter((entry) => entry.name.startsWith(removedPrefix))) {
    await rm(join(parent, name), { recursive: true, force: true })
  }
  const folders = entries
    .filter((entry) => entry.isDirectory() && !entry.name.startsWith(removedPrefix))
    .map((entry) => join(parent, entry.name))
  const clusters = await Promise.all(folders.map(async (folder) => ({ folder, used: await lastUse(folder) })))
  clusters.sort((one, other) => other.used - one.used)
  let bytes = 0
  for (const [rank, { folder }] of clusters.entries()) {
    bytes += await size(clusterPlaces(folder).server)
    if (rank >= most.clusters || bytes > most.bytes) await removeCluster(folder)
  }
}

async function removeCluster(folder: string): Promise<void> {
  const lock = await takeLock(folder)
  if (lock === undefined) return
  await emptyCluster(folder)
  // Under another name first: whoever comes now makes the folder anew instead of finding half of it.
  const removed = join(dirname(folder), `${removedPrefix}${basename(folder)}-${process.pid}`)
  await rename(folder, removed)
  await rm(removed, { recursive: true, force: true })
}

/** The log is opened when the server starts, the mark written when it has stopped. */
async function lastUse(folder: string): Promise<number> {
  const places = clusterPlaces(folder)
  const marks = [places.cleanMark, places.serverLog, folder].filter(existsSync)
  const times = await Promise.all(marks.map(async (path) => (await stat(path)).mtimeMs))
  return Math.max(0, ...times)
}

async function size(path: string): Promise<number> {
  try {
    const found = await lstat(path)
    if (!found.isDirectory()) return found.blocks * 512
    const names = await readdir(path)
    const sizes = await Promise.all(names.map((name) => size(join(path, name))))
    return sizes.reduce((sum, bytes) => sum + bytes, 0)
  } catch {
    // Removed meanwhile by a server at work.
    return 0
  }
}
