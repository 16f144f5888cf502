import type { Fix } from '../../findings/fix.ts'
import { compareLockModes } from '../../findings/lock-mode.ts'
import type { LockMode } from '../../findings/lock-mode.ts'
import { namedObjects } from '../../sql/named-objects.ts'
import { addedConstraints, asTableConstraint } from '../added-constraint.ts'
import type { AlterCommand } from '../alter-command.ts'
import { alterCommands, alteredTableInSql, withoutCommands } from '../alter-command.ts'
import { effectOn, whomItBlocks } from '../effect.ts'
import { measured } from '../lock-table/lock-table.ts'
import { fileWords } from '../next-step.ts'
import { addAgain, validation } from '../not-valid-recipe.ts'
import { observationOf, traceEvidence } from '../observed.ts'
import { placeOfStatement } from '../place.ts'
import { recipe } from '../recipe.ts'
import { defineRule } from '../rule.ts'
import type { StatementSubject } from '../subject.ts'
import type { UsedTable } from '../used-table.ts'
import { holdsNoRows, usedTable, wasRead } from '../used-table.ts'
import { partOfFile, splitBefore } from './split-file.ts'
import { tableLocks } from './table-locks.ts'
import { quoteIdentifier } from '../../sql/identifier.ts'

export default defineRule({
  id: 'require-separate-validation',
  since: '0.1.0',
  severity: 'error',
  category: 'migration',
  subject: 'statement',
  statements: ['AlterTableStmt'],
  about: 'change',
  needs: ['measured', 'trace'],
  summary: 'VALIDATE CONSTRAINT in a transaction that already keeps others from its table',
  why:
    'VALIDATE CONSTRAINT reads the table under SHARE UPDATE EXCLUSIVE, which lets reads and writes through. But a lock ' +
    'is kept until its transaction ends: after ADD CONSTRAINT … NOT VALID in the same transaction the table is read ' +
    'under ACCESS EXCLUSIVE, or for a foreign key under SHARE ROW EXCLUSIVE, as if NOT VALID had not been written. A ' +
    'migration file is one transaction with most runners, and one string of statements with the others.',
  instead: 'Put VALIDATE CONSTRAINT into a migration of its own, applied and committed after the one that adds it.',
  examples: [
    {
      title: 'NOT VALID and VALIDATE in one file',
      setup: 'CREATE TABLE orders (id bigint PRIMARY KEY, total numeric);',
      bad:
        'ALTER TABLE orders ADD CONSTRAINT total_positive CHECK (total >= 0) NOT VALID;\n' +
        'ALTER TABLE orders VALIDATE CONSTRAINT total_positive;',
      at: 'ALTER TABLE orders VALIDATE CONSTRAINT total_positive',
      good: [
        {
          file: '0001_check_total.sql',
          text: 'ALTER TABLE orders ADD CONSTRAINT total_positive CHECK (total >= 0) NOT VALID;',
        },
        { file: '0002_validate_total.sql', text: 'ALTER TABLE orders VALIDATE CONSTRAINT total_positive;' },
      ],
    },
    {
      title: 'What comes after it, and needs it, moves along',
      setup: 'CREATE TABLE orders (id bigint PRIMARY KEY, total numeric);',
      bad:
        'ALTER TABLE orders ADD CONSTRAINT has_total CHECK (total IS NOT NULL) NOT VALID;\n' +
        'ALTER TABLE orders VALIDATE CONSTRAINT has_total;\n' +
        'ALTER TABLE orders ALTER COLUMN total SET NOT NULL;\n' +
        'ALTER TABLE orders DROP CONSTRAINT has_total;',
      at: 'ALTER TABLE orders VALIDATE CONSTRAINT has_total',
      good: [
        {
          file: '0001_check_total.sql',
          text: 'ALTER TABLE orders ADD CONSTRAINT has_total CHECK (total IS NOT NULL) NOT VALID;',
        },
        {
          file: '0002_require_total.sql',
          text:
            'ALTER TABLE orders VALIDATE CONSTRAINT has_total;\n' +
            'ALTER TABLE orders ALTER COLUMN total SET NOT NULL;\n' +
            'ALTER TABLE orders DROP CONSTRAINT has_total;',
        },
      ],
    },
    {
      title: 'A foreign key',
      setup:
        'CREATE TABLE customers (id bigint PRIMARY KEY);\n' +
        'CREATE TABLE orders (id bigint PRIMARY KEY, customer_id bigint);\n' +
        'CREATE INDEX orders_customer_id_idx ON orders (customer_id);',
      bad:
        'ALTER TABLE orders ADD CONSTRAINT customer FOREIGN KEY (customer_id) REFERENCES customers NOT VALID, ' +
        'VALIDATE CONSTRAINT customer;',
      at:
        'ALTER TABLE orders ADD CONSTRAINT customer FOREIGN KEY (customer_id) REFERENCES customers NOT VALID, ' +
        'VALIDATE CONSTRAINT customer',
      good:
        'CREATE TABLE invoices (id bigint PRIMARY KEY, customer_id bigint);\n' +
        'ALTER TABLE invoices ADD CONSTRAINT customer FOREIGN KEY (customer_id) REFERENCES customers NOT VALID;\n' +
        'ALTER TABLE invoices VALIDATE CONSTRAINT customer;\n' +
        'CREATE INDEX ON invoices (customer_id);',
    },
  ],
  sources: [
    'https://www.postgresql.org/docs/17/sql-altertable.html#SQL-ALTERTABLE-NOTES',
    'https://www.postgresql.org/docs/17/explicit-locking.html#LOCKING-TABLES',
  ],
  options: {},
  changes: { objects: [] },
  claims: [
    {
      says: 'In one transaction with the ADD, the table is read under ACCESS EXCLUSIVE.',
      setup: 'CREATE TABLE t AS SELECT 1 AS a;',
      statement: 'ALTER TABLE t ADD CONSTRAINT c CHECK (a > 0) NOT VALID; ALTER TABLE t VALIDATE CONSTRAINT c',
      locks: { 'public.t': 'ACCESS EXCLUSIVE' },
      scans: ['public.t'],
    },
    {
      says: 'In one ALTER TABLE with it too.',
      setup: 'CREATE TABLE t AS SELECT 1 AS a;',
      statement: 'ALTER TABLE t ADD CONSTRAINT c CHECK (a > 0) NOT VALID, VALIDATE CONSTRAINT c',
      locks: { 'public.t': 'ACCESS EXCLUSIVE' },
      scans: ['public.t'],
    },
    {
      says: 'On its own it lets reads and writes through.',
      setup: 'CREATE TABLE t AS SELECT 1 AS a; ALTER TABLE t ADD CONSTRAINT c CHECK (a > 0) NOT VALID;',
      statement: 'ALTER TABLE t VALIDATE CONSTRAINT c',
      locks: { 'public.t': 'SHARE UPDATE EXCLUSIVE' },
      scans: ['public.t'],
    },
    {
      says: 'A constraint that is valid already is not looked at.',
      setup: 'CREATE TABLE t AS SELECT 1 AS a; ALTER TABLE t ADD CONSTRAINT c CHECK (a > 0);',
      statement: 'ALTER TABLE t VALIDATE CONSTRAINT c',
      scans: [],
    },
  ],
  *check(subject, { major }) {
    const commands = alterCommands(subject.statement).filter(({ node }) => node.subtype === 'AT_ValidateConstraint')
    const table = commands.length > 0 ? usedTable(subject) : undefined
    if (table === undefined || holdsNoRows(table) || wasRead(subject, table) === false) return
    const pending = commands.flatMap((command) => pendingOf(subject, table, command) ?? [])
    const [first] = pending
    if (first === undefined) return
    const observation = observationOf(subject)
    const mode = effectOn(subject, table.name)?.lock?.mode ?? writtenMode(subject, table.name)
    if (mode === undefined || compareLockModes(mode, 'SHARE') < 0) return
    yield {
      kind: 'finding',
      message:
        `VALIDATE CONSTRAINT ${first.name} reads all of ${table.printed} while ${whomItBlocks(mode)} waits ` +
        `(${mode}, held by its transaction)`,
      at: placeOfStatement(subject),
      evidence: [
        observation
          ? traceEvidence(major, observation, { 'held while it ran': `${mode} on ${table.printed}` })
          : measured('ALTER TABLE, then VALIDATE CONSTRAINT in the same transaction', major, { t: table.printed }),
      ],
      ...remedy(subject, table, commands, pending),
    }
  },
})

