import type { Fix } from '../../findings/fix.ts'
import { quoteIdentifier } from '../../sql/identifier.ts'
import { nodeOf } from '../../sql/statement.ts'
import { tokenEnd } from '../../sql/token.ts'
import { addedConstraints } from '../added-constraint.ts'
import { alterCommands, alteredTableInSql, withCommands, withoutCommands } from '../alter-command.ts'
import { constraintName } from '../constraint-name.ts'
import { effectOn, whomItBlocks } from '../effect.ts'
import { measured } from '../lock-table/lock-table.ts'
import type { LockShapeName } from '../lock-table/lock-table.ts'
import { fileWords } from '../next-step.ts'
import { notNullSteps, setNotNull } from '../not-null-recipe.ts'
import { addAgain, nameConstraints, validation } from '../not-valid-recipe.ts'
import { observationOf, traceEvidence } from '../observed.ts'
import { placeOfStatement } from '../place.ts'
import { recipe } from '../recipe.ts'
import type { Recipe } from '../recipe.ts'
import { defineRule } from '../rule.ts'
import type { Major } from '../rule.ts'
import type { StatementSubject } from '../subject.ts'
import type { UsedTable } from '../used-table.ts'
import { holdsNoRows, usedTable, wasRead } from '../used-table.ts'
import { demandsOf, stateOf } from './not-null-demand.ts'
import type { Stated } from './not-null-demand.ts'

