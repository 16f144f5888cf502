import { isEnvironmentFile } from '../../sql/passwords/environment-file.ts'
import { defineRule } from '../rule.ts'
import { describePassword, exposedPasswords } from './exposed-password.ts'

// Put together, so that this file has no password in it.
const password = ['wide', 'Gr4pe', '41'].join('-')

export default defineRule({
  id: 'no-connection-password',
  since: '0.1.0',
  severity: 'error',
  category: 'secrets',
  subject: 'text',
  about: 'file',
  needs: ['source'],
  summary: 'A password of a PostgreSQL connection written in a file',
  why:
    'Whoever can read the repository can log in: every fork, every CI job, every laptop that was ever lost, and ' +
    'everybody who will ever see its history. Deleting the line does not take it back.',
  instead:
    'Let the environment, a secret store or a password file outside the repository hold it, and write a reference: ' +
    '${DB_PASSWORD} in compose and CI files, secretKeyRef in Kubernetes, process.env in code. Placeholders (changeme, ' +
    '<password>) and hosts that cannot exist (example.com) are not found; a password for the own machine is a note.',
  examples: [
    {
      title: 'A URL in the code',
      bad: [{ file: 'src/database.ts', text: `const url = 'postgres://shop:${password}@db.shop.internal/shop'` }],
      at: password,
      good: [{ file: 'src/database.ts', text: "const url = process.env['DATABASE_URL']" }],
    },
    {
      title: 'A compose file',
      bad: [
        {
          file: 'docker-compose.yml',
          text: `services:\n  db:\n    image: postgres:17\n    environment:\n      POSTGRES_PASSWORD: ${password}`,
        },
      ],
      at: password,
      good: [
        {
          file: 'docker-compose.yml',
          text: 'services:\n  db:\n    image: postgres:17\n    environment:\n      POSTGRES_PASSWORD: ${POSTGRES_PASSWORD:?}',
        },
      ],
    },
    {
      title: 'PgBouncer’s databases',
      bad: [
        {
          file: 'pgbouncer.ini',
          text: `[databases]\nshop = host=10.0.4.7 dbname=shop user=shop password=${password} pool_size=20`,
        },
      ],
      at: password,
      good: [{ file: 'pgbouncer.ini', text: '[databases]\nshop = host=10.0.4.7 dbname=shop pool_size=20' }],
    },
  ],
  sources: [
    'https://www.postgresql.org/docs/17/libpq-connect.html#LIBPQ-CONNSTRING',
    'https://www.postgresql.org/docs/17/libpq-pgpass.html',
    'https://cheatsheetseries.owasp.org/cheatsheets/Secrets_Management_Cheat_Sheet.html',
  ],
  options: {},
  claims: [],
  *check({ file, text, tracked }) {
    // Of those the whole file should not be there: no-committed-env.
    if (isEnvironmentFile(file)) return
    for (const { password, severity, again } of exposedPasswords(file, text, ({ of }) => of === 'postgres')) {
      const where = describePassword(password)
      yield {
        kind: 'finding',
        severity,
        message: `the password in ${where} stands in clear text`,
        at: { file, text, span: password.span },
        evidence: [{ kind: 'source', text: `${where}, here without the password` }],
        next: nextStep(severity === 'note', tracked !== false),
        related: again.map(({ span }) => ({ at: { file, text, span }, message: 'the same password' })),
        // Never made of the password: a fingerprint is a hash that could be tried out.
        identity: where,
      }
    }
  },
})

function nextStep(isNote: boolean, isShared: boolean): string {
  const reference = 'put it into the environment or a secret store, and write a reference to it here'
  if (isNote) return `If it opens anything but a machine of one’s own, change it; then ${reference}.`
  if (!isShared) return `Before the file is added to git: ${reference}.`
  return `Change the password on the server first (\\password in psql): it counts as known. Then ${reference}.`
}
