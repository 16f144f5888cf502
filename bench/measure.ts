import { spawnSync } from 'node:child_process'
import { accessSync, closeSync, constants, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** What one run of a program took. */
export interface Usage {
  /** Seconds from start to exit. */
  wall: number
  /** Seconds of user and system time: the program, the children it waited for, and servers that worked for it. */
  cpu: number
  /** Largest resident set of the program or of one of its children, in megabytes (10⁶ bytes). Servers not counted. */
  peak: number
}

export interface Run {
  command: string
  args: readonly string[]
  cwd: string
  /** Added to this process's environment. */
  env?: Readonly<Record<string, string>>
  /** Exit codes that mean it worked; findings are an answer. */
  accepted: readonly number[]
  /** Seconds of CPU that servers outside the process tree have used so far. */
  serverCpu?: () => number
}

const gnuTime = '/usr/bin/time'

/**
 * Runs a program to its end under GNU time, which asks the kernel (`wait4`) for the time and the peak memory of the
 * program and the children it waited for: exact, whatever the program is written in. Output goes to a file.
 * @throws Error when GNU time is missing or the program ends with an exit code that is not accepted.
 */
export function measure(run: Run): Usage {
  requireGnuTime()
  const scratch = mkdtempSync(join(tmpdir(), 'kei-measure-'))
  try {
    const [figures, output] = [join(scratch, 'figures'), join(scratch, 'output')]
    const file = openSync(output, 'w')
    const before = run.serverCpu?.() ?? 0
    const started = process.hrtime.bigint()
    const { status } = spawnSync(gnuTime, ['-o', figures, '-f', '%U %S %M', run.command, ...run.args], {
      cwd: run.cwd,
      env: { ...process.env, ...run.env },
      stdio: ['ignore', file, file],
    })
    const wall = Number(process.hrtime.bigint() - started) / 1e9
    const server = (run.serverCpu?.() ?? 0) - before
    closeSync(file)
    if (status === null || !run.accepted.includes(status)) {
      const tail = readFileSync(output, 'utf8').slice(-2000)
      throw new Error(`${run.command} ${run.args.slice(0, 6).join(' ')} ended with ${status}:\n${tail}`)
    }
    // With an exit code other than 0, GNU time writes a sentence before the figures.
    const last = readFileSync(figures, 'utf8').trim().split('\n').at(-1) ?? ''
    const [user = NaN, system = NaN, kilobytes = NaN] = last.split(' ').map(Number)
    return { wall, cpu: user + system + server, peak: (kilobytes * 1024) / 1e6 }
  } finally {
    rmSync(scratch, { recursive: true, force: true })
  }
}

function requireGnuTime(): void {
  try {
    accessSync(gnuTime, constants.X_OK)
  } catch {
    throw new Error(`${gnuTime} (GNU time) is missing. On Debian: apt-get install time`)
  }
}

/** The middle one of an odd number of runs, figure by figure. */
export function medianUsage(usages: readonly Usage[]): Usage {
  return {
    wall: median(usages.map((usage) => usage.wall)),
    cpu: median(usages.map((usage) => usage.cpu)),
    peak: median(usages.map((usage) => usage.peak)),
  }
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)] ?? NaN
}