export default defineRule({
  id: 'require-not-null-proof',
  since: '0.1.0',
  severity: 'error',
  category: 'migration',
  subject: 'statement',
  statements: ['AlterTableStmt'],
  about: 'change',
  needs: ['measured', 'trace'],
  summary: 'A column that becomes NOT NULL by reading its whole table under ACCESS EXCLUSIVE',
  why:
    'SET NOT NULL takes ACCESS EXCLUSIVE and reads the whole table to see whether there is a NULL, while every read and ' +
    'write waits. So does ADD PRIMARY KEY USING INDEX over a column that may be NULL, although the index is there ' +
    'already. Nothing is read where a validated CHECK (column IS NOT NULL) proves that there is none. A CHECK that is ' +
    'NOT VALID proves nothing, nor does one that the same ALTER TABLE adds, or drops. On PostgreSQL 18 a not-null ' +
    'constraint that is NOT VALID is read for as well.',
  instead:
    'Prove it first, under a lock that lets reads and writes through. Before PostgreSQL 18: add CHECK (column IS NOT ' +
    'NULL) NOT VALID, validate it in a later migration, then SET NOT NULL, which reads nothing, and drop the CHECK, in ' +
    'a statement of its own. From 18 on: add the not-null constraint NOT VALID and validate it in a later migration; ' +
    'then the column is NOT NULL.',
  examples: [
    {
      title: 'A column of a table in use',
      setup: 'CREATE TABLE orders (id bigint PRIMARY KEY, customer_id bigint, total numeric);',
      bad: 'ALTER TABLE orders ALTER COLUMN customer_id SET NOT NULL, ALTER COLUMN total SET DEFAULT 0;',
      at: 'ALTER TABLE orders ALTER COLUMN customer_id SET NOT NULL, ALTER COLUMN total SET DEFAULT 0',
      good: [
        {
          file: '0001_check_customer.sql',
          text: 'ALTER TABLE orders ADD CONSTRAINT has_customer CHECK (customer_id IS NOT NULL) NOT VALID;',
        },
        { file: '0002_validate.sql', text: 'ALTER TABLE orders VALIDATE CONSTRAINT has_customer;' },
        {
          file: '0003_require_customer.sql',
          text:
            'ALTER TABLE orders ALTER COLUMN customer_id SET NOT NULL;\n' +
            'ALTER TABLE orders DROP CONSTRAINT has_customer;',
        },
      ],
    },
    {
      title: 'A CHECK that is NOT VALID proves nothing',
      setup:
        'CREATE TABLE orders (id bigint PRIMARY KEY, customer_id bigint, total numeric);\n' +
        'ALTER TABLE orders ADD CONSTRAINT has_customer CHECK (customer_id IS NOT NULL) NOT VALID;\n' +
        'ALTER TABLE orders ADD CHECK (total IS NOT NULL AND total >= 0);',
      bad: 'ALTER TABLE orders ALTER COLUMN customer_id SET NOT NULL;',
      at: 'ALTER TABLE orders ALTER COLUMN customer_id SET NOT NULL',
      good: 'ALTER TABLE orders ALTER COLUMN total SET NOT NULL, ALTER COLUMN id SET NOT NULL;',
    },
    {
      title: 'Nor does one that the same ALTER TABLE adds',
      setup: 'CREATE TABLE orders (id bigint PRIMARY KEY, total numeric);',
      bad: 'ALTER TABLE orders ADD CHECK (total IS NOT NULL), ALTER COLUMN total SET NOT NULL;',
      at: 'ALTER TABLE orders ADD CHECK (total IS NOT NULL), ALTER COLUMN total SET NOT NULL',
      good: 'CREATE TABLE invoices (id bigint, total numeric);\nALTER TABLE invoices ALTER COLUMN total SET NOT NULL;',
    },
    {
      title: 'A primary key over columns that may be NULL, from an index',
      setup:
        'CREATE TABLE lines (order_id bigint, number int NOT NULL);\nCREATE UNIQUE INDEX lines_key ON lines (order_id, number);',
      bad: 'ALTER TABLE lines ADD PRIMARY KEY USING INDEX lines_key;',
      at: 'ALTER TABLE lines ADD PRIMARY KEY USING INDEX lines_key',
      good: [
        {
          file: '0001_check_order.sql',
          text: 'ALTER TABLE lines ADD CONSTRAINT has_order CHECK (order_id IS NOT NULL) NOT VALID;',
        },
        { file: '0002_validate.sql', text: 'ALTER TABLE lines VALIDATE CONSTRAINT has_order;' },
        { file: '0003_add_key.sql', text: 'ALTER TABLE lines ADD PRIMARY KEY USING INDEX lines_key;' },
      ],
    },
  ],
  sources: [
    'https://www.postgresql.org/docs/17/sql-altertable.html#SQL-ALTERTABLE-DESC-SET-DROP-NOT-NULL',
    'https://www.postgresql.org/docs/17/sql-altertable.html#SQL-ALTERTABLE-DESC-ADD-TABLE-CONSTRAINT-USING-INDEX',
    'https://www.postgresql.org/docs/18/sql-altertable.html',
  ],
  options: {},
  // Validated on the way.
  changes: { objects: ['constraint has_customer on public.orders'] },
  claims: [
    {
      says: 'SET NOT NULL reads the whole table under ACCESS EXCLUSIVE.',
      setup: 'CREATE TABLE t AS SELECT 1 AS a;',
      statement: 'ALTER TABLE t ALTER COLUMN a SET NOT NULL',
      locks: { 'public.t': 'ACCESS EXCLUSIVE' },
      rewrites: [],
      scans: ['public.t'],
    },
    {
      says: 'With a validated CHECK (a IS NOT NULL) it reads nothing.',
      setup: 'CREATE TABLE t AS SELECT 1 AS a; ALTER TABLE t ADD CHECK (a IS NOT NULL);',
      statement: 'ALTER TABLE t ALTER COLUMN a SET NOT NULL',
      scans: [],
    },
    {
      says: 'A CHECK that is NOT VALID is no proof.',
      setup: 'CREATE TABLE t AS SELECT 1 AS a; ALTER TABLE t ADD CHECK (a IS NOT NULL) NOT VALID;',
      statement: 'ALTER TABLE t ALTER COLUMN a SET NOT NULL',
      scans: ['public.t'],
    },
    {
      says: 'An ALTER TABLE that drops the CHECK as well does that first.',
      setup: 'CREATE TABLE t AS SELECT 1 AS a; ALTER TABLE t ADD CONSTRAINT c CHECK (a IS NOT NULL);',
      statement: 'ALTER TABLE t ALTER COLUMN a SET NOT NULL, DROP CONSTRAINT c',
      scans: ['public.t'],
    },
    {
      says: 'A column that is NOT NULL already is not looked at.',
      setup: 'CREATE TABLE t (a int NOT NULL);',
      statement: 'ALTER TABLE t ALTER COLUMN a SET NOT NULL',
      scans: [],
    },
    {
      says: 'ADD PRIMARY KEY USING INDEX reads the table when a column may be NULL.',
      setup: 'CREATE TABLE t AS SELECT 1 AS a; CREATE UNIQUE INDEX i ON t (a);',
      statement: 'ALTER TABLE t ADD PRIMARY KEY USING INDEX i',
      locks: { 'public.t': 'ACCESS EXCLUSIVE' },
      scans: ['public.t'],
    },
    {
      says: 'On 18 a not-null constraint that is NOT VALID is validated under SHARE UPDATE EXCLUSIVE.',
      majors: [18],
      setup: 'CREATE TABLE t AS SELECT 1 AS a; ALTER TABLE t ADD CONSTRAINT n NOT NULL a NOT VALID;',
      statement: 'ALTER TABLE t VALIDATE CONSTRAINT n',
      locks: { 'public.t': 'SHARE UPDATE EXCLUSIVE' },
      scans: ['public.t'],
    },
    {
      says: 'SET NOT NULL over it reads the table under ACCESS EXCLUSIVE.',
      majors: [18],
      setup: 'CREATE TABLE t AS SELECT 1 AS a; ALTER TABLE t ADD NOT NULL a NOT VALID;',
      statement: 'ALTER TABLE t ALTER COLUMN a SET NOT NULL',
      locks: { 'public.t': 'ACCESS EXCLUSIVE' },
      scans: ['public.t'],
    },
  ],
  *check(subject, { major }) {
    const demands = demandsOf(subject)
    const table = demands.length > 0 ? usedTable(subject) : undefined
    if (table === undefined || holdsNoRows(table)) return
    const read = wasRead(subject, table)
    if (read === false) return
    const stated = demands.flatMap(({ columns, ...demand }) =>
      columns(table).map((column): Stated => ({ ...demand, column, ...stateOf(subject, table, column) })),
    )
    const isAlone = alterCommands(subject.statement).length === demands.length && subject.within === undefined
    // Then nothing else in the statement could have read the table, whatever the text says.
    const isSeen = read === true && isAlone
    const unproven = stated.filter(({ state }) => state !== 'proven')
    const open = isSeen && unproven.length === 0 ? stated : unproven
    const [first] = open.toSorted((a, b) => Number(a.state === 'unknown') - Number(b.state === 'unknown'))
    if (first === undefined) return
    if (first.state === 'unknown' && !isSeen) {
      const column = `${table.printed}.${first.column}`
      yield { kind: 'unknown', needs: `to know whether ${column} is NOT NULL already`, file: subject.migration.file }
      return
    }
    const observation = observationOf(subject)
    const mode = effectOn(subject, table.name)?.lock?.mode ?? 'ACCESS EXCLUSIVE'
    const what = first.kind === 'primary key' ? 'ADD PRIMARY KEY USING INDEX' : `${first.kind.toUpperCase()} NOT NULL`
    yield {
      kind: 'finding',
      message:
        `ALTER TABLE … ${what} reads all of ${table.printed} while ${whomItBlocks(mode)} waits (${mode})` +
        (first.because === undefined ? '' : `; ${first.because}`),
      at: placeOfStatement(subject),
      evidence: [
        observation ? traceEvidence(major, observation) : measured(shapeOf(first), major, { t: table.printed }),
      ],
      ...remedy(subject, table, open, major),
    }
  },
})