/** A constraint that is to be validated, with the command that would add it again, NOT VALID, where that is known. */
interface Pending {
  name: string
  add?: string
}

/** Undefined when the text shows the constraint to be valid already. */
function pendingOf(subject: StatementSubject, { declared }: UsedTable, { node }: AlterCommand): Pending | undefined {
  const name = node.name ?? ''
  const added = addedConstraints(subject.statement).find((each) => each.node.conname === name)
  if (added) return { name, add: `ADD CONSTRAINT ${quoteIdentifier(name)} ${asTableConstraint(added)}` }
  const known = [...(declared?.checks ?? []), ...(declared?.foreignKeys ?? [])].find((each) => each.name === name)
  if (known === undefined) return { name }
  return known.validated ? undefined : { name, add: addAgain(known) }
}

/** The strongest lock of SHARE or above that the text shows the transaction to hold on the table by then. */
function writtenMode(subject: StatementSubject, table: string): LockMode | undefined {
  const modes = [...earlierInTransaction(subject), subject].flatMap((each) =>
    tableLocks(each).flatMap((lock) => (lock.table === table ? [lock.mode] : [])),
  )
  return modes.toSorted((a, b) => compareLockModes(b, a))[0]
}

function earlierInTransaction(subject: StatementSubject): StatementSubject[] {
  const { within, migration } = subject
  const outer = within ?? subject
  const group = migration.groups.find(({ statements }) =>
    statements.some(({ index }) => index === outer.statement.index),
  )
  const before = (group?.statements ?? []).flatMap(({ index }) =>
    index < outer.statement.index ? (migration.statements[index] ?? []) : [],
  )
  return [...before, ...(within === undefined ? [] : within.inner.slice(0, within.inner.indexOf(subject)))]
}

