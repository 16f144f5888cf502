import { relationSeen } from '../relation-left.ts'
import type { Evidence } from '../../findings/evidence.ts'
import type { Fix } from '../../findings/fix.ts'
import { quoteTextName } from '../../sql/identifier.ts'
import { textName, unqualified } from '../../sql/schema-draft.ts'
import type { DraftTable } from '../../sql/schema-draft.ts'
import { namesOf, statementOf } from '../../sql/statement.ts'
import { effectOn } from '../effect.ts'
import { measured } from '../lock-table/lock-table.ts'
import type { LockShapeName } from '../lock-table/lock-table.ts'
import { isNewObject } from '../new-objects.ts'
import { isNewTable } from '../new-tables.ts'
import { observationOf, traceEvidence } from '../observed.ts'
import { placeOfStatement } from '../place.ts'
import { recipe } from '../recipe.ts'
import { defineRule } from '../rule.ts'
import type { Major, Verdict } from '../rule.ts'
import type { StatementSubject } from '../subject.ts'
import { nameInSql } from '../search-path.ts'
import { columnRecipe } from './column-twin.ts'
import { isMadeHere, isReplaced, renamingOf, viewUnder } from './old-name.ts'
import type { Renaming } from './old-name.ts'

export default defineRule({
  id: 'no-rename',
  since: '0.1.0',
  severity: 'warning',
  category: 'migration',
  subject: 'statement',
  statements: ['AlterEnumStmt', 'RenameStmt'],
  about: 'change',
  needs: ['measured', 'trace'],
  summary: 'A table, view, column, type, enum value, function or schema that code uses is renamed',
  why:
    'While a release is rolled out, the old code and the new code run side by side, and after a rollback the old ' +
    'code ' +
    'runs again. A rename is atomic: before it the new code fails, after it the old code does, on every ' +
    'statement that ' +
    'has the name. Other readers have it in their queries too: reports, jobs, other services, functions whose ' +
    'body is ' +
    'text.',
  instead:
    'Let both names work for a while. A table or view: rename it and create a view with the old name in the same ' +
    'transaction; it can be written too. A column: add the new one, keep both equal with a trigger, copy the rows in ' +
    'batches, and drop the old one with a later release. An enum value: add the new one and change the rows. A ' +
    'domain: leave one with the old name. Names that only the schema itself uses (indexes, constraints, triggers, ' +
    'sequences) can be changed at any time.',
  examples: [
    {
      title: 'A table: keep a view under the old name',
      setup: 'CREATE TABLE purchases (id bigint PRIMARY KEY, total numeric);',
      bad: 'ALTER TABLE purchases RENAME TO orders;',
      at: 'ALTER TABLE purchases RENAME TO orders',
      good:
        'ALTER TABLE purchases RENAME TO orders;\n' +
        'CREATE VIEW purchases WITH (security_invoker = true) AS SELECT id, total FROM orders;',
    },
    {
      title: 'A column: expand, and contract with a later release',
      setup: 'CREATE TABLE orders (id bigint PRIMARY KEY, sum numeric(10,2));',
      bad: 'ALTER TABLE orders RENAME COLUMN sum TO total;',
      at: 'ALTER TABLE orders RENAME COLUMN sum TO total',
      good: 'ALTER TABLE orders ADD COLUMN total numeric(10,2);',
    },
    {
      title: 'An enum value: add the new one',
      setup: "CREATE TYPE mood AS ENUM ('ok', 'bad');",
      bad: "ALTER TYPE mood RENAME VALUE 'ok' TO 'good';",
      at: "ALTER TYPE mood RENAME VALUE 'ok' TO 'good'",
      good: "ALTER TYPE mood ADD VALUE 'good' AFTER 'ok';",
    },
    {
      title: 'A domain: leave another one under the old name',
      setup: 'CREATE DOMAIN cents AS bigint;',
      bad: 'ALTER DOMAIN cents RENAME TO amount;',
      at: 'ALTER DOMAIN cents RENAME TO amount',
      good: 'ALTER DOMAIN cents RENAME TO amount;\nCREATE DOMAIN cents AS amount;',
    },
    {
      title: 'A type: no other can stand in for it, but one that is new can have the name',
      setup: "CREATE TYPE mood AS ENUM ('ok', 'bad');\nCREATE TABLE notes (mood mood);",
      bad: 'ALTER TYPE mood RENAME TO feeling;\nCREATE DOMAIN mood AS feeling;',
      at: 'ALTER TYPE mood RENAME TO feeling',
      good: "ALTER TYPE mood RENAME TO mood_old;\nCREATE TYPE mood AS ENUM ('ok');",
    },
    {
      title: 'Names that only the schema uses, and a column that takes the place of another',
      setup:
        'CREATE TABLE orders (id bigint PRIMARY KEY, total int, total_new bigint);\n' +
        'CREATE INDEX orders_idx ON orders (total);',
      bad: 'ALTER TABLE orders RENAME COLUMN total TO amount;',
      at: 'ALTER TABLE orders RENAME COLUMN total TO amount',
      good:
        'ALTER INDEX orders_idx RENAME TO orders_total_idx;\nALTER TABLE orders RENAME CONSTRAINT orders_pkey TO ' +
        'orders_key;\nALTER TABLE orders RENAME COLUMN total TO total_old;\n' +
        'ALTER TABLE orders RENAME COLUMN total_new TO total;',
    },
  ],
  sources: [
    'https://www.postgresql.org/docs/17/sql-altertable.html',
    'https://www.postgresql.org/docs/17/sql-createview.html#SQL-CREATEVIEW-UPDATABLE-VIEWS',
    'https://www.postgresql.org/docs/17/sql-altertype.html',
  ],
  options: {},
  changes: {
    objects: [
      'view public.purchases',
      'storage parameters public.purchases',
      'table public.orders',
      'index public.orders_idx',
      'function public.sync_orders_sum_total()',
      'trigger zz_sync_orders_sum_total on public.orders',
      'function public.sync_orders_total_amount()',
      'trigger zz_sync_orders_total_amount on public.orders',
      'enum public.mood',
      'domain public.cents',
    ],
  },
  claims: [
    {
      says: 'Renaming a table takes ACCESS EXCLUSIVE for a moment, and reads nothing.',
      setup: 'CREATE TABLE t AS SELECT 1 AS a;',
      statement: 'ALTER TABLE t RENAME TO u',
      locks: { 'public.t': 'ACCESS EXCLUSIVE' },
      rewrites: [],
      scans: [],
    },
    {
      says: 'The old name of a column is gone at once.',
      setup: 'CREATE TABLE t AS SELECT 1 AS a; ALTER TABLE t RENAME COLUMN a TO b;',
      statement: 'SELECT a FROM t',
      fails: '42703',
    },
    {
      says: 'A view under the old name can be written like the table.',
      setup: 'CREATE TABLE t (a int DEFAULT 7, b int); ALTER TABLE t RENAME TO u; CREATE VIEW t AS SELECT a, b FROM u;',
      statement: 'INSERT INTO t (b) VALUES (1)',
      then: { query: 'SELECT a::text, b::text FROM u', rows: [['7', '1']] },
    },
    {
      says: 'A domain stands in for a renamed domain.',
      setup: 'CREATE DOMAIN a AS int; CREATE TABLE t (n a); ALTER DOMAIN a RENAME TO b; CREATE DOMAIN a AS b;',
      statement: 'INSERT INTO t SELECT 1::a WHERE 1::a = 1::b',
      then: { query: 'SELECT n::text FROM t', rows: [['1']] },
    },
    {
      says: 'It does not for an enum type: comparing the two is an error.',
      setup: "CREATE TYPE mood AS ENUM ('ok'); ALTER TYPE mood RENAME TO feeling; CREATE DOMAIN mood AS feeling;",
      statement: "SELECT 'ok'::mood = 'ok'::feeling",
      fails: '42883',
    },
    {
      says: 'Renaming an index lets reads and writes through.',
      setup: 'CREATE TABLE t AS SELECT 1 AS a; CREATE INDEX i ON t (a);',
      statement: 'ALTER INDEX i RENAME TO j',
      locks: { 'public.i': 'SHARE UPDATE EXCLUSIVE' },
    },
  ],
  *check(subject, { major }) {
    const { statement } = subject
    const value = statementOf(statement, 'AlterEnumStmt')
    if (value?.oldVal !== undefined && value.newVal !== undefined) {
      yield* checkEnumValue(
        subject,
        namesOf({ List: { items: value.typeName ?? [] } }),
        value.oldVal,
        value.newVal,
        major,
      )
      return
    }
    if (statement.tag !== 'RenameStmt') return
    const renaming = renamingOf(statement, subject.migration.history.before(subject))
    if (renaming === undefined || !isInUseByCode(subject, renaming)) return
    if (isReplaced(subject, renaming.kind, renaming.from, renaming.to)) return
    yield verdictOf(subject, renaming, major)
  },
})

