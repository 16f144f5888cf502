import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { open, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { systemRun } from './process-identity.ts'

/**
 * Marks what was just made as not on disk yet. Bringing it there takes longer than making it, so it waits until nobody
 * does. The mark names the run of the system that has it in memory.
 */
export function markUnsynced(mark: string): void {
  writeFileSync(mark, systemRun(), { mode: 0o600 })
}

/** Whether what the mark stands for is all there: on disk, or in the memory of this run of the system. */
export function isIntact(mark: string): boolean {
  const run = unsyncedRun(mark)
  return run === undefined || run === systemRun()
}

/** Brings what the mark stands for to the disk, unless it is there. */
export async function syncMarked(mark: string, sync: () => Promise<void>): Promise<void> {
  if (unsyncedRun(mark) === undefined) return
  await sync()
  rmSync(mark, { force: true })
}

/** Writes a folder's entries and files through to the disk. */
export async function syncFolder(folder: string): Promise<void> {
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) await syncFolder(path)
    else if (entry.isFile()) await syncPath(path)
  }
  await syncPath(folder)
}

/** Writes one file, or the entries of one folder, through to the disk. */
export async function syncPath(path: string): Promise<void> {
  const file = await open(path, 'r')
  await file.sync().finally(() => file.close())
}

function unsyncedRun(mark: string): string | undefined {
  try {
    return readFileSync(mark, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}
