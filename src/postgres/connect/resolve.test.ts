import { describe, expect, it } from 'vitest'
import { KeiError } from '../../errors.ts'
import type { FileState, Surroundings } from './gather.ts'
import { describeOrigin } from './origin.ts'
import { resolveConnection } from './resolve.ts'
import type { ResolvedConnection } from './resolve.ts'

type Environment = Record<string, string>
type Files = Record<string, string | FileState>

function resolve(url: string | undefined, environment: Environment = {}, files: Files = {}): ResolvedConnection {
  const surroundings: Surroundings = {
    environment,
    operatingSystemUser: 'ana',
    homeDirectory: '/home/ana',
    file: (path) => {
      const file = files[path]
      if (file === undefined) return { kind: 'missing' }
      return typeof file === 'string' ? { kind: 'text', text: file, openToOthers: false } : file
    },
  }
  return resolveConnection(surroundings, url === undefined ? undefined : { name: '--url', text: url, by: 'user' })
}

function originOf(resolved: ResolvedConnection, keyword: string): string | undefined {
  const found = resolved.parameters.find((parameter) => parameter.keyword === keyword)
  return found && describeOrigin(found.origin)
}

function places({ candidates }: ResolvedConnection): string[] {
  return candidates.map(({ host, port }) => `${host}:${port}`)
}

function refusalOf(...args: Parameters<typeof resolve>): KeiError {
  try {
    resolve(...args)
  } catch (error) {
    if (error instanceof KeiError) return error
    throw error
  }
  throw new Error('not refused')
}

describe('the order of sources', () => {
  it('takes --url before KEI_DATABASE_URL before DATABASE_URL before PG*', () => {
    const environment = {
      KEI_DATABASE_URL: 'postgresql://kei/one',
      DATABASE_URL: 'postgresql://app/two',
      PGHOST: 'pg',
      PGDATABASE: 'three',
    }
    expect(places(resolve('postgresql://url/zero', environment))).toEqual(['url:5432'])
    expect(places(resolve(undefined, environment))).toEqual(['kei:5432'])
    expect(places(resolve(undefined, { ...environment, KEI_DATABASE_URL: '' }))).toEqual(['app:5432'])
    const { DATABASE_URL: _app, KEI_DATABASE_URL: _kei, ...rest } = environment
    expect(resolve(undefined, rest)).toMatchObject({ database: 'three', candidates: [{ host: 'pg' }] })
  })

  it('fills what a URL leaves out from the service, then from PG*', () => {
    const files = { '/home/ana/.pg_service.conf': '[shop]\nhost=service-host\nport=6000\nuser=service-user\n' }
    const environment = { PGSERVICE: 'shop', PGPORT: '7000', PGUSER: 'env-user', PGAPPNAME: 'env-name' }
    const resolved = resolve('postgresql://url-host/db', environment, files)
    expect(places(resolved)).toEqual(['url-host:6000'])
    expect(resolved).toMatchObject({ user: 'service-user', applicationName: 'env-name', database: 'db' })
    expect(originOf(resolved, 'host')).toBe('--url')
    expect(originOf(resolved, 'port')).toBe('service shop in /home/ana/.pg_service.conf')
    expect(originOf(resolved, 'application_name')).toBe('PGAPPNAME')
  })

  it('begins with the defaults of libpq', () => {
    const resolved = resolve(undefined)
    expect(resolved).toMatchObject({ user: 'ana', database: 'ana', sessionAttributes: 'any', connectTimeout: 10 })
    expect(resolved.ssl.mode).toBe('prefer')
    expect(places(resolved)).toEqual(['/var/run/postgresql:5432', '/tmp:5432'])
    expect(originOf(resolved, 'user')).toBe('name of the operating system user')
    expect(originOf(resolve('user=bob'), 'dbname')).toBe('default')
    expect(resolve('user=bob').database).toBe('bob')
  })

  it('takes an empty value for one that is set, so that the variable does not fill it', () => {
    expect(places(resolve("host='' port=1", { PGHOST: 'pg' }))[0]).toBe('/var/run/postgresql:1')
    expect(resolve("user=''", { PGUSER: 'pg' }).user).toBe('ana')
  })
})