/** Whether the object was there before the file, and is one of those that code names. */
function isInUseByCode(subject: StatementSubject, { kind, from, table }: Renaming): boolean {
  const { migration, statement, within } = subject
  const draft = migration.history.before(subject)
  const observation = observationOf(subject)
  const before = (within ?? subject).statement.index
  // IF EXISTS found nothing.
  if (observation && observation.altered.length === 0) return false
  if (kind === 'relation' || kind === 'column') {
    const relation = table ?? from
    const declared = draft.tables.get(relation)
    if (isNewTable(migration, relation, before) || declared?.kind === 'temporary table') return false
    if (statementOf(statement, 'RenameStmt')?.missing_ok && !declared && !observation) return false
    // ALTER TABLE … RENAME is understood of indexes and sequences too.
    if (declared === undefined && (draft.owners.has(unqualified(relation)) || isSeenOther(subject))) return false
  }
  return !isMadeHere(subject, kind, from)
}

function isSeenOther(subject: StatementSubject): boolean {
  const altered = observationOf(subject)?.altered
  return altered !== undefined && !altered.some(({ objectType }) => /table|view/.test(objectType))
}

function verdictOf(subject: StatementSubject, renaming: Renaming, major: Major): Verdict {
  const { migration } = subject
  const observation = observationOf(subject)
  const table = renaming.table ?? renaming.from
  const printed = effectOn(subject, table)?.lock?.relation ?? table
  const column = renaming.kind === 'column' ? renaming.from.slice(table.length + 1) : undefined
  const to = column === undefined ? unqualified(renaming.to) : renaming.to.slice(table.length + 1)
  const old = column ?? unqualified(renaming.from)
  const what = {
    relation: `the ${kindWord(subject, table)} ${printed}`,
    column: `the column ${old} of ${printed}`,
    type: `the type ${renaming.from}`,
    domain: `the domain ${renaming.from}`,
    function: `the function ${renaming.from}`,
    schema: `the schema ${renaming.from}`,
  }[renaming.kind]
  const shape = shapeOf(subject, renaming)
  const evidence: Evidence = observation
    ? traceEvidence(major, observation)
    : shape === undefined
      ? { kind: 'source', text: subject.statement.text }
      : measured(shape, major, { t: printed })
  const declared = migration.history.before(subject).tables.get(table)
  return {
    kind: 'finding',
    message: `Renaming ${what} to ${to} breaks all code that says ${old}, from the moment it is committed`,
    at: placeOfStatement(subject),
    evidence: [evidence],
    ...remedy(subject, renaming, { old, to, table: declared }),
  }
}

