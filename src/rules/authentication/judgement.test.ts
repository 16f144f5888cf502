import { describe, expect, test } from 'vitest'
import { judge } from '../../check/judge.ts'
import { enableRules } from '../../check/rule-settings.ts'
import { parseAuthentication } from '../../sources/authentication/parse.ts'
import { allRules } from '../registry.ts'

const missing = { kind: 'missing' } as const
const noFiles = { read: () => missing, list: () => missing }
const rules = enableRules(
  allRules.filter(({ category }) => category === 'authentication'),
  {},
)

function judged(text: string) {
  const subject = parseAuthentication('pg_hba.conf', text, noFiles, 17)
  const matter = {
    histories: [],
    surroundings: [{ kind: 'authentication', subject } as const],
    unreadable: [],
    ignores: [],
    released: new Set<string>(),
  }
  const options = { major: 17, all: true, knownRules: [], today: '2026-01-01' } as const
  return judge(matter, rules, options).findings
}

/** Each finding as `line severity rule`. */
function found(text: string): string[] {
  return judged(text).map(({ location, severity, rule }) => {
    return `${location.kind === 'file' ? location.line : '?'} ${severity} ${rule}`
  })
}

const initdb = (local: string, host: string) => `local all all ${local}
host all all 127.0.0.1/32 ${host}
host all all ::1/128 ${host}
local replication all ${local}
host replication all 127.0.0.1/32 ${host}
host replication all ::1/128 ${host}
`

describe('files that everybody has', () => {
  test.each([
    ['initdb with peer and scram-sha-256', initdb('peer', 'scram-sha-256'), []],
    [
      'initdb with ident and md5, of old packages',
      initdb('ident', 'md5'),
      [2, 3, 5, 6].map((n) => `${n} warning no-hba-md5`),
    ],
    ['initdb with trust, of an embedded server', initdb('trust', 'trust'), ['1 warning no-hba-trust']],
    [
      'the container image',
      `${initdb('trust', 'trust')}\nhost all all all scram-sha-256\n`,
      ['1 warning no-hba-trust', '8 warning no-hba-open-network'],
    ],
    [
      'the container image without a password',
      `${initdb('trust', 'trust')}\nhost all all all trust\n`,
      ['1 warning no-hba-trust', '8 error no-hba-trust'],
    ],
    [
      'a cloud that rejects what is not encrypted',
      'local all postgres peer\nhostnossl all all all reject\nhost shop app 0.0.0.0/0 scram-sha-256\n',
      ['3 note no-hba-open-network'],
    ],
    ['a private network', 'local all all peer\nhost all all samenet scram-sha-256\n', ['2 note require-hba-tls']],
  ])('%s', (_, text, findings) => {
    expect(found(text)).toEqual(findings)
  })
})

test.each([
  ['hostssl all all 10.0.0.0/8 password', ['1 warning no-hba-plaintext-password']],
  ['host all all samehost password', ['1 note no-hba-plaintext-password']],
  ['hostssl all all 10.0.0.0/8 ldap ldapprefix=x', []],
  ['host all postgres 10.0.0.7/32 reject', []],
  ['hostssl all postgres 10.0.0.7/32 scram-sha-256', ['1 note no-hba-remote-superuser']],
  ['hostssl all postgres 10.0.0.0/8 scram-sha-256', ['1 warning no-hba-remote-superuser']],
  ['hostssl all postgres all cert', ['1 warning no-hba-remote-superuser']],
  ['host all postgres all reject\nhostssl all postgres all cert', ['2 warning no-hba-shadowed-line']],
  ['host all all 127.0.0.1/32 ident', []],
  ['host all all 10.0.0.0/8 gss', []],
  ['hostgssenc all all 0.0.0.0/0 gss', []],
  ['host all all all reject', []],
  ['hostssl all all 10.0.0.0/8 ldap ldapbasedn=x ldapbindpasswd=changeme', []],
  ['local all all peer\nlocal all all peer', ['2 note no-hba-shadowed-line']],
  ['local all all peer\nlocal all old reject', ['2 error no-hba-shadowed-line']],
  ['# nobody', ['1 error no-hba-invalid-line']],
])('%j', (text, findings) => {
  expect(found(text)).toEqual(findings)
})

test('says which connections a line lets in', () => {
  const message = (text: string) => judged(text)[0]?.message
  expect(message('host all all all trust')).toContain('every user of every database from any address, also without TLS')
  expect(message('hostssl replication +staff ::/0 md5')).toContain('members of staff for physical replication')
  expect(message('host sameuser,shop a,/^b 10.0.0.0 255.0.255.0 ident')).toContain(
    'user a and users that match ^b of the database of their name and database shop from 10.0.0.0 255.0.255.0',
  )
})
