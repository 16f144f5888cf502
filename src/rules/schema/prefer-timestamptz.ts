import { defineRule } from '../rule.ts'
import { placeOfType, writtenColumns } from './written-columns.ts'

const types: ReadonlySet<string> = new Set(['timestamp', 'timetz'])

export default defineRule({
  id: 'prefer-timestamptz',
  since: '0.1.0',
  severity: 'note',
  category: 'schema',
  subject: 'statement',
  statements: ['CreateStmt', 'AlterTableStmt'],
  about: 'change',
  needs: ['source'],
  summary: 'timestamp without time zone, or timetz, where timestamptz is meant',
  why:
    'timestamp keeps what a clock on the wall showed, not when it was: the same moment is stored differently by two sessions of different TimeZone, an hour of each year exists twice, and now() is cut to the session’s clock. timetz has an offset but no day, so daylight saving cannot be applied to it. The manual advises against timetz.',
  instead:
    'timestamptz stores the moment and shows it in the zone of whoever asks; it takes the same 8 bytes. Keep timestamp for what is a clock’s time by meaning: opening hours, a birthday party.',
  examples: [
    {
      title: 'A moment without its zone',
      bad: 'CREATE TABLE orders (id bigint PRIMARY KEY, placed_at timestamp NOT NULL);',
      at: 'timestamp',
      good: 'CREATE TABLE orders (id bigint PRIMARY KEY, placed_at timestamptz NOT NULL);',
    },
    {
      title: 'A column added later',
      setup: 'CREATE TABLE orders (id bigint PRIMARY KEY);',
      bad: 'ALTER TABLE orders ADD COLUMN paid_at timetz;',
      at: 'timetz',
      good: 'ALTER TABLE orders ADD COLUMN paid_at timestamptz;',
    },
  ],
  sources: ['https://www.postgresql.org/docs/17/datatype-datetime.html#DATATYPE-TIMEZONES'],
  options: {},
  claims: [
    {
      says: 'The same timestamp is another moment in another TimeZone; a timestamptz is the same.',
      setup:
        "SET timezone = 'Europe/Paris'; CREATE TABLE t (a timestamp, b timestamptz); " +
        "INSERT INTO t VALUES ('2026-06-01 12:00', '2026-06-01 12:00'); SET timezone = 'UTC';",
      statement: 'SELECT 1',
      then: {
        query: "SELECT (a::timestamptz)::text, b::text FROM t",
        rows: [['2026-06-01 12:00:00+00', '2026-06-01 10:00:00+00']],
      },
    },
  ],
  *check(subject) {
    for (const column of writtenColumns(subject)) {
      const { name, type } = column
      const element = type.replace(/\[\]$/, '')
      if (!types.has(element)) continue
      const shown = element === 'timetz' ? 'timetz' : 'timestamp without time zone'
      yield {
        kind: 'finding',
        message: `${name} is ${shown}: it does not say which moment is meant once sessions differ in their TimeZone`,
        at: placeOfType(subject, column),
        evidence: [{ kind: 'source', text: name }],
        next: 'Write timestamptz, while the column is new: changing the type later rewrites the table unless its values are times of UTC.',
        identity: name,
      }
    }
  },
})