function shapeOf(subject: StatementSubject, { kind, from }: Renaming): LockShapeName | undefined {
  switch (kind) {
    case 'relation': {
      const relation = kindWord(subject, from)
      if (relation === 'view') return 'ALTER VIEW … RENAME TO'
      return relation === 'materialized view' ? 'ALTER MATERIALIZED VIEW … RENAME TO' : 'ALTER TABLE … RENAME TO'
    }
    case 'column':
      return 'ALTER TABLE … RENAME COLUMN'
    case 'type':
      return 'ALTER TYPE … RENAME TO'
    case 'domain':
      return undefined
    case 'schema':
      return 'ALTER SCHEMA … RENAME TO'
    case 'function':
      return undefined
  }
}

function kindWord(subject: StatementSubject, table: string): string {
  const { history } = subject.migration
  const seen = relationSeen(history, table)?.kind
  return history.before(subject).tables.get(table)?.kind ?? seen ?? 'table'
}

function remedy(
  subject: StatementSubject,
  renaming: Renaming,
  { old, to, table }: { old: string; to: string; table: DraftTable | undefined },
): { next: string; fixes: Fix[] } {
  const { statement } = subject
  switch (renaming.kind) {
    case 'relation':
      return recipe(subject, {
        title: 'Keep the old name as a view',
        says:
          'Keep a view under the old name until no code says it: it can be read and, over a table, written. ' +
          'Grant on it ' +
          'what is granted on the renamed one, and drop it with a later release.',
        instead: `${statement.text};\n${viewUnder(subject, renaming.from, renaming.to, table)}`,
        then: [],
      })
    case 'type':
      return {
        next:
          `Nothing can stand in for a type under its old name: a domain ${old} could be stored, but not ` +
          `compared. Create ` +
          `${to} as a type of its own and move one column after another, each by a column of the new type beside ` +
          `the old; ` +
          'or rename it while nothing runs, and say so: -- kei: ignore no-rename: REASON',
        fixes: [],
      }
    case 'domain':
      return recipe(subject, {
        title: 'Keep the old name as a domain',
        says: 'Keep a domain under the old name until no code says it, and drop it with a later release.',
        instead: `${statement.text};\nCREATE DOMAIN ${nameInSql(subject, renaming.from)} AS ${nameInSql(subject, renaming.to)};`,
        then: [],
      })
    case 'function':
      return {
        next:
          `Create ${to} as a function of its own and leave ${old}, which may call it; drop ${old} with a later ` +
          `release, ` +
          'once no code calls it.',
        fixes: [],
      }
    case 'schema':
      return {
        next:
          'A schema can have only one name. Where code relies on search_path, let it list both names before and ' +
          'after. ' +
          `Else create the schema ${to}, move one table after another and leave a view under each old name; or ` +
          `rename ` +
          'it while nothing runs, and say so: -- kei: ignore no-rename: REASON',
        fixes: [],
      }
    case 'column':
      return columnRecipe(subject, old, to, table)
  }
}

