import { modifiersOf, typeNameOf } from '../../sql/declarations.ts'
import { nodeOf } from '../../sql/statement.ts'
import { alterCommands } from '../alter-command.ts'
import { effectOn, whomItBlocks } from '../effect.ts'
import { lockTable, measured } from '../lock-table/lock-table.ts'
import type { LockShapeName } from '../lock-table/lock-table.ts'
import { observationOf, traceEvidence } from '../observed.ts'
import { placeOfStatement } from '../place.ts'
import { defineRule } from '../rule.ts'
import type { StatementSubject } from '../subject.ts'
import { typeText } from '../type-fit.ts'
import type { ColumnType } from '../type-fit.ts'
import { holdsNoRows, usedTable, wasRead } from '../used-table.ts'
import type { UsedTable } from '../used-table.ts'
import { foreignKeyPartners } from './type-change-partners.ts'
import { refusals } from './type-change-refused.ts'
import { typeChangeEffect } from './type-change-effect.ts'
import type { TypeChangeEffect } from './type-change-effect.ts'
import { typeChangeRecipe } from './type-change-recipe.ts'
import { wasRewritten } from '../used-table.ts'

export default defineRule({
  id: 'no-rewriting-type-change',
  since: '0.1.0',
  severity: 'error',
  category: 'migration',
  subject: 'statement',
  statements: ['AlterTableStmt'],
  about: 'change',
  needs: ['measured', 'trace', 'source'],
  summary: 'ALTER COLUMN … TYPE that writes or reads every row of a table in use',
  why:
    'A new type leaves the rows as they are only where each value is stored the same way in both: a longer varchar, ' +
    'varchar to text, more digits of numeric before the point. Every other change writes the whole table and all its ' +
    'indexes anew under ACCESS EXCLUSIVE, and locks tables that are joined to it by a foreign key as well. Every read ' +
    'and write waits for as long as that takes. Some changes leave the rows and still take long: an index whose order ' +
    'changes, or that has an expression or a condition, is built anew, and a CHECK on the column is proven anew. From ' +
    'timestamp to timestamptz (and back) the TimeZone of the session decides both what the values mean and whether ' +
    'they are written anew.',
  instead:
    'Expand and contract: add a column of the new type, keep it in step by a trigger, fill it in batches, build its ' +
    'indexes CONCURRENTLY, and let it take the old one’s place by two renames in one short transaction. Where a ' +
    'shorter varchar is asked for, a CHECK of the length does the same, and that one can be NOT VALID first. For ' +
    'timestamptz set TimeZone to UTC in the same transaction, if that is what the values are.',
  examples: [
    {
      title: 'A key that runs out of integers',
      setup:
        'CREATE TABLE orders (id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY, total numeric(10, 2) NOT NULL);\n' +
        'INSERT INTO orders (total) VALUES (1), (2);',
      bad: 'ALTER TABLE orders ALTER COLUMN id TYPE bigint;',
      at: 'ALTER TABLE orders ALTER COLUMN id TYPE bigint',
      good: 'ALTER TABLE orders ALTER COLUMN total TYPE numeric(12, 2);',
    },
    {
      title: 'More digits behind the point; more before it are free',
      setup:
        'CREATE TABLE orders (id bigint PRIMARY KEY, total numeric(10, 2), note varchar(50));\n' +
        'CREATE INDEX orders_total_idx ON orders (total);\nINSERT INTO orders VALUES (1, 2);',
      bad: 'ALTER TABLE orders ALTER COLUMN note TYPE text, ALTER COLUMN total TYPE numeric(12, 4);',
      at: 'ALTER TABLE orders ALTER COLUMN note TYPE text, ALTER COLUMN total TYPE numeric(12, 4)',
      good:
        'ALTER TABLE orders ALTER COLUMN note TYPE varchar(100), ALTER COLUMN total TYPE numeric(14, 2);\n' +
        'ALTER TABLE orders ALTER COLUMN note TYPE text USING note, ALTER COLUMN total TYPE numeric;',
    },
    {
      title: 'A text that gets a length',
      setup: "CREATE TABLE orders (id bigint PRIMARY KEY, code text NOT NULL);\nINSERT INTO orders VALUES (1, 'a');",
      bad: 'ALTER TABLE orders ALTER COLUMN code TYPE varchar(50);',
      at: 'ALTER TABLE orders ALTER COLUMN code TYPE varchar(50)',
      good: 'ALTER TABLE orders ALTER COLUMN code TYPE varchar;',
    },
    {
      title: 'Times of a zone that nobody names',
      setup: 'CREATE TABLE orders (id bigint PRIMARY KEY, placed_at timestamp);\nINSERT INTO orders VALUES (1, now());',
      bad: 'ALTER TABLE orders ALTER COLUMN placed_at TYPE timestamptz;',
      at: 'ALTER TABLE orders ALTER COLUMN placed_at TYPE timestamptz',
      good: "SET LOCAL TimeZone = 'UTC';\nALTER TABLE orders ALTER COLUMN placed_at TYPE timestamptz;",
    },
    {
      title: 'An index that sorts otherwise',
      setup:
        'CREATE TABLE orders (id bigint PRIMARY KEY, code text, note text);\n' +
        "CREATE INDEX orders_code_idx ON orders (code);\nINSERT INTO orders VALUES (1, 'a');",
      bad: 'ALTER TABLE orders ALTER COLUMN code TYPE text COLLATE "C";',
      at: 'ALTER TABLE orders ALTER COLUMN code TYPE text COLLATE "C"',
      good: 'ALTER TABLE orders ALTER COLUMN note TYPE text COLLATE "C";',
    },
    {
      title: 'A CHECK that is proven anew',
      setup:
        'CREATE TABLE orders (id bigint PRIMARY KEY, code varchar(10), note varchar(10),\n' +
        "  CONSTRAINT has_code CHECK (code <> ''));\nINSERT INTO orders VALUES (1, 'a');",
      bad: 'ALTER TABLE orders ALTER COLUMN code TYPE varchar(20);',
      at: 'ALTER TABLE orders ALTER COLUMN code TYPE varchar(20)',
      good: 'ALTER TABLE orders ALTER COLUMN note TYPE varchar(20);',
    },
  ],
  sources: [
    'https://www.postgresql.org/docs/17/sql-altertable.html#SQL-ALTERTABLE-NOTES',
    'https://www.postgresql.org/docs/17/sql-createcast.html',
  ],
  options: {},
  changes: {
    objects: [
      // The new column comes last, and the old one stays for a release, with its index; or the type stays.
      'table public.orders',
      'index public.orders_total_idx_old',
      'index public.orders_code_idx_old',
      'constraint orders_code_check on public.orders',
    ],
  },
  claims: [
    {
      says: 'int to bigint writes the table anew under ACCESS EXCLUSIVE.',
      setup: 'CREATE TABLE t AS SELECT g AS a FROM generate_series(1, 100) g;',
      statement: 'ALTER TABLE t ALTER COLUMN a TYPE bigint',
      locks: { 'public.t': 'ACCESS EXCLUSIVE' },
      rewrites: ['public.t'],
    },
    {
      says: 'A longer varchar, text, and more digits of numeric before the point leave rows and indexes as they are.',
      setup:
        'CREATE TABLE t (a varchar(5), b varchar, c numeric(5, 2)); CREATE INDEX ON t (a, b, c); INSERT INTO t SELECT 1;',
      statement:
        'ALTER TABLE t ALTER COLUMN a TYPE varchar(9), ALTER COLUMN b TYPE text, ALTER COLUMN c TYPE numeric(9, 2)',
      rewrites: [],
      scans: [],
    },
    {
      says: 'text to varchar(n) writes the table anew, even where a CHECK proves the length.',
      setup: 'CREATE TABLE t (a text CHECK (length(a) <= 5)); INSERT INTO t SELECT 1;',
      statement: 'ALTER TABLE t ALTER COLUMN a TYPE varchar(5)',
      rewrites: ['public.t'],
    },
    {
      says: 'Under UTC timestamp to timestamptz leaves the rows as they are.',
      setup: "CREATE TABLE t AS SELECT now()::timestamp AS a; SET timezone = 'UTC';",
      statement: 'ALTER TABLE t ALTER COLUMN a TYPE timestamptz',
      rewrites: [],
      scans: [],
    },
    {
      says: 'Under any other TimeZone it writes them anew, even under one that never differs from UTC.',
      setup: "CREATE TABLE t AS SELECT now()::timestamp AS a; SET timezone = 'Africa/Abidjan';",
      statement: 'ALTER TABLE t ALTER COLUMN a TYPE timestamptz',
      rewrites: ['public.t'],
    },
    {
      says: 'An expression in USING writes the table anew, AT TIME ZONE too.',
      setup: "CREATE TABLE t AS SELECT now()::timestamp AS a; SET timezone = 'UTC';",
      statement: "ALTER TABLE t ALTER COLUMN a TYPE timestamptz USING a AT TIME ZONE 'UTC'",
      rewrites: ['public.t'],
    },
    {
      says: 'A new collation builds the column’s indexes anew.',
      setup: 'CREATE TABLE t AS SELECT g::text AS a FROM generate_series(1, 100) g; CREATE INDEX ON t (a);',
      statement: 'ALTER TABLE t ALTER COLUMN a TYPE text COLLATE "C"',
      locks: { 'public.t': 'ACCESS EXCLUSIVE' },
      rewrites: [],
      scans: ['public.t'],
    },
    {
      says: 'So does every change of type where the index has a condition.',
      setup: 'CREATE TABLE t (a varchar(5)); INSERT INTO t SELECT 1; CREATE INDEX ON t (a) WHERE a IS NOT NULL;',
      statement: 'ALTER TABLE t ALTER COLUMN a TYPE text',
      rewrites: [],
      scans: ['public.t'],
    },
    {
      says: 'A CHECK on the column is proven anew; one that is NOT VALID is not.',
      setup: "CREATE TABLE t (a varchar(5) CHECK (a <> '')); INSERT INTO t SELECT 1;",
      statement: 'ALTER TABLE t ALTER COLUMN a TYPE varchar(9)',
      rewrites: [],
      scans: ['public.t'],
    },
    {
      says: 'A view that uses the column makes PostgreSQL refuse it.',
      setup: 'CREATE TABLE t (a int); CREATE VIEW v AS SELECT a FROM t;',
      statement: 'ALTER TABLE t ALTER COLUMN a TYPE bigint',
      fails: '0A000',
    },
    {
      says: 'So do a generated column that is computed from it,',
      setup: 'CREATE TABLE t (a int, b int GENERATED ALWAYS AS (a * 2) STORED);',
      statement: 'ALTER TABLE t ALTER COLUMN a TYPE bigint',
      fails: '0A000',
    },
    {
      says: 'a trigger that names it,',
      setup:
        'CREATE TABLE t (a int); CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RETURN NEW; END$$; ' +
        'CREATE TRIGGER z BEFORE UPDATE OF a ON t FOR EACH ROW EXECUTE FUNCTION f();',
      statement: 'ALTER TABLE t ALTER COLUMN a TYPE bigint',
      fails: '0A000',
    },
    {
      says: 'a policy,',
      setup: 'CREATE TABLE t (a int); CREATE POLICY p ON t USING (a > 0);',
      statement: 'ALTER TABLE t ALTER COLUMN a TYPE bigint',
      fails: '0A000',
    },
    {
      says: 'a partition key,',
      setup: 'CREATE TABLE t (a int) PARTITION BY LIST (a);',
      statement: 'ALTER TABLE t ALTER COLUMN a TYPE bigint',
      fails: '42P16',
    },
    {
      says: 'and a partition’s parent.',
      setup: 'CREATE TABLE t (a int, b int) PARTITION BY LIST (b); CREATE TABLE p PARTITION OF t DEFAULT;',
      statement: 'ALTER TABLE p ALTER COLUMN a TYPE bigint',
      fails: '42P16',
    },
    {
      says: 'Without the USING it does the same under UTC, and leaves the rows as they are; from timestamptz too.',
      setup: "CREATE TABLE t AS SELECT now() AS a; SET timezone = 'UTC';",
      statement: 'ALTER TABLE t ALTER COLUMN a TYPE timestamp',
      rewrites: [],
      scans: [],
    },
    {
      says: 'A table that a foreign key joins to it is locked as well.',
      setup: 'CREATE TABLE r (a int PRIMARY KEY); CREATE TABLE t (a int REFERENCES r);',
      statement: 'ALTER TABLE t ALTER COLUMN a TYPE bigint',
      locks: { 'public.t': 'ACCESS EXCLUSIVE', 'public.r': 'ACCESS EXCLUSIVE' },
    },
  ],
  *check(subject, { major }) {
    const commands = alterCommands(subject.statement)
    if (!commands.some(({ node }) => node.subtype === 'AT_AlterColumnType')) return
    const table = usedTable(subject)
    if (table === undefined || holdsNoRows(table)) return
    const observation = observationOf(subject)
    const isAlone = commands.length === 1 && subject.within === undefined
    const mode = effectOn(subject, table.name)?.lock?.mode ?? 'ACCESS EXCLUSIVE'
    for (const command of commands) {
      const { subtype, name = '' } = command.node
      if (subtype !== 'AT_AlterColumnType') continue
      const effect = settled(typeChangeEffect(subject, table, command.node), subject, table, isAlone)
      if (effect.kind === 'none') continue
      if (effect.kind === 'unknown') {
        yield { kind: 'unknown', needs: 'a trace', file: subject.migration.file }
        continue
      }
      const refused = refusalOf(subject, table, name)
      if (refused !== undefined) {
        yield {
          kind: 'finding',
          at: placeOfStatement(subject),
          evidence: [{ kind: 'source', text: refused.evidence ?? command.text }],
          message: `PostgreSQL refuses ALTER COLUMN ${name} TYPE (${refused.sqlstate}): ${refused.cause}`,
          identity: `${table.name}.${name}`,
          ...typeChangeRecipe(subject, { table, command, effect: { kind: 'rewrite' } }),
        }
        continue
      }
      const definition = nodeOf(command.node.def, 'ColumnDef')
      const to = { type: typeNameOf(definition?.typeName), modifiers: modifiersOf(definition?.typeName) }
      const from = table.declared?.columns.find((column) => column.name === name)
      const row = measured(shapeOf(effect, { from, to, using: definition?.raw_default !== undefined }), major, {
        t: table.printed,
      })
      const seen = observation && traceEvidence(major, observation)
      const partners = foreignKeyPartners(subject, table, name).names
      const joined = partners.length === 0 ? '' : `, and so do those of ${partners.join(', ')}, by a foreign key`
      const waits = `while ${whomItBlocks(mode)} waits (${mode})${joined}`
      yield {
        kind: 'finding',
        // On the shadow it did nothing; in production it may.
        ...(effect.kind === 'time zone' && { severity: 'warning' as const }),
        at: placeOfStatement(subject),
        evidence: seen === undefined ? [row] : effect.kind === 'time zone' ? [seen, row] : [seen],
        message: `ALTER COLUMN ${name} TYPE ${typeText(to)} ${wordsOf(effect, table.printed)} ${waits}`,
        identity: `${table.name}.${name}`,
        ...typeChangeRecipe(subject, { table, command, effect }),
      }
    }
  },
})

