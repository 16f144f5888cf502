import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { KeiError } from '../../errors.ts'
import { describeOrigin } from './origin.ts'
import type { ResolvedConnection } from './resolve.ts'
import { resolveTarget } from './target.ts'
import type { ResolvedTarget, TargetRequest, TargetUrl } from './target.ts'

type Environment = Record<string, string>
type Files = Record<string, string>

const passwordFile = '/home/ana/.pgpass'
const serviceFile = '/home/ana/.pg_service.conf'
const certificates = { '/home/ana/.postgresql/postgresql.crt': 'x', '/home/ana/.postgresql/postgresql.key': 'x' }

function resolve(request: TargetRequest, environment: Environment = {}, files: Files = {}): ResolvedTarget {
  return resolveTarget(
    {
      environment,
      operatingSystemUser: 'ana',
      homeDirectory: '/home/ana',
      file: (path) => {
        const text = files[path]
        return text === undefined ? { kind: 'missing' } : { kind: 'text', text, openToOthers: false }
      },
    },
    request,
  )
}

/** A target `prod` with this `url`. */
function prod(url: TargetUrl, environment: Environment = {}, files: Files = {}): ResolvedTarget {
  return resolve({ target: 'prod', targets: { prod: { url } } }, environment, files)
}

function passwords({ connection }: ResolvedTarget): (string | undefined)[] {
  return connection.candidates.map(({ password }) => password)
}

