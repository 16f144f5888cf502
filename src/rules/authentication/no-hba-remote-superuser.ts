import type { AuthenticationRecord } from '../../findings/authentication.ts'
import type { Severity } from '../../findings/finding.ts'
import { defineRule } from '../rule.ts'
import { addressWords } from './connections.ts'
import { lineVerdict } from './line-verdict.ts'
import { isFromAnywhere, isFromItself, isFromOneHost, reachOf } from './matching.ts'
import { proves } from './proof.ts'

export default defineRule({
  id: 'no-hba-remote-superuser',
  since: '0.1.0',
  severity: 'error',
  category: 'authentication',
  subject: 'authentication',
  about: 'file',
  needs: ['source', 'catalog'],
  summary: 'A line of pg_hba.conf that lets a superuser in from another machine',
  why:
    'A superuser reads every file of the server’s account and runs programs by it: one guessed password is the whole ' +
    'machine. Nothing that a client does needs that; a role with the rights of the task does.',
  instead:
    'Superusers over the socket with peer, and `host all postgres all reject` before the lines for all users. For work ' +
    'from elsewhere a role of one’s own that is a member of what it needs, or SET ROLE after login.',
  examples: [
    {
      title: 'The superuser from anywhere',
      bad: 'local all all peer\nhostssl all postgres 0.0.0.0/0 scram-sha-256',
      at: 'hostssl all postgres 0.0.0.0/0 scram-sha-256',
      good: 'local all all peer\nhost all postgres all reject\nhostssl shop app 10.0.0.0/8 scram-sha-256',
    },
  ],
  sources: ['https://www.postgresql.org/docs/17/role-attributes.html'],
  options: { users: { description: 'The superusers, with commas between them.', default: 'postgres' } },
  claims: [],
  *check(authentication, { options }) {
    const superusers = String(options['users'])
      .split(',')
      .map((name) => name.trim())
    for (const { record, channels, shadows } of reachOf(authentication.records)) {
      if (record.type === 'local' || record.method === 'reject' || isFromItself(record)) continue
      const named = record.users.find(({ text }) => superusers.includes(text))
      // What an earlier line takes from it is let in by that one, unless it rejects.
      if (named === undefined || (channels.size === 0 && shadows.every(({ method }) => method === 'reject'))) continue
      yield lineVerdict(authentication, record, {
        message: `${record.method} lets in the superuser ${named.text} from ${addressWords(record.address)}`,
        severity: severityOf(record),
        next: `Take ${named.text} out of this line; let it in over the socket with peer, and give remote work a role of its own.`,
      })
    }
  },
})

function severityOf(record: Exclude<AuthenticationRecord, { type: 'local' }>): Severity {
  if (isFromAnywhere(record)) return proves(record) ? 'warning' : 'error'
  return proves(record) || isFromOneHost(record) ? 'note' : 'warning'
}
