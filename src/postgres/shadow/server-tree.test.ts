import { execFileSync } from 'node:child_process'
import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { majors } from '../../../test/postgres.ts'
import { findInstallation } from './installation.ts'
import { runnablePrograms } from './server-tree.ts'

let cacheFolder: string

beforeAll(() => {
  cacheFolder = mkdtempSync(join(tmpdir(), 'kei-test-'))
  chmodSync(cacheFolder, 0o711)
})

afterAll(() => {
  rmSync(cacheFolder, { recursive: true })
})

test.each(majors)('the packaged programs of PostgreSQL %i run from the cache', async (major) => {
  const installation = findInstallation(major)
  if (installation.kind !== 'package') throw new Error('the development dependencies bring all three majors')
  const before = listing(installation.folder)
  const bin = await runnablePrograms(installation, cacheFolder, 'stranger')
  expect(execFileSync(join(bin, 'postgres'), ['--version'], { encoding: 'utf8' })).toContain(installation.version)
  const links = JSON.parse(readFileSync(join(installation.folder, 'pg-symlinks.json'), 'utf8')) as { target: string }[]
  for (const { target } of links) {
    expect(
      realpathSync(join(dirname(bin), target.replace(/^native\//, ''))).startsWith(realpathSync(cacheFolder)),
    ).toBe(true)
  }
  expect(statSync(join(bin, 'postgres')).mode & 0o005).toBe(0o005)
  expect(listing(installation.folder)).toEqual(before)
})

test('a stranger is not offered extensions that reach out of the database, a user is', async () => {
  const installation = findInstallation(17)
  const offered = async (audience: 'stranger' | 'user') => {
    const bin = await runnablePrograms(installation, cacheFolder, audience)
    return readdirSync(join(dirname(bin), 'share', 'postgresql', 'extension')).filter((name) =>
      name.endsWith('.control'),
    )
  }
  const forUser = await offered('user')
  const forStranger = await offered('stranger')
  const withheld = forUser.filter((name) => !forStranger.includes(name))
  expect(withheld).toEqual(
    expect.arrayContaining(['dblink.control', 'file_fdw.control', 'postgres_fdw.control', 'lo.control']),
  )
  expect(withheld.filter((name) => name.startsWith('pl')).length).toBeGreaterThan(0)
  expect(forStranger).toEqual(expect.arrayContaining(['plpgsql.control', 'pg_trgm.control', 'citext.control']))
})

test('what an interrupted run left is removed, and several at once make one tree', async () => {
  const installation = findInstallation(18)
  const cache = join(cacheFolder, 'several')
  const bins = await Promise.all([1, 2, 3].map(() => runnablePrograms(installation, cache, 'user')))
  const folder = dirname(dirname(bins[0] ?? ''))
  expect(new Set(bins).size).toBe(1)
  expect(readdirSync(folder).filter((name) => name.startsWith('new-'))).toEqual([])
  expect(existsSync(join(folder, 'tree', 'bin', 'initdb'))).toBe(true)
})

function listing(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' }).toSorted()
}
