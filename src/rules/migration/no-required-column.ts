import type { ColumnDef } from '@pgsql/types'
import type { Fix } from '../../findings/fix.ts'
import { typeNameOf } from '../../sql/declarations.ts'
import { nodeOf } from '../../sql/statement.ts'
import { withConstraints } from '../added-constraint.ts'
import { alterCommands } from '../alter-command.ts'
import { domainOf } from '../domain.ts'
import { unqualified } from '../../sql/schema-draft.ts'
import { fileWords } from '../next-step.ts'
import { measured } from '../lock-table/lock-table.ts'
import { placeOfStatement } from '../place.ts'
import { recipe } from '../recipe.ts'
import { defineRule } from '../rule.ts'
import type { MigrationDraft, StatementSubject } from '../subject.ts'
import { holdsNoRows, usedTable } from '../used-table.ts'
import { isKey, notNullAndKeys, readColumn } from './added-column.ts'
import type { AddedColumn, WrittenColumn } from './added-column.ts'
import { serialTypes } from '../../sql/serial-types.ts'

export default defineRule({
  id: 'no-required-column',
  since: '0.1.0',
  severity: 'error',
  category: 'migration',
  subject: 'statement',
  statements: ['AlterTableStmt'],
  about: 'change',
  needs: ['measured'],
  summary: 'ADD COLUMN … NOT NULL without a default on a table in use',
  why:
    'The rows that are there have no value for the column, so ADD COLUMN fails with 23502 as soon as there is one row; ' +
    'on an empty test database it succeeds. Where it succeeds, every INSERT of the code that runs already, which does ' +
    'not know the column, fails from then on. A primary key demands a value as NOT NULL does, and so does a domain ' +
    'that is NOT NULL.',
  instead:
    'Give it a default in the same statement, if one is right: a constant costs nothing. Else add it without NOT NULL, ' +
    'let the code write it, fill the rows that are there in batches, and make it NOT NULL by a validated CHECK.',
  examples: [
    {
      title: 'No value for the rows that are there',
      setup: 'CREATE TABLE orders (id bigint PRIMARY KEY);',
      bad: 'ALTER TABLE orders ADD COLUMN note text, ADD COLUMN customer_id bigint NOT NULL;',
      at: 'ALTER TABLE orders ADD COLUMN note text, ADD COLUMN customer_id bigint NOT NULL',
      good: "ALTER TABLE orders ADD COLUMN customer_id bigint, ADD COLUMN state text NOT NULL DEFAULT 'new';",
    },
    {
      title: 'A key',
      setup: 'CREATE TABLE orders (number text);',
      bad: 'ALTER TABLE orders ADD COLUMN id uuid PRIMARY KEY;',
      at: 'ALTER TABLE orders ADD COLUMN id uuid PRIMARY KEY',
      good: 'CREATE TABLE invoices (number text);\nALTER TABLE invoices ADD COLUMN id uuid PRIMARY KEY;',
    },
    {
      title: 'A domain that is NOT NULL',
      setup: 'CREATE DOMAIN code AS text NOT NULL;\nCREATE TABLE orders (id bigint PRIMARY KEY);',
      bad: 'ALTER TABLE orders ADD COLUMN code code;',
      at: 'ALTER TABLE orders ADD COLUMN code code',
      good: 'ALTER TABLE orders ADD COLUMN code text;',
    },
  ],
  sources: [
    'https://www.postgresql.org/docs/17/sql-altertable.html#SQL-ALTERTABLE-NOTES',
    'https://www.postgresql.org/docs/17/ddl-constraints.html#DDL-CONSTRAINTS-NOT-NULL',
  ],
  options: {},
  changes: { objects: [] },
  claims: [
    {
      says: 'ADD COLUMN … NOT NULL without a default fails as soon as there is a row.',
      setup: 'CREATE TABLE t AS SELECT 1 AS a;',
      statement: 'ALTER TABLE t ADD COLUMN b int NOT NULL',
      fails: '23502',
    },
    {
      says: 'So does PRIMARY KEY.',
      setup: 'CREATE TABLE t AS SELECT 1 AS a;',
      statement: 'ALTER TABLE t ADD COLUMN b int PRIMARY KEY',
      fails: '23502',
    },
    {
      says: 'So does a domain that is NOT NULL.',
      setup: 'CREATE TABLE t AS SELECT 1 AS a; CREATE DOMAIN d AS int NOT NULL;',
      statement: 'ALTER TABLE t ADD COLUMN b d',
      fails: '23502',
    },
    {
      says: 'DEFAULT NULL is none.',
      setup: 'CREATE TABLE t AS SELECT 1 AS a;',
      statement: 'ALTER TABLE t ADD COLUMN b int NOT NULL DEFAULT NULL',
      fails: '23502',
    },
    {
      says: 'Afterwards an INSERT that does not name the column fails.',
      setup: 'CREATE TABLE t (a int); ALTER TABLE t ADD COLUMN b int NOT NULL;',
      statement: 'INSERT INTO t (a) VALUES (1)',
      fails: '23502',
    },
    {
      says: 'With a constant default the rows that are there have it, and nothing is read or written.',
      setup: 'CREATE TABLE t AS SELECT 1 AS a;',
      statement: 'ALTER TABLE t ADD COLUMN b int NOT NULL DEFAULT 7',
      rewrites: [],
      scans: [],
      then: { query: 'SELECT b::text FROM t', rows: [['7']] },
    },
  ],
  *check(subject, { major }) {
    const commands = alterCommands(subject.statement)
    if (!commands.some(({ node }) => node.subtype === 'AT_AddColumn')) return
    const table = usedTable(subject)
    if (table === undefined || holdsNoRows(table)) return
    for (const command of commands) {
      const column = nodeOf(command.node.def, 'ColumnDef')
      const name = column?.colname
      if (command.node.subtype !== 'AT_AddColumn' || column === undefined || name === undefined) continue
      if (command.node.missing_ok && table.declared?.columns.some((each) => each.name === name)) continue
      const demand = demandOf(column, subject)
      if (demand === undefined) continue
      yield {
        kind: 'finding',
        at: placeOfStatement(subject),
        evidence: [measured(demand === 'PRIMARY KEY' ? primaryKey : notNull, major, { t: table.printed })],
        message:
          `ADD COLUMN ${name}${demand === 'NOT NULL' || demand === 'PRIMARY KEY' ? ` ${demand}` : ` of the domain ${demand}`} ` +
          `without a default fails (23502) as soon as ${table.printed} has a row, and so does every INSERT that does not ` +
          'name it',
        identity: `${table.name}.${name}`,
        ...remedy(subject, { table, command, column, major }),
      }
    }
  },
})

