import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { escapeIdentifier } from 'pg'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { shadowOf } from '../postgres.ts'
import type { Shadow } from '../../src/postgres/shadow/shadow.ts'
import { kei } from './kei.ts'
import type { Ran } from './kei.ts'

const role = `cli_connect_${process.pid}`
const home = mkdtempSync(join(tmpdir(), 'kei-connect-'))
let shadow: Shadow

beforeAll(async () => {
  shadow = await shadowOf(17)
  const session = await shadow.connect({ database: 'postgres' })
  await session.query(`CREATE ROLE ${escapeIdentifier(role)} LOGIN PASSWORD 'hunter2'`)
  await session.query(`CREATE DATABASE ${escapeIdentifier(role)}`)
  await session.end()
})

afterAll(async () => {
  const session = await shadow.connect({ database: 'postgres' })
  await session.query(`DROP DATABASE ${escapeIdentifier(role)} WITH (FORCE)`)
  await session.query(`DROP ROLE ${escapeIdentifier(role)}`)
  await session.end()
  await shadow.release()
  rmSync(home, { recursive: true })
})

async function connect(args: string[], env: Record<string, string> = {}): Promise<Ran> {
  const ran = await kei(['connect', ...args], { cwd: home, env: { HOME: home, ...env } })
  expect(ran.out + ran.err).not.toContain('hunter2')
  expect(ran.out + ran.err).not.toContain('error[internal]')
  return ran
}

function variables(): Record<string, string> {
  return { PGHOST: shadow.socketDirectory, PGPORT: String(shadow.port), PGUSER: role, PGPASSWORD: 'hunter2' }
}

it('shows which server it is', async () => {
  const ran = await connect([], variables())
  expect(ran).toMatchObject({ code: 0, err: '' })
  expect(ran.out).toContain(`PostgreSQL ${shadow.version}, primary\n`)
  expect(ran.out).toMatch(/system identifier {2}\d+\n/)
})

it('gives one JSON document', async () => {
  const ran = await connect(['--json'], variables())
  expect(JSON.parse(ran.out)).toMatchObject({
    version: 1,
    server: { version: shadow.version, host: shadow.socketDirectory, database: role, user: role, role: 'primary' },
  })
})

it('explains where each value comes from, without connecting and without passwords', async () => {
  const url = 'postgresql://app:hunter2@db.invalid/shop?sslmode=require'
  const ran = await connect(['--explain'], { DATABASE_URL: url, PGPORT: '6000' })
  expect(ran).toMatchObject({ code: 0, err: '' })
  expect(ran.out).toMatch(/^password +\*{8} +DATABASE_URL$/m)
  expect(ran.out).toMatch(/^port +6000 +PGPORT$/m)
  expect(ran.out).toMatch(/^server db\.invalid:6000 +\*{8} +DATABASE_URL$/m)
  const json = await connect(['--explain', '--json'], { DATABASE_URL: url, PGPORT: '6000' })
  expect(JSON.parse(json.out)).toMatchObject({
    version: 1,
    parameters: expect.arrayContaining([{ keyword: 'password', value: '********', origin: 'DATABASE_URL' }]),
    servers: [{ server: 'db.invalid:6000', password: 'DATABASE_URL' }],
  })
})

it('warns of a password in --url', async () => {
  const ran = await connect(['--explain', '--url', 'postgresql://app:hunter2@db.invalid/shop'])
  expect(ran.code).toBe(0)
  expect(ran.err).toContain('note: A password in --url')
})

it('ends with 3 where no session is to be had, and with 2 where the parameters are wrong', async () => {
  const unreachable = await connect([], { PGHOST: home })
  expect(unreachable.code).toBe(3)
  expect(unreachable.err).toContain('error[host-unreachable]')
  const rejected = await connect([], { ...variables(), PGPASSWORD: 'wrong' })
  expect(rejected.code).toBe(3)
  expect(rejected.err).toContain('error[password-rejected]')
  const wrong = await connect(['--url', 'postgresql://app:hunter2@x@db/shop'])
  expect(wrong.code).toBe(2)
  expect(wrong.err).toContain('error[invalid-connection-string]')
})
