import { chmodSync, existsSync, mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { clusterPlaces } from './cluster.ts'
import { removeOldClusters } from './kept-clusters.ts'
import { ownFolder, serverFolder } from './private-folder.ts'
import { takeLock } from './process-lock.ts'

let cacheFolder: string

beforeEach(() => {
  cacheFolder = mkdtempSync(join(tmpdir(), 'kei-test-'))
  chmodSync(cacheFolder, 0o711)
})

afterEach(() => {
  rmSync(cacheFolder, { recursive: true })
})

test('the eight clusters that were used last are kept, of which one is in use', async () => {
  const folders = Array.from({ length: 12 }, (_, age) => makeCluster(age))
  const oldest = folders.at(-1) ?? ''
  const lock = await takeLock(oldest)
  await removeOldClusters(cacheFolder)
  expect(folders.map((folder) => existsSync(folder))).toEqual([
    ...Array(7).fill(true),
    false,
    false,
    false,
    false,
    true,
  ])
  expect(readdirSync(join(cacheFolder, 'clusters')).filter((name) => !name.startsWith('lock.')).length).toBe(8)
  await lock?.release()
})

test('a cluster that is in use is never removed', async () => {
  const folders = Array.from({ length: 9 }, (_, age) => makeCluster(age))
  const oldest = folders.at(-1) ?? ''
  const lock = await takeLock(oldest)
  setAge(oldest, 9)
  await removeOldClusters(cacheFolder)
  expect(existsSync(oldest)).toBe(true)
  await lock?.release()
  setAge(oldest, 9)
  await removeOldClusters(cacheFolder)
  expect(existsSync(oldest)).toBe(false)
})

/** A stopped cluster that was last used that many hours ago. */
function makeCluster(age: number): string {
  const folder = ownFolder(join(cacheFolder, 'clusters', `cluster-${age}`))
  ownFolder(join(cacheFolder, 'clusters'))
  const places = clusterPlaces(folder)
  serverFolder(places.server)
  writeFileSync(places.cleanMark, '')
  setAge(folder, age)
  return folder
}

function setAge(folder: string, hours: number): void {
  const time = new Date(Date.now() - hours * 3_600_000)
  utimesSync(clusterPlaces(folder).cleanMark, time, time)
  utimesSync(folder, time, time)
}
