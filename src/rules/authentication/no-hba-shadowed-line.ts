import type { Severity } from '../../findings/finding.ts'
import { defineRule } from '../rule.ts'
import { lineText, lineVerdict, lineWords } from './line-verdict.ts'
import { reachOf } from './matching.ts'
import type { Reach } from './matching.ts'

export default defineRule({
  id: 'no-hba-shadowed-line',
  since: '0.1.0',
  severity: 'warning',
  category: 'authentication',
  subject: 'authentication',
  about: 'file',
  needs: ['source', 'catalog'],
  summary: 'A line of pg_hba.conf that is never reached, because earlier lines take all of its connections',
  why:
    'The first line that matches a connection decides, and no other is tried after it, not even when the password was ' +
    'wrong. A line below a wider one does nothing: a reject that turns nobody away, or a stricter method that nobody ' +
    'has to pass.',
  instead: 'Narrow lines first, wide ones last; and take away what is never reached.',
  examples: [
    {
      title: 'A reject that comes too late',
      bad: 'hostssl all all 10.0.0.0/8 scram-sha-256\nhostssl all former 10.1.0.0/16 reject',
      at: 'hostssl all former 10.1.0.0/16 reject',
      good: 'hostssl all former 10.1.0.0/16 reject\nhostssl all all 10.0.0.0/8 scram-sha-256',
    },
    {
      title: 'Several lines together take all of it',
      bad: 'hostssl all all 10.0.0.0/8 cert\nhostnossl all all 10.0.0.0/8 reject\nhost shop shop 10.0.0.7/32 scram-sha-256',
      at: 'host shop shop 10.0.0.7/32 scram-sha-256',
      good: 'hostssl all all 10.0.0.0/8 cert\nhost shop shop 10.0.0.7/32 scram-sha-256',
    },
    {
      title: 'all is not replication',
      bad: 'hostssl replication all 10.0.0.0/8 cert\nhostssl replication standby 10.0.0.0/8 scram-sha-256',
      at: 'hostssl replication standby 10.0.0.0/8 scram-sha-256',
      good: 'hostssl all all 10.0.0.0/8 cert\nhostssl replication standby 10.0.0.0/8 scram-sha-256',
    },
  ],
  sources: ['https://www.postgresql.org/docs/17/auth-pg-hba-conf.html'],
  options: {},
  claims: [],
  *check(authentication) {
    for (const reach of reachOf(authentication.records)) {
      const { record, channels, shadows } = reach
      if (channels.size > 0) continue
      const takers = shadows.map(({ at, method }) => `${lineWords(at, record.at)} (${method})`)
      yield lineVerdict(authentication, record, {
        message: `never reached: ${takers.join(' and ')} ${takers.length === 1 ? 'takes' : 'take'} all of its connections first`,
        severity: severityOf(reach),
        next: 'Move it above the lines that take its connections, or take it away.',
        related: shadows.map((other) => ({ record: other, message: `takes them first: ${lineText(other)}` })),
      })
    }
  },
})

/** Whether it makes a difference, and to the worse. */
function severityOf({ record, shadows }: Reach): Severity {
  if (record.method === 'reject' && shadows.some(({ method }) => method !== 'reject')) return 'error'
  return shadows.every(({ method }) => method === record.method) ? 'note' : 'warning'
}
