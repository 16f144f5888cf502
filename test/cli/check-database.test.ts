import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { escapeIdentifier } from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { cacheFolder } from '../../src/config/cache-folder.ts'
import type { CheckReport } from '../../src/findings/report.ts'
import { runAsServer, serverUser } from '../../src/postgres/server-user.ts'
import { findInstallation } from '../../src/postgres/shadow/installation.ts'
import { serverFolder } from '../../src/postgres/shadow/private-folder.ts'
import { runnablePrograms } from '../../src/postgres/shadow/server-tree.ts'
import type { Shadow } from '../../src/postgres/shadow/shadow.ts'
import { pgBouncerProgram, withPgBouncer } from '../pgbouncer.ts'
import { shadowOf, withDatabase } from '../postgres.ts'
import { folderWith } from '../repository.ts'
import { kei } from './kei.ts'
import type { Ran } from './kei.ts'

const role = `cli_check_${process.pid}`
const password = 'hunter2'
let shadow: Shadow
const home = folderWith()

beforeAll(async () => {
  shadow = await shadowOf(17)
  const session = await shadow.connect({ database: 'postgres' })
  await session.query(`CREATE ROLE ${escapeIdentifier(role)} LOGIN PASSWORD '${password}'`)
  await session.query(`CREATE DATABASE ${escapeIdentifier(role)} OWNER ${escapeIdentifier(role)}`)
  await session.end()
})

afterAll(async () => {
  const session = await shadow.connect({ database: 'postgres' })
  await session.query(`DROP DATABASE ${escapeIdentifier(role)} WITH (FORCE)`)
  await session.query(`DROP ROLE ${escapeIdentifier(role)}`)
  await session.end()
  await shadow.release()
})

async function check(args: string[], env: Record<string, string> = {}, cwd = home): Promise<Ran> {
  const ran = await kei(['check', ...args], { cwd, env: { HOME: home, ...env } })
  expect(ran.out + ran.err).not.toContain(password)
  expect(ran.out + ran.err).not.toContain('error[internal]')
  return ran
}

function reportOf({ out }: Ran): CheckReport {
  return JSON.parse(out) as CheckReport
}

const url = (secret = password) =>
  `postgresql://${role}:${secret}@/${role}?host=${encodeURIComponent(shadow.socketDirectory)}&port=${shadow.port}`
const given = () => `host=${shadow.socketDirectory} port=${shadow.port} user=${role}`
const expected = () => ({ name: role, user: role, version: shadow.version, standby: false })

