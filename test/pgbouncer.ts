import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { chmodSync, chownSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { connect as connectSocket } from 'node:net'
import { dirname, join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { Client } from 'pg'
import { findProgram } from '../src/postgres/programs.ts'
import { closedFolder, serverEnvironment, serverUser } from '../src/postgres/server-user.ts'

/**
 * The path of PgBouncer on this machine; tests that need it are skipped when there is none, or when it is in a folder
 * that the account it has to run under cannot pass through.
 */
export const pgBouncerProgram = runnableProgram()

function runnableProgram(): string | undefined {
  const program = findProgram('pgbouncer', 17)
  const user = serverUser()
  if (program === undefined || user === undefined) return program
  return closedFolder(dirname(realpathSync(program)), user) === undefined ? program : undefined
}

/** A PgBouncer in transaction mode before one database. */
export interface PgBouncer {
  socketDirectory: string
  port: number
  /** A connection string of the database through the pooler. */
  url: string
  /** Of PgBouncer itself. */
  pid: number
  /** Opens a session through the pooler; `database: 'pgbouncer'` is its console. The caller ends it. */
  connect(database?: string): Promise<Client>
}

export interface PgBouncerOptions {
  /** Server connections. */
  poolSize: number
  /** More lines for `[pgbouncer]`: `{ query_wait_timeout: 2 }`. */
  settings?: Record<string, string | number>
}

const port = 6432

/**
 * Runs `work` with a PgBouncer before the database of `client`, logging in there as the client's role, whoever comes.
 * @param client A session that logged in with a password, such as that of `withDatabase`.
 */
export async function withPgBouncer<T>(
  client: Client,
  options: PgBouncerOptions,
  work: (pooler: PgBouncer) => Promise<T>,
): Promise<T> {
  // A short path: that of a socket is limited to about 100 bytes.
  const folder = mkdtempSync('/tmp/kei-pooler-')
  try {
    const child = start(folder, client, options)
    try {
      await answers(child, folder)
      return await work(poolerOf(child, folder, client.database ?? ''))
    } finally {
      await end(child)
    }
  } finally {
    rmSync(folder, { recursive: true })
  }
}

function start(folder: string, client: Client, { poolSize, settings = {} }: PgBouncerOptions): ChildProcess {
  if (pgBouncerProgram === undefined) throw new Error('there is no PgBouncer here')
  const server = { host: client.host, port: client.port, user: client.user, password: client.password }
  const login = Object.entries(server).map(([key, value]) => `${key}='${String(value).replaceAll("'", "''")}'`)
  const lines = {
    listen_addr: '',
    listen_port: port,
    unix_socket_dir: folder,
    unix_socket_mode: '0777',
    auth_type: 'any',
    pool_mode: 'transaction',
    default_pool_size: poolSize,
    max_client_conn: 200,
    logfile: join(folder, 'log'),
    ...settings,
  }
  const configuration = join(folder, 'pgbouncer.ini')
  const text = Object.entries(lines).map(([key, value]) => `${key} = ${value}\n`)
  writeFileSync(configuration, `[databases]\n* = ${login.join(' ')}\n[pgbouncer]\n${text.join('')}`, { mode: 0o600 })
  const user = serverUser()
  if (user !== undefined) {
    chownSync(configuration, user.uid, user.gid)
    chownSync(folder, user.uid, user.gid)
    chmodSync(folder, 0o711)
  }
  return spawn(pgBouncerProgram, ['-q', configuration], {
    ...user,
    cwd: '/',
    env: serverEnvironment(),
    stdio: 'ignore',
  })
}

async function answers(child: ChildProcess, folder: string): Promise<void> {
  let failed: Error | undefined
  child.once('error', (error) => (failed = error))
  for (let attempt = 0; attempt < 200; attempt++) {
    if (await canConnect(join(folder, `.s.PGSQL.${port}`))) return
    if (failed !== undefined || child.exitCode !== null) break
    await delay(25)
  }
  throw failed ?? new Error(`PgBouncer did not start: ${readFileSync(join(folder, 'log'), 'utf8')}`)
}

function canConnect(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connectSocket(path)
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false))
    socket.once('connect', () => socket.destroy())
  })
}

function poolerOf(child: ChildProcess, folder: string, database: string): PgBouncer {
  return {
    socketDirectory: folder,
    port,
    url: `postgresql:///${encodeURIComponent(database)}?host=${encodeURIComponent(folder)}&port=${port}&user=pooled`,
    pid: child.pid ?? 0,
    async connect(name = database) {
      const client = new Client({ host: folder, port, user: 'pooled', database: name, ssl: false })
      // A lost connection shows in the statement that needs it; unheard, the event would end the process.
      client.on('error', () => undefined)
      await client.connect()
      return client
    },
  }
}

/** SIGINT would wait for transactions; a test that failed may have left one open. */
async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = new Promise((resolve) => child.once('exit', resolve))
  child.kill('SIGQUIT')
  await ended
}
