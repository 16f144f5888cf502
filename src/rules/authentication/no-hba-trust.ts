import { defineRule } from '../rule.ts'
import { connectionsOf } from './connections.ts'
import { lineVerdict } from './line-verdict.ts'
import { isFromItself, reachOf } from './matching.ts'

export default defineRule({
  id: 'no-hba-trust',
  since: '0.1.0',
  severity: 'error',
  category: 'authentication',
  subject: 'authentication',
  about: 'file',
  needs: ['source', 'catalog'],
  summary: 'A line of pg_hba.conf with trust: whoever comes is whom they say they are',
  why:
    'trust asks for nothing. Whoever reaches the server over such a line names any user, a superuser too, and a ' +
    'superuser runs programs on the machine. On the machine itself that is every process of every account: a web ' +
    'application that can be made to open a connection is enough, and so is dblink.',
  instead:
    'scram-sha-256, and peer for the socket. For a throw-away server of a developer’s machine turn the rule off in ' +
    'kei.jsonc or say in an ignore comment that it is one.',
  examples: [
    {
      title: 'A network that is trusted',
      bad: 'local all all peer\nhost all all 10.0.0.0/8 trust',
      at: 'host all all 10.0.0.0/8 trust',
      good: 'local all all peer\nhostssl all all 10.0.0.0/8 scram-sha-256',
    },
    {
      title: 'What initdb writes when it is not told otherwise: one finding for the machine itself',
      bad: 'local all all trust\nhost all all 127.0.0.1/32 trust\nhost all all ::1/128 trust',
      at: 'local all all trust',
      good: 'local all all peer\nhost all all 127.0.0.1/32 scram-sha-256\nhost all all ::1/128 scram-sha-256',
    },
  ],
  sources: ['https://www.postgresql.org/docs/17/auth-trust.html'],
  options: {},
  claims: [],
  *check(authentication) {
    const trusted = reachOf(authentication.records).filter(
      ({ record, channels }) => record.method === 'trust' && channels.size > 0,
    )
    const [own, ...others] = trusted.map(({ record }) => record).filter(isFromItself)
    if (own !== undefined) {
      yield lineVerdict(authentication, own, {
        message: `trust lets in ${connectionsOf(own)}, and asks for nothing: every account of the machine is every such user`,
        severity: 'warning',
        next: 'Write peer for the socket and scram-sha-256 for the addresses of the machine.',
        related: others.map((record) => ({ record, message: `trust, too: ${connectionsOf(record)}` })),
      })
    }
    for (const { record } of trusted) {
      if (isFromItself(record)) continue
      yield lineVerdict(authentication, record, {
        message: `trust lets in ${connectionsOf(record)}, and asks for nothing`,
        next: 'Write scram-sha-256 for trust, and hostssl for host.',
      })
    }
  },
})
