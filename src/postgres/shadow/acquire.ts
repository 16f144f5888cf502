import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { closeSync, openSync, readFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { Client } from 'pg'
import { failure, usageError } from '../../errors.ts'
import { closedFolder, serverUser } from '../server-user.ts'
import { initdbOptions } from './base-cluster.ts'
import { clusterPlaces } from './cluster.ts'
import { findInstallation } from './installation.ts'
import type { Installation } from './installation.ts'
import { openLease } from './lease.ts'
import type { Lease } from './lease.ts'
import { ownFolder, shadowPort } from './private-folder.ts'
import type { Shadow } from './shadow.ts'
import type { WatchdogOrder } from './watchdog.ts'

export interface ShadowRequest {
  major: number
  /** Whose cluster: the path of a project, or any other name. Roles live in a cluster, so projects do not share one. */
  project: string
  /** kei's folder in the user's cache. */
  cacheFolder: string
  /** Tells apart several clusters of one project and major. */
  variant?: string
  /** Called with a sentence when something takes longer than usual. */
  onProgress?: (message: string) => void
}

/**
 * Gives this process a share in the throw-away server of a project and major, starting it when it does not run. Needs
 * about 5 ms when it runs, 0.3 s when it is started, 2 s the first time on a machine.
 * @throws KeiError `postgres-server-not-found`, `cache-not-passable`, `initdb-failed`, `shadow-start-failed`,
 * `user-without-name`, `folder-not-private`, `invalid-idle-time`
 */
export async function acquireShadow(request: ShadowRequest): Promise<Shadow> {
  const installation = findInstallation(request.major)
  const cacheFolder = ownFolder(request.cacheFolder)
  checkPassable(cacheFolder)
  const clusterFolder = join(ownFolder(join(cacheFolder, 'clusters')), clusterKey(request, installation))
  const lease = await lead({ clusterFolder, cacheFolder, installation }, request.onProgress ?? (() => undefined))
  const { socketDirectory, superuser } = lease.address
  return {
    major: installation.major,
    version: installation.version,
    socketDirectory,
    port: shadowPort,
    stateDirectory: clusterPlaces(clusterFolder).stateDirectory,
    async connect({ database, user, password }) {
      const own = user === undefined
      const client = new Client({
        host: socketDirectory,
        port: shadowPort,
        database,
        user: user ?? superuser.name,
        password: own ? superuser.password : password,
        application_name: 'kei/shadow',
        // Said in full, because pg fills what is left out from the environment.
        options: own ? '-c search_path=pg_catalog' : '-c timezone=UTC',
        ssl: false,
        // A stranger's session is sent what is to follow a statement together with it.
        pipeline: !own,
        connectionTimeoutMillis: 20_000,
      })
      // A lost connection shows in the statement that needs it; unheard, the event would end the process.
      client.on('error', () => undefined)
      try {
        await client.connect()
        return client
      } catch (error) {
        throw sessionRefused(error)
      }
    },
    release: () => lease.release(),
  }
}

/** Containers that share a home directory do not see each other's processes, so each host has clusters of its own. */
function clusterKey(request: ShadowRequest, installation: Installation): string {
  const server =
    installation.kind === 'package' ? installation.packageVersion : [installation.bin, installation.version]
  const parts = [hostname(), server, initdbOptions, request.project, request.variant ?? '']
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 24)
}

function checkPassable(cacheFolder: string): void {
  const user = serverUser()
  const closed = user && closedFolder(cacheFolder, user)
  if (closed === undefined) return
  throw usageError({
    code: 'cache-not-passable',
    message: `As root, the shadow server runs under another account, which cannot pass through ${closed}.`,
    hint: 'Set KEI_CACHE_DIR to a folder such as /var/cache/kei, or run kei as an ordinary user.',
  })
}

/** Starts watchdogs until one answers. Of several that start at once all but one end by themselves. */
async function lead(order: WatchdogOrder, onProgress: (message: string) => void): Promise<Lease> {
  const idleSeconds = idleTime()
  const deadline = Date.now() + 60_000
  let watchdog: { failed(): boolean; ended(): boolean } | undefined
  while (Date.now() < deadline) {
    const lease = await openLease(order.clusterFolder, { idleSeconds }, onProgress)
    if (lease !== undefined) return lease
    if (watchdog?.failed()) break
    if (watchdog === undefined || watchdog.ended()) watchdog = startWatchdog(order)
    // One that ended found another at work, which is most likely shutting down.
    await delay(watchdog.ended() ? 150 : 20)
  }
  throw failure({
    code: 'shadow-start-failed',
    message: `The shadow server's watchdog did not start: ${lastLines(clusterPlaces(order.clusterFolder).watchdogLog)}`,
    hint: "Run the command again. If it fails again, remove kei's cache folder.",
  })
}

/** A process of its own that holds nothing of this one: no stream, no terminal, no working directory. */
function startWatchdog(order: WatchdogOrder): { failed(): boolean; ended(): boolean } {
  ownFolder(order.clusterFolder)
  const log = openSync(clusterPlaces(order.clusterFolder).watchdogLog, 'a', 0o600)
  const child = spawn(process.execPath, [watchdogProgram(), JSON.stringify(order)], {
    cwd: '/',
    // Not NODE_OPTIONS: a debugger or a hook of this process is not the watchdog's.
    env: { PATH: process.env['PATH'], TMPDIR: process.env['TMPDIR'] },
    detached: true,
    stdio: ['ignore', 'ignore', log],
  })
  closeSync(log)
  let started = true
  child.on('error', () => (started = false))
  child.unref()
  return {
    failed: () => !started || (child.exitCode ?? 0) !== 0,
    ended: () => child.exitCode !== null || child.signalCode !== null,
  }
}

/** Node 20 cannot run TypeScript, so the sources start the built program. */
function watchdogProgram(): string {
  const built = import.meta.url.endsWith('.ts') ? '../../../dist/postgres/shadow/watchdog.js' : './watchdog.js'
  return fileURLToPath(new URL(built, import.meta.url))
}

function idleTime(): number {
  const text = process.env['KEI_SHADOW_IDLE'] ?? '300'
  if (/^\d{1,6}(\.\d+)?$/.test(text)) return Number(text)
  throw usageError({
    code: 'invalid-idle-time',
    message: `KEI_SHADOW_IDLE is not a number of seconds: ${text}`,
    hint: 'Set it to a number such as 300, or unset it.',
  })
}

function sessionRefused(cause: unknown): Error {
  return failure({
    code: 'shadow-session-refused',
    message: `The shadow server did not give a session: ${cause instanceof Error ? cause.message : String(cause)}`,
    hint: 'Run the command again.',
    cause,
  })
}

function lastLines(path: string): string {
  try {
    return readFileSync(path, 'utf8').trim().split('\n').slice(-5).join('\n')
  } catch {
    return 'it left no message'
  }
}
