import { skipBlank } from '../../sql/blank.ts'
import { tokenEnd } from '../../sql/token.ts'
import { placeOfStatement } from '../place.ts'
import { defineRule } from '../rule.ts'

/** Bytes of a name that PostgreSQL keeps: NAMEDATALEN - 1. */
const longest = 63

export default defineRule({
  id: 'no-long-identifier',
  since: '0.1.0',
  severity: 'warning',
  category: 'schema',
  subject: 'statement',
  about: 'change',
  needs: ['source'],
  summary: 'A name of more than 63 bytes, which PostgreSQL cuts',
  why:
    'PostgreSQL keeps 63 bytes of a name and says so in a NOTICE that nobody reads. Two names that differ only behind ' +
    'that are one, so the second CREATE fails or, with IF NOT EXISTS, makes nothing; and code that looks the name up in ' +
    'the catalog as it was written does not find it.',
  instead: 'Choose a name of at most 63 bytes; letters outside ASCII take two to four.',
  examples: [
    {
      title: 'An index name made of all its columns',
      setup: 'CREATE TABLE orders (id bigint PRIMARY KEY, a int, b int);',
      bad: 'CREATE INDEX CONCURRENTLY orders_customer_id_and_placed_at_and_total_and_status_and_currency_idx ON orders (a, b);',
      at: 'orders_customer_id_and_placed_at_and_total_and_status_and_currency_idx',
      good: 'CREATE INDEX CONCURRENTLY orders_report_idx ON orders (a, b);',
    },
    {
      title: 'Bytes count, not characters',
      bad: 'CREATE TABLE "ääääääääääääääääääääääääääääääääää" (id bigint PRIMARY KEY);',
      at: '"ääääääääääääääääääääääääääääääääää"',
      good: 'CREATE TABLE "äääääääääääääääääääääääääääääää" (id bigint PRIMARY KEY);',
    },
  ],
  sources: ['https://www.postgresql.org/docs/17/sql-syntax-lexical.html#SQL-SYNTAX-IDENTIFIERS'],
  options: {},
  claims: [
    {
      says: 'Of a name 63 bytes are kept.',
      setup: '',
      statement: `CREATE TABLE ${'a'.repeat(70)} (x int)`,
      then: {
        query: "SELECT length(relname::text)::text FROM pg_class WHERE relname ~ '^aaaa'",
        rows: [['63']],
      },
    },
  ],
  *check(subject) {
    const { statement, migration, within } = subject
    // Most statements have no such name, and looking at each token is dear.
    if (!mayHaveOne.test(statement.text)) return
    for (let at = skipBlank(statement.text, 0); at < statement.text.length; at = skipBlank(statement.text, at)) {
      const start = at
      at = tokenEnd(statement.text, start)
      const token = statement.text.slice(start, at)
      const name = nameIn(token)
      if (name === undefined || Buffer.byteLength(name) <= longest) continue
      const span = { start: statement.start + start, end: statement.start + at }
      yield {
        kind: 'finding',
        message: `${token} has ${Buffer.byteLength(name)} bytes: PostgreSQL keeps the first ${longest} of a name`,
        at: within === undefined ? { file: migration.file, text: migration.text, span } : placeOfStatement(subject),
        evidence: [{ kind: 'source', text: token }],
        next: `Choose a name of at most ${longest} bytes.`,
        identity: token,
      }
      return
    }
  },
})

/** Characters that are not of ASCII have more than one byte. */
const mayHaveOne = /\b[\w$]{64}|"(?:[^"]|""){64}|[\u0080-\uffff]/

function nameIn(token: string): string | undefined {
  if (token.startsWith('"')) return token.slice(1, -1).replaceAll('""', '"')
  return /^[a-z_\u0080-\uffff]/i.test(token) && !token.includes("'") ? token : undefined
}