describe('several hosts', () => {
  it.each<[string, string[]]>([
    ['postgresql://a:1,b:2/d', ['a:1', 'b:2']],
    ['postgresql://a,b/d', ['a:5432', 'b:5432']],
    ['postgresql://a,b:2/d', ['a:5432', 'b:2']],
    ['host=a,b port=6000', ['a:6000', 'b:6000']],
    ['host=a,/run/pg port=,6000', ['a:5432', '/run/pg:6000']],
    ['hostaddr=10.0.0.1,10.0.0.2', ['10.0.0.1:5432', '10.0.0.2:5432']],
    ['host=a,', ['a:5432', '/var/run/postgresql:5432', '/tmp:5432']],
  ])('%s', (url, expected) => {
    expect(places(resolve(url))).toEqual(expected)
  })

  it('keeps the name beside the address', () => {
    expect(resolve('host=a hostaddr=10.0.0.1').candidates).toEqual([{ host: 'a', address: '10.0.0.1', port: 5432 }])
  })

  it.each(['host=a,b port=1,2,3', 'host=a,b hostaddr=10.0.0.1', 'port=0', 'port=65536', 'port=x', 'port=5432x'])(
    '%s is refused',
    (url) => {
      expect(refusalOf(url)).toMatchObject({ code: 'invalid-parameter', exitCode: 2 })
    },
  )
})

describe('services', () => {
  const text = '# all\n[other]\nhost=no\n[shop]\n  host=yes  \nhost=late\nport=6000\n[shop]\nuser=no\n'

  it('reads the first section of that name, and the first line of a keyword', () => {
    const resolved = resolve('service=shop', {}, { '/home/ana/.pg_service.conf': text })
    expect(places(resolved)).toEqual(['yes:6000'])
    expect(resolved.user).toBe('ana')
  })

  it('looks in the file of the system when the own file does not name it', () => {
    const files = { '/home/ana/.pg_service.conf': '[x]\nhost=no\n', '/etc/pg/pg_service.conf': text }
    const resolved = resolve(undefined, { PGSERVICE: 'shop', PGSYSCONFDIR: '/etc/pg' }, files)
    expect(originOf(resolved, 'host')).toBe('service shop in /etc/pg/pg_service.conf')
  })

  it('reads the file that PGSERVICEFILE names instead of the own one', () => {
    const files = { '/home/ana/.pg_service.conf': '[shop]\nhost=no\n', '/srv/services': text }
    expect(places(resolve(undefined, { PGSERVICE: 'shop', PGSERVICEFILE: '/srv/services' }, files))).toEqual([
      'yes:6000',
    ])
  })

  it.each<[string, Environment, Files, string]>([
    ['is nowhere', { PGSERVICE: 'shop' }, {}, 'service-not-found'],
    ['has no file', { PGSERVICE: 'shop', PGSERVICEFILE: '/none' }, {}, 'service-not-found'],
    [
      'has a space before =',
      { PGSERVICE: 's' },
      { '/home/ana/.pg_service.conf': '[s]\nhost =a' },
      'invalid-service-file',
    ],
    ['has no =', { PGSERVICE: 's' }, { '/home/ana/.pg_service.conf': '[s]\nhost' }, 'invalid-service-file'],
    ['names another', { PGSERVICE: 's' }, { '/home/ana/.pg_service.conf': '[s]\nservice=t' }, 'invalid-service-file'],
  ])('refuses one that %s', (_says, environment, files, code) => {
    expect(refusalOf(undefined, environment, files)).toMatchObject({ code, exitCode: 2 })
  })
})

