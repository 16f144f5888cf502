import { quoteIdentifier, quoteTextName } from '../../sql/identifier.ts'
import { resolveName } from '../../sql/schema-draft.ts'
import { modifiersOf, typeNameOf } from '../../sql/declarations.ts'
import { nodeOf, statementOf } from '../../sql/statement.ts'
import { acknowledge, dumpCommand } from '../acknowledgement.ts'
import { isUnused } from '../drops.ts'
import { isNewObject } from '../new-objects.ts'
import { printedName } from '../object-name.ts'
import { placeOfStatement } from '../place.ts'
import { defineRule } from '../rule.ts'
import type { Verdict } from '../rule.ts'
import type { StatementSubject } from '../subject.ts'
import { isOneKind, typeFit, typeText } from '../type-fit.ts'
import type { ColumnType } from '../type-fit.ts'

export default defineRule({
  id: 'no-narrowing-type',
  since: '0.1.0',
  severity: 'error',
  category: 'migration',
  subject: 'statement',
  statements: ['AlterTableStmt'],
  about: 'change',
  destructive: true,
  needs: ['source'],
  summary: 'A column gets a type that cannot hold all values of the one before',
  why:
    'What does not fit is lost or makes the migration fail, and which of the two depends on the pair: numeric(10,2) ' +
    'to numeric(10,1) rounds, timestamptz to date cuts, varchar(50) to varchar(10) fails on the first long value, ' +
    'and with USING code::varchar(10) it cuts that off without a word. On the empty tables of a test all of it goes ' +
    'well. The table is read or rewritten under ACCESS EXCLUSIVE besides. A limit that only the type of an earlier ' +
    'migration shows is read from the text of the whole history.',
  instead:
    'Look first: SELECT count(*) … WHERE the value does not fit. To hold a column to a length or a range, add a CHECK ' +
    'NOT VALID and validate it: nothing is rewritten and nothing is lost. To give it a truly smaller type, add a new ' +
    'column, fill it in batches, compare, and drop the old one later.',
  examples: [
    {
      title: 'A shorter text',
      setup: 'CREATE TABLE orders (id bigint PRIMARY KEY, code varchar(50));',
      bad: 'ALTER TABLE orders ALTER COLUMN code TYPE varchar(10);',
      at: 'ALTER TABLE orders ALTER COLUMN code TYPE varchar(10)',
      good:
        'ALTER TABLE orders ADD CONSTRAINT orders_code_length CHECK (length(code) <= 10) NOT VALID;\n' +
        'ALTER TABLE orders ALTER COLUMN code TYPE varchar(100);',
    },
    {
      title: 'Fewer digits behind the point',
      setup: 'CREATE TABLE orders (id bigint PRIMARY KEY, total numeric(10,2));',
      bad: 'ALTER TABLE orders ALTER COLUMN total TYPE numeric(10,1);',
      at: 'ALTER TABLE orders ALTER COLUMN total TYPE numeric(10,1)',
      good: 'ALTER TABLE orders ALTER COLUMN total TYPE numeric(12,2);',
    },
    {
      title: 'A day where there was an instant',
      setup: 'CREATE TABLE orders (id integer PRIMARY KEY, placed_at timestamptz NOT NULL);',
      bad: 'ALTER TABLE orders ALTER COLUMN placed_at TYPE date;',
      at: 'ALTER TABLE orders ALTER COLUMN placed_at TYPE date',
      good: 'ALTER TABLE orders ALTER COLUMN id TYPE bigint;',
    },
    {
      title: 'A text becomes a number',
      setup: 'CREATE TABLE orders (id bigint PRIMARY KEY, quantity text);',
      bad: 'ALTER TABLE orders ALTER COLUMN quantity TYPE integer USING quantity::integer;',
      at: 'ALTER TABLE orders ALTER COLUMN quantity TYPE integer USING quantity::integer',
      good:
        'ALTER TABLE orders ADD COLUMN quantity_number text;\n' +
        'ALTER TABLE orders ALTER COLUMN quantity_number TYPE integer USING quantity_number::integer;',
    },
  ],
  sources: [
    'https://www.postgresql.org/docs/17/sql-altertable.html#SQL-ALTERTABLE-DESC-SET-DATA-TYPE',
    'https://www.postgresql.org/docs/17/datatype.html',
  ],
  options: {},
  claims: [
    {
      says: 'A longer value makes the change to varchar(n) fail.',
      setup: "CREATE TABLE t (a varchar(50)); INSERT INTO t VALUES ('too long');",
      statement: 'ALTER TABLE t ALTER COLUMN a TYPE varchar(3)',
      fails: '22001',
    },
    {
      says: 'With an explicit cast in USING it is cut off without an error.',
      setup: "CREATE TABLE t (a varchar(50)); INSERT INTO t VALUES ('too long');",
      statement: 'ALTER TABLE t ALTER COLUMN a TYPE varchar(3) USING a::varchar(3)',
      then: { query: 'SELECT a FROM t', rows: [['too']] },
    },
    {
      says: 'A smaller scale of numeric rounds.',
      setup: 'CREATE TABLE t (a numeric(10,2)); INSERT INTO t VALUES (1.25);',
      statement: 'ALTER TABLE t ALTER COLUMN a TYPE numeric(10,1)',
      then: { query: 'SELECT a::text FROM t', rows: [['1.3']] },
    },
    {
      says: 'A number with too many digits before the point makes it fail.',
      setup: 'CREATE TABLE t (a numeric(10,2)); INSERT INTO t VALUES (12345);',
      statement: 'ALTER TABLE t ALTER COLUMN a TYPE numeric(6,2)',
      fails: '22003',
    },
    {
      says: 'A bigint over 2147483647 makes the change to integer fail.',
      setup: 'CREATE TABLE t (a bigint); INSERT INTO t VALUES (2147483648);',
      statement: 'ALTER TABLE t ALTER COLUMN a TYPE integer',
      fails: '22003',
    },
    {
      says: 'numeric to integer rounds.',
      setup: 'CREATE TABLE t (a numeric); INSERT INTO t VALUES (1.5);',
      statement: 'ALTER TABLE t ALTER COLUMN a TYPE integer',
      then: { query: 'SELECT a::text FROM t', rows: [['2']] },
    },
    {
      says: 'bigint to double precision rounds above 15 digits.',
      setup: 'CREATE TABLE t (a bigint); INSERT INTO t VALUES (9007199254740993);',
      statement: 'ALTER TABLE t ALTER COLUMN a TYPE double precision',
      then: { query: 'SELECT a::bigint::text FROM t', rows: [['9007199254740992']] },
    },
    {
      says: 'timestamptz to date cuts the time of day off.',
      setup: "CREATE TABLE t (a timestamptz); INSERT INTO t VALUES ('2026-01-01 12:00Z');",
      statement: "SET TimeZone = 'UTC'; ALTER TABLE t ALTER COLUMN a TYPE date",
      then: { query: 'SELECT a::timestamp::text FROM t', rows: [['2026-01-01 00:00:00']] },
    },
    {
      says: 'timestamptz to timestamptz(0) rounds.',
      setup: "CREATE TABLE t (a timestamptz); INSERT INTO t VALUES ('2026-01-01 12:00:00.6Z');",
      statement: "SET TimeZone = 'UTC'; ALTER TABLE t ALTER COLUMN a TYPE timestamptz(0)",
      then: { query: 'SELECT extract(second FROM a)::int::text FROM t', rows: [['1']] },
    },
    {
      says: 'interval to time cuts days off.',
      setup: "CREATE TABLE t (a interval); INSERT INTO t VALUES ('3 days 01:00');",
      statement: 'ALTER TABLE t ALTER COLUMN a TYPE time',
      then: { query: 'SELECT a::text FROM t', rows: [['01:00:00']] },
    },
    {
      says: 'inet to cidr clears the bits behind the network.',
      setup: "CREATE TABLE t (a inet); INSERT INTO t VALUES ('10.1.2.3/8');",
      statement: 'ALTER TABLE t ALTER COLUMN a TYPE cidr',
      then: { query: 'SELECT a::text FROM t', rows: [['10.0.0.0/8']] },
    },
    {
      says: 'A text that is no number makes a cast to integer fail.',
      setup: "CREATE TABLE t (a text); INSERT INTO t VALUES ('a dozen');",
      statement: 'ALTER TABLE t ALTER COLUMN a TYPE integer USING a::integer',
      fails: '22P02',
    },
  ],
  *check(subject) {
    const alter = statementOf(subject.statement, 'AlterTableStmt')
    if (alter?.objtype !== 'OBJECT_TABLE' || alter.relation?.relname === undefined) return
    const draft = subject.migration.history.before(subject)
    const table = resolveName(draft, alter.relation.schemaname, alter.relation.relname)
    const known = draft.tables.get(table)
    for (const each of alter.cmds ?? []) {
      const command = nodeOf(each, 'AlterTableCmd')
      const definition = nodeOf(command?.def, 'ColumnDef')
      if (command?.subtype !== 'AT_AlterColumnType' || definition === undefined) continue
      const name = command.name ?? ''
      const before = (subject.within?.statement ?? subject.statement).index
      if (isUnused(subject, table) || isNewObject(subject.migration, 'column', `${table}.${name}`, before)) continue
      const to = { type: typeNameOf(definition.typeName), modifiers: modifiersOf(definition.typeName) }
      const from = known?.columns.find((column) => column.name === name)
      const cast = definition.raw_default !== undefined
      yield* judgeChange(subject, table, name, from, to, { cast, domains: draft.domains })
    }
  },
})

