import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { KeiError } from '../../errors.ts'
import { parseConnectionString } from './connection-string.ts'

function read(text: string): Record<string, string> {
  return Object.fromEntries(parseConnectionString(text, '--url').values)
}

function refuse(text: string): KeiError {
  try {
    parseConnectionString(text, '--url')
  } catch (error) {
    if (error instanceof KeiError) return error
    throw error
  }
  throw new Error(`not refused: ${text}`)
}

describe('a connection URL', () => {
  it.each<[string, Record<string, string>]>([
    ['postgresql://', {}],
    ['postgres:///', {}],
    ['postgresql://localhost', { host: 'localhost' }],
    ['postgresql://localhost:5433', { host: 'localhost', port: '5433' }],
    ['postgresql://localhost/mydb', { host: 'localhost', dbname: 'mydb' }],
    ['postgresql://user@localhost', { user: 'user', host: 'localhost' }],
    ['postgresql://user:secret@localhost', { user: 'user', password: 'secret', host: 'localhost' }],
    ['postgresql://user:@localhost', { user: 'user', host: 'localhost' }],
    ['postgresql://:secret@localhost', { password: 'secret', host: 'localhost' }],
    ['postgresql://u:a:b@h', { user: 'u', password: 'a:b', host: 'h' }],
    ['postgresql://u:a?b#c@h/d', { user: 'u', password: 'a?b#c', host: 'h', dbname: 'd' }],
    ['postgresql://u:p%40%2F%3A%25@h/d%20e', { user: 'u', password: 'p@/:%', host: 'h', dbname: 'd e' }],
    ['postgresql://%C3%A9t%C3%A9@h', { user: 'été', host: 'h' }],
    [
      'postgresql://other@localhost/otherdb?connect_timeout=10&application_name=myapp',
      { user: 'other', host: 'localhost', dbname: 'otherdb', connect_timeout: '10', application_name: 'myapp' },
    ],
    [
      'postgresql://host1:123,host2:456/somedb?target_session_attrs=any&application_name=myapp',
      {
        host: 'host1,host2',
        port: '123,456',
        dbname: 'somedb',
        target_session_attrs: 'any',
        application_name: 'myapp',
      },
    ],
    ['postgresql://a,b:2/d', { host: 'a,b', port: ',2', dbname: 'd' }],
    ['postgresql:///mydb?host=localhost&port=5433', { dbname: 'mydb', host: 'localhost', port: '5433' }],
    ['postgresql://[2001:db8::1234]/database', { host: '2001:db8::1234', dbname: 'database' }],
    ['postgresql://[::1]:5433,[::2]:5434/d', { host: '::1,::2', port: '5433,5434', dbname: 'd' }],
    ['postgresql:///dbname?host=/var/lib/postgresql', { dbname: 'dbname', host: '/var/lib/postgresql' }],
    ['postgresql://%2Fvar%2Flib%2Fpostgresql/dbname', { host: '/var/lib/postgresql', dbname: 'dbname' }],
    ['postgresql://h?sslmode=verify-full', { host: 'h', sslmode: 'verify-full' }],
    ['postgresql://h/?ssl=true', { host: 'h', sslmode: 'require' }],
    ['postgresql://h/d?host=other', { host: 'other', dbname: 'd' }],
    ['postgresql://h/d?options=-c%20search_path%3Dapp', { host: 'h', dbname: 'd', options: '-c search_path=app' }],
    ['postgresql:///?user=a@b', { user: 'a@b' }],
    ['postgresql://h/d?connect_timeout=3&', { host: 'h', dbname: 'd', connect_timeout: '3' }],
    ['postgresql://h/d ', { host: 'h', dbname: 'd' }],
  ])('%s', (text, expected) => {
    // Empty ports of a list are kept for their place; alone they say nothing.
    const { port, ...rest } = read(text)
    expect({ ...rest, ...(port?.replaceAll(',', '') ? { port } : {}) }).toEqual(expected)
  })

  it.each([
    ['postgresql://u:p@ss@h/d', /an @ where/],
    ['postgresql://u:p/ss@h/d', /an @ where/],
    ['postgresql://[::1/d', /IPv6/],
    ['postgresql://[]/d', /IPv6/],
    ['postgresql://[::1]x/d', /IPv6/],
    ['postgresql://h/d?sslmode', /name=value/],
    ['postgresql://h/d?&sslmode=require', /name=value/],
    ['postgresql://h/d?sslmode=a=b', /name=value/],
    ['postgresql://h/d?nonsense=1', /"nonsense"/],
    ['postgresql://h/d%zz', /percent-encoded/],
    ['postgresql://h/d%00', /percent-encoded/],
    ['postgresql://h/a b', /space/],
    ['mysql://u:p@h/d', /begins with mysql:\/\//],
    ['file:./dev.db', /begins with file:/],
    ['shop', /neither/],
  ])('%s is refused', (text, message) => {
    const error = refuse(text)
    expect(error.code).toBe('invalid-connection-string')
    expect(error.exitCode).toBe(2)
    expect(error.message).toMatch(message)
  })

  it("leaves aside parameters of an application's driver", () => {
    const { values, foreign } = parseConnectionString(
      'postgresql://h/d?schema=public&connection_limit=1&sslmode=require',
      'DATABASE_URL',
    )
    expect(foreign).toEqual(['schema', 'connection_limit'])
    expect(values.get('sslmode')).toBe('require')
  })

  it('gives back whatever was percent-encoded into it', () => {
    const part = fc.string({ unit: 'binary', minLength: 1, maxLength: 12 }).filter((text) => !text.includes('\0'))
    const encode = (text: string) => encodeURIComponent(text)
    fc.assert(
      fc.property(part, part, part, part, fc.integer({ min: 1, max: 65_535 }), (user, password, host, dbname, port) => {
        const url = `postgresql://${encode(user)}:${encode(password)}@${encode(host)}:${port}/${encode(dbname)}`
        expect(read(url)).toEqual({ user, password, host, port: String(port), dbname })
      }),
      { numRuns: 500 },
    )
  })
})

describe('a keyword/value string', () => {
  it.each<[string, Record<string, string>]>([
    ['host=localhost port=5432 dbname=mydb', { host: 'localhost', port: '5432', dbname: 'mydb' }],
    ["  host = localhost\n\tport= '5432' ", { host: 'localhost', port: '5432' }],
    ["password='it\\'s \\\\'", { password: "it's \\" }],
    ['password=a\\ b\\\\c', { password: 'a b\\c' }],
    ["host=''", { host: '' }],
    ['host= port=1', { host: 'port=1' }],
    ['host=a host=b', { host: 'b' }],
    ["user=a'b", { user: "a'b" }],
    ["user='a'port=1", { user: 'a', port: '1' }],
    ['user=a\\', { user: 'a' }],
    ['password=postgres://x', { password: 'postgres://x' }],
  ])('%s', (text, expected) => {
    expect(read(text)).toEqual(expected)
  })

  it.each(["host='a", 'host', 'host localhost=1', 'host=a b', 'nonsense=1'])('%s is refused', (text) => {
    expect(refuse(text).code).toBe('invalid-connection-string')
  })

  it('gives back whatever was quoted into it', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 20 }), fc.string({ maxLength: 20 }), (password, dbname) => {
        const quote = (text: string) => `'${text.replace(/[\\']/g, '\\$&')}'`
        expect(read(`password=${quote(password)} dbname = ${quote(dbname)}`)).toEqual({ password, dbname })
      }),
      { numRuns: 500 },
    )
  })
})

it('shows no part of a password in the message of a string that cannot be read', () => {
  for (const text of [
    'postgres://u:hunter@hunter2@h/d',
    'postgres://u:hunter/hunter2@h/d',
    'postgres://u:hunter2%zz@h/d',
    'password=my hunter2',
    'password=my hunter2=x',
    "password='hunter2",
    'postgresql+asyncpg://u:hunter2@h/d',
  ]) {
    const error = refuse(text)
    expect(`${error.message} ${error.hint}`).not.toContain('hunter')
  }
})