describe('kei check --url', () => {
  it('judges a database where there are no migrations, and says which it asked', async () => {
    const ran = await check(['--url', url(), '--json'])
    expect(ran.code).toBe(1)
    expect(ran.err).toContain('note: A password in --url')
    const report = reportOf(ran)
    expect(report.database).toMatchObject({
      ...expected(),
      address: `${shadow.socketDirectory}/.s.PGSQL.${shadow.port}`,
    })
    expect(report.folders).toEqual([])
    expect(report.notices.join('\n')).toContain('No migrations in')
    // A shadow has these.
    expect(report.findings.map(({ rule }) => rule)).toContain('require-fsync')
  })

  it('prints it for people', async () => {
    const ran = await check(['--url', url()])
    expect(ran.out).toContain(
      `Database ${role} at ${shadow.socketDirectory}/.s.PGSQL.${shadow.port}, asked as ${role}: `,
    )
    expect(ran.out).toContain(`PostgreSQL ${shadow.version}`)
  })

  it('judges files and the database in one report, and keeps no result', async () => {
    const folder = folderWith({ 'migrations/1_first.sql': 'CREATE TABLE t (id bigint PRIMARY KEY);\n' })
    const args = ['--url', url(), '--json', '--no-trace']
    const report = reportOf(await check(args, {}, folder))
    expect(report.folders).toEqual([{ path: 'migrations', layout: 'kei', files: 1 }])
    expect(report.database).toMatchObject(expected())
    const session = await shadow.connect({ database: role })
    await session.query('BEGIN; SELECT txid_current()')
    writeFileSync(join(folder, 'kei.jsonc'), JSON.stringify({ rules: { 'no-idle-transaction': { minutes: 0 } } }))
    await session.query('SELECT 1')
    const superuser = `host=${session.host} port=${session.port} user=${session.user} dbname=${role}`
    const env = { PGPASSWORD: String(session.password) }
    const open = reportOf(await check(['--url', superuser, '--json', '--no-trace'], env, folder))
    await session.end()
    const closed = reportOf(await check(['--url', superuser, '--json', '--no-trace'], env, folder))
    expect(open.findings.map(({ rule }) => rule)).toContain('no-idle-transaction')
    expect(closed.findings.map(({ rule }) => rule)).not.toContain('no-idle-transaction')
  })

  it('says what the role may not see, rule by rule', async () => {
    const report = reportOf(await check(['--url', url(), '--json']))
    expect(report.unknown).toContainEqual({
      rule: 'no-idle-transaction',
      needs: 'the role pg_read_all_stats',
      count: 1,
    })
    expect(report.notices).toContain(
      `${role} does not see every setting of the server: it needs the role pg_read_all_settings.`,
    )
  })

  it('says that the migrations are judged by another major', async () => {
    const folder = folderWith({ 'migrations/1_first.sql': 'SELECT 1;\n' })
    const report = reportOf(await check(['--url', url(), '--json', '--no-trace', '--postgres-major', '16'], {}, folder))
    expect(report.notices.join('\n')).toContain(`judged by PostgreSQL 16, and the server is ${shadow.version}`)
  })

  it('finds its way as psql does: PGSERVICE, .pgpass, several hosts, sslmode', async () => {
    writeFileSync(
      join(home, '.pg_service.conf'),
      `[shop]\nhost=${shadow.socketDirectory}\nport=${shadow.port}\nuser=${role}\n`,
    )
    const line = `localhost:*:*:${role}:${password}\n${shadow.socketDirectory}:*:*:${role}:${password}\n`
    writeFileSync(join(home, '.pgpass'), line, { mode: 0o600 })
    const service = await check(['--url', 'service=shop', '--json'])
    expect(reportOf(service).database).toMatchObject(expected())
    const hosts = `host=/nowhere,${shadow.socketDirectory} port=1,${shadow.port} user=${role} sslmode=prefer`
    const several = await check(['--url', hosts, '--json'])
    expect(reportOf(several).database).toMatchObject(expected())
    rmSync(join(home, '.pgpass'))
    rmSync(join(home, '.pg_service.conf'))
  })

  it('goes to no database that only the environment names', async () => {
    const folder = folderWith({ 'migrations/1_first.sql': 'SELECT 1;\n' })
    const env = { DATABASE_URL: 'postgresql://nobody@127.0.0.1:1/none', PGHOST: '127.0.0.1', PGPORT: '1' }
    const ran = await check(['--json', '--no-trace'], env, folder)
    expect(ran.code).toBe(0)
    expect(reportOf(ran).database).toBeUndefined()
  })

  it('ends with 3 and a message where no session is to be had, and says nothing of what it did not judge', async () => {
    const refused = [
      { args: ['--url', url('wrong')], code: 'password-rejected' },
      { args: ['--url', `host=${home} user=${role}`], code: 'host-unreachable' },
      { args: ['--url', `host=127.0.0.1 port=1 user=${role}`], code: 'host-unreachable' },
      { args: ['--url', given()], code: 'no-password' },
      { args: ['--url', `${given()} dbname=missing password=${password}`], code: 'database-missing' },
    ]
    for (const { args, code } of refused) {
      const ran = await check(args)
      expect(ran, code).toMatchObject({ code: 3, out: '' })
      expect(ran.err).toContain(`error[${code}]`)
    }
  })

  it('ends with 3 where the role may not connect', async () => {
    const session = await shadow.connect({ database: 'postgres' })
    const closed = `${role}_closed`
    await session.query(`CREATE DATABASE ${closed}`)
    await session.query(`REVOKE CONNECT ON DATABASE ${closed} FROM PUBLIC`)
    const ran = await check(['--url', `${given()} dbname=${closed} password=${password}`])
    await session.query(`DROP DATABASE ${closed}`)
    await session.end()
    expect(ran).toMatchObject({ code: 3, out: '' })
    expect(ran.err).toContain('error[session-refused]')
    expect(ran.err).toContain('permission denied for database')
  })

  it.skipIf(pgBouncerProgram === undefined)('finds the same through a pooler with one server connection', () =>
    withDatabase(
      17,
      (client) =>
        withPgBouncer(client, { poolSize: 1 }, async (pooler) => {
          const direct = `host=${client.host} port=${client.port} user=${client.user} dbname=${client.database}`
          const straight = reportOf(await check(['--url', direct, '--json'], { PGPASSWORD: String(client.password) }))
          const pooled = reportOf(await check(['--url', pooler.url, '--json']))
          expect(straight.findings).not.toEqual([])
          expect(pooled.findings).toEqual(straight.findings)
          expect(pooled.unknown).toEqual(straight.unknown)
          expect(pooled.database).toEqual({ ...straight.database, address: pooled.database?.address })
        }),
      'CREATE TABLE a (id int); CREATE TABLE b (id int, a_id int); CREATE INDEX b_one ON b (a_id); CREATE INDEX b_two ON b (a_id)',
    ),
  )
})

