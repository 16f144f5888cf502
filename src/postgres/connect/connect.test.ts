import { execFile, execFileSync, spawn } from 'node:child_process'
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect as connectSocket, createServer } from 'node:net'
import type { AddressInfo, Server as NetServer, Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { TLSSocket } from 'node:tls'
import { promisify } from 'node:util'
import { escapeIdentifier, escapeLiteral } from 'pg'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { shadowOf } from '../../../test/postgres.ts'
import { KeiError } from '../../errors.ts'
import { findProgram } from '../programs.ts'
import { serverUser } from '../server-user.ts'
import { serverFolder } from '../shadow/private-folder.ts'
import type { Shadow } from '../shadow/shadow.ts'
import { connect } from './connect.ts'
import type { Session } from './connect.ts'
import { resolveConnection } from './resolve.ts'
import type { Surroundings } from './gather.ts'
import type { ResolvedConnection } from './resolve.ts'
import { refuseOldServer } from './server.ts'
import { readSurroundings } from './surroundings.ts'

const suffix = `${process.pid}`
const role = `connect:role ${suffix}`
const database = `connect@"db'/ ${suffix}`
const password = `p@ss:w/o\\rd' ${suffix}`
const home = mkdtempSync(join(tmpdir(), 'kei-connect-'))
const encode = encodeURIComponent
const pgbouncer = findProgram('pgbouncer', 17)

let shadow: Shadow
/** TCP before the server's socket, without and with TLS, as a pooler would stand there. */
let plain: NetServer
let encrypted: NetServer
/** Whose certificates clients showed there. */
const shownCertificates: unknown[] = []
/** A port of localhost that nothing listens on. */
let deadPort: number

beforeAll(async () => {
  shadow = await shadowOf(17)
  const session = await shadow.connect({ database: 'postgres' })
  await session.query(`CREATE ROLE ${escapeIdentifier(role)} LOGIN PASSWORD ${escapeLiteral(password)}`)
  for (const name of [database, role]) await session.query(`CREATE DATABASE ${escapeIdentifier(name)}`)
  await session.end()
  makeCertificate('server', 'localhost')
  makeCertificate('client', 'app')
  plain = await listen((client) => forward(client, client))
  encrypted = await listen(terminateTls)
  const dead = await listen(() => undefined)
  deadPort = portOf(dead)
  await promisify(dead.close.bind(dead))()
})

afterAll(async () => {
  plain.close()
  encrypted.close()
  const session = await shadow.connect({ database: 'postgres' })
  for (const name of [database, role]) await session.query(`DROP DATABASE ${escapeIdentifier(name)} WITH (FORCE)`)
  await session.query(`DROP ROLE ${escapeIdentifier(role)}`)
  await session.end()
  await shadow.release()
  rmSync(home, { recursive: true })
})

/** Signed by itself: `NAME.pem` and `NAME.key`. */
function makeCertificate(name: string, commonName: string): void {
  const files = ['-keyout', join(home, `${name}.key`), '-out', join(home, `${name}.pem`)]
  const subject = ['-subj', `/CN=${commonName}`, '-addext', `subjectAltName=DNS:${commonName}`]
  execFileSync('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', ...files, ...subject], {
    stdio: 'ignore',
  })
}

async function listen(onClient: (client: Socket) => void): Promise<NetServer> {
  const server = createServer(onClient)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return server
}

function portOf(server: NetServer): number {
  return (server.address() as AddressInfo).port
}

function forward(client: Socket, stream: Socket): void {
  const server = connectSocket(join(shadow.socketDirectory, `.s.PGSQL.${shadow.port}`))
  stream.pipe(server).pipe(stream)
  for (const end of [client, stream, server]) {
    end.on('error', () => undefined)
    end.on('close', () => {
      server.destroy()
      client.destroy()
    })
  }
}

/** Answers SSLRequest with S; a client that does not ask for TLS is turned away. */
function terminateTls(client: Socket): void {
  client.on('error', () => undefined)
  client.once('data', (request: Buffer) => {
    if (request.length !== 8) {
      client.destroy()
      return
    }
    client.write('S')
    const stream = new TLSSocket(client, {
      isServer: true,
      key: readFileSync(join(home, 'server.key')),
      cert: readFileSync(join(home, 'server.pem')),
      requestCert: true,
      rejectUnauthorized: false,
    })
    stream.once('secure', () => shownCertificates.push(stream.getPeerCertificate().subject?.CN))
    forward(client, stream)
  })
}