function shapeOf({ kind, state }: Stated): LockShapeName {
  if (kind === 'primary key') return 'ALTER TABLE … ADD PRIMARY KEY USING INDEX, nullable columns'
  if (kind === 'add') return 'ALTER TABLE … ADD NOT NULL'
  if (state === 'not valid') return 'ALTER TABLE … SET NOT NULL, NOT NULL that is NOT VALID'
  if (state === 'unvalidated check') return 'ALTER TABLE … SET NOT NULL, CHECK that is NOT VALID'
  if (state === 'check added') return 'ALTER TABLE … ADD CHECK, SET NOT NULL'
  return 'ALTER TABLE … SET NOT NULL'
}

function remedy(
  subject: StatementSubject,
  table: UsedTable,
  open: readonly Stated[],
  major: Major,
): { next: string; fixes: Fix[] } {
  const { statement } = subject
  const written = alteredTableInSql(subject)
  const columns = [...new Set(open.map(({ column }) => column))]
  const taken = [...new Set(open.map(({ command }) => command))]
  const key = open.find(({ kind }) => kind === 'primary key')
  const inOrder = (steps: Pick<Recipe, 'instead' | 'then' | 'back'>, says: string) =>
    recipe(subject, { title: 'Prove that there is no NULL before NOT NULL asks', says, ...steps })

  // The rows are proven by what is there or is being added; it only has to be validated first.
  const [only] = open
  if (only && open.length === 1 && key === undefined) {
    if (only.state === 'not valid') {
      const name = notNullName(subject, table, only.column)
      const again = {
        name,
        add: `ADD CONSTRAINT ${quoteIdentifier(name)} NOT NULL ${quoteIdentifier(only.column)} NOT VALID`,
      }
      return inOrder(
        { instead: withoutCommands(statement, taken), then: [validation(written, [again])] },
        'Validate the not-null constraint instead, in a migration of its own; then the column is NOT NULL:',
      )
    }
    const check = table.declared?.checks.find(({ name }) => name === only.checks?.[0])
    if (only.state === 'unvalidated check' && check) {
      return inOrder(
        {
          instead: withoutCommands(statement, taken),
          then: [validation(written, [{ name: check.name, add: addAgain(check) }]), setNotNull(written, columns, [])],
        },
        `Validate ${check.name} first, in a migration of its own; then SET NOT NULL reads nothing:`,
      )
    }
    if (only.state === 'check added' && only.added) {
      const named = nameConstraints(subject, table, only.added, 'check').map(({ constraint, name }) => ({
        constraint,
        name,
        add: `ADD CONSTRAINT ${quoteIdentifier(name)} ${constraint.text} NOT VALID`,
      }))
      return inOrder(
        {
          instead: withCommands(statement, [
            ...taken.map((command) => [command, ''] as const),
            ...named.map(({ constraint, add }) => [constraint.command, add] as const),
          ]),
          then: [validation(written, named), setNotNull(written, columns, [])],
        },
        'Add the CHECK NOT VALID, validate it in a migration that follows, then set NOT NULL, which reads nothing:',
      )
    }
  }

  const steps = notNullSteps(table, written, columns, major)
  const [place, ...others] = taken
  const changes = [
    ...(place ? [[place, steps.first.join(', ')] as const] : []),
    ...others.map((command) => [command, ''] as const),
  ]
  const then = [...steps.then]
  // DROP NOT NULL takes a not-null constraint away that is NOT VALID, too.
  const isAll = alterCommands(statement).length === taken.length
  const served = major >= 18 ? ('as before' as const) : isAll ? { sql: dropAdded(written, steps.first) } : undefined
  const back = key === undefined ? served : undefined
  if (key) {
    then.push({
      name: fileWords(`add_primary_key_to_${table.name}`),
      up: `ALTER TABLE ${written} ${key.command.text};`,
      down: `ALTER TABLE ${written} DROP CONSTRAINT ${quoteIdentifier(keyName(key))};\n${indexText(table, key)}`,
      outsideTransaction: false,
    })
  }
  return inOrder(
    { instead: withCommands(statement, changes), then, ...(back !== undefined && { back }) },
    major >= 18
      ? 'Add the not-null constraint NOT VALID, which reads nothing, and validate it in a migration that follows, under ' +
          'a lock that lets reads and writes through:'
      : 'Prove it first by a CHECK: added NOT VALID, validated in a migration that follows under a lock that lets reads ' +
          'and writes through, and dropped once NOT NULL is set, which then reads nothing:',
  )
}

