import { existsSync, readFileSync, readdirSync } from 'node:fs'

/** Seconds of CPU that servers have used so far, their ended sessions included; 0 where there is no /proc. */
export function cpuOfServers(postmasters: readonly number[]): number {
  if (postmasters.length === 0 || !existsSync('/proc/self/stat')) return 0
  const pids = new Set(postmasters)
  // A session that ends while they are read would be missed, or counted twice: once more then.
  for (;;) {
    const before = ticksOf(postmasters)
    const sessions = ticksOf(runningChildren(pids))
    const after = ticksOf(postmasters)
    if (before.ended === after.ended) return (after.own + after.ended + sessions.own) / ticksPerSecond
  }
}

/** What processes used themselves, and what those of their children used that have ended. */
function ticksOf(pids: readonly number[]): { own: number; ended: number } {
  const sum = { own: 0, ended: 0 }
  for (const pid of pids) {
    const [, user, system, endedUser, endedSystem] = statFields(pid) ?? [0, 0, 0, 0, 0]
    sum.own += user + system
    sum.ended += endedUser + endedSystem
  }
  return sum
}

function runningChildren(parents: ReadonlySet<number>): number[] {
  const processes = readdirSync('/proc').filter((entry) => /^\d+$/.test(entry))
  return processes.map(Number).filter((pid) => parents.has(parentOf(pid) ?? 0))
}

/** The process that started another; undefined when that has ended. */
export function parentOf(pid: number): number | undefined {
  return statFields(pid)?.[0]
}

/** Linux shows times in units of 1/100 s, whatever its own timer does. */
const ticksPerSecond = 100

/** ppid, utime, stime, cutime and cstime (proc_pid_stat(5)); undefined when the process has just ended. */
function statFields(pid: number): [number, number, number, number, number] | undefined {
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
