import { textNameOf } from '../../sql/identifier.ts'
import { statementOf } from '../../sql/statement.ts'
import { acknowledge } from '../acknowledgement.ts'
import { lossEvidence, lossOf } from '../drops.ts'
import type { Loss } from '../drops.ts'
import { placeOfStatement } from '../place.ts'
import { defineRule } from '../rule.ts'
import type { StatementSubject } from '../subject.ts'

export default defineRule({
  id: 'no-drop-type',
  since: '0.1.0',
  severity: 'error',
  category: 'migration',
  subject: 'statement',
  statements: ['DropStmt'],
  statementsWithCode: true,
  about: 'change',
  destructive: true,
  needs: ['source', 'trace'],
  summary: 'A type or domain that an earlier migration left is dropped',
  why:
    'DROP TYPE … CASCADE and DROP DOMAIN … CASCADE take every column of the type along, with its values. Without ' +
    'CASCADE the drop is refused while a column has the type, so it loses no values and is a warning only: code of ' +
    'the release before that still writes ’x’::type fails from then on. A type that the same file created or gave ' +
    'its name is no finding: nobody knows it.',
  instead:
    'Give each column of the type another one first, by expand and contract, and drop the type without CASCADE in a ' +
    'later release, with the reason in an ignore comment.',
  examples: [
    {
      title: 'A type with the columns that have it',
      setup: "CREATE TYPE mood AS ENUM ('good', 'bad');\nCREATE TABLE customers (id bigint PRIMARY KEY, mood mood);",
      bad: 'DROP TYPE mood CASCADE;',
      at: 'DROP TYPE mood CASCADE',
      good:
        'ALTER TABLE customers ALTER COLUMN mood TYPE text;\n' +
        '-- kei: ignore no-drop-type: no code casts to it since release 30\n' +
        'DROP TYPE mood;',
    },
    {
      title: 'An enum in the place of another: the old one has a name that nobody knows',
      setup: "CREATE TYPE mood AS ENUM ('good', 'bad');\nCREATE TABLE customers (id bigint PRIMARY KEY);",
      bad: 'DROP TYPE mood;',
      at: 'DROP TYPE mood',
      good: "ALTER TYPE mood RENAME TO mood_old;\nCREATE TYPE mood AS ENUM ('good');\nDROP TYPE mood_old;",
    },
    {
      title: 'A domain',
      setup: "CREATE DOMAIN email AS text CHECK (VALUE LIKE '%@%');\nCREATE TABLE customers (mail email);",
      bad: 'DROP DOMAIN email CASCADE;',
      at: 'DROP DOMAIN email CASCADE',
      good: 'CREATE DOMAIN phone AS text;\nDROP DOMAIN phone;\nDROP DOMAIN IF EXISTS fax;',
    },
  ],
  sources: [
    'https://www.postgresql.org/docs/17/sql-droptype.html',
    'https://www.postgresql.org/docs/17/sql-dropdomain.html',
    'https://www.postgresql.org/docs/17/ddl-depend.html',
  ],
  options: {},
  claims: [
    {
      says: 'DROP TYPE without CASCADE is refused while a column has the type.',
      setup: "CREATE TYPE mood AS ENUM ('good'); CREATE TABLE t (m mood);",
      statement: 'DROP TYPE mood',
      fails: '2BP01',
    },
    {
      says: 'DROP TYPE … CASCADE drops the columns that have it.',
      setup: "CREATE TYPE mood AS ENUM ('good'); CREATE TABLE t (a int, m mood, n mood[]);",
      statement: 'DROP TYPE mood CASCADE',
      then: {
        query:
          "SELECT string_agg(attname, ' ') FROM pg_attribute WHERE attrelid = 't'::regclass AND attnum > 0 " +
          'AND NOT attisdropped',
        rows: [['a']],
      },
    },
    {
      says: 'So does DROP DOMAIN … CASCADE.',
      setup: 'CREATE DOMAIN d AS text; CREATE TABLE t (a int, m d);',
      statement: 'DROP DOMAIN d CASCADE',
      then: {
        query:
          "SELECT string_agg(attname, ' ') FROM pg_attribute WHERE attrelid = 't'::regclass AND attnum > 0 " +
          'AND NOT attisdropped',
        rows: [['a']],
      },
    },
  ],
  *check(subject, { major }) {
    const loss = lossOf(subject, 'type')
    if (loss === undefined) return
    if (loss.kind === 'unknown') {
      yield { kind: 'unknown', needs: 'a trace', file: subject.migration.file }
      return
    }
    const { names } = loss
    const columns = columnsLost(subject, loss)
    const list = names.join(', ')
    yield {
      kind: 'finding',
      at: placeOfStatement(subject),
      evidence: [lossEvidence(subject, loss, major)],
      ...(columns === undefined
        ? { severity: 'warning', message: `DROP takes the type ${list} away: code that still names it fails at once` }
        : { message: `DROP … CASCADE of the type ${list} destroys every column of it${columns}` }),
      next: acknowledge(
        subject,
        'no-drop-type',
        columns === undefined
          ? 'Release code that no longer names it, and wait until no older process runs.'
          : 'Give its columns another type first, and then drop it without CASCADE.',
      ),
    }
  },
})

/** The columns that go with the type, in words; undefined when none can. */
function columnsLost(subject: StatementSubject, { names, observation }: Loss & { kind: 'lost' }): string | undefined {
  if (observation) {
    const columns = observation.dropped.filter(
      ({ objectType, dependent }) => dependent && objectType === 'table column',
    )
    return columns.length === 0 ? undefined : `: ${columns.map(({ name }) => name).join(', ')}`
  }
  if (statementOf(subject.statement, 'DropStmt')?.behavior !== 'DROP_CASCADE') return undefined
  const types = names.flatMap((name) => [textNameOf(name), `${textNameOf(name)}[]`])
  const columns = [...subject.migration.history.before(subject).tables.values()].flatMap((table) =>
    table.columns.filter(({ type }) => types.includes(type)).map((column) => `${table.name}.${column.name}`),
  )
  return columns.length === 0 ? '' : `: ${columns.join(', ')}`
}