function remedy(
  subject: StatementSubject,
  { name: table }: UsedTable,
  commands: readonly AlterCommand[],
  pending: readonly Pending[],
): { next: string; fixes: Fix[] } {
  const { statement, migration, within } = subject
  const title = 'Validate in a migration of its own'
  const later = within === undefined ? migration.statements.slice(statement.index + 1) : []
  const isNeeded = later.some((each) => {
    const { subjects, mentions } = namedObjects(each.statement)
    return [...subjects, ...mentions].includes(table)
  })
  if (isNeeded && alterCommands(statement).length === commands.length) {
    return splitBefore(subject, {
      title: `${title}, with what follows it`,
      says: 'End the file before it and go on in a migration of its own, applied after this one is committed:',
      parts: [partOfFile(migration, statement.index, migration.statements.length, 2)],
    })
  }
  const known = pending.flatMap(({ name, add }) => (add === undefined ? [] : [{ name, add }]))
  const written = alteredTableInSql(subject)
  const validate = pending.map(({ name }) => `VALIDATE CONSTRAINT ${quoteIdentifier(name)}`).join(', ')
  return recipe(subject, {
    title,
    says: 'Validate it in a migration of its own, applied after this one is committed:',
    instead: withoutCommands(statement, commands),
    back: 'as before',
    then: [
      known.length === pending.length
        ? validation(written, known)
        : {
            name: fileWords(`validate_${pending[0]?.name ?? ''}`),
            up: `ALTER TABLE ${written} ${validate};`,
            down: '',
            outsideTransaction: false,
          },
    ],
  })
}
