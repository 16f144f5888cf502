import { positionsOf } from '../../sql/positions.ts'
import { statementOf } from '../../sql/statement.ts'
import type { Evidence } from '../../findings/evidence.ts'
import { fileWords } from '../next-step.ts'
import { observationOf, schemaEvidence } from '../observed.ts'
import { placeOfStatement } from '../place.ts'
import { defineRule } from '../rule.ts'
import type { MigrationSubject } from '../subject.ts'
import type { ChangeGroup } from './change-groups.ts'
import { changeGroups, changesSchema, isOneChange } from './change-groups.ts'
import { whyOneTransaction } from './one-transaction.ts'

export default defineRule({
  id: 'no-mega-migration',
  since: '0.1.0',
  severity: 'warning',
  category: 'migration',
  subject: 'migration',
  about: 'change',
  needs: ['source', 'trace'],
  summary: 'Several unrelated changes in one migration file',
  why:
    'A migration is the unit that is reviewed, applied, watched and taken back. In a file that changes several ' +
    'unrelated things the locks of the first are held while the last one runs, one failure takes back or ' +
    'holds up all ' +
    'of them, and nobody can revert one change without the others.',
  instead:
    'One logical change for each file. Statements belong together when they touch the same tables, types ' +
    'or functions, ' +
    'directly or through one another; a foreign key, a view or a trigger joins what it connects, and ' +
    'comments, grants, ' +
    'indexes and data go with their table. The same change in many places is one change: a column added to every ' +
    'table, row security everywhere, missing indexes, several tables dropped. The first migration of a folder may ' +
    'create everything.',
  examples: [
    {
      title: 'Three tables that have nothing to do with each other',
      setup: 'CREATE TABLE customers (id bigint PRIMARY KEY);',
      bad:
        'CREATE TABLE invoices (id bigint PRIMARY KEY, due_on date);\n' +
        'CREATE TABLE feature_flags (name text PRIMARY KEY, is_on boolean NOT NULL);\n' +
        'ALTER TABLE customers ADD COLUMN locale text;',
      at: 'CREATE TABLE invoices (id bigint PRIMARY KEY, due_on date)',
      good: 'CREATE TABLE invoices (id bigint PRIMARY KEY, due_on date);\nCREATE INDEX ON invoices (due_on);',
    },
    {
      title: 'The same column on many tables is one change',
      setup:
        'CREATE TABLE customers (id bigint PRIMARY KEY);\nCREATE TABLE orders (id bigint PRIMARY KEY);\n' +
        'CREATE TABLE invoices (id bigint PRIMARY KEY);',
      bad:
        'ALTER TABLE customers ADD COLUMN locale text;\nALTER TABLE orders ADD COLUMN note text;\n' +
        'ALTER TABLE invoices ADD COLUMN due_on date;',
      at: 'ALTER TABLE customers ADD COLUMN locale text',
      good:
        'ALTER TABLE customers ADD COLUMN deleted_at timestamptz;\nALTER TABLE orders ADD COLUMN ' +
        'deleted_at timestamptz;\n' +
        'ALTER TABLE invoices ADD COLUMN deleted_at timestamptz;',
    },
    {
      title: 'Tables that reference each other belong together',
      setup: 'CREATE TABLE customers (id bigint PRIMARY KEY);',
      bad:
        'CREATE TABLE invoices (id bigint PRIMARY KEY);\nCREATE TABLE audit_log (id bigint PRIMARY KEY);\n' +
        "CREATE TYPE mood AS ENUM ('good', 'bad');",
      at: 'CREATE TABLE invoices (id bigint PRIMARY KEY)',
      good:
        "CREATE TYPE invoice_state AS ENUM ('open', 'paid');\n" +
        'CREATE TABLE invoices (id bigint PRIMARY KEY, state invoice_state, customer_id bigint ' +
        'REFERENCES customers);\n' +
        'CREATE TABLE invoice_lines (id bigint PRIMARY KEY, invoice_id bigint REFERENCES invoices);\n' +
        'CREATE INDEX ON invoices (customer_id);\nCREATE INDEX ON invoice_lines (invoice_id);',
    },
  ],
  sources: ['https://www.postgresql.org/docs/17/explicit-locking.html#LOCKING-TABLES'],
  options: {
    most: { description: 'How many unrelated changes one file may hold.', default: 2 },
  },
  claims: [
    {
      says:
        'A lock is held until the transaction ends: an ALTER TABLE at the start of a file keeps its table ' +
        'closed to the end.',
      setup: 'CREATE TABLE t (a int); CREATE TABLE u (a int);',
      statement: 'ALTER TABLE t ADD COLUMN b int; ALTER TABLE u ADD COLUMN b int',
      locks: { 'public.t': 'ACCESS EXCLUSIVE', 'public.u': 'ACCESS EXCLUSIVE' },
    },
    {
      says: 'A foreign key locks both tables, which is why it joins them.',
      setup: 'CREATE TABLE t (a int PRIMARY KEY); CREATE TABLE u (a int);',
      statement: 'ALTER TABLE u ADD FOREIGN KEY (a) REFERENCES t',
      locks: { 'public.t': 'SHARE ROW EXCLUSIVE', 'public.u': 'SHARE ROW EXCLUSIVE' },
    },
  ],
  *check(migration, { major, options }) {
    const most = Number(options['most'])
    if (migration.first || migration.statements.filter(changesSchema).length <= most) return
    if (most >= 1 && isOneChange(migration)) return
    const groups = changeGroups(migration)
    if (groups.length <= most) return
    const [first, ...others] = groups.map((group) => ({ group, start: group.statements.find(changesSchema) }))
    if (first?.start === undefined) return
    const labels = groups.map(labelOf)
    const listed = labels.map((label, position) => `${position + 1}. ${label}`).join(', ')
    const evidence: [Evidence, ...Evidence[]] = [
      { kind: 'source', text: `no relation, type or function in common: ${listed}` },
    ]
    if (migration.statements.every((subject) => observationOf(subject) !== undefined)) {
      evidence.push(
        schemaEvidence(
          major,
          Object.fromEntries(groups.map((group, position) => [`group ${position + 1}`, lockedBy(group)])),
        ),
      )
    }
    yield {
      kind: 'finding',
      message: `${groups.length} unrelated changes in one file: ${listed}`,
      at: placeOfStatement(first.start),
      related: others.flatMap(({ start }, position) =>
        start
          ? [{ at: placeOfStatement(start), message: `change ${position + 2}: ${labels[position + 1] ?? ''}` }]
          : [],
      ),
      evidence,
      next: split(migration, groups),
      // The file is the matter; its groups' names may hold a date that a traced function put there.
      identity: migration.version,
    }
  },
})

