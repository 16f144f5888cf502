import { expect, test } from 'vitest'
import { parseAuthentication } from './parse.ts'

const missing = { kind: 'missing' } as const
const noFiles = { read: () => missing, list: () => missing }

function faultOf(line: string, major: number): string | undefined {
  return parseAuthentication('pg_hba.conf', line, noFiles, major).faults[0]?.message
}

// As PostgreSQL 17 says that is built with LDAP, PAM and GSSAPI, which the servers of the other tests are not.
const needsBase = 'authentication method "ldap" requires argument "ldapbasedn", "ldapprefix", or "ldapsuffix" to be set'
const mixed =
  'cannot use ldapbasedn, ldapbinddn, ldapbindpasswd, ldapsearchattribute, ldapsearchfilter, or ldapurl together with ldapprefix'
const bothSearches = 'cannot use ldapsearchattribute together with ldapsearchfilter'

test.each([
  ['ldap', needsBase],
  ['ldap ldapserver=h ldapprefix=x', undefined],
  ['ldap ldapserver=h ldapprefix=x ldapbasedn=y', mixed],
  ['ldap ldapbasedn=', undefined],
  ['ldap ldapbasedn=y ldapsearchattribute=a ldapsearchfilter=b', bothSearches],
  ['ldap ldapurl=ldap://h', needsBase],
  ['ldap ldapurl=ldap://h/', undefined],
  ['ldap ldapurl=ldap://h/?uid', undefined],
  ['ldap ldapurl=ldap://h/dc=x?uid?sub', undefined],
  ['ldap ldapurl=ldap://h/dc=x?uid?sub?(f=1)', bothSearches],
  ['ldap ldapurl=ldap://h/dc=x??sub?(f=1)', undefined],
  ['ldap ldapurl=ldaps://h/dc=x ldapprefix=x', mixed],
  ['ldap ldapurl=LDAP:///dc=x', undefined],
  ['ldap ldapurl=ldapi://h/dc=x', 'unsupported LDAP URL scheme: ldapi'],
  ['ldap ldapurl=http://h/dc=x', 'could not parse LDAP URL "http://h/dc=x"'],
  ['ldap ldapport=0 ldapbasedn=x', 'invalid LDAP port number: "0"'],
  ['ldap ldapport=389x ldapbasedn=x', undefined],
  ['ldap ldapscheme=ftp ldapbasedn=x', undefined],
  ['pam pamservice=x pam_use_hostname=1', undefined],
  ['gss include_realm=0 krb_realm=X map=q', undefined],
  ['gss compat_realm=0', 'authentication option "compat_realm" is only valid for authentication methods sspi'],
])('%s', (method, fault) => {
  expect(faultOf(`host all all 10.0.0.0/8 ${method}`, 17)).toBe(fault)
})

test.each([
  ['cert clientcert=verify-ca', 'clientcert can only be set to "verify-full" when using "cert" authentication'],
  ['cert clientname=DN map=x', undefined],
  ['ldap ldapbasedn=x clientcert=verify-full', undefined],
])('over TLS: %s', (method, fault) => {
  expect(faultOf(`hostssl all all 10.0.0.0/8 ${method}`, 17)).toBe(fault)
})

test('PostgreSQL 18 knows oauth, and has other words', () => {
  const oauth = 'local all all oauth issuer=https://login.example.com scope=openid'
  expect(faultOf(oauth, 17)).toBe('invalid authentication method "oauth"')
  expect(faultOf(oauth, 18)).toBeUndefined()
  expect(faultOf(`${oauth} map=x delegate_ident_mapping=1`, 18)).toBe(
    'map cannot be used in combination with delegate_ident_mapping',
  )
  expect(faultOf('local all all ldap ldapprefix=x ldapbasedn=y', 18)).toBe(
    'cannot mix options for simple bind and search+bind modes',
  )
})
