import { execFile, spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { promisify } from 'node:util'
import { Client } from 'pg'
import { cacheFolder } from '../../src/config/cache-folder.ts'
import { runAsServer, serverEnvironment, serverUser } from '../../src/postgres/server-user.ts'
import { findInstallation } from '../../src/postgres/shadow/installation.ts'
import { serverFolder } from '../../src/postgres/shadow/private-folder.ts'
import { runnablePrograms } from '../../src/postgres/shadow/server-tree.ts'
import type { Major } from '../postgres.ts'

const run = promisify(execFile)

/** A server of a test's own that can be killed as a whole. It keeps what was committed. */
export interface CrashServer {
  /** Where others may make folders for sockets: its path is short. */
  folder: string
  socketDirectory: string
  port: number
  /** A superuser's session; the caller ends it. */
  connect(database?: string): Promise<Client>
  /** SIGKILL of every process of the server, then a start on what they left. */
  crash(): Promise<void>
  /** Ends it for good and removes what it left. */
  stop(): Promise<void>
}

const port = 5432

/**
 * What was committed must outlive the processes, not the machine: a commit writes its WAL and does not wait for the disk
 * (`fsync`). `full_page_writes` stays on, because a kill can tear a page.
 */
const settings = {
  listen_addresses: '',
  fsync: 'off',
  synchronous_commit: 'on',
  autovacuum: 'off',
  max_connections: '100',
  shared_buffers: '64MB',
  log_min_messages: 'fatal',
}

/** Makes and starts a server of that major. */
export async function startCrashServer(major: Major): Promise<CrashServer> {
  const bin = await runnablePrograms(findInstallation(major), cacheFolder(), 'user')
  // A short path: that of a socket is limited to about 100 bytes.
  const folder = mkdtempSync('/tmp/kei-crash-')
  chmodSync(folder, 0o711)
  const place = serverFolder(join(folder, 'server'))
  const data = join(place, 'data')
  const log = join(folder, 'log')
  let postmaster: ChildProcess | undefined

  function connect(database = 'postgres'): Promise<Client> {
    return connectTo(place, database)
  }

  async function start(): Promise<void> {
    const output = openSync(log, 'w', 0o600)
    const values = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])
    postmaster = spawn(join(bin, 'postgres'), ['-D', data, '-k', place, '-p', String(port), ...values], {
      ...serverUser(),
      cwd: '/',
      env: serverEnvironment(),
      stdio: ['ignore', output, output],
    })
    closeSync(output)
    for (;;) {
      const client = await connect().catch(() => undefined)
      if (client !== undefined) return client.end()
      if (postmaster.exitCode !== null) return startAgain(readFileSync(log, 'utf8'))
      await delay(10)
    }
  }

  /** A server that is killed has the memory that it shares for as long as its last process takes to end. */
  async function startAgain(said: string): Promise<void> {
    if (!/shared memory block .* is still in use/.test(said)) throw new Error(`the server did not start: ${said}`)
    await delay(20)
    return start()
  }

  async function crash(): Promise<void> {
    const { pid } = postmaster ?? {}
    if (postmaster === undefined || pid === undefined) return
    const ended = once(postmaster, 'exit')
    // A stopped one starts no new process while the others are looked for.
    postmaster.kill('SIGSTOP')
    const children = await childrenOf(pid)
    for (const child of children) kill(child)
    postmaster.kill('SIGKILL')
    await ended
  }

  async function stop(): Promise<void> {
    if (postmaster?.exitCode === null && postmaster.signalCode === null) await crash()
    rmSync(folder, { recursive: true })
  }

  try {
    await runAsServer(serverUser(), join(bin, 'initdb'), ['-D', data, '-A', 'trust', '-U', 'postgres', '--no-sync'])
    await start()
  } catch (error) {
    await stop()
    throw error
  }
  return {
    folder,
    socketDirectory: place,
    port,
    connect,
    stop,
    async crash() {
      await crash()
      await start()
    },
  }
}

async function connectTo(host: string, database: string): Promise<Client> {
  const client = new Client({ host, port, user: 'postgres', database, ssl: false })
  // A lost connection shows in the statement that needs it; unheard, the event would end the process.
  client.on('error', () => undefined)
  await client.connect()
  return client
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // It has ended by itself.
  }
}

async function childrenOf(parent: number): Promise<number[]> {
  const { stdout } = await run('ps', ['-A', '-o', 'pid=,ppid='])
  return stdout.split('\n').flatMap((line) => {
    const [pid, of] = line.trim().split(/\s+/).map(Number)
    return pid !== undefined && of === parent ? [pid] : []
  })
}