function resolve(url: string | undefined, environment: Record<string, string> = {}): ResolvedConnection {
  const surroundings: Surroundings = { ...readSurroundings(), environment, homeDirectory: home }
  return resolveConnection(surroundings, url === undefined ? undefined : { name: '--url', text: url, by: 'user' })
}

async function open(url: string, environment: Record<string, string> = {}): Promise<Session> {
  return connect(resolve(url, environment), { applicationName: 'kei/test' })
}

async function refusalOf(url: string, environment: Record<string, string> = {}): Promise<KeiError> {
  const session = await open(url, environment).catch((error: unknown) => error)
  if (session instanceof KeiError) {
    // Whatever the reason, the password is not told.
    expect(`${session.message} ${session.hint}`).not.toContain(password)
    expect(session.exitCode).toBe(3)
    expect(session.hint).toBeTruthy()
    return session
  }
  throw session
}

function url(server: string, rest = ''): string {
  return `postgresql://${encode(role)}:${encode(password)}@${server}/${encode(database)}${rest}`
}

const atSocket = () => `${encode(shadow.socketDirectory)}:${shadow.port}`
const atPlain = () => `localhost:${portOf(plain)}`
const atEncrypted = () => `localhost:${portOf(encrypted)}`

describe('a session', () => {
  it('says which server it is with', async () => {
    const { client, server, encrypted: hasTls } = await open(url(atSocket()))
    const { rows } = await client.query('SELECT system_identifier::text AS id FROM pg_control_system()')
    const shown = await client.query('SHOW application_name')
    await client.end()
    expect(server).toEqual({
      version: shadow.version,
      major: 17,
      database,
      user: role,
      role: 'primary',
      readOnly: false,
      systemIdentifier: rows[0].id,
    })
    expect(shown.rows).toEqual([{ application_name: 'kei/test' }])
    expect(hasTls).toBe(false)
  })

  it('has the options and the application name that the user gives', async () => {
    const { client } = await open(url(atSocket(), '?application_name=shop&options=-c%20search_path%3Dapp'))
    const { rows } = await client.query(
      `SELECT current_setting('application_name') AS name, current_setting('search_path') AS path`,
    )
    await client.end()
    expect(rows).toEqual([{ name: 'shop', path: 'app' }])
  })

  it('is opened with the second host when the first is dead', async () => {
    const { client, candidate } = await open(url(`localhost:${deadPort},${atSocket()}`))
    await client.end()
    expect(candidate.host).toBe(shadow.socketDirectory)
  })

  it('is opened with a server that has the wanted attributes', async () => {
    for (const attributes of ['any', 'read-write', 'primary', 'prefer-standby']) {
      const { client } = await open(url(atSocket(), `?target_session_attrs=${attributes}`))
      await client.end()
    }
    const readOnly = '&options=-c%20default_transaction_read_only%3Don'
    const { client, server } = await open(url(atSocket(), `?target_session_attrs=read-only${readOnly}`))
    await client.end()
    expect(server).toMatchObject({ role: 'primary', readOnly: true })
    for (const attributes of ['standby', 'read-only', `read-write${readOnly}`]) {
      const refusal = await refusalOf(url(atSocket(), `?target_session_attrs=${attributes}`))
      expect(refusal.code).toBe('unsuitable-server')
    }
  })

  it('is not opened when the caller gives up', async () => {
    const silent = await listen(() => undefined)
    const giveUp = new AbortController()
    setTimeout(() => giveUp.abort(), 50)
    const resolved = resolve(url(`localhost:${portOf(silent)}`))
    const started = Date.now()
    await expect(connect(resolved, { applicationName: 'kei/test', signal: giveUp.signal })).rejects.toMatchObject({
      name: 'AbortError',
    })
    expect(Date.now() - started).toBeLessThan(5_000)
    silent.close()
  })
})

