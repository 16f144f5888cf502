import { spawn } from 'node:child_process'
import { chmodSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { escapeIdentifier, escapeLiteral } from 'pg'
import { afterAll, beforeAll, expect, it, vi } from 'vitest'
import { shadowOf } from '../../../test/postgres.ts'
import { findProgram } from '../programs.ts'
import { serverUser } from '../server-user.ts'
import { serverFolder } from '../shadow/private-folder.ts'
import type { Shadow } from '../shadow/shadow.ts'
import { connect } from './connect.ts'
import { connectDirect } from './direct.ts'
import { resolveConnection } from './resolve.ts'
import { readSurroundings } from './surroundings.ts'

const role = `direct_${process.pid}`
const other = `${role}_other`
const password = 'hunter2'
const options = { applicationName: 'kei/test' }
const home = mkdtempSync(join(tmpdir(), 'kei-direct-'))
const pgbouncer = findProgram('pgbouncer', 17)
const servers: Shadow[] = []

beforeAll(async () => {
  for (const major of [17, 16] as const) {
    const server = await shadowOf(major)
    const session = await server.connect({ database: 'postgres' })
    await session.query(`CREATE ROLE ${escapeIdentifier(role)} LOGIN PASSWORD ${escapeLiteral(password)}`)
    for (const name of [role, other]) await session.query(`CREATE DATABASE ${escapeIdentifier(name)}`)
    await session.end()
    servers.push(server)
  }
})

afterAll(async () => {
  for (const server of servers) {
    const session = await server.connect({ database: 'postgres' })
    for (const name of [role, other]) await session.query(`DROP DATABASE ${escapeIdentifier(name)} WITH (FORCE)`)
    await session.query(`DROP ROLE ${escapeIdentifier(role)}`)
    await session.end()
    await server.release()
  }
  rmSync(home, { recursive: true })
})

function at(server: Pick<Shadow, 'socketDirectory' | 'port'> | undefined, database: string) {
  const text = `host=${server?.socketDirectory} port=${server?.port} user=${role} password=${password} dbname=${database}`
  const surroundings = { ...readSurroundings(), environment: {}, homeDirectory: home }
  return resolveConnection(surroundings, { name: '--url', text, by: 'user' })
}

it('opens a session with the same database', async () => {
  const session = await connect(at(servers[0], role), options)
  const direct = await connectDirect(at(servers[0], role), session, options)
  const { rows } = await direct.client.query('SELECT current_database() AS name')
  await direct.client.end()
  await session.client.end()
  expect(rows).toEqual([{ name: role }])
})

it('refuses another database, and the same name on another server', async () => {
  const session = await connect(at(servers[0], role), options)
  for (const elsewhere of [at(servers[0], other), at(servers[1], role)]) {
    await expect(connectDirect(elsewhere, session, options)).rejects.toMatchObject({
      code: 'direct-database-differs',
      exitCode: 2,
      message: expect.stringContaining(`which is not the database behind "${role}" at `),
    })
  }
  await session.client.end()
})

it('goes by what the server says where a pooler calls the database by another name', async (context) => {
  if (pgbouncer === undefined) return context.skip('no pgbouncer')
  const folder = serverFolder(join(home, 'pgbouncer'))
  const to = (name: string) => `host=${servers[0]?.socketDirectory} port=${servers[0]?.port} dbname=${name}`
  const settings = [
    '[databases]',
    `pool = ${to(role)}`,
    `${role} = ${to(other)}`,
    '[pgbouncer]',
    'listen_addr =',
    'listen_port = 6432',
    `unix_socket_dir = ${folder}`,
    'pool_mode = transaction',
    'auth_type = plain',
    `auth_file = ${join(folder, 'users')}`,
  ]
  writeFileSync(join(folder, 'users'), `"${role}" "${password}"\n`)
  writeFileSync(join(folder, 'ini'), settings.join('\n'))
  chmodSync(home, 0o711)
  const pooler = spawn(pgbouncer, [join(folder, 'ini')], { ...serverUser(), stdio: 'ignore' })
  const ended = new Promise((resolve) => pooler.on('close', resolve))
  try {
    await vi.waitFor(() => expect(existsSync(join(folder, '.s.PGSQL.6432'))).toBe(true), 10_000)
    const pooledAt = { socketDirectory: folder, port: 6432 }
    const pooled = await connect(at(pooledAt, 'pool'), options)
    const direct = await connectDirect(at(servers[0], role), pooled, options)
    await direct.client.end()
    await pooled.client.end()
    const misnamed = await connect(at(pooledAt, role), options)
    await expect(connectDirect(at(servers[0], role), misnamed, options)).rejects.toMatchObject({
      code: 'direct-database-differs',
    })
    await misnamed.client.end()
  } finally {
    pooler.kill()
    await ended
  }
})
