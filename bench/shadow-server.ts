import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { cpuOfServers, parentOf } from './server-cpu.ts'

/** A shadow server that runs below a cache folder, as its files show it. */
export interface ShadowServer {
  pid: number
  socketDirectory: string
  user: string
  password: string
}

/** The servers of kei's that run for `cacheFolder` (KEI_CACHE_DIR). */
export function shadowServers(cacheFolder: string): ShadowServer[] {
  const clusters = join(cacheFolder, 'clusters')
  if (!existsSync(clusters)) return []
  return readdirSync(clusters).flatMap((name) => {
    const pidFile = join(clusters, name, 'server/data/postmaster.pid')
    const superuserFile = join(clusters, name, 'superuser.json')
    if (!existsSync(pidFile) || !existsSync(superuserFile)) return []
    // The lines of postmaster.pid: pid, data directory, start time, port, socket directory.
    const lines = readFileSync(pidFile, 'utf8').split('\n')
    const { name: user, password } = JSON.parse(readFileSync(superuserFile, 'utf8')) as {
      name: string
      password: string
    }
    return [{ pid: Number(lines[0]), socketDirectory: lines[4] ?? '', user, password }]
  })
}

/** Seconds of CPU that the servers of a cache folder have used: those that run, and their ended sessions. */
export function serverCpu(cacheFolder: string): number {
  return cpuOfServers(shadowServers(cacheFolder).map((server) => server.pid))
}

/** Stops the servers of a cache folder by their watchdogs, and waits until both have ended. */
export async function stopServers(cacheFolder: string): Promise<void> {
  for (const { pid } of shadowServers(cacheFolder)) {
    const watchdog = parentOf(pid)
    if (watchdog === undefined || watchdog <= 1) continue
    process.kill(watchdog, 'SIGTERM')
    while (existsSync(`/proc/${watchdog}`)) await new Promise((resolve) => setTimeout(resolve, 50))
  }
}
