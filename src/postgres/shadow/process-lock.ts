import { randomBytes } from 'node:crypto'
import { link, readdir, readFile, rename, unlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { isAlive, ownIdentity } from './process-identity.ts'
import type { ProcessIdentity } from './process-identity.ts'

/** A folder that only this process may change until it lets go or ends. */
export interface ProcessLock {
  release(): Promise<void>
}

/** What a lock file holds: its holder, or null once let go. */
type Holder = ProcessIdentity | null

/**
 * Takes the lock of a folder, or returns undefined when a living process holds it.
 *
 * Locks are files `lock.1`, `lock.2` …, of which the highest counts. A new one is made by `link`, which fails when the
 * name exists, and only above one that was let go or whose holder is dead; the highest is never removed. So of any
 * number of processes that find the same dead holder exactly one gets the next number, and one that looked long ago
 * sees a higher number than its own and withdraws.
 */
export async function takeLock(folder: string): Promise<ProcessLock | undefined> {
  const top = highest(await readdir(folder))
  if (top > 0 && (await isHeld(lockPath(folder, top)))) return undefined

  const mine = top + 1
  const path = lockPath(folder, mine)
  const draft = await writeHolder(folder, ownIdentity())
  try {
    await link(draft, path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return undefined
    throw error
  } finally {
    await unlink(draft)
  }

  const names = await readdir(folder)
  if (highest(names) !== mine) {
    await removeQuietly(path)
    return undefined
  }
  for (const name of names) {
    const number = lockNumber(name)
    if (number > 0 && number < mine) await removeQuietly(join(folder, name))
  }
  return {
    async release() {
      await rename(await writeHolder(folder, null), path)
    },
  }
}

/** Runs `work` while holding the lock of a folder; waits for it as long as its holder lives. */
export async function withLock<T>(folder: string, work: () => Promise<T>): Promise<T> {
  let lock = await takeLock(folder)
  while (lock === undefined) {
    await delay(50)
    lock = await takeLock(folder)
  }
  try {
    return await work()
  } finally {
    await lock.release()
  }
}

async function isHeld(path: string): Promise<boolean> {
  try {
    const holder = JSON.parse(await readFile(path, 'utf8')) as Holder
    return holder !== null && isAlive(holder)
  } catch (error) {
    // Removed since it was listed: a higher one exists, whose holder is the one to ask next time.
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return true
    // A power cut can leave a file without its text. Whoever wrote it is gone.
    if (error instanceof SyntaxError) return false
    throw error
  }
}

async function writeHolder(folder: string, holder: Holder): Promise<string> {
  const path = join(folder, `holder-${randomBytes(8).toString('hex')}`)
  await writeFile(path, JSON.stringify(holder), { flag: 'wx', mode: 0o600 })
  return path
}

async function removeQuietly(path: string): Promise<void> {
  try {
    await unlink(path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  }
}

function lockPath(folder: string, number: number): string {
  return join(folder, `lock.${number}`)
}

function lockNumber(name: string): number {
  return /^lock\.\d+$/.test(name) ? Number(name.slice(5)) : 0
}

function highest(names: string[]): number {
  return names.reduce((top, name) => Math.max(top, lockNumber(name)), 0)
}
