import { createHash, randomBytes } from 'node:crypto'
import { chmod, mkdir, open, readFile, readdir, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Catalog } from '../findings/catalog.ts'
import type { RoundTrip } from '../findings/round-trip.ts'
import type { FileRun } from './run-file.ts'

/** What is known of a history's files by their chain hash, and of the schemas that some of them leave. */
export interface Evidence {
  files: Map<string, FileRun>
  /** The latest ones only. */
  catalogs: Map<string, Catalog>
  /** By `roundTripKey`. */
  roundTrips: Map<string, RoundTrip>
}

/** Evidence as it was read, and what tells whether its file is still that one. */
export interface KeptEvidence extends Evidence {
  stamp: string
}

interface StoredEvidence {
  version: 1
  files: [string, FileRun][]
  catalogs: [string, Catalog][]
  roundTrips?: [string, RoundTrip][]
}

/** How much is kept besides what is in use: files as they were before they were edited, on another branch. */
const mostOthers = { files: 500, catalogs: 3, roundTrips: 100 }

/** Evidence of histories that nobody has asked for this long is removed, in milliseconds. */
const longest = 30 * 24 * 3_600_000

/** The file that holds the evidence of one folder of a project on one major. */
export function evidencePath(cacheFolder: string, of: { project: string; folder: string; major: number }): string {
  const key = createHash('sha256')
    .update(JSON.stringify([of.project, of.folder, of.major]))
    .digest('hex')
    .slice(0, 32)
  return join(cacheFolder, 'trace', `${key}.json`)
}

/** Reads the evidence; one that is missing or damaged is empty. */
export async function readEvidence(path: string): Promise<KeptEvidence> {
  const stamp = await stampOf(path)
  try {
    const stored = JSON.parse(await readFile(path, 'utf8')) as StoredEvidence
    if (stored.version === 1) {
      const { files, catalogs, roundTrips = [] } = stored
      return { files: new Map(files), catalogs: new Map(catalogs), roundTrips: new Map(roundTrips), stamp }
    }
  } catch {
    // Nothing is lost but the time to trace again.
  }
  return { files: new Map(), catalogs: new Map(), roundTrips: new Map(), stamp }
}

/** Each write is a new file with an inode of its own. */
async function stampOf(path: string): Promise<string> {
  const found = await stat(path, { bigint: true }).catch(() => undefined)
  return found === undefined ? '' : `${found.ino} ${found.mtimeNs} ${found.size}`
}

/**
 * Adds to the evidence in `path`, which was `read` before, the newest last. What is not `inUse` (chain hashes, keys of
 * round trips) is dropped beyond the bounds, the oldest first. The file is complete or not there: it is written under
 * another name, brought to disk, and renamed. Of two processes at once the later wins.
 */
export async function addEvidence(
  path: string,
  read: KeptEvidence,
  added: Partial<Evidence>,
  inUse: ReadonlySet<string>,
): Promise<void> {
  const known = (await stampOf(path)) === read.stamp ? read : await readEvidence(path)
  const files = latest(known.files, added.files, inUse, mostOthers.files)
  const catalogs = latest(known.catalogs, added.catalogs, inUse, mostOthers.catalogs)
  const roundTrips = latest(known.roundTrips, added.roundTrips, inUse, mostOthers.roundTrips)
  const stored: StoredEvidence = { version: 1, files, catalogs, roundTrips }

  const folder = join(path, '..')
  await mkdir(folder, { recursive: true, mode: 0o700 })
  await chmod(folder, 0o700)
  const draft = `${path}.${process.pid}-${randomBytes(4).toString('hex')}`
  const handle = await open(draft, 'wx', 0o600)
  try {
    await handle.writeFile(JSON.stringify(stored))
    await handle.sync()
    await handle.close()
    await rename(draft, path)
  } catch (error) {
    await handle.close().catch(() => undefined)
    await rm(draft, { force: true })
    throw error
  }
  await removeOld(folder)
}

function latest<T>(
  known: ReadonlyMap<string, T>,
  added: ReadonlyMap<string, T> | undefined,
  inUse: ReadonlySet<string>,
  mostOthers: number,
): [string, T][] {
  const before = [...known].filter(([key]) => added?.has(key) !== true)
  const others = before.filter(([key]) => !inUse.has(key)).slice(-mostOthers)
  return [...others, ...before.filter(([key]) => inUse.has(key)), ...(added ?? [])]
}

/** Evidence of histories long gone, and drafts of processes that were killed. */
async function removeOld(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    const path = join(folder, name)
    const age =
      Date.now() -
      (await stat(path)
        .then((found) => found.mtimeMs)
        .catch(() => Date.now()))
    if (age > (name.endsWith('.json') ? longest : 3_600_000)) await rm(path, { force: true })
  }
}