function labelOf({ statements, subjects }: ChangeGroup): string {
  // An operator or a cast has no name that would say much.
  if (subjects.length === 0) return headOf(statements.find(changesSchema)?.statement.text ?? '')
  const shown = subjects.slice(0, 3).map((object) => object.replace(/^(type|function|schema):/, '$1 '))
  return subjects.length > 3 ? `${shown.join(', ')} and ${subjects.length - 3} more` : shown.join(', ')
}

function lockedBy(group: ChangeGroup): string {
  const locks = group.statements.flatMap((subject) => observationOf(subject)?.locks ?? [])
  return (
    [...new Set(locks.map((lock) => `${lock.mode} on ${lock.relation}`))].join(', ') || 'no locks on what was there'
  )
}

/** The files the migration would be split into, each with the statements that go there; the first part stays. */
function split(migration: MigrationSubject, groups: readonly ChangeGroup[]): string {
  const position = positionsOf(migration.text)
  let after: string | undefined
  const files = groups.map((group, index) => {
    const lines = group.statements
      .toSorted((a, b) => a.statement.start - b.statement.start)
      .map(({ statement }) => `  line ${position(statement.start).line}: ${headOf(statement.text)}`)
    if (index === 0) return [`${migration.file} keeps`, ...lines].join('\n')
    const draft = { name: fileName(group), up: '', down: '', outsideTransaction: false }
    const file = migration.history.newMigration(draft, after)[0]?.file ?? ''
    after = /(\d+)_[^/]*(?:\/[^/]*)?$/.exec(file)?.[1]
    return [file, ...lines].join('\n')
  })
  const shared = whyOneTransaction(migration, migration.statements.length)
  const note = shared === undefined ? '' : `\nSay again where it is needed what is set for all: ${shared}.`
  return `Split it into ${groups.length} migrations:\n${files.join('\n')}${note}`
}

function headOf(text: string): string {
  const line = text.replace(/\s+/g, ' ')
  return line.length <= 60 ? line : `${line.slice(0, 59)}…`
}

/** What the group does, as a file's name: `create_invoices`, `add_locale_to_customers`, `drop_audit_log`. */
function fileName(group: ChangeGroup): string {
  const subject = group.statements.find(changesSchema)
  const object = (group.subjects[0] ?? 'schema').replace(/^.*[.:]/, '')
  const alter = subject && statementOf(subject.statement, 'AlterTableStmt')
  const command = alter?.cmds?.[0] as
    | { AlterTableCmd?: { subtype?: string; def?: { ColumnDef?: { colname?: string } } } }
    | undefined
  const added =
    command?.AlterTableCmd?.subtype === 'AT_AddColumn' ? command.AlterTableCmd.def?.ColumnDef?.colname : undefined
  const verb =
    added !== undefined
      ? `add_${added}_to`
      : subject?.statement.tag === 'DropStmt'
        ? 'drop'
        : subject?.statement.tag === 'IndexStmt'
          ? 'index'
          : /^Create|^ViewStmt$|^CompositeType/.test(subject?.statement.tag ?? '')
            ? 'create'
            : 'change'
  return fileWords(`${verb}_${object}`)
}
