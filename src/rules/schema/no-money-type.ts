import { defineRule } from '../rule.ts'
import { placeOfType, writtenColumns } from './written-columns.ts'

const types: ReadonlySet<string> = new Set(['money'])

export default defineRule({
  id: 'no-money-type',
  since: '0.1.0',
  severity: 'warning',
  category: 'schema',
  subject: 'statement',
  statements: ['CreateStmt', 'AlterTableStmt'],
  about: 'change',
  needs: ['source'],
  summary: 'A column of type money',
  why:
    'What a money value means is decided by lc_monetary of whoever reads it: restored on a server with another setting, dollars become yen of a hundredth or a hundred times the value. It holds no currency and rounds to the places of that setting.',
  instead:
    'numeric with the places that are needed, or bigint in the smallest unit, beside a column for the currency.',
  examples: [
    {
      title: 'A price',
      bad: 'CREATE TABLE products (id bigint PRIMARY KEY, price money NOT NULL);',
      at: 'money',
      good: 'CREATE TABLE products (id bigint PRIMARY KEY, price numeric(12, 2) NOT NULL);',
    },
    {
      title: 'A column added later',
      setup: 'CREATE TABLE products (id bigint PRIMARY KEY);',
      bad: 'ALTER TABLE products ADD COLUMN discount money;',
      at: 'money',
      good: 'ALTER TABLE products ADD COLUMN discount_cents bigint;',
    },
  ],
  sources: ['https://www.postgresql.org/docs/17/datatype-money.html'],
  options: {},
  claims: [
    {
      says: 'A money value has no currency and two places: what is finer is rounded away.',
      setup: 'CREATE TABLE t (a money); INSERT INTO t VALUES (1.005::numeric::money);',
      statement: 'SELECT 1',
      then: { query: 'SELECT (a::numeric)::text FROM t', rows: [['1.01']] },
    },
  ],
  *check(subject) {
    for (const column of writtenColumns(subject)) {
      const { name, type } = column
      const element = type.replace(/\[\]$/, '')
      if (!types.has(element)) continue
      yield {
        kind: 'finding',
        message: `${name} is money: what its values mean depends on lc_monetary of the session`,
        at: placeOfType(subject, column),
        evidence: [{ kind: 'source', text: name }],
        next: 'Write numeric(12, 2) or bigint in the smallest unit, and the currency in a column of its own.',
        identity: name,
      }
    }
  },
})