describe('a session is refused', () => {
  it('for a wrong password, with where it came from', async () => {
    const refusal = await refusalOf(`user='${role}' host=${shadow.socketDirectory} port=${shadow.port}`, {
      PGPASSWORD: 'hunter2',
      PGDATABASE: database,
    })
    expect(refusal.code).toBe('password-rejected')
    expect(refusal.message).toContain('from PGPASSWORD')
    expect(refusal.message).not.toContain('hunter2')
  })

  it('for a wrong password without asking the next host', async () => {
    const refusal = await refusalOf(`postgresql://nobody:x@${atSocket()},${atPlain()}/postgres?sslmode=disable`)
    expect(refusal.code).toBe('password-rejected')
    expect(refusal.message).not.toContain('None of')
  })

  it('by PgBouncer in its own words, and opened through it', async (context) => {
    if (pgbouncer === undefined) return context.skip('no pgbouncer')
    const folder = serverFolder(join(home, 'pgbouncer'))
    const user = serverUser()
    const settings = {
      listen_addr: '',
      listen_port: 6432,
      unix_socket_dir: folder,
      pool_mode: 'transaction',
      default_pool_size: 1,
      auth_type: 'plain',
      auth_file: join(folder, 'users'),
    }
    const lines = Object.entries(settings).map(([name, value]) => `${name} = ${value}`)
    const server = `* = host=${shadow.socketDirectory} port=${shadow.port}`
    writeFileSync(join(folder, 'users'), `"${role}" "${password}"\n`)
    writeFileSync(join(folder, 'ini'), ['[databases]', server, '[pgbouncer]', ...lines].join('\n'))
    chmodSync(home, 0o711)
    const pooler = spawn(pgbouncer ?? '', [join(folder, 'ini')], { ...user, stdio: 'ignore' })
    const ended = new Promise((resolve) => pooler.on('close', resolve))
    try {
      await vi.waitFor(() => expect(existsSync(join(folder, '.s.PGSQL.6432'))).toBe(true), 10_000)
      const at = `user='${role}' host=${folder} port=6432`
      const environment = { PGPASSWORD: password, PGDATABASE: role }
      for (let session = 0; session < 2; session++) {
        const { client, server } = await open(at, environment)
        await client.end()
        expect(server).toMatchObject({ user: role, database: role })
      }
      expect((await refusalOf(at, { ...environment, PGPASSWORD: 'x' })).code).toBe('password-rejected')
      expect((await refusalOf(at, { ...environment, PGDATABASE: 'none' })).code).toBe('database-missing')
    } finally {
      pooler.kill()
      await ended
    }
  })

  it('for no password', async () => {
    const refusal = await refusalOf(`postgresql://${encode(role)}@${atSocket()}/postgres`)
    expect(refusal.code).toBe('no-password')
    expect(refusal.hint).toContain(`localhost:${shadow.port}:postgres:connect\\:role ${suffix}:PASSWORD`)
  })

  it('for a missing database', async () => {
    const refusal = await refusalOf(url(atSocket(), '?dbname=none'))
    expect(refusal.code).toBe('database-missing')
    expect(refusal.message).toContain('has no database "none"')
  })

  it('for a database that the user may not connect to', async () => {
    const refusal = await refusalOf(url(atSocket(), '?dbname=postgres'))
    expect(refusal.code).toBe('session-refused')
    expect(refusal.message).toContain('permission denied for database "postgres"')
  })

  it('by a port that nothing listens on, a socket that is not there, a name that nobody has', async () => {
    expect(await refusalOf(url(`localhost:${deadPort}`))).toMatchObject({
      code: 'host-unreachable',
      message: `localhost:${deadPort} cannot be reached: nothing listens there.`,
    })
    expect(await refusalOf(`host=${home}`)).toMatchObject({
      code: 'host-unreachable',
      message: `${home}/.s.PGSQL.5432 cannot be reached: there is no such socket.`,
    })
    expect((await refusalOf('host=no-such-host.invalid')).code).toBe('host-unreachable')
  })

  it('with one message for several dead hosts', async () => {
    const refusal = await refusalOf(`host=localhost,${home} port=${deadPort},1`)
    expect(refusal.code).toBe('host-unreachable')
    expect(refusal.message).toMatch(/^None of 2 servers can be used\. localhost:\d+ .*\/\.s\.PGSQL\.1 cannot/)
  })

  it('by a server that does not answer in time', async () => {
    const silent = await listen(() => undefined)
    const refusal = await refusalOf(url(`localhost:${portOf(silent)}`, '?connect_timeout=1'))
    silent.close()
    expect(refusal.code).toBe('connection-timeout')
    expect(refusal.message).toContain('within 1 s')
  })

  it('by what closes the connection at once', async () => {
    const rude = await listen((client) => client.destroy())
    const refusal = await refusalOf(url(`localhost:${portOf(rude)}`, '?sslmode=disable'))
    rude.close()
    expect(refusal.code).toBe('host-unreachable')
  })

  it('by a server that is too old, with its end of life', () => {
    expect(() => refuseOldServer(140_023, '14.23 (Debian 14.23-1)')).toThrow(
      'The server is PostgreSQL 14.23; support for 14 ended on 12 November 2026.',
    )
    expect(() => refuseOldServer(140_023, '14.23')).toThrow(
      expect.objectContaining({ code: 'server-too-old', exitCode: 2, hint: expect.stringContaining('PostgreSQL 15') }),
    )
    expect(() => refuseOldServer(90_624, '9.6.24')).toThrow('support for 9.6 ended on 11 November 2021')
    expect(() => refuseOldServer(80_400, '8.4.0')).toThrow('support for 8.4 ended long ago')
    expect(() => refuseOldServer(150_000, '15.0')).not.toThrow()
  })
})