/** Why the server refused it on the shadow or, where nothing ran, would by what the text shows. */
function refusalOf(
  subject: StatementSubject,
  table: UsedTable,
  column: string,
): { sqlstate: string; cause: string; evidence?: string } | undefined {
  const { trace } = subject
  if (trace?.status === 'traced') return undefined
  const [first, ...others] = refusals(subject, table, column)
  const causes = first === undefined ? undefined : [first, ...others].join(', ')
  if (trace?.status !== 'failed') return causes === undefined ? undefined : { sqlstate: stateOf(first), cause: causes }
  const { sqlstate = '', cause } = trace
  if (sqlstate !== notSupported && sqlstate !== invalidDefinition) return undefined
  return { sqlstate, cause: causes ?? cause, evidence: cause }
}

const notSupported = '0A000'
const invalidDefinition = '42P16'

/** Views, generated columns and the like are of the first kind, partitions and their keys of the second. */
function stateOf(refusal: string | undefined): string {
  return / (?:belongs to|is part of) /.test(refusal ?? '') ? invalidDefinition : notSupported
}

/** What the shadow showed, where there was one, else what the text says. */
function settled(
  byText: TypeChangeEffect,
  subject: StatementSubject,
  table: UsedTable,
  isAlone: boolean,
): TypeChangeEffect {
  const rewritten = wasRewritten(subject, table)
  if (rewritten === undefined) return byText
  const isOpen = byText.kind === 'unknown' || byText.kind === 'time zone'
  if (rewritten) return isAlone || isOpen || byText.kind === 'rewrite' ? { kind: 'rewrite' } : { kind: 'none' }
  // The shadow's TimeZone is not the one in which the migration will run.
  if (byText.kind === 'time zone') return byText
  if (!wasRead(subject, table)) return { kind: 'none' }
  if (byText.kind === 'rebuild' || byText.kind === 'check') return byText
  const rebuilt = observationOf(subject)?.indexRebuilds ?? []
  if (rebuilt.length > 0 && (isAlone || byText.kind === 'unknown')) return { kind: 'rebuild', indexes: rebuilt }
  return isAlone ? { kind: 'check', checks: [] } : { kind: 'none' }
}

