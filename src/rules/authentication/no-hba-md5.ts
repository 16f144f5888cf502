import { defineRule } from '../rule.ts'
import { connectionsOf } from './connections.ts'
import { lineVerdict } from './line-verdict.ts'
import { reachOf } from './matching.ts'

export default defineRule({
  id: 'no-hba-md5',
  since: '0.1.0',
  severity: 'warning',
  category: 'authentication',
  subject: 'authentication',
  about: 'file',
  needs: ['source', 'catalog'],
  summary: 'A line of pg_hba.conf with md5',
  why:
    'What the server keeps for an md5 password is enough to log in with: whoever sees pg_authid once, in a backup for ' +
    'example, needs no password. MD5 itself is quick to guess, and its salt is the user’s name. md5 also takes ' +
    'passwords that are kept for SCRAM, so the line says nothing of how safe they are. PostgreSQL 18 calls it ' +
    'deprecated; a later version is to remove it.',
  instead:
    'scram-sha-256, once every password is kept for SCRAM: SHOW password_encryption, then each user sets their ' +
    "password again. SELECT rolname FROM pg_authid WHERE rolpassword LIKE 'md5%' shows who is left.",
  examples: [
    {
      title: 'A line from before PostgreSQL 14',
      bad: 'local all all peer\nhost all all 127.0.0.1/32 md5',
      at: 'host all all 127.0.0.1/32 md5',
      good: 'local all all peer\nhost all all 127.0.0.1/32 scram-sha-256',
    },
  ],
  sources: [
    'https://www.postgresql.org/docs/17/auth-password.html',
    'https://www.postgresql.org/docs/18/release-18.html',
  ],
  options: {},
  claims: [],
  *check(authentication) {
    for (const { record, channels } of reachOf(authentication.records)) {
      if (record.method !== 'md5' || channels.size === 0) continue
      yield lineVerdict(authentication, record, {
        message: `md5 lets in ${connectionsOf(record)}; what the server keeps of an md5 password is enough to log in`,
        next:
          "Set password_encryption to scram-sha-256, set the passwords that pg_authid has as 'md5…' again, then write " +
          'scram-sha-256 here.',
      })
    }
  },
})