function host(connection: ResolvedConnection | undefined): string | undefined {
  return connection?.candidates[0]?.host
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

describe('the order', () => {
  const targets = { prod: { url: 'host=target', production: true } }
  const environment = { KEI_DATABASE_URL: 'postgresql://kei', DATABASE_URL: 'postgresql://app', PGHOST: 'pg' }

  it('is --url, --target, then what the surroundings say', () => {
    const both = resolve({ url: 'host=url', target: 'prod', targets }, environment)
    expect(both).toMatchObject({ production: false, connection: { candidates: [{ host: 'url' }] } })
    expect(both.name).toBeUndefined()
    expect(both.notes).toContain('--target is left aside, because --url is given.')
    expect(resolve({ target: 'prod', targets }, environment)).toMatchObject({
      name: 'prod',
      production: true,
      connection: { candidates: [{ host: 'target' }] },
    })
    expect(host(resolve({ targets }, environment).connection)).toBe('kei')
    expect(host(resolve({ targets }, { PGHOST: 'pg' }).connection)).toBe('pg')
  })

  it('goes on to the surroundings for a target without url', () => {
    const resolved = resolve({ target: 'prod', targets: { prod: { production: true } } }, environment)
    expect(resolved).toMatchObject({ name: 'prod', production: true, connection: { candidates: [{ host: 'kei' }] } })
  })

  it('reads the variable that a target names, and no other when it is not set', () => {
    const settings = { target: 'prod', targets: { prod: { url: { env: 'PROD_URL' } } } }
    const resolved = resolve(settings, { ...environment, PROD_URL: 'postgresql://app:s3cret@there/shop' })
    expect(resolved.connection).toMatchObject({ database: 'shop', candidates: [{ host: 'there', password: 's3cret' }] })
    expect(resolved.connection.parameters.map(({ origin }) => describeOrigin(origin))).toContain(
      'PROD_URL (targets.prod.url of kei.jsonc)',
    )
    for (const unset of [environment, { ...environment, PROD_URL: '' }]) {
      expect(refusalOf(settings, unset)).toMatchObject({ code: 'target-variable-unset', exitCode: 2 })
    }
  })

  it.each([
    ['prd', 'Did you mean --target prod?'],
    ['staging', 'Its targets: prod.'],
    ['toString', 'Its targets: prod.'],
  ])('knows no target %s', (target, hint) => {
    expect(refusalOf({ target, targets })).toMatchObject({ code: 'unknown-target', exitCode: 2, hint })
  })

  it('reads a relative sslrootcert of a target from the folder of kei.jsonc', () => {
    const rootOf = (url: string) =>
      resolve({ target: 'prod', targets: { prod: { url } }, configFolder: '/repo' }).connection.ssl.rootCertificate
    expect(rootOf('host=db sslrootcert=certs/ca.pem')).toBe('/repo/certs/ca.pem')
    expect(rootOf('host=db sslrootcert=/etc/ca.pem')).toBe('/etc/ca.pem')
    expect(rootOf('host=db sslrootcert=system')).toBe('system')
  })
})

describe('the direct connection', () => {
  const targets = { prod: { url: 'host=pool', directUrl: 'host=server' }, plain: { url: 'host=pool' } }
  const environment = { KEI_DIRECT_DATABASE_URL: 'host=env-direct', KEI_DATABASE_URL: 'host=env-pool' }

  it('is --direct-url, else the directUrl of the target, else KEI_DIRECT_DATABASE_URL', () => {
    const directOf = (request: TargetRequest) => host(resolve({ targets, ...request }, environment).direct)
    expect(directOf({ target: 'prod', directUrl: 'host=line' })).toBe('line')
    expect(directOf({ target: 'prod' })).toBe('server')
    expect(directOf({ url: 'host=pool', directUrl: 'host=line' })).toBe('line')
    expect(directOf({})).toBe('env-direct')
    expect(directOf({ targets: { bare: {} }, target: 'bare' })).toBe('env-direct')
    expect(host(resolve({}, {}).direct)).toBeUndefined()
  })

  it.each<TargetRequest>([{ url: 'host=other' }, { target: 'plain', targets }])(
    'of the environment is left aside where another connection is chosen: %j',
    (request) => {
      const { direct, notes } = resolve(request, environment)
      expect(direct).toBeUndefined()
      expect(notes.join()).toContain('KEI_DIRECT_DATABASE_URL is left aside')
    },
  )

  it('is told to be missing where its variable is not set', () => {
    const settings = { target: 'prod', targets: { prod: { url: 'host=pool', directUrl: { env: 'DIRECT' } } } }
    const { direct, notes } = resolve(settings, environment)
    expect(direct).toBeUndefined()
    expect(notes).toEqual([
      'There is no direct connection: DIRECT, which targets.prod.directUrl of kei.jsonc names, is not set.',
    ])
    expect(host(resolve(settings, { ...environment, DIRECT: 'host=d' }).direct)).toBe('d')
  })

  it('gets no password from the other one', () => {
    const request = { target: 'prod', targets: { prod: { url: { env: 'POOL' }, directUrl: 'host=evil' } } }
    const { connection, direct } = resolve(request, { POOL: 'postgresql://u:s3cret@pool/d' })
    expect(connection.candidates[0]?.password).toBe('s3cret')
    expect(direct?.candidates[0]?.password).toBeUndefined()
  })
})

describe('what a repository may not say', () => {
  it.each([
    'postgresql://app:s3cret@db/shop',
    'postgresql://db/shop?p%61ssword=s3cret',
    'host=db password=s3cret',
    'host=db sslpassword=s3cret',
    'host=db oauth_client_secret=s3cret',
  ])('a password: %s', (url) => {
    const refusal = refusalOf({ target: 'prod', targets: { prod: { url } } })
    expect(refusal).toMatchObject({ code: 'password-in-config', exitCode: 2 })
    expect(`${refusal.message} ${refusal.hint}`).not.toContain('s3cret')
    expect(refusalOf({ target: 'prod', targets: { prod: { directUrl: url } } }).code).toBe('password-in-config')
  })

  it.each(['servicefile=/repo/x service=y', 'passfile=/repo/x', 'sslcert=/c', 'sslkey=/k'])(
    'where files of the user lie: %s',
    (url) => {
      expect(refusalOf({ target: 'prod', targets: { prod: { url } } })).toMatchObject({
        code: 'unfit-target-parameter',
        exitCode: 2,
      })
    },
  )

  it('which service file a variable is read with', () => {
    const request = { target: 'prod', targets: { prod: { url: { env: 'CI_COMMIT_MESSAGE' } } } }
    const message = { CI_COMMIT_MESSAGE: 'servicefile=/repo/x service=y' }
    expect(refusalOf(request, message).code).toBe('unfit-target-parameter')
  })

  it.each(['AKIA0123456789=', 'sk-abc:def', 'mysql://u:s3cret@h', 'host=a s3cret'])(
    'what stands in a variable that holds no connection string: %s',
    (text) => {
      const refusal = refusalOf({ target: 'prod', targets: { prod: { url: { env: 'TOKEN' } } } }, { TOKEN: text })
      expect(refusal.code).toBe('invalid-connection-string')
      expect(`${refusal.message} ${refusal.hint}`).not.toMatch(/AKIA|sk-|mysql|s3cret/)
    },
  )

  it('that what the user requires of a session is not kept to', () => {
    const refusal = refusalOf(
      { target: 'prod', targets: { prod: { url: "host=db require_auth=''" } } },
      { PGREQUIREAUTH: 'scram-sha-256' },
    )
    expect(refusal.code).toBe('unsupported-parameter')
  })
})

describe('PGPASSWORD', () => {
  it.each<[string, TargetUrl, Environment]>([
    ['PGHOST', 'host=db', { PGHOST: 'db' }],
    ['one of several in PGHOST', 'host=two', { PGHOST: 'one,two' }],
    ['PGHOSTADDR', 'hostaddr=10.0.0.1', { PGHOSTADDR: '10.0.0.1' }],
    ['DATABASE_URL', 'host=db', { DATABASE_URL: 'postgresql://app@db/shop' }],
    ['KEI_DATABASE_URL', 'host=db', { KEI_DATABASE_URL: 'host=db', DATABASE_URL: 'host=other' }],
    ['default, where nothing names one', 'host=localhost', {}],
    ['default, where nothing names one', 'host=/tmp', {}],
    ['of a service', 'host=service-host', { PGSERVICE: 'shop' }],
    ['that the user fills in', 'dbname=shop', { PGHOST: 'db' }],
    ['that the service of the target names', 'service=shop', {}],
    ['of a variable, which is also that of PGHOST', { env: 'PROD_URL' }, { PROD_URL: 'host=db', PGHOST: 'db' }],
  ])('goes to the host %s: %j', (_says, url, environment) => {
    const files = { [serviceFile]: '[shop]\nhost=service-host\n' }
    expect(passwords(prod(url, { PGPASSWORD: 's3cret', ...environment }, files))).toContain('s3cret')
  })

  it.each<[string, TargetUrl, Environment]>([
    ['another host', 'host=evil', { PGHOST: 'db' }],
    ['another host, beside an address of the user', 'host=evil', { PGHOSTADDR: '10.0.0.1' }],
    ['an address under the name of a host of the user', 'host=db hostaddr=6.6.6.6', { PGHOST: 'db' }],
    ['an address alone', 'hostaddr=6.6.6.6', { PGHOST: 'db' }],
    ['any host, where the surroundings name none', 'host=evil', {}],
    ['a socket of somebody else', 'host=/tmp/evil', {}],
    ['localhost, where the surroundings name another', 'host=localhost', { PGHOST: 'db' }],
    ['the default sockets, where they name another', "host=''", { PGHOST: 'db' }],
    ['the host of a variable that may be anything', { env: 'CI_COMMIT_MESSAGE' }, { CI_COMMIT_MESSAGE: 'host=evil' }],
    ['another host, where DATABASE_URL cannot be read', 'host=evil', { DATABASE_URL: 'mysql://evil' }],
    ['another host, whatever the port', 'postgresql://evil:5432/d', { DATABASE_URL: 'postgresql://db:5432/d' }],
  ])('does not go to %s: %j', (_says, url, environment) => {
    const resolved = prod(url, { PGPASSWORD: 's3cret', ...environment })
    expect(passwords(resolved)).not.toContain('s3cret')
    expect(resolved.connection.parameters.map(({ keyword }) => keyword)).not.toContain('password')
    expect(resolved.notes.join()).toMatch(
      /^PGPASSWORD gives no password to .*; setting PGHOST to that host would do\.$/,
    )
    expect(resolved.connection.candidates[0]?.withheld).toBe(resolved.notes[0])
  })

  it('goes to its own of several hosts', () => {
    expect(passwords(prod('host=db,evil', { PGPASSWORD: 's3cret', PGHOST: 'db' }))).toEqual(['s3cret', undefined])
    const addressed = prod('host=db,db hostaddr=,6.6.6.6', { PGPASSWORD: 's3cret', PGHOST: 'db' })
    expect(passwords(addressed)).toEqual(['s3cret', undefined])
  })

  it('goes wherever --url says', () => {
    const resolved = resolve({ url: 'host=any' }, { PGPASSWORD: 's3cret', PGHOST: 'db' })
    expect(passwords(resolved)).toEqual(['s3cret'])
  })

  it('leads to no other server by PGHOSTADDR', () => {
    const { connection } = prod('host=prod-server', { PGHOSTADDR: '10.0.0.1' })
    expect(connection.candidates).toEqual([{ host: 'prod-server', port: 5432 }])
  })
})

describe('the password of DATABASE_URL', () => {
  it('goes to no target', () => {
    const environment = { DATABASE_URL: 'postgresql://app:s3cret@db/shop' }
    for (const url of ['host=evil', 'host=db']) expect(passwords(prod(url, environment))).toEqual([undefined])
  })
})

describe('the password of a service', () => {
  const files = { [serviceFile]: '[shop]\nhost=db\npassword=s3cret\n[bare]\npassword=s3cret\n' }

  it('goes to the host of the service', () => {
    expect(passwords(prod('service=shop dbname=other', {}, files))).toEqual(['s3cret'])
    expect(passwords(prod('service=bare', { PGHOST: 'db' }, files))).toEqual(['s3cret'])
  })

  it.each<[string, Environment]>([
    ['service=shop host=evil', {}],
    ['service=shop hostaddr=6.6.6.6', {}],
    ['service=shop host=db hostaddr=6.6.6.6', {}],
    ['service=bare host=evil', {}],
    ['host=evil', { PGSERVICE: 'shop' }],
    ['host=dev', { PGSERVICE: 'shop', DATABASE_URL: 'host=dev' }],
  ])('does not go to the host that the target names: %s', (url, environment) => {
    const resolved = prod(url, environment, files)
    expect(passwords(resolved)).toEqual([undefined])
    expect(resolved.notes.join()).toContain('names a host of its own beside the service')
  })
})

describe('the password file', () => {
  const files = { [passwordFile]: '*:*:*:*:any\ndb:*:*:*:for-db\n' }

  it('gives the password of the line that names the host', () => {
    expect(passwords(prod('host=db', {}, files))).toEqual(['for-db'])
    expect(passwords(prod('host=db', { PGHOST: 'db' }, files))).toEqual(['any'])
  })

  it('gives none of a line for any host, nor of one for another address', () => {
    const resolved = prod('host=evil', {}, files)
    expect(passwords(resolved)).toEqual([undefined])
    expect(resolved.notes).toEqual([
      `${passwordFile}:1 gives no password to evil: only targets.prod.url of kei.jsonc names that host; a line with ` +
        'that host in it would do.',
    ])
    expect(passwords(prod('host=db hostaddr=6.6.6.6', {}, files))).toEqual([undefined])
  })
})

describe('a client certificate', () => {
  const certificate = ({ connection }: ResolvedTarget) => connection.ssl.certificate

  it('is shown to a host of the user, and not to one that only kei.jsonc names', () => {
    expect(certificate(prod('host=db', { PGHOST: 'db' }, certificates))).toBe('/home/ana/.postgresql/postgresql.crt')
    expect(certificate(prod('host=/run/evil', {}, certificates))).toBeDefined()
    for (const url of ['host=evil', 'host=db,evil', 'host=db hostaddr=6.6.6.6']) {
      const resolved = prod(url, { PGHOST: 'db', PGSSLKEY: '/key' }, certificates)
      expect(resolved.connection.ssl).toEqual({ mode: 'prefer', negotiation: 'postgres' })
      expect(resolved.notes.join()).toContain('sslcert (default) is not used for')
      expect(resolved.notes.join()).toContain('sslkey (PGSSLKEY) is not used for')
    }
  })

  it('of a variable goes where the variable says', () => {
    const environment = { PROD_URL: 'host=prod sslcert=/c sslkey=/k sslpassword=s3cret' }
    expect(prod({ env: 'PROD_URL' }, environment).connection.ssl).toMatchObject({
      certificate: '/c',
      key: '/k',
      keyPassword: 's3cret',
    })
  })
})

describe('TLS that the user asks for', () => {
  const environment = { PGHOST: 'db', PGPASSWORD: 's3cret' }
  const root = { '/home/ana/.postgresql/root.crt': 'x' }

  it.each<[string, Environment, Files]>([
    ['host=db sslmode=disable', { PGSSLMODE: 'require' }, {}],
    ['host=db sslmode=require', { PGSSLMODE: 'verify-full' }, {}],
    ['host=db sslrootcert=/repo/ca', { PGSSLMODE: 'verify-full', PGSSLROOTCERT: '/ca' }, {}],
    ['host=db sslrootcert=/repo/ca', { PGSSLMODE: 'verify-full' }, root],
    ["host=db sslrootcert=''", { PGSSLMODE: 'require', PGSSLROOTCERT: '/ca' }, {}],
    ['host=db channel_binding=disable', { PGCHANNELBINDING: 'require' }, {}],
    ['service=shop sslmode=disable', {}, { [serviceFile]: '[shop]\nhost=db\nsslmode=verify-full\n' }],
  ])('is not weakened and then given a password: %s', (url, more, files) => {
    const file = { ...files, [passwordFile]: 'db:*:*:*:for-db' }
    const resolved = prod(url, { ...environment, ...more }, file)
    expect(passwords(resolved)).toEqual([undefined])
    expect(resolved.notes.join()).toContain('weakens')
  })

  it.each<[string, Environment, Files]>([
    ['host=db sslmode=verify-full', { PGSSLMODE: 'require' }, {}],
    ['host=db sslmode=disable', {}, {}],
    ['host=db sslmode=verify-full sslrootcert=/repo/ca', {}, root],
    ['host=db sslmode=verify-full sslrootcert=/repo/ca', { PGSSLMODE: 'require' }, {}],
    ['host=db sslrootcert=/ca', { PGSSLMODE: 'verify-full', PGSSLROOTCERT: '/ca' }, {}],
  ])('may be strengthened, and chosen where the user asks for nothing: %s', (url, more, files) => {
    expect(passwords(prod(url, { ...environment, ...more }, files))).toEqual(['s3cret'])
  })

  it('is none over a socket', () => {
    const own = { PGHOST: '/run/pg', PGPASSWORD: 's3cret', PGSSLMODE: 'require' }
    expect(passwords(prod('host=/run/pg sslmode=disable', own))).toEqual(['s3cret'])
  })
})

it('gives no secret of the surroundings to a host of a stranger, whatever the string', () => {
  const files = {
    [passwordFile]: '*:*:*:*:SECRET-any\ndb:*:*:*:SECRET-db\nlocalhost:*:*:*:SECRET-local\n',
    [serviceFile]:
      '[shop]\nhost=db\nhostaddr=10.0.0.2\npassword=SECRET-service\nsslpassword=SECRET\n[bare]\npassword=SECRET-bare\n',
    ...certificates,
  }
  const part = fc.constantFrom(
    'host=evil',
    'host=db',
    "host=''",
    'host=evil,db',
    'host=db,evil',
    'host=db,',
    'host=localhost',
    'host=/tmp/evil',
    'hostaddr=6.6.6.6',
    'hostaddr=10.0.0.2',
    "hostaddr=''",
    'hostaddr=6.6.6.6,10.0.0.2',
    'hostaddr=,6.6.6.6',
    'service=shop',
    'service=bare',
    "service=''",
    'sslmode=disable',
    'sslmode=verify-full',
    'user=u',
    "user=''",
    'dbname=d',
    'port=1',
    "password=''",
    'sslrootcert=system',
  )
  const variable = fc.constantFrom<Environment>(
    { PGPASSWORD: 'SECRET-env' },
    { PGHOST: 'db' },
    { PGHOSTADDR: '10.0.0.2' },
    { PGSERVICE: 'shop' },
    { PGSERVICE: 'bare' },
    { DATABASE_URL: 'postgresql://u:SECRET-url@db/d' },
    { KEI_DATABASE_URL: 'host=db' },
    { PGSSLMODE: 'require' },
    { PGPORT: '2' },
    { PGSSLCERT: '/c', PGSSLKEY: '/k' },
  )
  const strangers = new Set(['evil', '/tmp/evil', '6.6.6.6'])
  let reached = 0
  fc.assert(
    fc.property(
      fc.array(part, { maxLength: 5 }),
      fc.array(variable, { maxLength: 5 }),
      fc.boolean(),
      (parts, set, inVariable) => {
        const text = parts.join(' ') || 'dbname=d'
        const environment = Object.assign({ V: text }, ...set) as Environment
        let resolved: ResolvedTarget
        try {
          resolved = prod(inVariable ? { env: 'V' } : text, environment, files)
        } catch (error) {
          if (error instanceof KeiError) return
          throw error
        }
        const { candidates, ssl } = resolved.connection
        const toStrangers = candidates.filter(({ host: name, address }) => strangers.has(address ?? name))
        reached += toStrangers.length
        expect(toStrangers.map(({ password }) => password).filter((password) => password !== undefined)).toEqual([])
        if (toStrangers.some(({ host: name }) => !name.startsWith('/'))) {
          expect([ssl.certificate, ssl.key, ssl.keyPassword]).toEqual([undefined, undefined, undefined])
        }
        expect(resolved.notes.join()).not.toContain('SECRET')
      },
    ),
    { numRuns: 3_000 },
  )
  expect(reached).toBeGreaterThan(300)
})
