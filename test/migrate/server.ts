import { randomBytes } from 'node:crypto'
import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { Client } from 'pg'
import { afterAll } from 'vitest'
import { cacheFolder } from '../../src/config/cache-folder.ts'
import { runAsServer, serverUser } from '../../src/postgres/server-user.ts'
import { findInstallation } from '../../src/postgres/shadow/installation.ts'
import { serverFolder } from '../../src/postgres/shadow/private-folder.ts'
import { runnablePrograms } from '../../src/postgres/shadow/server-tree.ts'
import type { Major } from '../postgres.ts'

/**
 * A server as users have them, and not as a shadow is: room for many sessions, autovacuum, and a statement whose client
 * is gone goes on. Only fsync is off. It ends with the tests of the file.
 */
export interface TestServer {
  socketDirectory: string
  port: number
}

/** A new database, owned by an ordinary role. */
export interface TestDatabase {
  name: string
  /** For the owner, on the server itself. */
  url: string
  /** A superuser's session. */
  admin: Client
  /** The owner's first session, for what logs in as it does. */
  owner: Client
  /** Opens a session of the owner, ended with the database. */
  open(application: string): Promise<Client>
}

const owner = 'deployer'
const port = 6100

const servers = new Map<Major, Promise<TestServer & { stop(): Promise<void> }>>()

/** The server of a major, of this file of tests. */
export function serverOf(major: Major): Promise<TestServer> {
  const server = servers.get(major) ?? start(major)
  servers.set(major, server)
  return server
}

afterAll(async () => {
  for (const server of servers.values()) await (await server).stop()
})

async function start(major: Major): Promise<TestServer & { stop(): Promise<void> }> {
  // A short path: that of a socket is limited to about 100 bytes.
  const folder = mkdtempSync('/tmp/kei-server-')
  chmodSync(folder, 0o711)
  const place = join(folder, 'server')
  serverFolder(place)
  const cluster = join(place, 'cluster')
  const bin = await runnablePrograms(findInstallation(major), cacheFolder(), 'user')
  const run = (program: string, ...args: string[]) => runAsServer(serverUser(), join(bin, program), args)
  await run('initdb', '-D', cluster, '-A', 'trust', '-U', 'postgres', '--no-sync', '--locale=C')
  const settings = {
    listen_addresses: '',
    max_connections: 200,
    max_prepared_transactions: 5,
    fsync: 'off',
    shared_buffers: '64MB',
  }
  const given = Object.entries(settings).map(([name, value]) => `-c ${name}=${value}`)
  const options = ['-k', place, '-p', String(port), ...given].join(' ')
  await run('pg_ctl', 'start', '-w', '-D', cluster, '-l', join(place, 'log'), '-o', options)
  const server = { socketDirectory: place, port }
  const session = await connect(server, { user: 'postgres', database: 'postgres' })
  await session.query(`CREATE ROLE ${owner} LOGIN`)
  await session.end()
  return {
    ...server,
    async stop() {
      await run('pg_ctl', 'stop', '-w', '-m', 'immediate', '-D', cluster)
      rmSync(folder, { recursive: true })
    },
  }
}

async function connect(
  { socketDirectory, port }: TestServer,
  login: { user: string; database: string; application_name?: string },
): Promise<Client> {
  const client = new Client({ host: socketDirectory, port, password: 'none', ssl: false, ...login })
  // A lost connection shows in the statement that needs it; unheard, the event would end the process.
  client.on('error', () => undefined)
  await client.connect()
  return client
}

/**
 * Runs `work` with a new database, which is dropped afterwards.
 * @param setup SQL that the owner runs first.
 */
export async function withNewDatabase<T>(
  major: Major,
  work: (database: TestDatabase) => Promise<T>,
  setup = '',
): Promise<T> {
  const server = await serverOf(major)
  const name = `test_${randomBytes(4).toString('hex')}`
  const maintenance = await connect(server, { user: 'postgres', database: 'postgres' })
  await maintenance.query(`CREATE DATABASE ${name} OWNER ${owner}`)
  const clients: Client[] = []
  const open = async (user: string, application: string) => {
    const client = await connect(server, { user, database: name, application_name: application })
    clients.push(client)
    return client
  }
  try {
    const admin = await open('postgres', 'the test')
    const first = await open(owner, 'the test')
    if (setup !== '') await first.query(setup)
    return await work({
      name,
      url: `postgresql:///${name}?host=${encodeURIComponent(server.socketDirectory)}&port=${port}&user=${owner}`,
      admin,
      owner: first,
      open: (application) => open(owner, application),
    })
  } finally {
    for (const client of clients) await client.end().catch(() => undefined)
    await maintenance.query(`DROP DATABASE ${name} WITH (FORCE)`)
    await maintenance.end()
  }
}
