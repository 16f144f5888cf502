import { spawn } from 'node:child_process'
import { closeSync, openSync, readFileSync } from 'node:fs'
import { totalmem } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { failure } from '../../errors.ts'
import { serverEnvironment, serverUser } from '../server-user.ts'

/** A postmaster that this process is the parent of. */
export interface ServerProcess {
  pid: number
  /** Resolves when it has ended, for whatever reason. */
  ended: Promise<void>
  /** Shuts it down; true when every page and the final checkpoint were written. */
  stop(): Promise<boolean>
}

/** Address space of each server process in kB: a gigabyte, or a quarter of the memory when that is less. */
function addressSpace(): number {
  return Math.floor(Math.min(1024 ** 3, Math.max(totalmem() / 4, 512 * 1024 ** 2)) / 1024)
}

/**
 * Limits are the system's, so no setting gets round them; where the system has none (macOS) the line does nothing.
 * `exec` keeps the process number.
 */
const startScript = 'ulimit -c 0; ulimit -v "$0" 2>/dev/null; exec "$@"'

/** Waits on a pipe from the watchdog: a line means that all is well, its end that the watchdog was killed. */
const survivorScript = 'read -r line || kill -QUIT "$1"'

/**
 * Starts a server on a data directory and waits until it takes sessions. Should this process be killed, the server is
 * stopped by a small shell that notices.
 * @throws KeiError `shadow-start-failed` with the end of the log.
 */
export async function startServer(server: {
  bin: string
  dataDirectory: string
  configFile: string
  socketDirectory: string
  /** Emptied first. */
  logFile: string
}): Promise<ServerProcess> {
  const surroundings = { ...serverUser(), cwd: '/', env: serverEnvironment(), detached: true }
  const settings = ['-c', `config_file=${server.configFile}`, '-c', `unix_socket_directories=${server.socketDirectory}`]
  const command = [join(server.bin, 'postgres'), '-D', server.dataDirectory, ...settings]
  const log = openSync(server.logFile, 'w', 0o600)
  const child = spawn('/bin/sh', ['-c', startScript, String(addressSpace()), ...command], {
    ...surroundings,
    stdio: ['ignore', log, log],
  })
  closeSync(log)
  let exitCode: number | null | undefined
  const ended = new Promise<void>((resolve) => {
    child.on('error', () => resolve())
    child.on('exit', (code) => {
      exitCode = code
      resolve()
    })
  })
  const { pid } = child
  if (pid === undefined) throw startFailed('the shell could not be run')
  const survivor = spawn('/bin/sh', ['-c', survivorScript, 'sh', String(pid)], {
    ...surroundings,
    stdio: ['pipe', 'ignore', 'ignore'],
  })
  survivor.on('error', () => undefined)
  survivor.stdin.on('error', () => undefined)
  void ended.then(() => survivor.stdin.end('ended\n'))

  async function signal(name: NodeJS.Signals, milliseconds: number): Promise<boolean> {
    child.kill(name)
    return Promise.race([ended.then(() => true), delay(milliseconds, false, { ref: false })])
  }

  const deadline = Date.now() + 60_000
  while (!isReady(server.dataDirectory, pid)) {
    if (exitCode !== undefined) throw startFailed(readFileSync(server.logFile, 'utf8'))
    if (Date.now() > deadline) {
      await signal('SIGKILL', 5_000)
      throw startFailed(`not ready after 60 s. ${readFileSync(server.logFile, 'utf8')}`)
    }
    await delay(10)
  }
  return {
    pid,
    ended,
    async stop() {
      if (await signal('SIGINT', 20_000)) return exitCode === 0
      if (!(await signal('SIGQUIT', 5_000))) await signal('SIGKILL', 5_000)
      return false
    },
  }
}

/** The eighth line of postmaster.pid says how far the postmaster has come. */
function isReady(dataDirectory: string, pid: number): boolean {
  const lines = postmasterLines(dataDirectory)
  return Number(lines[0]) === pid && lines[7]?.trim() === 'ready'
}

/** The number in a data directory's postmaster.pid; undefined when there is none. */
export function postmasterPid(dataDirectory: string): number | undefined {
  const pid = Number(postmasterLines(dataDirectory)[0])
  return Number.isInteger(pid) && pid > 1 ? pid : undefined
}

function postmasterLines(dataDirectory: string): string[] {
  try {
    return readFileSync(join(dataDirectory, 'postmaster.pid'), 'utf8').split('\n')
  } catch {
    return []
  }
}

function startFailed(log: string): Error {
  return failure({
    code: 'shadow-start-failed',
    message: `The shadow server did not start: ${log.trim().split('\n').slice(-5).join('\n')}`,
    hint: 'Check the free space of the disk and the shared memory of the machine, then run the command again.',
  })
}
