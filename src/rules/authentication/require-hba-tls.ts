import type { AuthenticationMethod } from '../../findings/authentication.ts'
import { defineRule } from '../rule.ts'
import { connectionsOf } from './connections.ts'
import { lineVerdict } from './line-verdict.ts'
import { isFromAnywhere, isFromItself, isFromPrivateNetwork, isReachedPlain, reachOf } from './matching.ts'

/** Those of which no other rule says that they go without TLS. */
const methods: readonly AuthenticationMethod[] = ['scram-sha-256', 'md5', 'oauth']

export default defineRule({
  id: 'require-hba-tls',
  since: '0.1.0',
  severity: 'warning',
  category: 'authentication',
  subject: 'authentication',
  about: 'file',
  needs: ['source', 'catalog'],
  summary: 'A line of pg_hba.conf that takes connections of other machines without TLS',
  why:
    'SCRAM keeps the password from those on the way, nothing else: they read and change what goes over the ' +
    'connection. host takes whatever the client asks for, and most drivers go on without TLS when it is not offered ' +
    'or somebody on the way says so.',
  instead:
    'hostssl for host, or a line `hostnossl all all all reject` before it. In a private network it is a note: whether ' +
    'all that is in it may read along is for its owner to say.',
  examples: [
    {
      title: 'A network of others',
      bad: 'local all all peer\nhost shop shop 198.51.100.0/24 scram-sha-256',
      at: 'host shop shop 198.51.100.0/24 scram-sha-256',
      good: 'local all all peer\nhostssl shop shop 198.51.100.0/24 scram-sha-256',
    },
    {
      title: 'Connections without TLS are rejected first',
      bad: 'hostnossl shop shop 10.0.0.0/8 scram-sha-256',
      at: 'hostnossl shop shop 10.0.0.0/8 scram-sha-256',
      good: 'hostnossl all all all reject\nhost shop shop 10.0.0.0/8 scram-sha-256',
    },
  ],
  sources: [
    'https://www.postgresql.org/docs/17/auth-pg-hba-conf.html',
    'https://www.postgresql.org/docs/17/libpq-ssl.html#LIBPQ-SSL-SSLMODE-STATEMENTS',
  ],
  options: {},
  claims: [],
  *check(authentication) {
    for (const reach of reachOf(authentication.records)) {
      const { record } = reach
      if (record.type === 'local' || !methods.includes(record.method)) continue
      // no-hba-open-network says it of all addresses.
      if (!isReachedPlain(reach) || isFromItself(record) || isFromAnywhere(record)) continue
      yield lineVerdict(authentication, record, {
        message: `${record.method} lets in ${connectionsOf(record)}`,
        severity: isFromPrivateNetwork(record) ? 'note' : 'warning',
        next: 'Write hostssl for the type, once every client has sslmode=require or better.',
      })
    }
  },
})