/** The ALTER TABLE that takes back what `ADD CONSTRAINT name …` commands add. */
function dropAdded(written: string, added: readonly string[]): string {
  const drops = added.map((each) => `DROP CONSTRAINT ${addedName(each)}`)
  return `ALTER TABLE ${written} ${drops.join(', ')};`
}

/** The name that an `ADD CONSTRAINT name …` gives, as it is written. */
function addedName(command: string): string {
  const start = 'ADD CONSTRAINT '.length
  return command.slice(start, tokenEnd(command, start))
}

/** The name of a primary key that takes an index for its own: without one of its own, the index's. */
function keyName({ command }: Stated): string {
  const { conname, indexname } = nodeOf(command.node.def, 'Constraint') ?? {}
  return conname ?? indexname ?? ''
}

/** The statement that made the index of a primary key, as it runs in a transaction. */
function indexText({ declared }: UsedTable, { command }: Stated): string {
  const { indexname } = nodeOf(command.node.def, 'Constraint') ?? {}
  const site = declared?.indexes.find(({ name }) => name === indexname)?.site
  const text = site?.fileText.slice(site.span.start, site.span.end) ?? ''
  return `${text.replace(/^(create\s+unique\s+index)\s+concurrently\b/i, '$1')};`
}

/** The name of a not-null constraint: as an earlier statement wrote it, else as PostgreSQL names one. */
function notNullName({ migration }: StatementSubject, { name: table, draft }: UsedTable, column: string): string {
  const relation = table.slice(table.indexOf('.') + 1)
  for (const { statements } of migration.history.migrations.toReversed()) {
    for (const { statement } of statements.toReversed()) {
      if (nodeOf(statement.node, 'AlterTableStmt')?.relation?.relname !== relation) continue
      const named = addedConstraints(statement).find(
        ({ node, columns }) => node.contype === 'CONSTR_NOTNULL' && columns.includes(column),
      )
      if (named?.node.conname !== undefined) return named.node.conname
    }
  }
  return constraintName(draft, table, [column], 'not_null')
}
