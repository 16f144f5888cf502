import { chmodSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import type { Server, Socket } from 'node:net'
import { KeiError, failure } from '../../errors.ts'
import { baseCluster, syncBase } from './base-cluster.ts'
import type { Programs, Superuser } from './base-cluster.ts'
import { clusterPlaces, keepCluster, prepareCluster } from './cluster.ts'
import type { Installation } from './installation.ts'
import { removeOldClusters } from './kept-clusters.ts'
import { onLine } from './lease.ts'
import type { LeaseAnswer, LeaseRequest, ServerAddress } from './lease.ts'
import { leasePath, makeSocketFolders, socketFolders, verifySocketFolders } from './private-folder.ts'
import type { SocketFolders } from './private-folder.ts'
import { takeLock } from './process-lock.ts'
import { startServer } from './server-process.ts'
import type { ServerProcess } from './server-process.ts'
import { writeConfiguration } from './server-settings.ts'
import { runnablePrograms, syncPrograms } from './server-tree.ts'
import { readWatchdogState, removeWatchdogState, writeWatchdogState } from './watchdog-state.ts'

/** The one argument of this program, as JSON. */
export interface WatchdogOrder {
  clusterFolder: string
  cacheFolder: string
  installation: Installation
}

/** A watchdog that nobody ever asked for a lease ends after this many milliseconds at the earliest. */
const firstLeaseGrace = 10_000

/**
 * The program that owns one cluster: it prepares and starts the server as its child, counts the users by their
 * connections to its socket, and shuts the server down when there has been none for a while. It ends at once, with 0,
 * when another one owns the cluster.
 */
async function watch(order: WatchdogOrder): Promise<void> {
  const { clusterFolder } = order
  const lock = await takeLock(clusterFolder).catch(ignoreMissing)
  if (lock === undefined) return
  removeLeftovers(clusterFolder)
  const folders = makeSocketFolders()
  const office = await openLeaseOffice(leasePath(folders))
  writeWatchdogState(clusterFolder, { pid: process.pid, socketFolder: folders.own })

  let programs: Programs | undefined
  try {
    const started = await start(order, folders, office)
    const { server, superuser } = started
    programs = started.programs
    office.answer({ kind: 'ready', address: { socketDirectory: folders.server, superuser } satisfies ServerAddress })
    await Promise.race([office.abandoned, server.ended, interrupted()])
    await office.close()
    removeWatchdogState(clusterFolder)
    if (await server.stop()) await keepCluster(clusterFolder, programs.bin)
  } catch (error) {
    programs = undefined
    office.answer({ kind: 'failed', error: described(error) })
    await office.close()
    removeWatchdogState(clusterFolder)
    process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`)
  }
  rmSync(folders.own, { recursive: true, force: true })
  await lock.release()
  // Nobody waits for the rest.
  if (programs !== undefined) await tidyUp(programs, order)
}

async function tidyUp(programs: Programs, { cacheFolder, installation }: WatchdogOrder): Promise<void> {
  await syncBase(programs, cacheFolder)
  await syncPrograms(installation, cacheFolder, 'stranger')
  await removeOldClusters(cacheFolder)
}

/** A cluster that is removed just now has no folder; whoever asked for it makes it again. */
function ignoreMissing(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT') throw error
}

async function start(
  order: WatchdogOrder,
  folders: SocketFolders,
  office: LeaseOffice,
): Promise<{ server: ServerProcess; programs: Programs; superuser: Superuser }> {
  const { clusterFolder, cacheFolder, installation } = order
  const places = clusterPlaces(clusterFolder)
  const bin = await runnablePrograms(installation, cacheFolder, 'stranger')
  const programs = { bin, version: installation.version }
  await prepareCluster(clusterFolder, () =>
    baseCluster(programs, cacheFolder, (message) => office.answer({ kind: 'progress', message })),
  )
  const server = await startServer({
    bin,
    dataDirectory: places.dataDirectory,
    configFile: writeConfiguration(clusterFolder, places.dataDirectory).configFile,
    socketDirectory: folders.server,
    logFile: places.serverLog,
  })
  return { server, programs, superuser: JSON.parse(readFileSync(places.superuserFile, 'utf8')) as Superuser }
}

/** Sockets of a watchdog that was killed. */
function removeLeftovers(clusterFolder: string): void {
  const state = readWatchdogState(clusterFolder)
  if (state === undefined) return
  removeWatchdogState(clusterFolder)
  try {
    verifySocketFolders(socketFolders(state.socketFolder))
  } catch {
    return
  }
  rmSync(state.socketFolder, { recursive: true, force: true })
}

interface LeaseOffice {
  /** To everyone who is waiting; the last answer also to everyone who comes later. */
  answer(answer: LeaseAnswer): void
  /** Resolves when the server is up and has had no user for as long as its last one asked for. */
  abandoned: Promise<void>
  close(): Promise<void>
}

async function openLeaseOffice(path: string): Promise<LeaseOffice> {
  const users = new Set<Socket>()
  let last: LeaseAnswer | undefined
  let idleMilliseconds = firstLeaseGrace
  let timer: NodeJS.Timeout | undefined
  let abandon = (): void => undefined
  const abandoned = new Promise<void>((resolve) => (abandon = resolve))

  function send(socket: Socket, answer: LeaseAnswer): void {
    socket.write(`${JSON.stringify(answer)}\n`)
  }
  function watchIdleness(): void {
    clearTimeout(timer)
    if (users.size === 0 && last?.kind === 'ready') timer = setTimeout(abandon, idleMilliseconds)
  }
  const listener: Server = createServer((socket) => {
    users.add(socket)
    watchIdleness()
    onLine(socket, (line) => {
      idleMilliseconds = (JSON.parse(line) as LeaseRequest).idleSeconds * 1000
    })
    socket.on('error', () => undefined)
    socket.on('close', () => {
      users.delete(socket)
      watchIdleness()
    })
    if (last !== undefined) send(socket, last)
  })
  await new Promise<void>((resolve, reject) => {
    listener.on('error', reject)
    listener.listen(path, resolve)
  })
  chmodSync(path, 0o600)
  return {
    abandoned,
    answer(answer) {
      last = answer
      for (const socket of users) send(socket, answer)
      watchIdleness()
    },
    async close() {
      clearTimeout(timer)
      const closed = new Promise((resolve) => listener.close(resolve))
      for (const socket of users) socket.destroySoon()
      await closed
    },
  }
}

async function interrupted(): Promise<void> {
  await new Promise((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, resolve)
  })
}

function described(error: unknown): Extract<LeaseAnswer, { kind: 'failed' }>['error'] {
  const known =
    error instanceof KeiError
      ? error
      : failure({
          code: 'shadow-start-failed',
          message: `The shadow server could not be set up: ${error instanceof Error ? error.message : String(error)}`,
          hint: "Check the free space of the disk and the owner of kei's cache folder, then run the command again.",
        })
  const { code, message, hint, exitCode } = known
  return { code, message, exitCode, ...(hint === undefined ? {} : { hint }) }
}

await watch(JSON.parse(process.argv[2] ?? '') as WatchdogOrder)
