import { nameParts } from '../../sql/identifier.ts'
import { schemaOfTextName } from '../../sql/schema-draft.ts'
import { statementOf } from '../../sql/statement.ts'
import { acknowledge } from '../acknowledgement.ts'
import { lossEvidence, lossOf } from '../drops.ts'
import { placeOfStatement } from '../place.ts'
import { defineRule } from '../rule.ts'
import type { Verdict } from '../rule.ts'
import type { StatementSubject } from '../subject.ts'

/** Tables that a message names before the rest is a count. */
const mostNamed = 5

export default defineRule({
  id: 'no-drop-schema',
  since: '0.1.0',
  severity: 'error',
  category: 'migration',
  subject: 'statement',
  statements: ['DropdbStmt', 'DropStmt'],
  statementsWithCode: true,
  about: 'change',
  destructive: true,
  needs: ['source', 'trace'],
  summary: 'A schema that an earlier migration left is dropped, or a database',
  why:
    'DROP SCHEMA … CASCADE takes every table in the schema along, whoever made it: also what no migration created. ' +
    'Without CASCADE it refuses unless the schema is empty, so it loses no rows and is a warning only: what names the ' +
    'schema, in its code or its search_path, no longer finds it. DROP DATABASE takes everything.',
  instead:
    'Drop what is in the schema table by table, each with its own reason, and then the schema without CASCADE. A ' +
    'database is not for a migration to drop.',
  examples: [
    {
      title: 'A schema with all its tables',
      setup: 'CREATE SCHEMA app;\nCREATE TABLE app.orders (id bigint PRIMARY KEY);',
      bad: 'DROP SCHEMA app CASCADE;',
      at: 'DROP SCHEMA app CASCADE',
      good:
        '-- kei: ignore no-drop-table: moved to public in release 12, nothing reads it\n' +
        'DROP TABLE app.orders;\n' +
        '-- kei: ignore no-drop-schema: it is empty now\n' +
        'DROP SCHEMA app;',
    },
    {
      title: 'A schema that the same file creates is nobody’s yet',
      setup: 'CREATE SCHEMA app;',
      bad: 'DROP SCHEMA IF EXISTS app;',
      at: 'DROP SCHEMA IF EXISTS app',
      good: 'CREATE SCHEMA work;\nCREATE TABLE work.rows (id bigint);\nDROP SCHEMA work CASCADE;\nDROP SCHEMA IF EXISTS old;',
    },
  ],
  sources: [
    'https://www.postgresql.org/docs/17/sql-dropschema.html',
    'https://www.postgresql.org/docs/17/sql-dropdatabase.html',
  ],
  options: {},
  claims: [
    {
      says: 'DROP SCHEMA without CASCADE refuses while anything is in the schema.',
      setup: 'CREATE SCHEMA s; CREATE TABLE s.t (a int);',
      statement: 'DROP SCHEMA s',
      fails: '2BP01',
    },
    {
      says: 'DROP SCHEMA … CASCADE takes its tables along.',
      setup: 'CREATE SCHEMA s; CREATE TABLE s.t (a int); INSERT INTO s.t VALUES (1);',
      statement: 'DROP SCHEMA s CASCADE',
      then: { query: "SELECT to_regclass('s.t')::text", rows: [[null]] },
    },
  ],
  *check(subject, { major }) {
    const database = statementOf(subject.statement, 'DropdbStmt')
    if (database) yield droppedDatabase(subject, database.dbname ?? '')
    const loss = lossOf(subject, 'schema')
    if (loss === undefined) return
    if (loss.kind === 'unknown') {
      yield { kind: 'unknown', needs: 'a trace', file: subject.migration.file }
      return
    }
    const { names, observation } = loss
    const contents = observation
      ? observation.dropped.filter(({ objectType, name }) => objectType === 'table' && names.includes(schemaOf(name)))
      : [...subject.migration.history.before(subject).tables.values()].filter(({ name }) =>
          names.includes(schemaOfTextName(name)),
        )
    const drop = statementOf(subject.statement, 'DropStmt')
    const cascades = drop === undefined ? contents.length > 0 : drop.behavior === 'DROP_CASCADE'
    const list = names.join(', ')
    yield {
      kind: 'finding',
      at: placeOfStatement(subject),
      evidence: [lossEvidence(subject, loss, major)],
      ...(cascades
        ? { message: `DROP SCHEMA … CASCADE destroys ${list} with everything in it${inWords(contents)}` }
        : {
            severity: 'warning',
            message: `DROP SCHEMA takes ${list} away, if it is empty: what names it or has it in its search_path fails`,
          }),
      next: acknowledge(
        subject,
        'no-drop-schema',
        cascades
          ? 'Drop its tables one by one, each with its reason, and then the schema without CASCADE. Keep a dump of it: ' +
              `pg_dump --format=custom --file=before-drop.dump ${names.map((name) => `--schema='${name}'`).join(' ')}.`
          : 'Release code that no longer names it, and take it out of every search_path.',
      ),
    }
  },
})

function droppedDatabase(subject: StatementSubject, name: string): Verdict {
  return {
    kind: 'finding',
    at: placeOfStatement(subject),
    evidence: [{ kind: 'source', text: subject.statement.text }],
    message: `DROP DATABASE destroys ${name} with everything in it`,
    next: acknowledge(
      subject,
      'no-drop-schema',
      'Take it out of the migration: databases are made and dropped by whoever runs the server, after a backup that ' +
        'was restored once to try it.',
    ),
  }
}

function schemaOf(printed: string): string {
  return nameParts(printed)[0] ?? ''
}

function inWords(tables: readonly { name: string }[]): string {
  if (tables.length === 0) return ''
  const more = tables.length - mostNamed
  const named = tables.slice(0, mostNamed).map(({ name }) => name)
  return `: ${named.join(', ')}${more > 0 ? ` and ${more} more tables` : ''}`
}