describe('passwords', () => {
  const file = 'a:*:*:*:for-a\nb:5433:d:*:for-b\nlocalhost:*:*:*:for-sockets\n/run/pg:*:*:*:for-run\n'
  const files = { '/home/ana/.pgpass': file }

  it('looks each host up in the password file', () => {
    const { candidates } = resolve('postgresql://a,b:5433,c/d', {}, files)
    expect(candidates.map(({ password }) => password)).toEqual(['for-a', 'for-b', undefined])
    expect(candidates[1]?.passwordOrigin).toEqual({ kind: 'password file', file: '/home/ana/.pgpass', line: 2 })
  })

  it('looks default sockets up as localhost, others by their directory', () => {
    for (const [url, expected] of [
      ['dbname=d', 'for-sockets'],
      ['host=/tmp', 'for-sockets'],
      ['host=/run/pg', 'for-run'],
      ['host=/elsewhere', undefined],
      ['hostaddr=127.0.0.1', undefined],
    ] as const) {
      expect(resolve(url, {}, files).candidates[0]?.password).toBe(expected)
    }
  })

  it('takes a given password before the file', () => {
    expect(resolve('host=a', { PGPASSWORD: 'env' }, files).candidates[0]).toMatchObject({
      password: 'env',
      passwordOrigin: { kind: 'environment', variable: 'PGPASSWORD' },
    })
    expect(resolve('host=a', { PGPASSWORD: '' }, files).candidates[0]?.password).toBe('for-a')
  })

  it('reads the file that PGPASSFILE names', () => {
    const resolved = resolve('host=a', { PGPASSFILE: '/srv/pass' }, { ...files, '/srv/pass': '*:*:*:*:other' })
    expect(resolved.candidates[0]?.password).toBe('other')
  })

  it('ignores a file that others may read, and says so', () => {
    const open: FileState = { kind: 'text', text: file, openToOthers: true }
    const resolved = resolve('host=a', {}, { '/home/ana/.pgpass': open })
    expect(resolved.candidates[0]?.password).toBeUndefined()
    expect(resolved.notes.join()).toContain('chmod 0600 /home/ana/.pgpass')
  })

  it('warns of one in --url, and of none in DATABASE_URL', () => {
    expect(resolve('postgresql://u:hunter2@h').notes.join()).toMatch(/list of processes/)
    expect(resolve('postgresql://u:hunter2@h').notes.join()).not.toContain('hunter2')
    expect(resolve(undefined, { DATABASE_URL: 'postgresql://u:hunter2@h' }).notes).toEqual([])
  })
})

describe('TLS and other parameters', () => {
  it('reads modes and certificates, and finds those of ~/.postgresql', () => {
    const files = { '/home/ana/.postgresql/root.crt': 'x' }
    expect(resolve('host=a sslmode=verify-full', {}, files).ssl).toMatchObject({
      mode: 'verify-full',
      rootCertificate: '/home/ana/.postgresql/root.crt',
    })
    expect(resolve('host=a', { PGSSLMODE: 'require', PGSSLROOTCERT: '/ca' }).ssl).toMatchObject({
      mode: 'require',
      rootCertificate: '/ca',
    })
    expect(resolve('host=a sslrootcert=system').ssl.mode).toBe('verify-full')
  })

  it.each([
    'sslmode=no-verify',
    'sslmode=require sslrootcert=system',
    'sslnegotiation=direct',
    'target_session_attrs=writable',
    'connect_timeout=soon',
  ])('refuses %s', (url) => {
    expect(refusalOf(url).code).toBe('invalid-parameter')
  })

  it.each([
    'require_auth=scram-sha-256',
    'requirepeer=postgres',
    'gssencmode=require',
    'sslcrl=/crl',
    'replication=true',
  ])('refuses %s, which it cannot keep to', (url) => {
    expect(refusalOf(url).code).toBe('unsupported-parameter')
  })

  it('notes what it leaves aside, unless it asks for nothing', () => {
    expect(resolve('keepalives_idle=30').notes).toEqual(['keepalives_idle (--url) is not used by kei.'])
    expect(resolve('gssencmode=prefer keepalives=1 client_encoding=UTF8').notes).toEqual([])
  })
})
