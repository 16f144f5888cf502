import type { AuthenticationMethod } from '../../findings/authentication.ts'
import { defineRule } from '../rule.ts'
import { connectionsOf } from './connections.ts'
import { lineVerdict } from './line-verdict.ts'
import { isFromItself, isReachedPlain, reachOf } from './matching.ts'
import type { Reach } from './matching.ts'

/** The client sends the password as it is, and the server asks somebody else about it. */
const askingOthers: readonly AuthenticationMethod[] = ['ldap', 'radius', 'pam', 'bsd']

export default defineRule({
  id: 'no-hba-plaintext-password',
  since: '0.1.0',
  severity: 'error',
  category: 'authentication',
  subject: 'authentication',
  about: 'file',
  needs: ['source', 'catalog'],
  summary: 'A line of pg_hba.conf by which clients send their password as it is',
  why:
    'With password, ldap, radius, pam and bsd the password itself goes over the connection. Without TLS everybody on ' +
    'the way reads it. With TLS the server still gets it, so one that only pretends to be the server, or that somebody ' +
    'has broken into, collects the passwords of all who log in. With scram-sha-256 it never learns them.',
  instead: 'scram-sha-256 for password; hostssl for ldap, radius, pam and bsd, which need the password.',
  examples: [
    {
      title: 'The method password',
      bad: 'local all all peer\nhost shop shop 10.0.0.0/8 password',
      at: 'host shop shop 10.0.0.0/8 password',
      good: 'local all all peer\nhostssl shop shop 10.0.0.0/8 scram-sha-256',
    },
    {
      title: 'LDAP asks for the password, too',
      bad: 'host shop reporting 10.2.0.0/16 ldap ldapserver=ldap.example.com ldapprefix="uid="',
      at: 'host shop reporting 10.2.0.0/16 ldap ldapserver=ldap.example.com ldapprefix="uid="',
      good: 'hostssl shop reporting 10.2.0.0/16 ldap ldapserver=ldap.example.com ldapprefix="uid="',
    },
    {
      title: 'What is not encrypted was turned away before',
      bad: 'host shop reporting 10.2.0.0/16 pam',
      at: 'host shop reporting 10.2.0.0/16 pam',
      good: 'hostnossl all all all reject\nhost shop reporting 10.2.0.0/16 pam',
    },
  ],
  sources: ['https://www.postgresql.org/docs/17/auth-password.html'],
  options: {},
  claims: [],
  *check(authentication) {
    for (const reach of reachOf(authentication.records)) {
      const { record, channels } = reach
      if (channels.size === 0) continue
      const isReadable = isReachedPlain(reach) && !isFromItself(record)
      if (record.method !== 'password' && !(askingOthers.includes(record.method) && isReadable)) continue
      const way = isReadable ? 'and not only over TLS' : 'and the server learns it'
      yield lineVerdict(authentication, record, {
        message: `${record.method} lets in ${connectionsOf(record)}: clients send the password as it is, ${way}`,
        severity: severityOf(reach, isReadable),
        next:
          record.method === 'password'
            ? `Write scram-sha-256 for password${isReadable ? ', and hostssl for the type' : ''}.`
            : 'Write hostssl for the type.',
      })
    }
  },
})

function severityOf({ record }: Reach, isReadable: boolean): 'error' | 'warning' | 'note' {
  if (isReadable) return 'error'
  return isFromItself(record) ? 'note' : 'warning'
}
