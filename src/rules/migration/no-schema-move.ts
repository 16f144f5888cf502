import { relationSeen } from '../relation-left.ts'
import type { Fix } from '../../findings/fix.ts'
import { schemaOfTextName } from '../../sql/schema-draft.ts'
import { statementOf } from '../../sql/statement.ts'
import { effectOn } from '../effect.ts'
import { measured } from '../lock-table/lock-table.ts'
import { isNewTable } from '../new-tables.ts'
import { observationOf, traceEvidence } from '../observed.ts'
import { placeOfStatement } from '../place.ts'
import { recipe } from '../recipe.ts'
import { defineRule } from '../rule.ts'
import type { StatementSubject } from '../subject.ts'
import { nameInSql } from '../search-path.ts'
import { isMadeHere, isReplaced, renamingOf, viewUnder } from './old-name.ts'
import type { Renaming } from './old-name.ts'

export default defineRule({
  id: 'no-schema-move',
  since: '0.1.0',
  severity: 'warning',
  category: 'migration',
  subject: 'statement',
  statements: ['AlterObjectSchemaStmt'],
  about: 'change',
  needs: ['measured', 'trace'],
  summary: 'A table, view, type or function that code uses moves to another schema',
  why:
    'The schema is part of the name. Code that writes it fails at once, and code that relies on search_path does so ' +
    'where its search_path lacks the new schema, which nobody sees from the code. A session that runs on after the ' +
    'move may even find another table of that name. While a release is rolled out old code and new code run side by ' +
    'side; no moment suits both.',
  instead:
    'Leave something under the old name in the same transaction: a view for a table or view, which can be ' +
    'written too; ' +
    'a domain for a domain; a function that calls the moved one. Nothing can stand in for a type: create a ' +
    'second one, ' +
    'or put the new schema into the search_path of all its users first. Take it away with a later release, once ' +
    'no code uses ' +
    'it.',
  examples: [
    {
      title: 'A table: leave a view',
      setup: 'CREATE SCHEMA sales;\nCREATE TABLE orders (id bigint PRIMARY KEY, total numeric);',
      bad: 'ALTER TABLE orders SET SCHEMA sales;',
      at: 'ALTER TABLE orders SET SCHEMA sales',
      good:
        'ALTER TABLE orders SET SCHEMA sales;\n' +
        'CREATE VIEW orders WITH (security_invoker = true) AS SELECT id, total FROM sales.orders;',
    },
    {
      title: 'A domain: leave another one',
      setup: 'CREATE SCHEMA sales;\nCREATE DOMAIN cents AS bigint;',
      bad: 'ALTER DOMAIN cents SET SCHEMA sales;',
      at: 'ALTER DOMAIN cents SET SCHEMA sales',
      good: 'ALTER DOMAIN cents SET SCHEMA sales;\nCREATE DOMAIN cents AS sales.cents;',
    },
    {
      title: 'A table that the same file creates',
      setup: 'CREATE SCHEMA sales;\nCREATE TABLE orders (id bigint PRIMARY KEY);',
      bad: 'ALTER TABLE IF EXISTS orders SET SCHEMA sales;',
      at: 'ALTER TABLE IF EXISTS orders SET SCHEMA sales',
      good: 'CREATE TABLE returns (id bigint PRIMARY KEY);\nALTER TABLE returns SET SCHEMA sales;',
    },
  ],
  sources: [
    'https://www.postgresql.org/docs/17/sql-altertable.html',
    'https://www.postgresql.org/docs/17/ddl-schemas.html#DDL-SCHEMAS-PATH',
  ],
  options: {},
  changes: { objects: ['view public.orders', 'storage parameters public.orders', 'domain public.cents'] },
  claims: [
    {
      says: 'SET SCHEMA takes ACCESS EXCLUSIVE for a moment, and reads nothing.',
      setup: 'CREATE SCHEMA s; CREATE TABLE t AS SELECT 1 AS a;',
      statement: 'ALTER TABLE t SET SCHEMA s',
      locks: { 'public.t': 'ACCESS EXCLUSIVE' },
      rewrites: [],
      scans: [],
    },
    {
      says: 'The old name is gone at once.',
      setup: 'CREATE SCHEMA s; CREATE TABLE t AS SELECT 1 AS a; ALTER TABLE t SET SCHEMA s;',
      statement: 'SELECT a FROM t',
      fails: '42P01',
    },
  ],
  *check(subject, { major }) {
    const { statement, migration } = subject
    if (statement.tag !== 'AlterObjectSchemaStmt') return
    const draft = migration.history.before(subject)
    const renaming = renamingOf(statement, draft)
    if (renaming === undefined || renaming.from === renaming.to) return
    const { kind, from, to } = renaming
    const observation = observationOf(subject)
    // IF EXISTS found nothing.
    if (observation && observation.altered.length === 0) return
    const declared = draft.tables.get(from)
    const mayBeMissing = statementOf(statement, 'AlterObjectSchemaStmt')?.missing_ok === true
    if (observation === undefined && mayBeMissing && kind === 'relation' && declared === undefined) return
    const isNew = kind === 'relation' && isNewTable(migration, from, (subject.within ?? subject).statement.index)
    if (isNew || declared?.kind === 'temporary table' || isMadeHere(subject, kind, from)) return
    if (isReplaced(subject, kind, from, to)) return
    const printed = effectOn(subject, from)?.lock?.relation ?? from
    const remedied = remedy(subject, renaming)
    yield {
      kind: 'finding',
      message:
        `Moving ${wordOf(subject, renaming)} ${printed} to the schema ${schemaOfTextName(to)} breaks all code ` +
        `that looks for it in ${schemaOfTextName(from)}`,
      at: placeOfStatement(subject),
      evidence: [
        observation
          ? traceEvidence(major, observation)
          : kind === 'relation'
            ? measured('ALTER TABLE … SET SCHEMA', major, { t: printed })
            : { kind: 'source', text: statement.text },
      ],
      ...remedied,
    }
  },
})

