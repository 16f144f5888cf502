import { existsSync, mkdirSync, rmSync } from 'node:fs'
import { copyFile, unlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { runAsServer, serverUser } from '../server-user.ts'
import type { BaseCluster } from './base-cluster.ts'
import { ownFolder, serverFolder } from './private-folder.ts'
import { commandLine } from './process-identity.ts'
import { postmasterPid } from './server-process.ts'
import { syncFolder, syncPath } from './unsynced.ts'

/** Places in the folder of one throw-away cluster. All but `server` belong to kei. */
export function clusterPlaces(folder: string) {
  return {
    /** Belongs to the server's user. */
    server: join(folder, 'server'),
    dataDirectory: join(folder, 'server', 'data'),
    superuserFile: join(folder, 'superuser.json'),
    /** There only while the data directory is complete and on disk. */
    cleanMark: join(folder, 'clean'),
    /** For the users of the cluster; emptied together with it. */
    stateDirectory: join(folder, 'state'),
    serverLog: join(folder, 'server.log'),
    watchdogLog: join(folder, 'watchdog.log'),
    watchdogState: join(folder, 'watchdog.json'),
  }
}

/**
 * Makes the cluster in `folder` ready to be started: stops a server that its watchdog left behind, keeps the data of
 * one that was shut down cleanly, and replaces any other by a fresh copy of the base, because without fsync nothing
 * else can be trusted. The caller holds the folder's lock.
 */
export async function prepareCluster(folder: string, base: () => Promise<BaseCluster>): Promise<void> {
  const places = clusterPlaces(folder)
  await stopOrphan(places.dataDirectory)
  if (existsSync(places.cleanMark)) {
    await unlink(places.cleanMark)
    return
  }
  const from = await base()
  await emptyCluster(folder)
  serverFolder(places.server)
  await runAsServer(serverUser(), 'cp', ['-R', from.dataDirectory, places.dataDirectory])
  await copyFile(from.superuserFile, places.superuserFile)
  ownFolder(places.stateDirectory)
}

/** Marks the data of a server that was shut down cleanly as good, once it is on disk. */
export async function keepCluster(folder: string, bin: string): Promise<void> {
  const places = clusterPlaces(folder)
  await runAsServer(serverUser(), join(bin, 'initdb'), ['--sync-only', '-D', places.dataDirectory])
  await syncPath(places.superuserFile)
  await syncFolder(places.stateDirectory)
  await writeFile(places.cleanMark, '', { mode: 0o600 })
}

/** Removes the data of a cluster and what was kept beside it. */
export async function emptyCluster(folder: string): Promise<void> {
  const places = clusterPlaces(folder)
  // As the server's user: root must not follow what another account may have put there.
  if (existsSync(places.dataDirectory)) await runAsServer(serverUser(), 'rm', ['-rf', places.dataDirectory])
  rmSync(places.server, { recursive: true, force: true })
  rmSync(places.stateDirectory, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
}

async function stopOrphan(dataDirectory: string): Promise<void> {
  const pid = postmasterPid(dataDirectory)
  if (pid === undefined) return
  const runs = () => commandLine(pid)?.includes(dataDirectory) === true
  for (const [signal, milliseconds] of [
    ['SIGQUIT', 5_000],
    ['SIGKILL', 5_000],
  ] as const) {
    if (!runs()) return
    process.kill(pid, signal)
    const deadline = Date.now() + milliseconds
    while (runs() && Date.now() < deadline) await delay(20)
  }
}