const notNull = 'ALTER TABLE … ADD COLUMN … NOT NULL'
const primaryKey = 'ALTER TABLE … ADD COLUMN … PRIMARY KEY'

/** What demands a value that nothing gives: a constraint, or a domain by its name. */
function demandOf(column: ColumnDef, subject: StatementSubject): string | undefined {
  const type = typeNameOf(column.typeName)
  if (serialTypes.has(type)) return undefined
  const constraints = (column.constraints ?? []).flatMap((each) => nodeOf(each, 'Constraint') ?? [])
  const kinds = constraints.map(({ contype }) => contype)
  if (kinds.includes('CONSTR_IDENTITY') || kinds.includes('CONSTR_GENERATED')) return undefined
  const given = constraints.find(({ contype }) => contype === 'CONSTR_DEFAULT')?.raw_expr
  if (given !== undefined && nodeOf(given, 'A_Const')?.isnull !== true) return undefined
  const domains = domainsUnder(type, subject)
  if (given === undefined && domains.some(({ domain }) => domain.default !== undefined)) return undefined
  if (kinds.includes('CONSTR_PRIMARY')) return 'PRIMARY KEY'
  // Of PostgreSQL 18: not proven for the rows that are there.
  const required = constraints.find(({ contype }) => contype === 'CONSTR_NOTNULL')
  if (required && !required.skip_validation) return 'NOT NULL'
  return domains.find(({ domain }) => domain.notNull)?.name
}

function domainsUnder(
  type: string,
  subject: StatementSubject,
): { name: string; domain: NonNullable<ReturnType<typeof domainOf>> }[] {
  const domain = domainOf(type, subject)
  return domain ? [{ name: type, domain }, ...domainsUnder(domain.base, subject)] : []
}

function remedy(subject: StatementSubject, added: AddedColumn): { next: string; fixes: Fix[] } {
  const written = readColumn(subject, added)
  const { name, column, tableText, table } = written
  const demands = written.constraints.filter(({ node }) => node.contype === 'CONSTR_NOTNULL' || isKey(node))
  const isDefault = written.constraints.some(({ node }) => node.contype === 'CONSTR_DEFAULT')
  if (demands.length === 0 || !written.isSimple || isDefault) {
    return {
      next:
        `Add ${column} of a base type, without NOT NULL, or with a DEFAULT if one is right. Let the code write it and ` +
        `fill the rows that are there in batches. Then make it NOT NULL by a CHECK (${column} IS NOT NULL) NOT VALID, ` +
        `its validation in a later migration, and ALTER TABLE ${tableText} ALTER COLUMN ${column} SET NOT NULL.`,
      fixes: [],
    }
  }
  return recipe(subject, {
    title: 'Add the column without NOT NULL, require it later',
    says:
      `If a constant is right for the rows that are there, give it as DEFAULT: that is instant. Else only you know the ` +
      `value of ${name}: add the column without NOT NULL and release code that writes it, then fill the old rows of ` +
      `${table.printed} in batches, in the place that is marked for it. It fails there while a row has no value:`,
    instead: withConstraints(
      subject.statement,
      demands.map((demand) => [demand, []]),
    ),
    then: [fill(written), ...notNullAndKeys(written)],
    back: 'as before',
  })
}

/** The place of what only its author can write. It runs where no row lacks a value. */
function fill({ column, name, tableText, table }: WrittenColumn): MigrationDraft {
  const message = `write here what gives the rows of ${table.name} their ${name}`.replaceAll("'", "''")
  return {
    name: fileWords(`fill_${name}_of_${unqualified(table.name)}`),
    up: `-- Give the old rows their ${name} here, in batches, each committed.
DO $$
BEGIN
  IF EXISTS (SELECT FROM ${tableText} WHERE ${column} IS NULL) THEN
    RAISE EXCEPTION '${message.replaceAll('%', '%%')}';
  END IF;
END $$;`,
    down: `-- The values of ${name} go with the column.`,
    outsideTransaction: false,
  }
}