function wordOf(subject: StatementSubject, { kind, from }: Renaming): string {
  if (kind !== 'relation') return `the ${kind}`
  const { history } = subject.migration
  const seen = relationSeen(history, from)?.kind
  return `the ${history.before(subject).tables.get(from)?.kind ?? seen ?? 'table'}`
}

function remedy(subject: StatementSubject, { kind, from, to }: Renaming): { next: string; fixes: Fix[] } {
  const { statement, migration } = subject
  if (kind === 'relation') {
    return recipe(subject, {
      title: 'Leave a view under the old name',
      says:
        'Leave a view under the old name until no code uses it: it can be read and, over a table, written. Grant ' +
        'on it ' +
        'what is granted on the table, and USAGE on the new schema; drop it with a later release.',
      instead: `${statement.text};\n${viewUnder(subject, from, to, migration.history.before(subject).tables.get(from))}`,
      then: [],
    })
  }
  if (kind === 'domain') {
    return recipe(subject, {
      title: 'Leave a domain under the old name',
      says: 'Leave a domain under the old name until no code uses it, and drop it with a later release.',
      instead: `${statement.text};\nCREATE DOMAIN ${nameInSql(subject, from)} AS ${nameInSql(subject, to)};`,
      then: [],
    })
  }
  if (kind === 'type') {
    return {
      next:
        `Nothing can stand in for a type. Where no code writes its schema, put ${schemaOfTextName(to)} into the ` +
        `search_path ` +
        'of all roles and databases that use it first; else move it while nothing runs. Then say so: ' +
        '-- kei: ignore no-schema-move: REASON',
      fixes: [],
    }
  }
  return {
    next: 'Leave a function under the old name that calls the moved one, and drop it with a later release.',
    fixes: [],
  }
}