function* checkEnumValue(
  subject: StatementSubject,
  names: readonly string[],
  old: string,
  to: string,
  major: Major,
): Iterable<Verdict> {
  const { migration, within } = subject
  const [name = '', schema = 'public'] = names.toReversed()
  const type = textName(schema, name)
  const index = (within ?? subject).statement.index
  if (isNewObject(migration, 'type', type, index)) return
  const isOwn = migration.statements.slice(0, index).some((each) => {
    const added = statementOf(each.statement, 'AlterEnumStmt')
    return added?.newVal === old && namesOf({ List: { items: added.typeName ?? [] } }).at(-1) === name
  })
  if (isOwn) return
  const observation = observationOf(subject)
  yield {
    kind: 'finding',
    message:
      `Renaming the value ${old} of ${type} to ${to} breaks all code that says ${old}, from the moment it is ` +
      `committed`,
    at: placeOfStatement(subject),
    evidence: [observation ? traceEvidence(major, observation) : measured('ALTER TYPE … RENAME VALUE', major, {})],
    ...recipe(subject, {
      title: 'Add the new value beside the old one',
      says:
        'Add the new value, let the code understand both, and change the rows in batches. An enum value cannot be ' +
        'dropped; the old one stays, unused.',
      instead: `ALTER TYPE ${quoteTextName(type)} ADD VALUE ${literal(to)} AFTER ${literal(old)};`,
      then: [],
    }),
  }
}

function literal(value: string): string {
  return `'${value.replaceAll("'", "''")}'`
}
