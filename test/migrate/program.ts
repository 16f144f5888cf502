import { spawn } from 'node:child_process'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'

/** A line of `up --jsonl`, or of a program that prints events in that form. */
export interface Line {
  event: string
  [key: string]: unknown
}

/** A process of kei, or of a program of the tests that does what kei does. */
export interface Running {
  pid: number
  /** What it has told so far. */
  lines: Line[]
  /** Resolves with the first line that suits. Rejects when the process ends without one. */
  told(suits: (line: Line) => boolean): Promise<Line>
  signal(name: 'SIGSTOP' | 'SIGCONT' | 'SIGKILL'): void
  ended: Promise<{ code: number | null; out: string; err: string; lines: Line[] }>
}

const kei = fileURLToPath(new URL('../../bin/kei.js', import.meta.url))

/** Starts `kei migrate up --jsonl` over a folder of migrations. */
export function startUp(folder: string, env: Readonly<Record<string, string>>, args: readonly string[] = []): Running {
  return startProgram([kei, 'migrate', 'up', '--jsonl', ...args], { cwd: folder, env })
}

/** Starts a program of Node that prints a JSON document a line; kei's own variables of the environment are not passed on. */
export function startProgram(
  args: readonly string[],
  { cwd, env }: { cwd: string; env: Readonly<Record<string, string>> },
): Running {
  const child = spawn(process.execPath, args, {
    cwd,
    env: { PATH: process.env['PATH'], HOME: cwd, NO_COLOR: '1', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const lines: Line[] = []
  let out = ''
  let err = ''
  let read = 0
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    out += text
    for (let end = out.indexOf('\n', read); end >= 0; end = out.indexOf('\n', read)) {
      const line = out.slice(read, end)
      read = end + 1
      if (line.startsWith('{')) lines.push(JSON.parse(line) as Line)
    }
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => (err += text))
  let closed = false
  const ended = new Promise<{ code: number | null; out: string; err: string; lines: Line[] }>((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code) => {
      closed = true
      resolve({ code, out, err, lines })
    })
  })
  return {
    pid: child.pid ?? 0,
    lines,
    ended,
    signal: (name) => void child.kill(name),
    async told(suits) {
      for (;;) {
        const isLast = closed
        const found = lines.find(suits)
        if (found !== undefined) return found
        if (isLast) throw new Error(`the program ended without telling it: ${out}${err}`)
        await delay(10)
      }
    },
  }
}

const stoppingUp = fileURLToPath(new URL('stopping-up.js', import.meta.url))

/** Where a run stops itself (SIGSTOP); nowhere, by default. */
export type StopPlace =
  | { event: string; version: string; sent?: true }
  | { before: string }
  | { send: number }
  | Record<string, never>

/**
 * Starts what `kei migrate up` does, up to the place where it stops itself.
 * @param leaseTime milliseconds
 */
export function startStopping(url: string, folder: string, place: StopPlace = {}, leaseTime = 500): Running {
  const run = { url, folder, leaseTime, ...place }
  return startProgram([stoppingUp], { cwd: folder, env: { KEI_TEST_RUN: JSON.stringify(run) } })
}

/** Asks every 20 ms until the answer is yes; the test's own time limit ends it. */
export async function until(isSo: () => Promise<boolean>): Promise<void> {
  while (!(await isSo())) await delay(20)
}
