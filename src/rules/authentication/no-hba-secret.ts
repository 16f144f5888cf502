import { hiddenSecret, secretOptions } from '../../findings/authentication.ts'
import { defineRule } from '../rule.ts'
import { lineText } from './line-verdict.ts'

export default defineRule({
  id: 'no-hba-secret',
  since: '0.1.0',
  severity: 'error',
  category: 'authentication',
  subject: 'authentication',
  about: 'file',
  needs: ['source'],
  summary: 'A password in a pg_hba.conf of the repository: ldapbindpasswd, radiussecrets',
  why:
    'Whoever reads the repository, or any copy of it ever made, can ask the directory with the server’s account or ' +
    'answer for the RADIUS server. PostgreSQL has no other place for these values than its files.',
  instead:
    'Keep that line in a file of the server alone, and include it: include /etc/postgresql/hba_secret.conf. Or a simple ' +
    'bind (ldapprefix, ldapsuffix), which needs no account. Change the secret: removing the line does not take it out ' +
    'of the history.',
  examples: [
    {
      title: 'The account that searches the directory',
      bad: 'hostssl all all 10.0.0.0/8 ldap ldapserver=ldap.example.com ldapbasedn="dc=example" ldapbinddn="cn=pg" ldapbindpasswd="2B9mRz!x"',
      at: 'ldapbindpasswd',
      good: 'hostssl all all 10.0.0.0/8 ldap ldapserver=ldap.example.com ldapprefix="uid=" ldapsuffix=",dc=example"',
    },
    {
      title: 'The secret shared with the RADIUS server',
      bad: 'hostssl all all 10.0.0.0/8 radius radiusservers=127.0.0.1 radiussecrets=2B9mRz4x',
      at: 'radiussecrets',
      good: 'hostssl all all 10.0.0.0/8 scram-sha-256\ninclude /etc/postgresql/hba_secret.conf',
    },
  ],
  sources: ['https://www.postgresql.org/docs/17/auth-ldap.html', 'https://www.postgresql.org/docs/17/auth-radius.html'],
  options: {},
  claims: [],
  *check({ from, records }) {
    // A server's own file is where it belongs.
    if (from === 'server') return
    for (const record of records) {
      for (const { name, value, at } of record.options) {
        if (!secretOptions.has(name) || value !== hiddenSecret) continue
        yield {
          kind: 'finding',
          message: `${name} is a password, and it stands in the repository`,
          at,
          evidence: [{ kind: 'source', text: `${lineText(record)} ${name}=${hiddenSecret}` }],
          next: 'Change it where it is kept, and move this line to a file of the server alone that this one includes.',
          identity: `${lineText(record)} ${name}`,
        }
      }
    }
  },
})
