import type { AuthenticationRecord } from '../../findings/authentication.ts'
import { defineRule } from '../rule.ts'
import { connectionsOf } from './connections.ts'
import { lineVerdict } from './line-verdict.ts'
import { isFromAnywhere, isKeyword, isReachedPlain, reachOf } from './matching.ts'
import { proves } from './proof.ts'

export default defineRule({
  id: 'no-hba-open-network',
  since: '0.1.0',
  severity: 'warning',
  category: 'authentication',
  subject: 'authentication',
  about: 'file',
  needs: ['source', 'catalog'],
  summary: 'A line of pg_hba.conf for all addresses: all, 0.0.0.0/0, ::/0',
  why:
    'Whoever reaches the port may try passwords, as often as they like: PostgreSQL does not lock an account. Firewalls ' +
    'and private networks change without anybody looking at pg_hba.conf, which is then the last thing in the way. ' +
    'all for the users is the superuser, too.',
  instead:
    'The networks that clients come from, hostssl, and the users and databases that are meant. Where clients come from ' +
    'everywhere: certificates (clientcert=verify-full), or a pooler or VPN in front.',
  examples: [
    {
      title: 'The line that the container image adds',
      bad: 'local all all peer\nhost all all all scram-sha-256',
      at: 'host all all all scram-sha-256',
      good: 'local all all peer\nhostssl all all 10.0.0.0/8 scram-sha-256',
    },
    {
      title: 'Any IPv6 address',
      bad: 'hostssl shop all ::/0 scram-sha-256',
      at: 'hostssl shop all ::/0 scram-sha-256',
      good: 'hostssl shop all ::/0 scram-sha-256 clientcert=verify-full',
    },
  ],
  sources: ['https://www.postgresql.org/docs/17/auth-pg-hba-conf.html'],
  options: {},
  claims: [],
  *check(authentication) {
    for (const reach of reachOf(authentication.records)) {
      const { record, channels } = reach
      if (channels.size === 0 || !isFromAnywhere(record) || proves(record)) continue
      // no-hba-trust says it of these; nobody gets in by the others.
      if (record.method === 'trust' || record.method === 'reject') continue
      const isPlain = isReachedPlain(reach)
      yield lineVerdict(authentication, record, {
        message: `${record.method} lets in ${connectionsOf(record)}`,
        severity: isPlain || isForAll(record) ? 'warning' : 'note',
        next: `Name the networks that clients come from${isPlain ? ', and write hostssl for the type' : ''}.`,
      })
    }
  },
})

function isForAll({ databases, users }: AuthenticationRecord): boolean {
  return [...databases, ...users].some((name) => isKeyword(name, 'all'))
}
