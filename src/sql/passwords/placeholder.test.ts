import { describe, expect, it } from 'vitest'
import { hostLooks, passwordLooks } from './placeholder.ts'

describe('passwordLooks', () => {
  it.each([
    ...[
      '${DB_PASSWORD}',
      '$PGPASSWORD',
      '$(cat x)',
      '{{ password }}',
      '<%= pw %>',
      '%s',
      '<password>',
      '[YOUR-PASSWORD]',
    ],
    ...[
      '****',
      'xxxx',
      '...',
      'ENC[AES256_GCM,data:a]',
      'vault:secret/db',
      'op://a/b',
      '!Ref Password',
      '/run/secrets/db',
    ],
    ...['DB_PASSWORD', 'get_secret(', ''],
  ])('%j is put in by something else', (value) => expect(passwordLooks(value)).toBe('absent'))

  it.each([
    ...[
      'password',
      'Passw0rd',
      'P@ssw0rd!',
      'changeme',
      'change-me',
      'my_secret_password',
      'YourStrongPassword',
      'secret123',
    ],
    ...['postgres', 'test', '123456', 'abc', 'replace-me-with-a-random-string', 'not-a-real-password', 'hunter2'],
  ])('%j is a placeholder', (value) => expect(passwordLooks(value)).toBe('placeholder'))

  it('what repeats the user or the database is a placeholder', () => {
    expect(passwordLooks('shop', ['shop', undefined])).toBe('placeholder')
    expect(passwordLooks('shop', ['store'])).toBe('real')
  })

  it.each([
    ...[
      ['wide', 'Plum', '41'].join('-'),
      ['kT9', 'vRq2', 'LwZx7'].join(''),
      ['shop', 'Not', 'A', 'Secret', '1'].join('-'),
    ],
    ...[['pass', '84629174'].join('word'), ['$', 'ecret', '-Zq9'].join('')],
  ])('%j may be one', (value) => expect(passwordLooks(value)).toBe('real'))
})

describe('hostLooks', () => {
  it.each([
    ['local', ['localhost', '127.0.0.1', '::1', '[::1]', '', '/var/run/postgresql', 'host.docker.internal', 'db.test']],
    ['example', ['example.com', 'db.example.com', 'host', 'hostname', 'your-host', 'my-db-host.com', 'h', '192.0.2.1']],
    ['service', ['db', 'postgres', 'pgbouncer-sidecar']],
    ['remote', ['db.shop.internal', '10.0.4.7', 'shop.abc.eu-west-1.rds.amazonaws.com', 'pg.data.svc.cluster.local']],
    ['unknown', [undefined, '${DB_HOST}', '<host>', '{{ host }}', '*']],
  ] as const)('%s', (expected, hosts) => {
    expect(hosts.map(hostLooks)).toEqual(hosts.map(() => expected))
  })
})
