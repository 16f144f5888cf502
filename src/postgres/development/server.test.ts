import { execFile } from 'node:child_process'
import { existsSync, lstatSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { chmod, mkdir, mkdtemp, realpath, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { Client } from 'pg'
import { afterEach, beforeEach, expect, test } from 'vitest'
import '../../../test/programs.ts'
import { findProgram } from '../programs.ts'
import { developmentPlaces } from './places.ts'
import {
  developmentServerStatus,
  psqlOfDevelopmentServer,
  startDevelopmentServer,
  stopDevelopmentServer,
} from './server.ts'
import type { DevelopmentStatus } from './server.ts'

const run = promisify(execFile)
const isRoot = process.getuid?.() === 0

let folder: string
let project: { projectFolder: string; cacheFolder: string }

beforeEach(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), 'kei-test-')))
  // As root the server runs under another account, which must be able to pass through.
  await chmod(folder, 0o755)
  project = { projectFolder: join(folder, 'project'), cacheFolder: join(folder, 'cache') }
  await mkdir(project.projectFolder)
})

afterEach(async () => {
  await stopDevelopmentServer(project).catch(() => undefined)
  await rm(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 })
})

test('the server keeps its data from one start to the next and is durable', async () => {
  expect(await developmentServerStatus(project)).toEqual({ state: 'absent' })
  const first = running(await startDevelopmentServer(project))
  await query(first.url, 'CREATE TABLE kept AS SELECT 1 AS n')
  expect(await query(first.url, "SELECT current_setting('fsync') AS fsync, current_user AS me")).toEqual([
    { fsync: 'on', me: 'postgres' },
  ])
  expect(await stopDevelopmentServer(project)).toMatchObject({ state: 'stopped', major: 17 })
  expect(await stopDevelopmentServer(project)).toMatchObject({ state: 'stopped' })
  const second = running(await startDevelopmentServer(project))
  expect(await query(second.url, 'SELECT n FROM kept')).toEqual([{ n: 1 }])
})

test('starting it twice leaves it running', async () => {
  const [first, second] = await Promise.all([startDevelopmentServer(project), startDevelopmentServer(project)])
  expect(running(second).pid).toBe(running(first).pid)
})

test('git sees nothing of it, and only the user may enter', async () => {
  const status = running(await startDevelopmentServer(project))
  expect(readFileSync(join(project.projectFolder, '.kei', '.gitignore'), 'utf8')).toBe('*\n')
  expect(lstatSync(status.socketDirectory).mode & 0o777).toBe(0o700)
  expect(lstatSync(status.dataDirectory).mode & 0o777).toBe(0o700)
  expect(status.tcp).toBeUndefined()
})

test('a project in a deep folder has its socket elsewhere', async () => {
  project.projectFolder = join(project.projectFolder, 'deep-'.repeat(20))
  await mkdir(project.projectFolder)
  const status = running(await startDevelopmentServer(project))
  expect(status.socketDirectory.startsWith(project.projectFolder)).toBe(false)
  expect(await query(status.url, 'SELECT 1 AS one')).toEqual([{ one: 1 }])
  await stopDevelopmentServer(project)
  rmSync(status.socketDirectory, { recursive: true })
})

test('with a port it also listens on TCP, which takes the password and nothing else', async () => {
  const port = 20_000 + (process.pid % 20_000)
  const status = running(await startDevelopmentServer({ ...project, port }))
  const { url = '', passwordFile = '' } = status.tcp ?? {}
  expect(lstatSync(passwordFile).mode & 0o777).toBe(0o600)
  await expect(query(url.replace('postgres@', 'postgres:wrong@'), 'SELECT 1')).rejects.toThrow(/authentication failed/)
  const password = readFileSync(passwordFile, 'utf8').trim()
  expect(await query(url.replace('postgres@', `postgres:${password}@`), 'SELECT 1 AS one')).toEqual([{ one: 1 }])
  await expect(startDevelopmentServer({ ...project, port: port + 1 })).rejects.toMatchObject({
    code: 'development-server-runs-otherwise',
  })
  expect(running(await startDevelopmentServer(project)).pid).toBe(status.pid)
})