function* judgeChange(
  subject: StatementSubject,
  table: string,
  column: string,
  from: ColumnType | undefined,
  to: ColumnType,
  how: Parameters<typeof typeFit>[2],
): Iterable<Verdict> {
  const { file } = subject.migration
  // Everything that is not binary has a text.
  const fit = from ? typeFit(from, to, how) : to.type === 'text' ? 'holds' : 'unclear'
  if (fit === 'holds') return
  if (fit === 'unclear') {
    const needs = `the ${from ? 'values' : 'type'} of ${quoteTextName(table)}.${quoteIdentifier(column)}`
    yield { kind: 'unknown', needs, file }
    return
  }
  const was = from ? ` from ${typeText(from)}` : ''
  const printed = `${quoteTextName(table)}.${quoteIdentifier(column)}`
  const limit = isOneKind(from, to)
    ? ' A CHECK … NOT VALID that is validated later holds a column to a limit without changing its type.'
    : ''
  yield {
    kind: 'finding',
    at: placeOfStatement(subject),
    evidence: [{ kind: 'source', text: `${printed} was ${from ? typeText(from) : ''}` }],
    message: `ALTER COLUMN … TYPE ${typeText(to)} narrows ${printed}${was}: ${fit.loses}`,
    next: acknowledge(
      subject,
      'no-narrowing-type',
      `Count the values that do not fit, on the target, and settle what becomes of them.${limit} Keep the values: ` +
        `${dumpCommand([printedName(table)])}.`,
    ),
    identity: `${table}.${column}`,
  }
}
