import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { escapeIdentifier } from 'pg'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { shadowOf } from '../postgres.ts'
import type { Shadow } from '../../src/postgres/shadow/shadow.ts'
import { kei } from './kei.ts'
import type { Ran } from './kei.ts'

const role = `cli_connect_${process.pid}`
const other = `${role}_other`
const home = mkdtempSync(join(tmpdir(), 'kei-connect-'))
let shadow: Shadow

beforeAll(async () => {
  shadow = await shadowOf(17)
  const session = await shadow.connect({ database: 'postgres' })
  await session.query(`CREATE ROLE ${escapeIdentifier(role)} LOGIN PASSWORD 'hunter2'`)
  for (const name of [role, other]) await session.query(`CREATE DATABASE ${escapeIdentifier(name)}`)
  await session.end()
})

afterAll(async () => {
  const session = await shadow.connect({ database: 'postgres' })
  for (const name of [role, other]) await session.query(`DROP DATABASE ${escapeIdentifier(name)} WITH (FORCE)`)
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

describe('--target', () => {
  function configure(targets: Record<string, unknown>): void {
    writeFileSync(join(home, 'kei.jsonc'), JSON.stringify({ targets }))
  }
  const here = () => `host=${shadow.socketDirectory} port=${shadow.port} user=${role}`

  afterEach(() => rmSync(join(home, 'kei.jsonc'), { force: true }))

  it('connects to what kei.jsonc names, both ways', async () => {
    configure({ prod: { url: here(), directUrl: here(), production: true } })
    const ran = await connect(['--target', 'prod'], { PGHOST: shadow.socketDirectory, PGPASSWORD: 'hunter2' })
    expect(ran).toMatchObject({ code: 0, err: '' })
    expect(ran.out).toMatch(/^target prod, production\nPostgreSQL /)
    expect(ran.out).toContain('\ndirect connection, to the same database\nPostgreSQL ')
    const variables = { PGHOST: shadow.socketDirectory, PGPASSWORD: 'hunter2' }
    const json = await connect(['--target', 'prod', '--json'], variables)
    expect(JSON.parse(json.out)).toMatchObject({
      version: 1,
      target: { name: 'prod', production: true },
      server: { database: role },
      direct: { database: role, host: shadow.socketDirectory },
    })
  })

  it('reads the variable that holds the whole string', async () => {
    configure({ staging: { url: { env: 'STAGING_DATABASE_URL' } } })
    const string = `${here()} password=hunter2`
    expect((await connect(['--target', 'staging'], { STAGING_DATABASE_URL: string })).code).toBe(0)
    const unset = await connect(['--target', 'staging'], variables())
    expect(unset.code).toBe(2)
    expect(unset.err).toContain('error[target-variable-unset]')
  })

  it('gives PGPASSWORD to no host that only kei.jsonc names, and says what to do', async () => {
    configure({ prod: { url: here() } })
    const ran = await connect(['--target', 'prod'], { PGHOST: 'elsewhere', PGPASSWORD: 'hunter2' })
    expect(ran.code).toBe(3)
    expect(ran.err).toContain('note: PGPASSWORD gives no password to')
    expect(ran.err).toContain('error[no-password]')
    expect(ran.err).toContain('setting PGHOST to that host would do')
  })

  it('refuses a direct connection that leads elsewhere', async () => {
    configure({ prod: { url: here(), directUrl: `${here()} dbname=${other}` } })
    const ran = await connect(['--target', 'prod'], { PGHOST: shadow.socketDirectory, PGPASSWORD: 'hunter2' })
    expect(ran.code).toBe(2)
    expect(ran.err).toContain('error[direct-database-differs]')
  })

  it('explains both ways', async () => {
    configure({ prod: { url: 'postgresql://app@pool.invalid:6432/shop', directUrl: { env: 'DIRECT' } } })
    const environment = { DIRECT: 'postgresql://app:hunter2@db.invalid/shop', PGPASSWORD: 'hunter2' }
    const ran = await connect(['--target', 'prod', '--explain'], environment)
    expect(ran.code).toBe(0)
    const [first, second] = ran.out.split('direct connection\n')
    expect(first).toMatch(/^target prod\n/)
    expect(first).toMatch(/^server pool\.invalid:6432 +no password$/m)
    expect(second).toMatch(/^host +db\.invalid +DIRECT \(targets\.prod\.directUrl of kei\.jsonc\)$/m)
    expect(second).toMatch(/^server db\.invalid:5432 +\*{8} /m)
    const json = await connect(['--target', 'prod', '--explain', '--json'], environment)
    expect(JSON.parse(json.out)).toMatchObject({
      target: { name: 'prod', production: false },
      servers: [{ server: 'pool.invalid:6432', password: null }],
      direct: { servers: [{ server: 'db.invalid:5432' }] },
      notes: [expect.stringContaining('PGPASSWORD gives no password')],
    })
  })

  it('refuses a target that is not there, and a file with a password', async () => {
    configure({ prod: {} })
    const unknown = await connect(['--target', 'prd'])
    expect(unknown.code).toBe(2)
    expect(unknown.err).toContain('Did you mean --target prod?')
    configure({ prod: { url: 'postgresql://app:hunter2@db/shop' } })
    const committed = await connect(['--target', 'prod'])
    expect(committed.code).toBe(2)
    expect(committed.err).toContain('error[password-in-config]: kei.jsonc:1:27: targets.prod.url holds a password')
  })
})
