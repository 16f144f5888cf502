import { defineRule } from '../rule.ts'
import { placeOfType, writtenColumns } from './written-columns.ts'

const types: ReadonlySet<string> = new Set(['json'])

export default defineRule({
  id: 'prefer-jsonb',
  since: '0.1.0',
  severity: 'note',
  category: 'schema',
  subject: 'statement',
  statements: ['CreateStmt', 'AlterTableStmt'],
  about: 'change',
  needs: ['source'],
  summary: 'json where jsonb is meant',
  why:
    'json keeps the text as it came and parses it again at every access. It has no equality, so DISTINCT, GROUP BY and UNION over it fail, and no index can serve @> or ?.',
  instead:
    'jsonb is parsed once, can be compared and indexed by GIN. Keep json only where the exact text counts: order of keys, duplicates, white space.',
  examples: [
    {
      title: 'A document that is queried',
      bad: 'CREATE TABLE events (id bigint PRIMARY KEY, payload json NOT NULL);',
      at: 'json',
      good: 'CREATE TABLE events (id bigint PRIMARY KEY, payload jsonb NOT NULL);',
    },
    {
      title: 'A column added later',
      setup: 'CREATE TABLE events (id bigint PRIMARY KEY);',
      bad: 'ALTER TABLE events ADD COLUMN headers json;',
      at: 'json',
      good: 'ALTER TABLE events ADD COLUMN headers jsonb;',
    },
  ],
  sources: ['https://www.postgresql.org/docs/17/datatype-json.html'],
  options: {},
  claims: [
    {
      says: 'json cannot be compared: DISTINCT over it fails.',
      setup: "CREATE TABLE t (a json); INSERT INTO t VALUES ('{}');",
      statement: 'SELECT DISTINCT a FROM t',
      fails: '42883',
    },
  ],
  *check(subject) {
    for (const column of writtenColumns(subject)) {
      const { name, type } = column
      const element = type.replace(/\[\]$/, '')
      if (!types.has(element)) continue
      yield {
        kind: 'finding',
        message: `${name} is json: it is parsed at every access, cannot be compared and cannot be indexed`,
        at: placeOfType(subject, column),
        evidence: [{ kind: 'source', text: name }],
        next: 'Write jsonb, while the column is new: changing the type later rewrites the table.',
        identity: name,
      }
    }
  },
})
