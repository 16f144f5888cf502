import { spawn } from 'node:child_process'
import { existsSync, lstatSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { chmod, chown, mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { acquireShadow } from './acquire.ts'
import type { Shadow } from './shadow.ts'

const isRoot = process.getuid?.() === 0
const idleSeconds = 1

let folder: string
let cacheFolder: string

beforeAll(async () => {
  process.env['KEI_SHADOW_IDLE'] = String(idleSeconds)
  folder = await mkdtemp(join(tmpdir(), 'kei-test-'))
  // As root the server runs under another account, which must be able to pass through.
  await chmod(folder, 0o755)
  cacheFolder = join(folder, 'cache')
})

afterAll(async () => {
  await until('every server of these tests has stopped', () => clusters().every((cluster) => !isRunning(cluster)))
  // A watchdog that is about to end may still be writing.
  await rm(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 })
})

test('a second acquire of one project shares the server of the first', async () => {
  const first = await acquire('shared')
  const second = await acquire('shared')
  expect(second.socketDirectory).toBe(first.socketDirectory)
  expect(first).toMatchObject({ major: 17, version: expect.stringMatching(/^17\.\d+$/) })
  await Promise.all([first.release(), second.release()])
})

test('projects, variants and majors have servers of their own', async () => {
  const shadows = await Promise.all([
    acquire('shared'),
    acquire('other'),
    acquireShadow({ major: 17, project: 'other', cacheFolder, variant: 'roles' }),
    acquireShadow({ major: 18, project: 'other', cacheFolder }),
  ])
  expect(new Set(shadows.map(({ socketDirectory }) => socketDirectory)).size).toBe(4)
  await Promise.all(shadows.map((shadow) => shadow.release()))
})

test('the server stops when nobody has used it for the idle time, not before, and keeps its data', async () => {
  const shadow = await acquire('idle')
  await run(shadow, 'CREATE DATABASE kept')
  writeFileSync(join(shadow.stateDirectory, 'index'), 'kept')
  await delay(idleSeconds * 1000 + 500)
  await run(shadow, 'SELECT 1')
  await shadow.release()
  await until('the server has stopped', () => !isRunning(clusterOf(shadow)))
  expect(existsSync(shadow.socketDirectory)).toBe(false)

  const again = await acquire('idle')
  expect(again.socketDirectory).not.toBe(shadow.socketDirectory)
  expect(await run(again, "SELECT count(*)::int AS n FROM pg_database WHERE datname = 'kept'")).toEqual([{ n: 1 }])
  expect(readFileSync(join(again.stateDirectory, 'index'), 'utf8')).toBe('kept')
  await again.release()
})

test('processes that start at the same time get one server', async () => {
  const users = await Promise.all([1, 2, 3, 4].map(() => startUser('race')))
  expect(new Set(users.map(({ socketDirectory }) => socketDirectory)).size).toBe(1)
  for (const user of users) user.kill('SIGTERM')
  const [user] = users
  await until('the server has stopped', () => !existsSync(user?.socketDirectory ?? ''))
})

test('a user that is killed with SIGKILL leaves no server past the idle time', async () => {
  const user = await startUser('killed')
  const started = Date.now()
  user.kill('SIGKILL')
  await until('the server has stopped', () => !existsSync(user.socketDirectory))
  expect(Date.now() - started).toBeGreaterThanOrEqual(idleSeconds * 900)
})

test('the server of a watchdog that is killed stops by itself, and its data is thrown away', async () => {
  const shadow = await acquire('watchdog')
  await run(shadow, 'CREATE DATABASE lost')
  writeFileSync(join(shadow.stateDirectory, 'index'), 'lost')
  const cluster = clusterOf(shadow)
  const server = serverPid(cluster)
  process.kill(watchdogPid(cluster), 'SIGKILL')
  await until('the server has stopped', () => !exists(server))

  const again = await acquire('watchdog')
  expect(await run(again, "SELECT count(*)::int AS n FROM pg_database WHERE datname = 'lost'")).toEqual([{ n: 0 }])
  expect(readdirSync(again.stateDirectory)).toEqual([])
  expect(existsSync(shadow.socketDirectory)).toBe(false)
  await again.release()
})

test('a server that outlived its watchdog is stopped by the next user', async ({ skip }) => {
  skip(process.platform !== 'linux', 'needs /proc to find the children of the watchdog')
  const shadow = await acquire('orphan')
  const cluster = clusterOf(shadow)
  const server = serverPid(cluster)
  // Neither the watchdog nor the shell that waits for its end can act.
  for (const pid of childrenOf(watchdogPid(cluster)).filter((pid) => pid !== server)) process.kill(pid, 'SIGKILL')
  process.kill(watchdogPid(cluster), 'SIGKILL')
  const again = await acquire('orphan')
  expect(exists(server)).toBe(false)
  expect(await run(again, 'SELECT 1 AS one')).toEqual([{ one: 1 }])
  await again.release()
})

test('a server that is killed is replaced by one with fresh data', async () => {
  const shadow = await acquire('crashed')
  await run(shadow, 'CREATE DATABASE lost')
  process.kill(serverPid(clusterOf(shadow)), 'SIGKILL')
  await until('the watchdog has gone', () => !existsSync(shadow.socketDirectory))
  const again = await acquire('crashed')
  expect(await run(again, "SELECT count(*)::int AS n FROM pg_database WHERE datname = 'lost'")).toEqual([{ n: 0 }])
  await again.release()
})

test('a session that is lost does not end the process', async () => {
  const shadow = await acquire('lost')
  const session = await shadow.connect({ database: 'postgres' })
  await expect(session.query('SELECT pg_terminate_backend(pg_backend_pid())')).rejects.toThrow(/terminat/)
  await shadow.release()
})

test('the sockets and the password are for the user alone, and there is no TCP', async () => {
  const shadow = await acquire('private')
  const cluster = clusterOf(shadow)
  const socketFolder = dirname(shadow.socketDirectory)
  expect(mode(shadow.socketDirectory)).toBe(0o700)
  expect(mode(socketFolder)).toBe(isRoot ? 0o711 : 0o700)
  expect(mode(join(socketFolder, 'lease'))).toBe(0o600)
  expect(mode(cacheFolder)).toBe(isRoot ? 0o711 : 0o700)
  expect(mode(join(cluster, 'superuser.json'))).toBe(0o600)
  expect(mode(join(cluster, 'server'))).toBe(0o700)
  expect(lstatSync(shadow.socketDirectory).uid !== 0).toBe(true)
  expect(join(shadow.socketDirectory, '.s.PGSQL.5432').length).toBeLessThan(100)
  expect(await run(shadow, "SELECT setting FROM pg_settings WHERE name = 'listen_addresses'")).toEqual([
    { setting: '' },
  ])
  expect(await run(shadow, 'SELECT DISTINCT type, auth_method FROM pg_hba_file_rules')).toEqual([
    { type: 'local', auth_method: 'scram-sha-256' },
  ])
  await expect(shadow.connect({ database: 'postgres', user: 'postgres', password: 'wrong' })).rejects.toThrow(
    /password authentication failed/,
  )
  await shadow.release()
})

test('the server keeps none of the streams of the process that started it open', async () => {
  // The output ends only when nobody holds it open any more.
  const user = await startUser('streams')
  user.kill('SIGKILL')
  await user.closed
  expect(existsSync(user.socketDirectory)).toBe(true)
})

test('kei finds out that a cache folder cannot be passed through before it starts a server as root', async ({
  skip,
}) => {
  skip(!isRoot, 'only root has a server that runs under another account')
  const closed = join(folder, 'closed')
  await mkdir(closed, { mode: 0o700 })
  await expect(
    acquireShadow({ major: 17, project: 'closed', cacheFolder: join(closed, 'cache') }),
  ).rejects.toMatchObject({ code: 'cache-not-passable' })
})

test('an ordinary user has a server of their own, under their own account', async ({ skip }) => {
  skip(!isRoot, 'only root can start a process of another user; run the tests as an ordinary user for the same')
  const [uid = 0, gid = 0] = ordinaryUser()
  const home = join(folder, 'home')
  await mkdir(home, { mode: 0o700 })
  await chown(home, uid, gid)
  const user = await startUser('ordinary', { uid, gid, cacheFolder: join(home, 'cache') })
  expect(lstatSync(user.socketDirectory).uid).toBe(uid)
  expect(mode(dirname(user.socketDirectory))).toBe(0o700)
  user.kill('SIGKILL')
  await until('the server has stopped', () => !existsSync(user.socketDirectory))
})

test('an idle time that is not a number is refused', async () => {
  process.env['KEI_SHADOW_IDLE'] = 'soon'
  try {
    await expect(acquire('idle')).rejects.toMatchObject({ code: 'invalid-idle-time', exitCode: 2 })
  } finally {
    process.env['KEI_SHADOW_IDLE'] = String(idleSeconds)
  }
})

test('a major that is not on the machine is refused with what to install', async () => {
  await expect(acquireShadow({ major: 12, project: 'old', cacheFolder })).rejects.toMatchObject({
    code: 'postgres-server-not-found',
    hint: expect.stringContaining('12'),
  })
})

function acquire(project: string): Promise<Shadow> {
  return acquireShadow({ major: 17, project, cacheFolder })
}

async function run(shadow: Shadow, sql: string): Promise<unknown[]> {
  const session = await shadow.connect({ database: 'postgres' })
  try {
    return (await session.query<Record<string, unknown>>(sql)).rows
  } finally {
    await session.end()
  }
}

const program = `
const { acquireShadow } = await import(process.argv[1])
const shadow = await acquireShadow({ major: 17, project: process.argv[2], cacheFolder: process.argv[3] })
console.log(shadow.socketDirectory)
setInterval(() => undefined, 1000)`

/** A process that acquires the server and then does nothing until it is killed. */
async function startUser(project: string, options: { uid?: number; gid?: number; cacheFolder?: string } = {}) {
  const { cacheFolder: cache = cacheFolder, ...user } = options
  const built = new URL('../../../dist/postgres/shadow/acquire.js', import.meta.url).href
  const child = spawn(process.execPath, ['--input-type=module', '-e', program, built, project, cache], {
    ...user,
    env: { PATH: process.env['PATH'], KEI_SHADOW_IDLE: String(idleSeconds) },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const closed = new Promise((resolve) => child.on('close', resolve))
  const socketDirectory = await new Promise<string>((resolve, reject) => {
    createInterface({ input: child.stdout }).on('line', resolve)
    child.on('exit', () => reject(new Error('the user ended before it had a server')))
  })
  return { socketDirectory, closed, kill: (signal: NodeJS.Signals) => child.kill(signal) }
}

/** Ids of some account that is neither root nor the one that root's servers run under. */
function ordinaryUser(): number[] {
  const lines = readFileSync('/etc/passwd', 'utf8').split('\n')
  const accounts = lines.map((line) => line.split(':')).filter(([name]) => name !== 'root' && name !== 'nobody')
  return (accounts[0] ?? []).slice(2, 4).map(Number)
}

function clusters(): string[] {
  const parent = join(cacheFolder, 'clusters')
  return existsSync(parent)
    ? readdirSync(parent)
        .filter((name) => !name.startsWith('lock.'))
        .map((name) => join(parent, name))
    : []
}

function clusterOf(shadow: Shadow): string {
  return dirname(shadow.stateDirectory)
}

function serverPid(cluster: string): number {
  return Number(readFileSync(join(cluster, 'server', 'data', 'postmaster.pid'), 'utf8').split('\n')[0])
}

function watchdogPid(cluster: string): number {
  return (JSON.parse(readFileSync(join(cluster, 'watchdog.json'), 'utf8')) as { pid: number }).pid
}

function isRunning(cluster: string): boolean {
  const lock = readdirSync(cluster).find((name) => name.startsWith('lock.'))
  if (lock === undefined) return false
  const holder = JSON.parse(readFileSync(join(cluster, lock), 'utf8')) as { pid: number } | null
  return holder !== null && exists(holder.pid)
}

function childrenOf(pid: number): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && parentOf(name) === String(pid))
    .map(Number)
}

function parentOf(pid: string): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/stat`, 'utf8')
      .replace(/^.*\) /, '')
      .split(' ')[1]
  } catch {
    // It has ended meanwhile.
    return undefined
  }
}

function exists(pid: number): boolean {
  try {
    process.kill(pid, 0)
    // Where nobody waits for orphans, as in some containers, an ended process keeps its number.
    return process.platform !== 'linux' || !/^\d+ \(.*\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))
  } catch {
    return false
  }
}

function mode(path: string): number {
  return lstatSync(path).mode & 0o777
}

async function until(what: string, holds: () => boolean): Promise<void> {
  const deadline = Date.now() + 20_000
  while (!holds()) {
    if (Date.now() > deadline) throw new Error(`waited in vain: ${what}`)
    await delay(50)
  }
}
