import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'

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
  const pids = new Set(shadowServers(cacheFolder).map((server) => server.pid))
  if (pids.size === 0 || !existsSync('/proc/self/stat')) return 0
  let ticks = 0
  for (const entry of readdirSync('/proc')) {
    if (!/^\d+$/.test(entry)) continue
    const fields = statFields(entry)
    if (fields === undefined) continue
    const [parent, user, system, endedUser, endedSystem] = fields
    if (pids.has(Number(entry))) ticks += user + system + endedUser + endedSystem
    else if (pids.has(parent)) ticks += user + system
  }
  return ticks / ticksPerSecond
}

/** Linux shows times in units of 1/100 s, whatever its own timer does. */
const ticksPerSecond = 100

/** ppid, utime, stime, cutime and cstime (proc_pid_stat(5)); undefined when the process has just ended. */
function statFields(pid: string): [number, number, number, number, number] | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8')
    // The name, field 2, may hold anything, so count from the last parenthesis.
    const fields = text
      .slice(text.lastIndexOf(')') + 2)
      .split(' ')
      .map(Number)
    return [fields[1] ?? 0, fields[11] ?? 0, fields[12] ?? 0, fields[13] ?? 0, fields[14] ?? 0]
  } catch {
    return undefined
  }
}

/** Stops the servers of a cache folder by their watchdogs, and waits until both have ended. */
export async function stopServers(cacheFolder: string): Promise<void> {
  for (const { pid } of shadowServers(cacheFolder)) {
    const watchdog = statFields(String(pid))?.[0]
    if (watchdog === undefined || watchdog <= 1) continue
    process.kill(watchdog, 'SIGTERM')
    while (existsSync(`/proc/${watchdog}`)) await new Promise((resolve) => setTimeout(resolve, 50))
  }
}
