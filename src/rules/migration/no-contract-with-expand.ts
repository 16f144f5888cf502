import type { Node, RangeVar } from '@pgsql/types'
import { resolveName } from '../../sql/schema-draft.ts'
import type { SchemaDraft } from '../../sql/schema-draft.ts'
import { namesOf, nodeOf, statementOf } from '../../sql/statement.ts'
import { findNodes } from '../../sql/walk.ts'
import { placeOfStatement } from '../place.ts'
import { defineRule } from '../rule.ts'
import type { Verdict } from '../rule.ts'
import type { HistorySubject, StatementSubject } from '../subject.ts'
import { indent } from '../next-step.ts'

export default defineRule({
  id: 'no-contract-with-expand',
  since: '0.1.0',
  severity: 'warning',
  category: 'migration',
  subject: 'history',
  about: 'change',
  needs: ['source'],
  summary: 'One release adds the new and drops the old that it replaces',
  why:
    'Expand and contract works because the old code and the new code both fit the schema in between: first the new ' +
    'column or table is added, then all code moves to it, then the old one goes. When one release does both, ' +
    'there is ' +
    'no in between: while it is rolled out the old code fails on what is dropped, and there is no release to go back ' +
    'to. The files that are not released yet are what goes out together.',
  instead:
    'Release the part that adds first. Drop the old column or table with a later release, when no process that uses ' +
    'it runs any more and nobody wants to go back. Until then a trigger, or code that writes both, keeps them equal. ' +
    'What the unreleased files themselves made can be dropped in them at any time.',
  examples: [
    {
      title: 'A column is added and another dropped',
      setup: 'CREATE TABLE customers (id bigint PRIMARY KEY, name text);',
      bad: [
        { file: '0001_add_full_name.sql', text: 'ALTER TABLE customers ADD COLUMN full_name text;' },
        {
          file: '0002_drop_name.sql',
          text: '-- kei: ignore no-drop-column: copied\nALTER TABLE customers DROP COLUMN name;',
        },
      ],
      at: 'ALTER TABLE customers DROP COLUMN name',
      good: [
        { file: '0001_add_full_name.sql', text: 'ALTER TABLE customers ADD COLUMN full_name text;' },
        { file: '0002_fill_full_name.sql', text: 'UPDATE customers SET full_name = name;' },
      ],
    },
    {
      title: 'A column moves to a table of its own',
      setup: 'CREATE TABLE customers (id bigint PRIMARY KEY, address text);',
      bad: [
        {
          file: '0001_create_addresses.sql',
          text:
            'CREATE TABLE addresses (customer_id bigint PRIMARY KEY, address text);\n' +
            'INSERT INTO addresses SELECT id, address FROM customers;',
        },
        { file: '0002_drop_address.sql', text: 'ALTER TABLE customers DROP COLUMN address;' },
      ],
      at: 'ALTER TABLE customers DROP COLUMN address',
      good: [
        {
          file: '0001_create_addresses.sql',
          text:
            'CREATE TABLE addresses (customer_id bigint PRIMARY KEY, address text);\n' +
            'INSERT INTO addresses SELECT id, address FROM customers;',
        },
      ],
    },
    {
      title: 'A column that takes the place of another under its name, and one that nobody used yet',
      setup: 'CREATE TABLE orders (id bigint PRIMARY KEY, total int);',
      bad: [{ file: '0001_add_amount.sql', text: 'ALTER TABLE orders ADD COLUMN amount bigint, DROP COLUMN total;' }],
      at: 'ALTER TABLE orders ADD COLUMN amount bigint, DROP COLUMN total',
      good: [
        { file: '0001_add_new.sql', text: 'ALTER TABLE orders ADD COLUMN total_new bigint;' },
        {
          file: '0002_swap.sql',
          text:
            'ALTER TABLE orders RENAME COLUMN total TO total_old;\nALTER TABLE orders RENAME COLUMN total_new TO ' +
            'total;',
        },
        { file: '0003_drop_old.sql', text: 'ALTER TABLE orders DROP COLUMN total_old;' },
        { file: '0004_try.sql', text: 'ALTER TABLE orders ADD COLUMN spare text;' },
        { file: '0005_no.sql', text: 'ALTER TABLE orders DROP COLUMN spare;' },
      ],
    },
  ],
  sources: ['https://www.postgresql.org/docs/17/ddl-alter.html', 'https://martinfowler.com/bliki/ParallelChange.html'],
  options: {},
  claims: [
    {
      says: 'Code that names a dropped column fails, and so does an INSERT that writes it.',
      setup: 'CREATE TABLE t (a int, b int); ALTER TABLE t DROP COLUMN a;',
      statement: 'INSERT INTO t (a, b) VALUES (1, 2)',
      fails: '42703',
    },
    {
      says: 'A prepared SELECT * fails on a column that is added or dropped.',
      setup: 'CREATE TABLE t (a int, b int); PREPARE p AS SELECT * FROM t; ALTER TABLE t DROP COLUMN a;',
      statement: 'EXECUTE p',
      fails: '0A000',
    },
  ],
  *check(history) {
    const unreleased = history.migrations.filter(({ released }) => !released)
    const [first] = unreleased.flatMap(({ statements }) => statements)
    // With nothing released there is no old code.
    if (first === undefined || unreleased.length === history.migrations.length) return
    if (!unreleased.some(({ statements }) => statements.some(mayContract))) return
    const before = namesIn(history.before(first))
    const after = new Set(history.schema.tables.flatMap(namesOfTable))
    const isGone = (name: string) => before.has(name) && !after.has(name)
    const isAdded = (name: string) => !before.has(name) && after.has(name)
    const expansions: Expansion[] = []
    const contractions: Contraction[] = []
    for (const subject of unreleased.flatMap(({ statements }) => statements)) {
      for (const each of [subject, ...subject.inner]) {
        const draft = history.before(each)
        expansions.push(...expansionsOf(each, draft, isAdded))
        contractions.push(...contractionsOf(each, draft, isGone))
      }
    }
    for (const contraction of contractions) {
      const expansion = expansions.find((each) => replaces(each, contraction))
      if (expansion) yield verdictOf(contraction, expansion, history)
    }
  },
})

