import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { Client, Pool } from 'pg'
import { describe, expect, it } from 'vitest'
import { pgBouncerProgram, withPgBouncer } from '../../test/pgbouncer.ts'
import { majors, withDatabase } from '../../test/postgres.ts'
import { cacheFolder } from '../config/cache-folder.ts'
import { runAsServer, serverUser } from '../postgres/server-user.ts'
import { findInstallation } from '../postgres/shadow/installation.ts'
import { serverFolder } from '../postgres/shadow/private-folder.ts'
import { runnablePrograms } from '../postgres/shadow/server-tree.ts'
import { identifyServer } from '../postgres/connect/server.ts'
import { openHistory } from './history-table.ts'
import { defaultSettings } from './run-request.ts'
import { requireSchema } from './require-schema.ts'
import { migrationStatus } from './status.ts'

const history = openHistory('kei')

async function apply(client: Client, version: string, complete = true): Promise<void> {
  await history.create(client)
  const row = { event: 'ran', direction: 'up', version, name: 'step', first: 1, last: 1 } as const
  await client.query(history.insertion({ ...row, hashes: ['a'], complete, checksum: '1:a' }, '1'))
}

describe.each(majors)('on PostgreSQL %i', (major) => {
  it('is content with the version or a later one, as a whole, and says what is missing', () =>
    withDatabase(major, async (client) => {
      await expect(requireSchema({ version: '2', client })).rejects.toMatchObject({
        code: 'schema-missing',
        exitCode: 1,
      })
      await apply(client, '0002')
      await requireSchema({ version: '2', client })
      await requireSchema({ version: '0002', client })
      await apply(client, '10')
      await requireSchema({ version: '2', client })
      await apply(client, '11', false)
      await expect(requireSchema({ version: '11', client })).rejects.toMatchObject({
        code: 'schema-behind',
        exitCode: 1,
        message: 'The schema is behind: migration 11 is not applied, the newest that is applied is 10.',
      })
      await expect(requireSchema({ version: 'next', client })).rejects.toMatchObject({ code: 'invalid-version' })
    }))

  it('is one query, which an ordinary role may send', () =>
    withDatabase(major, async (client, database, shadow) => {
      await apply(client, '1')
      const role = `app_${database}`
      await client.query(`CREATE ROLE ${role} LOGIN PASSWORD 'x'`)
      const session = await shadow.connect({ database, user: role, password: 'x' })
      try {
        const sent: string[] = []
        const counted = {
          query: (text: string, values: unknown[]) => {
            sent.push(text)
            return session.query(text, values)
          },
        }
        await requireSchema({ version: '1', client: counted })
        expect(sent).toHaveLength(1)
        await client.query('REVOKE USAGE ON SCHEMA kei FROM PUBLIC')
        const refused = requireSchema({ version: '1', client: session })
        await expect(refused).rejects.toMatchObject({
          code: 'schema-version-not-permitted',
          hint: expect.stringContaining('GRANT USAGE ON SCHEMA "kei" TO PUBLIC;'),
        })
      } finally {
        await session.end()
        await client.query(`DROP ROLE ${role}`)
      }
    }))
})

it.skipIf(pgBouncerProgram === undefined)('connects by itself, and works through a pooler and from a pool', () =>
  withDatabase(17, async (client) => {
    await apply(client, '1')
    await withPgBouncer(client, { poolSize: 1 }, async ({ url, socketDirectory, port }) => {
      await requireSchema({ version: '1', url })
      await expect(requireSchema({ version: '2', url })).rejects.toMatchObject({ code: 'schema-behind' })
      const pool = new Pool({ host: socketDirectory, port, database: client.database, user: 'pooled' })
      await requireSchema({ version: '1', client: pool })
      await pool.end()
    })
  }),
)

it('says that the replica is behind, where it is; status works there too', async () => {
  // A short path: that of a socket is limited to about 100 bytes.
  const folder = mkdtempSync('/tmp/kei-replica-')
  const server = join(folder, 'server')
  const bin = await runnablePrograms(findInstallation(17), cacheFolder(), 'user')
  const run = (program: string, ...args: string[]) =>
    runAsServer(serverUser(), program.startsWith('/') ? program : join(bin, program), args)
  const ports = { primary: 6011, standby: 6012 }
  const start = (name: keyof typeof ports) => {
    const settings = `-k ${server} -p ${ports[name]} -c listen_addresses= -c fsync=off -c max_wal_senders=4`
    return run('pg_ctl', 'start', '-w', '-D', join(server, name), '-l', join(server, `${name}.log`), '-o', settings)
  }
  const open = async (name: keyof typeof ports) => {
    const client = new Client({ host: server, port: ports[name], user: 'postgres', database: 'postgres', ssl: false })
    client.on('error', () => undefined)
    await client.connect()
    return client
  }
  const clients: Client[] = []
  try {
    chmodSync(folder, 0o711)
    serverFolder(server)
    await run('initdb', '-D', join(server, 'primary'), '-A', 'trust', '-U', 'postgres', '--no-sync', '--locale=C')
    await start('primary')
    const primary = await open('primary')
    clients.push(primary)
    await apply(primary, '1')
    await primary.query('CHECKPOINT')
    await run('pg_ctl', 'stop', '-w', '-m', 'fast', '-D', join(server, 'primary'))
    await run('/bin/cp', '-R', join(server, 'primary'), join(server, 'standby'))
    await run('/usr/bin/touch', join(server, 'standby', 'standby.signal'))
    await start('standby')
    const standby = await open('standby')
    clients.push(standby)
    await requireSchema({ version: '1', client: standby })
    await expect(requireSchema({ version: '2', client: standby })).rejects.toMatchObject({
      code: 'schema-behind',
      message: expect.stringContaining('The replica is behind: migration 2 is not applied there'),
    })
    await expect(requireSchema({ version: '1', schema: 'other', client: standby })).rejects.toMatchObject({
      code: 'schema-missing',
      message: expect.stringContaining('on this replica'),
    })
    const connect = async () => {
      const client = await open('standby')
      return { client, server: await identifyServer(client), candidate: { host: '', port: 0 }, encrypted: false }
    }
    const status = await migrationStatus({ settings: defaultSettings, migrations: [], connect })
    expect(status).toMatchObject({ initialized: true, newest: '1' })
    await expect(openHistory('other').create(standby)).rejects.toMatchObject({ code: 'read-only-server' })
  } finally {
    await Promise.allSettled(clients.map((client) => client.end()))
    await Promise.allSettled(
      (['primary', 'standby'] as const).map((name) =>
        run('pg_ctl', 'stop', '-w', '-m', 'fast', '-D', join(server, name)),
      ),
    )
    rmSync(folder, { recursive: true })
  }
})