describe('sslmode', () => {
  const certificate = () => `&sslrootcert=${encode(join(home, 'server.pem'))}`

  it.each(['disable', 'allow', 'prefer'])('%s goes without TLS where the server has none', async (mode) => {
    const { client, encrypted: hasTls } = await open(url(atPlain(), `?sslmode=${mode}`))
    await client.end()
    expect(hasTls).toBe(false)
  })

  it.each(['require', 'verify-ca', 'verify-full'])('%s refuses a server without TLS', async (mode) => {
    expect((await refusalOf(url(atPlain(), `?sslmode=${mode}${certificate()}`))).code).toBe('tls-refused')
  })

  it.each(['prefer', 'require'])('%s encrypts, whoever the server is', async (mode) => {
    const { client, encrypted: hasTls } = await open(url(atEncrypted(), `?sslmode=${mode}`))
    await client.end()
    expect(hasTls).toBe(true)
  })

  it('verify-ca and verify-full take a server whose authority is trusted', async () => {
    for (const mode of ['require', 'verify-ca', 'verify-full']) {
      const { client, encrypted: hasTls } = await open(url(atEncrypted(), `?sslmode=${mode}${certificate()}`))
      await client.end()
      expect(hasTls).toBe(true)
    }
  })

  it('verify-full compares the name of the host, verify-ca does not', async () => {
    const server = `127.0.0.1:${portOf(encrypted)}`
    expect((await refusalOf(url(server, `?sslmode=verify-full${certificate()}`))).code).toBe('tls-refused')
    const { client } = await open(url(server, `?sslmode=verify-ca${certificate()}`))
    await client.end()
    const named = await open(url(atEncrypted(), `?hostaddr=127.0.0.1&sslmode=verify-full${certificate()}`))
    await named.client.end()
  })

  it('verify-ca and verify-full refuse a server that no trusted authority vouches for', async () => {
    expect((await refusalOf(url(atEncrypted(), '?sslrootcert=system'))).code).toBe('tls-refused')
    const other = `?sslmode=verify-ca&sslrootcert=${encode(join(home, 'client.pem'))}`
    expect((await refusalOf(url(atEncrypted(), other))).code).toBe('tls-refused')
  })

  it('shows the certificate of the user, whose key nobody else may read', async () => {
    const certificate = `sslcert=${encode(join(home, 'client.pem'))}&sslkey=${encode(join(home, 'client.key'))}`
    chmodSync(join(home, 'client.key'), 0o644)
    await expect(open(url(atEncrypted(), `?sslmode=require&${certificate}`))).rejects.toMatchObject({
      code: 'private-key-open',
      exitCode: 2,
    })
    chmodSync(join(home, 'client.key'), 0o600)
    shownCertificates.length = 0
    const { client } = await open(url(atEncrypted(), `?sslmode=require&${certificate}`))
    await client.end()
    expect(shownCertificates).toEqual(['app'])
  })

  it('needs certificates to verify with', async () => {
    await expect(open(url(atEncrypted(), '?sslmode=verify-full'))).rejects.toMatchObject({
      code: 'root-certificate-missing',
      exitCode: 2,
    })
  })

  it('is not used over a socket', async () => {
    const { client, encrypted: hasTls } = await open(url(atSocket(), '?sslmode=require'))
    await client.end()
    expect(hasTls).toBe(false)
  })
})

