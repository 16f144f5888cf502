import type { Evidence } from '../../findings/evidence.ts'
import { nodeOf } from '../../sql/statement.ts'
import { alterCommands } from '../alter-command.ts'
import { effectOn, whomItBlocks } from '../effect.ts'
import { measured } from '../lock-table/lock-table.ts'
import type { LockShapeName } from '../lock-table/lock-table.ts'
import { observationOf, traceEvidence } from '../observed.ts'
import { placeOfStatement } from '../place.ts'
import { defineRule } from '../rule.ts'
import { holdsNoRows, usedTable } from '../used-table.ts'
import { rewriteCause } from './rewrite-cause.ts'
import type { RewriteCause } from './rewrite-cause.ts'
import { rewritingColumnRecipe } from './rewriting-column-recipe.ts'
import { wasRewritten } from '../used-table.ts'

export default defineRule({
  id: 'no-rewriting-column',
  since: '0.1.0',
  severity: 'error',
  category: 'migration',
  subject: 'statement',
  statements: ['AlterTableStmt'],
  about: 'change',
  needs: ['measured', 'trace'],
  summary: 'ADD COLUMN that writes every row of a table in use anew',
  why:
    'A new column whose value is the same for every row that is there costs nothing: PostgreSQL notes the value in ' +
    'the catalog. Where each row needs a value of its own (a volatile default, a serial, an identity, a stored ' +
    'generated column) or each value has to be checked (a domain with a constraint) it writes the whole table and ' +
    'all its indexes anew, under ACCESS EXCLUSIVE. Every read and write waits for as long as that takes, and the ' +
    'table needs its size again on disk.',
  instead:
    'Add the column without the default, set the default for new rows, fill the old rows in batches that commit, and ' +
    'make it NOT NULL by a validated CHECK. Constants, now(), CURRENT_TIMESTAMP and everything else that is stable ' +
    'need none of this. A generated column that need not be indexed can be VIRTUAL on PostgreSQL 18. What a domain ' +
    'checks, a CHECK on a column of the base type checks as well, and that one can be NOT VALID first.',
  examples: [
    {
      title: 'A default that differs from row to row',
      setup: 'CREATE TABLE orders (id bigint PRIMARY KEY);',
      bad: 'ALTER TABLE orders ADD COLUMN token uuid NOT NULL DEFAULT gen_random_uuid();',
      at: 'ALTER TABLE orders ADD COLUMN token uuid NOT NULL DEFAULT gen_random_uuid()',
      good: 'ALTER TABLE orders ADD COLUMN token uuid, ALTER COLUMN token SET DEFAULT gen_random_uuid();',
    },
    {
      title: 'A time that is that of the row, not of the statement',
      setup: 'CREATE TABLE orders (id bigint PRIMARY KEY);',
      bad: 'ALTER TABLE orders ADD COLUMN note text, ADD COLUMN seen_at timestamptz DEFAULT clock_timestamp();',
      at: 'ALTER TABLE orders ADD COLUMN note text, ADD COLUMN seen_at timestamptz DEFAULT clock_timestamp()',
      good: 'ALTER TABLE orders ADD COLUMN note text, ADD COLUMN seen_at timestamptz NOT NULL DEFAULT now();',
    },
    {
      title: 'An identity',
      setup: 'CREATE TABLE orders (code text PRIMARY KEY);',
      bad: 'ALTER TABLE orders ADD COLUMN id bigint GENERATED ALWAYS AS IDENTITY;',
      at: 'ALTER TABLE orders ADD COLUMN id bigint GENERATED ALWAYS AS IDENTITY',
      good: 'CREATE TABLE invoices (code text);\nALTER TABLE invoices ADD COLUMN id bigint GENERATED ALWAYS AS IDENTITY;',
    },
    {
      title: 'A serial',
      setup: 'CREATE TABLE orders (code text PRIMARY KEY);',
      bad: 'ALTER TABLE orders ADD COLUMN number bigserial;',
      at: 'ALTER TABLE orders ADD COLUMN number bigserial',
      good: 'ALTER TABLE orders ADD COLUMN number bigint DEFAULT 0;',
    },
    {
      title: 'A domain with a CHECK, even where the column stays empty',
      setup:
        'CREATE DOMAIN percentage AS numeric(5, 2) CHECK (VALUE BETWEEN 0 AND 100);\n' +
        'CREATE DOMAIN note AS text;\nCREATE TABLE orders (id bigint PRIMARY KEY);',
      bad: 'ALTER TABLE orders ADD COLUMN discount percentage;',
      at: 'ALTER TABLE orders ADD COLUMN discount percentage',
      good: "ALTER TABLE orders ADD COLUMN discount numeric(5, 2), ADD COLUMN remark note DEFAULT '';",
    },
    {
      title: 'A stored generated column',
      setup: 'CREATE TABLE orders (id bigint PRIMARY KEY, net numeric NOT NULL);',
      bad: 'ALTER TABLE orders ADD COLUMN gross numeric GENERATED ALWAYS AS (net * 1.19) STORED;',
      at: 'ALTER TABLE orders ADD COLUMN gross numeric GENERATED ALWAYS AS (net * 1.19) STORED',
      good: 'ALTER TABLE orders ADD COLUMN gross numeric;',
    },
  ],
  sources: [
    'https://www.postgresql.org/docs/17/sql-altertable.html#SQL-ALTERTABLE-NOTES',
    'https://www.postgresql.org/docs/17/xfunc-volatility.html',
    'https://www.postgresql.org/docs/18/ddl-generated-columns.html',
  ],
  options: {},
  changes: {
    objects: [
      // A domain's check becomes one of the table; a stored column becomes a virtual one.
      'table public.orders',
      'constraint orders_discount_check on public.orders',
    ],
  },
  claims: [
    {
      says: 'ADD COLUMN with a volatile default writes the table anew under ACCESS EXCLUSIVE.',
      setup: 'CREATE TABLE t (a int); INSERT INTO t SELECT generate_series(1, 100);',
      statement: 'ALTER TABLE t ADD COLUMN b uuid DEFAULT gen_random_uuid()',
      locks: { 'public.t': 'ACCESS EXCLUSIVE' },
      rewrites: ['public.t'],
    },
    {
      says: 'With a constant or a stable default it neither writes nor reads a row, NOT NULL or not.',
      setup: 'CREATE TABLE t (a int); INSERT INTO t SELECT generate_series(1, 100);',
      statement: 'ALTER TABLE t ADD COLUMN b timestamptz NOT NULL DEFAULT now(), ADD COLUMN c int DEFAULT 1 + 1',
      locks: { 'public.t': 'ACCESS EXCLUSIVE' },
      rewrites: [],
      scans: [],
    },
    {
      says: 'The same default set for new rows only, in the same statement, does not either.',
      setup: 'CREATE TABLE t (a int); INSERT INTO t SELECT generate_series(1, 100);',
      statement: 'ALTER TABLE t ADD COLUMN b uuid, ALTER COLUMN b SET DEFAULT gen_random_uuid()',
      rewrites: [],
      scans: [],
      then: { query: 'SELECT count(b)::text FROM t', rows: [['0']] },
    },
    {
      says: 'A volatile function in SQL counts for what it becomes when it is inlined.',
      setup:
        "CREATE TABLE t (a int); INSERT INTO t VALUES (1); CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1';",
      statement: 'ALTER TABLE t ADD COLUMN b int DEFAULT f()',
      rewrites: [],
      scans: [],
    },
    {
      says: 'A column of a domain with a CHECK is one for which all rows are written anew, even without a default.',
      setup: 'CREATE TABLE t (a int); INSERT INTO t VALUES (1); CREATE DOMAIN d AS int CHECK (VALUE > 0);',
      statement: 'ALTER TABLE t ADD COLUMN b d',
      rewrites: ['public.t'],
    },
    {
      says: 'An array of such a domain is not, nor a domain without a constraint.',
      setup:
        'CREATE TABLE t (a int); INSERT INTO t VALUES (1); CREATE DOMAIN d AS int CHECK (VALUE > 0); ' +
        'CREATE DOMAIN e AS int;',
      statement: 'ALTER TABLE t ADD COLUMN b d[], ADD COLUMN c e DEFAULT 1',
      rewrites: [],
      scans: [],
    },
    {
      says: 'A VIRTUAL generated column costs nothing.',
      setup: 'CREATE TABLE t (a int); INSERT INTO t VALUES (1);',
      statement: 'ALTER TABLE t ADD COLUMN b int GENERATED ALWAYS AS (a * 2) VIRTUAL',
      majors: [18],
      rewrites: [],
      scans: [],
    },
  ],
  *check(subject, { major }) {
    const commands = alterCommands(subject.statement)
    if (!commands.some(({ node }) => node.subtype === 'AT_AddColumn')) return
    const table = usedTable(subject)
    if (table === undefined || holdsNoRows(table)) return
    const rewritten = wasRewritten(subject, table)
    if (rewritten === false) return
    // Then nothing else in the statement can have been the cause, whatever the text says.
    const isSeen = rewritten === true && commands.length === 1 && subject.within === undefined
    const observation = observationOf(subject)
    const mode = effectOn(subject, table.name)?.lock?.mode ?? 'ACCESS EXCLUSIVE'
    for (const command of commands) {
      const column = nodeOf(command.node.def, 'ColumnDef')
      const name = column?.colname
      if (command.node.subtype !== 'AT_AddColumn' || column === undefined || name === undefined) continue
      if (command.node.missing_ok && table.declared?.columns.some((each) => each.name === name)) continue
      const found = rewriteCause(column, subject)
      const cause = typeof found === 'string' ? undefined : found
      if (found === 'none' && !isSeen) continue
      if (found === 'unknown' && rewritten === undefined) {
        yield { kind: 'unknown', needs: 'a trace', file: subject.migration.file }
        continue
      }
      const evidence: Evidence = observation
        ? traceEvidence(major, observation)
        : measured(shapeOf(cause, table.declared?.kind === 'partitioned table'), major, { t: table.printed })
      yield {
        kind: 'finding',
        at: placeOfStatement(subject),
        evidence: [evidence],
        message:
          `ADD COLUMN ${name}${wordsOf(cause)} writes all of ${table.printed} anew while ${whomItBlocks(mode)} waits ` +
          `(${mode})`,
        identity: `${table.name}.${name}`,
        ...rewritingColumnRecipe(subject, { table, command, column, cause, major }),
      }
    }
  },
})