/** A change of type that is worth a finding. */
export type HarmfulEffect = Exclude<TypeChangeEffect, { kind: 'none' | 'unknown' }>

function wordsOf(effect: HarmfulEffect, table: string): string {
  switch (effect.kind) {
    case 'rewrite':
      return `writes all of ${table} anew`
    case 'rebuild':
      return `reads all of ${table} to build ${effect.indexes.join(', ')} anew`
    case 'check':
      return `reads all of ${table} to prove ${effect.checks.length > 0 ? effect.checks.join(', ') : 'a constraint'} anew`
    case 'time zone':
      return `takes the values for times of the session’s TimeZone and, unless that is UTC, writes all of ${table} anew`
  }
}

function shapeOf(
  effect: HarmfulEffect,
  change: { from: ColumnType | undefined; to: ColumnType; using: boolean },
): LockShapeName {
  switch (effect.kind) {
    case 'rewrite':
      return change.using ? 'ALTER TABLE … TYPE … USING an expression' : rewritingShape(change)
    case 'rebuild':
      return 'ALTER TABLE … TYPE … COLLATE, indexed'
    case 'check':
      return 'ALTER TABLE … TYPE, varchar(50) to text, with a CHECK'
    case 'time zone':
      return 'ALTER TABLE … TYPE, timestamp to timestamptz, TimeZone Europe/Paris'
  }
}

/** The row for the very types, where there is one. */
function rewritingShape({ from, to }: { from: ColumnType | undefined; to: ColumnType }): LockShapeName {
  const words = [from, to].map((type) => (type ? typeText(type).replace('integer', 'int') : ''))
  const own = `ALTER TABLE … TYPE, ${words.join(' to ')}`
  return own in lockTable ? (own as LockShapeName) : 'ALTER TABLE … TYPE, stored otherwise'
}
