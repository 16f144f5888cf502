import { defineRule } from '../rule.ts'

export default defineRule({
  id: 'no-hba-invalid-line',
  since: '0.1.0',
  severity: 'error',
  category: 'authentication',
  subject: 'authentication',
  about: 'file',
  needs: ['source', 'catalog'],
  summary: 'A line of pg_hba.conf that the server refuses',
  why:
    'With one line that it refuses the server does not start. A running one keeps the rules that it had, and says so in ' +
    'its log only: what was changed, a reject for example, does not come into force.',
  instead:
    'Mend the line. On a server, SELECT * FROM pg_hba_file_rules WHERE error IS NOT NULL shows each one before a reload. ' +
    'What depends on how the server was built, and whether it has TLS, a file does not show.',
  examples: [
    {
      title: 'A method that does not exist',
      bad: 'local all all peer\nhost all all 10.0.0.0/8 scram-sha256',
      at: 'host all all 10.0.0.0/8 scram-sha256',
      good: 'local all all peer\nhost all all 10.0.0.0/8 scram-sha-256',
    },
    {
      title: 'An address without its mask',
      bad: 'local all all peer\nhostssl all all 10.0.0.7 scram-sha-256',
      at: 'hostssl all all 10.0.0.7 scram-sha-256',
      good: 'local all all peer\nhostssl all all 10.0.0.7/32 scram-sha-256',
    },
    {
      title: 'A file that is not there',
      bad: 'local all all peer\ninclude replication.conf',
      at: 'include replication.conf',
      good: 'local all all peer\ninclude_if_exists replication.conf',
    },
    {
      title: 'A method of PostgreSQL 18',
      bad: 'hostssl all all 10.0.0.0/8 oauth issuer=https://login.example.com scope=openid',
      at: 'hostssl all all 10.0.0.0/8 oauth issuer=https://login.example.com scope=openid',
      good: 'hostssl all all 10.0.0.0/8 scram-sha-256',
      majors: [16, 17],
    },
  ],
  sources: [
    'https://www.postgresql.org/docs/17/auth-pg-hba-conf.html',
    'https://www.postgresql.org/docs/17/view-pg-hba-file-rules.html',
  ],
  options: {},
  claims: [],
  *check({ from, faults, unread }) {
    for (const { at, message } of faults) {
      yield {
        kind: 'finding',
        message: `the server refuses this: ${message}`,
        at,
        evidence: [
          from === 'file'
            ? { kind: 'source', text: message }
            : { kind: 'catalog', facts: { 'pg_hba_file_rules.error': message } },
        ],
        next: 'Mend the line. On the server, pg_hba_file_rules shows each line with its error.',
        identity: message,
        object: `refused line: ${message}`,
      }
    }
    for (const { at, needs } of unread) yield { kind: 'unknown', needs, ...('span' in at && { file: at.file }) }
  },
})