/** A table, view or column that is new in the release and stays. */
interface Expansion {
  subject: StatementSubject
  /** The table that gains a column; else the new relation. */
  table: string
  column?: string
  /** For a relation: the tables that its rows come from, and the columns that are named there; `*` for all. */
  from?: { tables: string[]; columns: string[] }
}

/** A table or column that code of an earlier release may use and that is gone after this one. */
interface Contraction {
  subject: StatementSubject
  table: string
  column?: string
}

function replaces({ table, from }: Expansion, contraction: Contraction): boolean {
  if (from === undefined) return contraction.column !== undefined && table === contraction.table
  if (!from.tables.includes(contraction.table)) return false
  const { column } = contraction
  return column === undefined || from.columns.includes(column) || from.columns.includes('*')
}

function mayContract({ statement, inner }: StatementSubject): boolean {
  return [statement, ...inner.map((each) => each.statement)].some(
    ({ tag, text }) => (tag === 'DropStmt' || tag === 'AlterTableStmt') && /\bdrop\b/i.test(text),
  )
}

function namesIn(draft: SchemaDraft): Set<string> {
  return new Set([...draft.tables.values()].flatMap(namesOfTable))
}

/** A table's name, and those of its columns: `orders`, `orders.total`. */
function namesOfTable({ name, columns }: { name: string; columns: readonly { name: string }[] }): string[] {
  return [name, ...columns.map((column) => columnName(name, column.name))]
}

function columnName(table: string, column: string): string {
  return `${table}\0${column}`
}

function nameOf(draft: SchemaDraft, relation: RangeVar | undefined): string {
  return resolveName(draft, relation?.schemaname, relation?.relname ?? '')
}

function* expansionsOf(
  subject: StatementSubject,
  draft: SchemaDraft,
  isAdded: (name: string) => boolean,
): Iterable<Expansion> {
  const { statement } = subject
  const alter = statementOf(statement, 'AlterTableStmt')
  for (const each of alter?.cmds ?? []) {
    const command = nodeOf(each, 'AlterTableCmd')
    const column = nodeOf(command?.def, 'ColumnDef')?.colname
    if (command?.subtype !== 'AT_AddColumn' || column === undefined) continue
    const table = nameOf(draft, alter?.relation)
    if (isAdded(columnName(table, column))) yield { subject, table, column }
  }
  // A relation takes over from the tables that its query, or an INSERT … SELECT into it, reads.
  const filled =
    statementOf(statement, 'InsertStmt')?.relation ??
    statementOf(statement, 'CreateTableAsStmt')?.into?.rel ??
    statementOf(statement, 'ViewStmt')?.view
  const query: Node | undefined =
    statementOf(statement, 'InsertStmt')?.selectStmt ??
    statementOf(statement, 'CreateTableAsStmt')?.query ??
    statementOf(statement, 'ViewStmt')?.query
  if (filled === undefined || !isAdded(nameOf(draft, filled))) return
  const tables = findNodes(query, 'RangeVar').map((each) => nameOf(draft, each))
  const columns = findNodes(query, 'ColumnRef').map(({ fields }) => nodeOf(fields?.at(-1), 'String')?.sval ?? '*')
  yield { subject, table: nameOf(draft, filled), from: { tables, columns } }
}

function* contractionsOf(
  subject: StatementSubject,
  draft: SchemaDraft,
  isGone: (name: string) => boolean,
): Iterable<Contraction> {
  const alter = statementOf(subject.statement, 'AlterTableStmt')
  for (const each of alter?.cmds ?? []) {
    const command = nodeOf(each, 'AlterTableCmd')
    if (command?.subtype !== 'AT_DropColumn' || command.name === undefined) continue
    const table = nameOf(draft, alter?.relation)
    if (isGone(columnName(table, command.name))) yield { subject, table, column: command.name }
  }
  const drop = statementOf(subject.statement, 'DropStmt')
  if (drop?.removeType !== 'OBJECT_TABLE' && drop?.removeType !== 'OBJECT_VIEW') return
  for (const object of drop.objects ?? []) {
    const [name, schema] = namesOf(object).toReversed()
    const table = name === undefined ? undefined : resolveName(draft, schema, name)
    if (table !== undefined && isGone(table)) yield { subject, table }
  }
}

function verdictOf(contraction: Contraction, expansion: Expansion, history: HistorySubject): Verdict {
  const old = wordsOf(contraction)
  const { statement } = contraction.subject
  const released = history.migrations.findLast((migration) => migration.released)
  return {
    kind: 'finding',
    message:
      `${old} is dropped in the release that adds ${wordsOf(expansion)}: while it is rolled out old code still ` +
      `uses it`,
    at: placeOfStatement(contraction.subject),
    evidence: [
      {
        kind: 'source',
        text: `${statement.text}\nNot released: the files after ${released?.file ?? 'the beginning'}`,
      },
    ],
    related: [{ at: placeOfStatement(expansion.subject), message: `adds ${wordsOf(expansion)}` }],
    next:
      `Take it out of this release. Drop ${old} with a later one, when no process that uses it runs any more:\n` +
      indent(`${statement.text};`),
    identity: `${contraction.table}.${contraction.column ?? ''}`,
  }
}

function wordsOf({ table, column }: { table: string; column?: string }): string {
  return column === undefined ? table : `${table}.${column}`
}