describe('psql', () => {
  const psql = findProgram('psql', 17)
  const services = join(home, 'services')
  const passwords = join(home, 'passwords')
  const escaped = (text: string) => text.replace(/[\\:]/g, '\\$&')
  const quoted = (text: string) => `'${text.replace(/[\\']/g, '\\$&')}'`

  beforeAll(() => {
    const { socketDirectory, port } = shadow
    const lines = ['[shop]', `host=${socketDirectory}`, `port=${port}`, `user=${role}`, `dbname=${database}`]
    writeFileSync(services, lines.join('\n'))
    const fields = [socketDirectory, String(port), database, role, password].map(escaped)
    writeFileSync(passwords, `other:*:*:*:wrong\n${fields.join(':')}\n*:*:*:*:wrong\n`)
    chmodSync(passwords, 0o600)
  })

  /** The ways to say the same; each as the connection string and the environment. */
  const ways: Record<string, () => [string | undefined, Record<string, string>]> = {
    'a URL': () => [url(atSocket()), {}],
    'a URL with a query': () => [
      `postgres:///?host=${encode(shadow.socketDirectory)}&port=${shadow.port}&user=${encode(role)}&password=${encode(
        password,
      )}&dbname=${encode(database)}`,
      {},
    ],
    'a keyword/value string': () => [
      `host = ${quoted(shadow.socketDirectory)} port=${shadow.port} user=${quoted(role)} ` +
        `password=${quoted(password)} dbname=${quoted(database)}`,
      {},
    ],
    variables: () => [
      undefined,
      {
        PGHOST: shadow.socketDirectory,
        PGPORT: String(shadow.port),
        PGUSER: role,
        PGDATABASE: database,
        PGPASSWORD: password,
      },
    ],
    'a service and a password file': () => [
      undefined,
      { PGSERVICE: 'shop', PGSERVICEFILE: services, PGPASSFILE: passwords, PGPORT: '1', PGDATABASE: 'none' },
    ],
    'a service in the string, and variables that it overrides': () => [
      'service=shop',
      { PGSERVICEFILE: services, PGPASSFILE: passwords, PGUSER: 'none' },
    ],
    'a string before a service': () => [
      `service=shop dbname=${quoted(role)}`,
      { PGSERVICEFILE: services, PGPASSWORD: password, PGDATABASE: 'none' },
    ],
    'several hosts, the first one dead': () => [url(`localhost:${deadPort},${atSocket()}`), {}],
    'a database that is named like the user': () => [
      `host=${shadow.socketDirectory} port=${shadow.port} user=${quoted(role)}`,
      { PGPASSWORD: password },
    ],
  }

  it.for(Object.keys(ways))('goes where kei goes: %s', async (way, context) => {
    if (psql === undefined) return context.skip('no psql 17')
    const [given, environment] = ways[way]?.() ?? [undefined, {}]
    const { stdout } = await promisify(execFile)(
      psql ?? '',
      ['-XAtq', '-c', '\\echo :USER :HOST :PORT', '-c', 'SELECT current_database()', '-d', given ?? ''].slice(
        0,
        given === undefined ? -2 : undefined,
      ),
      { env: { PATH: process.env['PATH'] ?? '', HOME: home, ...environment } },
    )
    const resolved = resolve(given, environment)
    const { client, server, candidate } = await connect(resolved, { applicationName: 'kei/test' })
    await client.end()
    expect(`${server.user} ${candidate.host} ${candidate.port}\n${server.database}\n`).toBe(stdout)
  })

  const unreadable = [
    'host=a b',
    "host='a",
    'nonsense=1',
    'postgresql://h/d?x=1',
    'postgresql://h/d%zz',
    'port=0 host=a',
  ]
  it.for(unreadable)('refuses what kei refuses: %s', async (given, context) => {
    if (psql === undefined) return context.skip('no psql 17')
    expect(() => resolve(given)).toThrow(KeiError)
    const env = { PATH: process.env['PATH'] ?? '', HOME: home }
    await expect(promisify(execFile)(psql ?? '', ['-X', '-d', given, '-c', ''], { env })).rejects.toMatchObject({
      code: 2,
    })
  })
})