describe('kei check --target', () => {
  it('goes to what kei.jsonc of the checked project names', async () => {
    const folder = folderWith({
      'kei.jsonc': JSON.stringify({ targets: { staging: { url: { env: 'STAGING_URL' } } } }),
      'migrations/1_first.sql': 'SELECT 1;\n',
    })
    const ran = await check([folder, '--target', 'staging', '--json', '--no-trace'], { STAGING_URL: url() })
    expect(reportOf(ran).database).toMatchObject(expected())
    const unset = await check([folder, '--target', 'staging'])
    expect(unset).toMatchObject({ code: 2, out: '' })
    expect(unset.err).toContain('error[target-variable-unset]')
    const unknown = await check([folder, '--target', 'stagin'])
    expect(unknown.err).toContain('Did you mean --target staging?')
  })

  it('gives PGPASSWORD to no host that only kei.jsonc names', async () => {
    const folder = folderWith({ 'kei.jsonc': JSON.stringify({ targets: { prod: { url: given() } } }) })
    const ran = await check([folder, '--target', 'prod'], { PGHOST: 'elsewhere', PGPASSWORD: password })
    expect(ran.code).toBe(3)
    expect(ran.err).toContain('error[no-password]')
  })
})

describe('a standby', () => {
  // A short path: that of a socket is limited to about 100 bytes.
  const folder = mkdtempSync('/tmp/kei-check-standby-')
  const server = join(folder, 'server')
  let bin: string
  const run = (program: string, ...args: string[]) => runAsServer(serverUser(), join(bin, program), args)

  beforeAll(async () => {
    bin = await runnablePrograms(findInstallation(17), cacheFolder(), 'user')
    chmodSync(folder, 0o711)
    serverFolder(server)
    const cluster = join(server, 'cluster')
    await run('initdb', '-D', cluster, '-A', 'trust', '-U', 'postgres', '--no-sync', '--locale=C')
    await runAsServer(serverUser(), '/usr/bin/touch', [join(cluster, 'standby.signal')])
    const settings = `-k ${server} -p 6003 -c listen_addresses= -c fsync=off`
    await run('pg_ctl', 'start', '-w', '-D', cluster, '-l', join(server, 'log'), '-o', settings)
  })

  afterAll(async () => {
    await run('pg_ctl', 'stop', '-w', '-m', 'immediate', '-D', join(server, 'cluster'))
    rmSync(folder, { recursive: true })
  })

  it('is judged as what it is', async () => {
    const ran = await check(['--url', `host=${server} port=6003 user=postgres dbname=postgres`, '--json'])
    expect(ran.code).toBe(1)
    expect(reportOf(ran).database).toMatchObject({ name: 'postgres', standby: true })
    const shown = await check(['--url', `host=${server} port=6003 user=postgres dbname=postgres`])
    expect(shown.out).toMatch(/PostgreSQL 17\.\d+, a standby/)
  })
})
