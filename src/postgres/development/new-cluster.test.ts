import { spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  appendFileSync,
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { chmod, mkdir, mkdtemp, realpath, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import '../../../test/programs.ts'
import { developmentPlaces } from './places.ts'
import type { DevelopmentPlaces } from './places.ts'
import { startDevelopmentServer, stopDevelopmentServer } from './server.ts'

let folder: string
let project: { projectFolder: string; cacheFolder: string }
let places: DevelopmentPlaces

beforeEach(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), 'kei-test-')))
  // As root the server runs under another account, which must be able to pass through.
  await chmod(folder, 0o755)
  project = { projectFolder: join(folder, 'project'), cacheFolder: join(folder, 'cache') }
  places = developmentPlaces(project.projectFolder)
  await mkdir(project.projectFolder)
})

afterEach(async () => {
  await stopDevelopmentServer(project).catch(() => undefined)
  await rm(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 })
})

test('a start killed during initdb is made good by the next one', async () => {
  await startAndKill(() => drafts().some((name) => existsSync(join(places.server, name, 'PG_VERSION'))))
  expect(existsSync(places.dataDirectory)).toBe(false)
  expect(drafts()).toHaveLength(1)
  expect(await startDevelopmentServer(project)).toMatchObject({
    state: 'running',
    socketDirectory: places.socketDirectory,
  })
  expect(drafts()).toEqual([])
})

test('a start killed once the cluster has its name is made good by the next one', async () => {
  await startAndKill(() => existsSync(places.dataDirectory))
  expect(await startDevelopmentServer(project)).toMatchObject({
    state: 'running',
    socketDirectory: places.socketDirectory,
  })
})

test('a folder for sockets that a killed start did not give to the account of the server is given to it', async ({
  skip,
}) => {
  skip(process.getuid?.() !== 0, 'only as root does the server have an account of its own')
  await startDevelopmentServer(project)
  await stopDevelopmentServer(project)
  chownSync(places.socketDirectory, 0, 0)
  expect(await startDevelopmentServer(project)).toMatchObject({ state: 'running' })
})

test('a cluster gets its name only after it is on record', async () => {
  const record = join(project.cacheFolder, 'development', places.hash)
  mkdirSync(record, { recursive: true })
  await expect(startDevelopmentServer(project)).rejects.toThrow(/EISDIR/)
  expect(existsSync(places.dataDirectory)).toBe(false)
  rmSync(record, { recursive: true })
  expect(await startDevelopmentServer(project)).toMatchObject({ state: 'running' })
})

test('a data directory without PG_VERSION is not overwritten', async () => {
  mkdirSync(places.dataDirectory, { recursive: true })
  writeFileSync(join(places.dataDirectory, 'rows'), 'precious')
  await expect(startDevelopmentServer(project)).rejects.toMatchObject({ code: 'development-server-failed' })
  expect(readFileSync(join(places.dataDirectory, 'rows'), 'utf8')).toBe('precious')
})

test('an adopted cluster that does not read the settings of kei is not started', async () => {
  await startDevelopmentServer(project)
  await stopDevelopmentServer(project)
  const path = join(places.dataDirectory, 'postgresql.conf')
  const settings = readFileSync(path, 'utf8')
  const include = "include '../../kei.conf'\n"
  writeFileSync(path, settings.replace(include, ''))
  await expect(startDevelopmentServer({ ...project, adopt: true })).rejects.toMatchObject({
    code: 'development-server-failed',
    message: expect.stringContaining(include.trim()),
  })
  appendFileSync(path, include)
  expect(await startDevelopmentServer(project)).toMatchObject({ state: 'running' })
})

test('what has no pg_control cannot be adopted', async () => {
  mkdirSync(places.dataDirectory, { recursive: true })
  writeFileSync(join(places.dataDirectory, 'PG_VERSION'), '17\n')
  await expect(startDevelopmentServer({ ...project, adopt: true })).rejects.toMatchObject({
    code: 'development-server-failed',
    message: expect.stringContaining('pg_control'),
  })
})

const program = `
const { startDevelopmentServer } = await import(process.argv[1])
await startDevelopmentServer({ projectFolder: process.argv[2], cacheFolder: process.argv[3] })`

/** Starts the server in a process of its own, which is killed as soon as `moment` has come. */
async function startAndKill(moment: () => boolean): Promise<void> {
  const built = new URL('../../../dist/postgres/development/server.js', import.meta.url).href
  const { projectFolder, cacheFolder } = project
  const child = spawn(process.execPath, ['--input-type=module', '-e', program, built, projectFolder, cacheFolder], {
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  const ended = once(child, 'exit')
  await expect.poll(moment, { interval: 1, timeout: 30_000 }).toBe(true)
  child.kill('SIGKILL')
  expect(await ended).toEqual([null, 'SIGKILL'])
}

function drafts(): string[] {
  return existsSync(places.server) ? readdirSync(places.server).filter((name) => name.startsWith('new-')) : []
}
