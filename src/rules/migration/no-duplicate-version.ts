import { defineRule } from '../rule.ts'
import type { MigrationSubject } from '../subject.ts'

export default defineRule({
  id: 'no-duplicate-version',
  since: '0.1.0',
  severity: 'error',
  category: 'migration',
  subject: 'history',
  about: 'file',
  needs: ['source'],
  summary: 'Two migrations of one folder have the same version',
  why:
    'A version names one migration in the history table. With two files of one version a runner applies one of them ' +
    'and takes the other for done, refuses to start, or applies them in an order that differs between machines. It ' +
    'usually comes from two branches that each took the next number.',
  instead:
    'Give the file that was merged last the next free version. Versions made of the time to the second ' +
    '(20261122153000) seldom meet; counted ones meet whenever two branches add a migration.',
  examples: [
    {
      title: 'Two branches took the same number',
      bad: [
        { file: '0001_create_customers.sql', text: 'CREATE TABLE customers (id bigint PRIMARY KEY);' },
        { file: '0001_create_orders.sql', text: 'CREATE TABLE orders (id bigint PRIMARY KEY);' },
      ],
      at: '',
      good: [
        { file: '0001_create_customers.sql', text: 'CREATE TABLE customers (id bigint PRIMARY KEY);' },
        { file: '0002_create_orders.sql', text: 'CREATE TABLE orders (id bigint PRIMARY KEY);' },
      ],
    },
    {
      title: 'Leading zeros do not make another number',
      bad: [
        { file: '7_add_customers.sql', text: 'CREATE TABLE customers (id bigint PRIMARY KEY);' },
        { file: '007_add_orders.sql', text: 'CREATE TABLE orders (id bigint PRIMARY KEY);' },
      ],
      at: '',
      good: [
        { file: '20261122153000_add_customers.sql', text: 'CREATE TABLE customers (id bigint PRIMARY KEY);' },
        { file: '20261122153001_add_orders.sql', text: 'CREATE TABLE orders (id bigint PRIMARY KEY);' },
      ],
    },
  ],
  sources: ['https://github.com/golang-migrate/migrate/blob/master/MIGRATIONS.md'],
  options: {},
  claims: [],
  *check(history) {
    const known = new Map<string, MigrationSubject>()
    for (const migration of history.migrations) {
      const number = numberOf(migration)
      const before = known.get(number)
      if (before === undefined) {
        known.set(number, migration)
        continue
      }
      // A released file keeps its version; the other one has to move.
      const [first, second] = migration.released && !before.released ? [migration, before] : [before, migration]
      known.set(number, first)
      const start = { start: 0, end: 0 }
      const [free] = history.newMigration({ name: second.name, up: '', down: '', outsideTransaction: false })
      yield {
        kind: 'finding',
        message: `version ${second.version} is already that of ${first.file}`,
        at: { file: second.file, text: second.text, span: start },
        evidence: [{ kind: 'source', text: second.file }],
        next: `Rename it to ${free?.file ?? 'the next free version'}, unless a database has applied it already.`,
        related: [{ at: { file: first.file, text: first.text, span: start }, message: 'has this version too' }],
        identity: second.version,
      }
    }
  },
})

/** What a version is to its tool, with one text for all ways to write it: a number, a text, numbers with dots. */
function numberOf({ layout, version }: MigrationSubject): string {
  if (layout === 'atlas' || layout === 'dbmate' || !/^[\d.]+$/.test(version)) return version
  const parts = version.split('.').map((part) => part.replace(/^0+(?=\d)/, ''))
  while (parts.length > 1 && parts.at(-1) === '0') parts.pop()
  return parts.join('.')
}
