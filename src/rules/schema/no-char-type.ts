import { defineRule } from '../rule.ts'
import { placeOfType, writtenColumns } from './written-columns.ts'

const types: ReadonlySet<string> = new Set(['bpchar'])

export default defineRule({
  id: 'no-char-type',
  since: '0.1.0',
  severity: 'note',
  category: 'schema',
  subject: 'statement',
  statements: ['CreateStmt', 'AlterTableStmt'],
  about: 'change',
  needs: ['source'],
  summary: 'A column of type char(n)',
  why:
    'char(n) fills every value with spaces up to n, stores them, and then ignores them when it compares but not when it matches LIKE or a regular expression. It is no faster than text: it is the slowest of the three.',
  instead:
    'text, with a CHECK of the length where one is meant.',
  examples: [
    {
      title: 'A code of fixed length',
      bad: 'CREATE TABLE countries (id bigint PRIMARY KEY, code char(2) NOT NULL);',
      at: 'char',
      good: 'CREATE TABLE countries (id bigint PRIMARY KEY, code text NOT NULL CHECK (length(code) = 2));',
    },
    {
      title: 'A column added later',
      setup: 'CREATE TABLE countries (id bigint PRIMARY KEY);',
      bad: 'ALTER TABLE countries ADD COLUMN currency char(3);',
      at: 'char',
      good: 'ALTER TABLE countries ADD COLUMN currency text;',
    },
  ],
  sources: ['https://www.postgresql.org/docs/17/datatype-character.html'],
  options: {},
  claims: [
    {
      says: 'The spaces that char(n) adds do not count in = and do in LIKE.',
      setup: "CREATE TABLE t (a char(3)); INSERT INTO t VALUES ('x');",
      statement: 'SELECT 1',
      then: { query: "SELECT (a = 'x')::text, (a LIKE 'x')::text FROM t", rows: [['true', 'false']] },
    },
  ],
  *check(subject) {
    for (const column of writtenColumns(subject)) {
      const { name, type } = column
      const element = type.replace(/\[\]$/, '')
      if (!types.has(element)) continue
      yield {
        kind: 'finding',
        message: `${name} is char(n): values are filled with spaces, which count in LIKE and not in =`,
        at: placeOfType(subject, column),
        evidence: [{ kind: 'source', text: name }],
        next: 'Write text, with CHECK (length(…) = n) where the length is a rule.',
        identity: name,
      }
    }
  },
})
