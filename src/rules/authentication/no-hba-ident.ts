import { defineRule } from '../rule.ts'
import { connectionsOf } from './connections.ts'
import { lineVerdict } from './line-verdict.ts'
import { isFromItself, reachOf } from './matching.ts'

export default defineRule({
  id: 'no-hba-ident',
  since: '0.1.0',
  severity: 'error',
  category: 'authentication',
  subject: 'authentication',
  about: 'file',
  needs: ['source', 'catalog'],
  summary: 'A line of pg_hba.conf that asks the client’s own machine who the client is',
  why:
    'ident asks a service of the machine that the connection comes from. Whoever owns that machine, or another one with ' +
    'an address of that network, has it answer what they like; the answer comes without encryption.',
  instead: 'scram-sha-256, or certificates. For the socket peer, which asks the kernel.',
  examples: [
    {
      title: 'A network whose machines are believed',
      bad: 'local all all peer\nhost all all 10.0.0.0/8 ident',
      at: 'host all all 10.0.0.0/8 ident',
      good: 'local all all ident\nhostssl all all 10.0.0.0/8 scram-sha-256',
    },
  ],
  sources: ['https://www.postgresql.org/docs/17/auth-ident.html'],
  options: {},
  claims: [],
  *check(authentication) {
    for (const { record, channels } of reachOf(authentication.records)) {
      if (record.method !== 'ident' || channels.size === 0 || isFromItself(record)) continue
      yield lineVerdict(authentication, record, {
        message: `ident lets in ${connectionsOf(record)}: as whom, the client’s machine says`,
        next: 'Write scram-sha-256 for ident.',
      })
    }
  },
})