test('data of another major is never touched', async () => {
  await startDevelopmentServer({ ...project, major: 16 })
  await expect(startDevelopmentServer({ ...project, major: 17 })).rejects.toMatchObject({
    code: 'development-server-other-major',
  })
  await stopDevelopmentServer(project)
  expect(running(await startDevelopmentServer(project)).major).toBe(16)
})

test('a cluster that came with the repository is not run', async () => {
  await startDevelopmentServer(project)
  await stopDevelopmentServer(project)
  const stranger = { ...project, projectFolder: join(folder, 'stranger') }
  await run('cp', ['-a', project.projectFolder, stranger.projectFolder])
  await expect(startDevelopmentServer(stranger)).rejects.toMatchObject({ code: 'development-server-not-made-here' })
  running(await startDevelopmentServer({ ...stranger, adopt: true }))
  await stopDevelopmentServer(stranger)
  running(await startDevelopmentServer(stranger))
  await stopDevelopmentServer(stranger)
})

test('psql is not sent to a server that the repository names', async () => {
  const stranger = { ...project, projectFolder: join(folder, 'stranger') }
  const { dataDirectory, socketDirectory } = developmentPlaces(stranger.projectFolder)
  await mkdir(dataDirectory, { recursive: true })
  writeFileSync(join(dataDirectory, 'PG_VERSION'), '17\n')
  const posing = execFile('sh', ['-c', 'read -r line', dataDirectory])
  const lines = [posing.pid, dataDirectory, 0, 5432, socketDirectory, '']
  writeFileSync(join(dataDirectory, 'postmaster.pid'), lines.join('\n'))
  await expect.poll(() => developmentServerStatus(stranger)).toMatchObject({ state: 'running' })
  await expect(psqlOfDevelopmentServer(stranger, [])).rejects.toMatchObject({
    code: 'development-server-not-made-here',
  })
  posing.kill()
})

test('a server that does not end a fast shutdown is stopped all the same, and keeps its data', async () => {
  const status = running(await startDevelopmentServer(project))
  await query(status.url, 'CREATE TABLE kept AS SELECT 1 AS n')
  const rows = await query(status.url, "SELECT pid FROM pg_stat_activity WHERE backend_type = 'checkpointer'")
  const [{ pid }] = rows as [{ pid: number }]
  process.kill(pid, 'SIGSTOP')
  expect(await stopDevelopmentServer(project)).toMatchObject({ state: 'stopped' })
  expect(await query(running(await startDevelopmentServer(project)).url, 'SELECT n FROM kept')).toEqual([{ n: 1 }])
})

test('a link in place of the folder is not followed', async () => {
  const elsewhere = join(folder, 'elsewhere')
  await mkdir(elsewhere)
  await symlink(elsewhere, join(project.projectFolder, '.kei'))
  await expect(startDevelopmentServer(project)).rejects.toMatchObject({ code: 'kei-folder-is-a-link' })
  expect(existsSync(join(elsewhere, 'pg'))).toBe(false)
})

test('root learns which folder is closed to the account of the server', async ({ skip }) => {
  skip(!isRoot, 'only root has a server that runs under another account')
  await chmod(project.projectFolder, 0o700)
  await expect(startDevelopmentServer(project)).rejects.toMatchObject({
    code: 'project-not-passable',
    message: expect.stringContaining(project.projectFolder),
  })
})

test('psql is told how to connect without a password', async ({ skip }) => {
  await expect(psqlOfDevelopmentServer(project, [])).rejects.toMatchObject({ code: 'development-server-not-running' })
  skip(findProgram('psql', 17) === undefined, 'needs psql 17')
  await startDevelopmentServer(project)
  const { program, args } = await psqlOfDevelopmentServer(project, ['-XAtc', 'SELECT 1'])
  expect((await run(program, args)).stdout).toBe('1\n')
})

function running(status: DevelopmentStatus): Extract<DevelopmentStatus, { state: 'running' }> {
  if (status.state !== 'running') throw new Error(`the server is ${status.state}`)
  return status
}

async function query(url: string, sql: string): Promise<unknown[]> {
  const client = new Client({ connectionString: url })
  await client.connect()
  try {
    return (await client.query<Record<string, unknown>>(sql)).rows
  } finally {
    await client.end()
  }
}
