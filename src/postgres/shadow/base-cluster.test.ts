import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { baseCluster, syncBase } from './base-cluster.ts'
import type { Programs } from './base-cluster.ts'
import { findInstallation } from './installation.ts'
import { ownFolder } from './private-folder.ts'
import { runnablePrograms } from './server-tree.ts'

let folder: string
let cacheFolder: string
let programs: Programs
let made = 0

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'kei-test-'))
  // As root the server runs under another account, which must be able to pass through.
  chmodSync(folder, 0o711)
  cacheFolder = ownFolder(join(folder, 'cache'))
  const installation = findInstallation(17)
  programs = { bin: await runnablePrograms(installation, cacheFolder, 'stranger'), version: installation.version }
})

afterAll(() => {
  rmSync(folder, { recursive: true })
})

test('the base is made once, also when several want it at the same time', async () => {
  const bases = await Promise.all([makeBase(), makeBase(), makeBase()])
  expect(made).toBe(1)
  expect(new Set(bases.map(({ dataDirectory }) => dataDirectory)).size).toBe(1)
  expect(readdirSync(dirname(dirname(dirname(bases[0]?.dataDirectory ?? ''))))).toEqual(['cluster', 'lock.3'])
})

test('a base that a power cut may have reached before the disk is made anew, one on disk is kept', async () => {
  const { superuserFile } = await makeBase()
  const before = readFileSync(superuserFile, 'utf8')
  const mark = join(dirname(superuserFile), 'unsynced')
  writeFileSync(mark, 'another run of the system')
  await makeBase()
  const after = readFileSync(superuserFile, 'utf8')
  expect(after).not.toBe(before)

  await syncBase(programs, cacheFolder)
  expect(existsSync(mark)).toBe(false)
  await makeBase()
  expect(readFileSync(superuserFile, 'utf8')).toBe(after)
})

function makeBase() {
  return baseCluster(programs, cacheFolder, () => (made += 1))
}