function wordsOf(cause: RewriteCause | undefined): string {
  switch (cause?.kind) {
    case 'default':
      return ` DEFAULT ${cause.call}`
    case 'serial':
      return ' serial'
    case 'identity':
      return ' AS IDENTITY'
    case 'stored':
      return ' GENERATED … STORED'
    case 'domain':
      return ` of the domain ${cause.name}`
    case undefined:
      return ''
  }
}

const shapesOfCalls: Readonly<Record<string, LockShapeName>> = {
  'clock_timestamp()': 'ALTER TABLE … ADD COLUMN … DEFAULT clock_timestamp()',
  'gen_random_uuid()': 'ALTER TABLE … ADD COLUMN … DEFAULT gen_random_uuid()',
  'random()': 'ALTER TABLE … ADD COLUMN … DEFAULT random()',
  'nextval()': 'ALTER TABLE … ADD COLUMN … DEFAULT nextval()',
}

function shapeOf(cause: RewriteCause | undefined, isPartitioned: boolean): LockShapeName {
  if (isPartitioned) return 'ALTER TABLE … ADD COLUMN … DEFAULT random(), partitioned table'
  switch (cause?.kind) {
    case 'serial':
      return 'ALTER TABLE … ADD COLUMN … serial'
    case 'identity':
      return 'ALTER TABLE … ADD COLUMN … GENERATED AS IDENTITY'
    case 'stored':
      return 'ALTER TABLE … ADD COLUMN … GENERATED STORED'
    case 'domain':
      return 'ALTER TABLE … ADD COLUMN … domain with CHECK'
    case 'default':
      return shapesOfCalls[cause.call] ?? 'ALTER TABLE … ADD COLUMN … DEFAULT volatile function'
    case undefined:
      return 'ALTER TABLE … ADD COLUMN … DEFAULT volatile function'
  }
}
