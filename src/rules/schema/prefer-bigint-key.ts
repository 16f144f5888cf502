import { nodeOf, statementOf } from '../../sql/statement.ts'
import { defineRule } from '../rule.ts'
import type { StatementSubject } from '../subject.ts'
import { placeOfType, writtenColumns } from './written-columns.ts'
import type { WrittenColumn } from './written-columns.ts'

/** The types that are too small, by the largest key they hold. */
const largest: Readonly<Record<string, string>> = { int2: '32,767', int4: '2,147,483,647' }
const manualNames: Readonly<Record<string, string>> = { int2: 'smallint', int4: 'integer' }

export default defineRule({
  id: 'prefer-bigint-key',
  since: '0.1.0',
  severity: 'note',
  category: 'schema',
  subject: 'statement',
  statements: ['CreateStmt', 'AlterTableStmt'],
  about: 'change',
  needs: ['source'],
  summary: 'A new primary key of type integer or smallint',
  why:
    'Numbers are used up by every INSERT, those that are rolled back or conflict too, so a key runs out long before the ' +
    'table has that many rows. From that moment no row can be inserted, and the way out, integer to bigint, rewrites ' +
    'the table and every one that references it while nobody can use them.',
  instead:
    'bigint: 4 bytes more for each row, often none at all because of alignment. serial and bigserial are ' +
    'prefer-identity’s.',
  examples: [
    {
      title: 'A key of 32 bits',
      bad: 'CREATE TABLE orders (id integer PRIMARY KEY, note text);',
      at: 'integer',
      good: 'CREATE TABLE orders (id bigint PRIMARY KEY, note text);',
    },
    {
      title: 'A key that is declared below its column; one that only references another table’s is as wide as that',
      setup:
        '-- kei: ignore prefer-bigint-key: there will never be more than ten kinds\n' +
        'CREATE TABLE kinds (id smallint PRIMARY KEY);',
      bad: 'CREATE TABLE orders (id int GENERATED ALWAYS AS IDENTITY, note text, PRIMARY KEY (id));',
      at: 'int',
      good: 'CREATE TABLE kind_notes (kind_id smallint PRIMARY KEY REFERENCES kinds, note text);',
    },
  ],
  sources: ['https://www.postgresql.org/docs/17/datatype-numeric.html#DATATYPE-INT'],
  options: {},
  claims: [
    {
      says: 'A number that an INSERT drew is used up, also where it then does nothing.',
      setup:
        'CREATE TABLE t (a int GENERATED ALWAYS AS IDENTITY, b int UNIQUE); INSERT INTO t (b) VALUES (1); ' +
        'INSERT INTO t (b) VALUES (1) ON CONFLICT DO NOTHING; INSERT INTO t (b) VALUES (2);',
      statement: 'SELECT 1',
      then: { query: 'SELECT max(a)::text FROM t', rows: [['3']] },
    },
    {
      says: 'Past the largest integer no row can be inserted.',
      setup:
        'CREATE TABLE t (a int GENERATED ALWAYS AS IDENTITY, b int); ' +
        "SELECT setval(pg_get_serial_sequence('t', 'a'), 2147483647);",
      statement: 'INSERT INTO t (b) VALUES (1)',
      fails: '2200H',
    },
  ],
  *check(subject) {
    const keys = keyColumns(subject)
    for (const column of writtenColumns(subject)) {
      const { name, type } = column
      const limit = largest[type]
      if (limit === undefined || !isKey(column, keys) || referencesAnother(column)) continue
      yield {
        kind: 'finding',
        message: `${name} is a primary key of type ${manualNames[type] ?? type}: it ends at ${limit}`,
        at: placeOfType(subject, column),
        evidence: [{ kind: 'source', text: name }],
        next: 'Write bigint, while the table is new: widening it later rewrites the table.',
        identity: name,
      }
    }
  },
})

/** The columns of a primary key that is declared below them; empty when it has several. */
function keyColumns({ statement }: StatementSubject): string[] {
  for (const element of statementOf(statement, 'CreateStmt')?.tableElts ?? []) {
    const constraint = nodeOf(element, 'Constraint')
    if (constraint?.contype !== 'CONSTR_PRIMARY') continue
    const keys = (constraint.keys ?? []).flatMap((key) => nodeOf(key, 'String')?.sval ?? [])
    return keys.length === 1 ? keys : []
  }
  return []
}

function isKey({ definition }: WrittenColumn, keys: readonly string[]): boolean {
  return keys.includes(definition.colname ?? '') || hasConstraint(definition, 'CONSTR_PRIMARY')
}

function referencesAnother({ definition }: WrittenColumn): boolean {
  return hasConstraint(definition, 'CONSTR_FOREIGN')
}

function hasConstraint({ constraints = [] }: WrittenColumn['definition'], type: string): boolean {
  return constraints.some((each) => nodeOf(each, 'Constraint')?.contype === type)
}
