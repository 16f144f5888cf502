import type { ColumnDef } from '@pgsql/types'
import { typeNameOf } from '../../sql/declarations.ts'
import { quoteIdentifier } from '../../sql/identifier.ts'
import { schemaOfTextName, textName, unqualified } from '../../sql/schema-draft.ts'
import { addedConstraints } from '../added-constraint.ts'
import type { AddedConstraint } from '../added-constraint.ts'
import { offsetInText } from '../alter-command.ts'
import type { AlterCommand } from '../alter-command.ts'
import { constraintName } from '../constraint-name.ts'
import { fileWords } from '../next-step.ts'
import { notNullSteps } from '../not-null-recipe.ts'
import type { Major } from '../rule.ts'
import { backOutside } from './key-steps.ts'
import type { MigrationDraft, StatementSubject } from '../subject.ts'
import { nameInSql } from '../search-path.ts'
import type { UsedTable } from '../used-table.ts'

/** An ADD COLUMN of a table in use. */
export interface AddedColumn {
  table: UsedTable
  command: AlterCommand
  column: ColumnDef
  major: Major
}

/** The column as the statement writes it. */
export interface WrittenColumn {
  subject: StatementSubject
  table: UsedTable
  /** The table as SQL needs it. */
  tableText: string
  major: Major
  command: AlterCommand
  name: string
  /** The name as SQL needs it. */
  column: string
  type: string
  typeText: string
  /** The command up to the type: `ADD COLUMN token `. */
  head: string
  /** ` COLLATE "C"`, or empty. */
  collation: string
  constraints: AddedConstraint[]
  /** Whether all else that is written on it can be made later: a value, NOT NULL, PRIMARY KEY, UNIQUE. */
  isSimple: boolean
}

const madeLater = [
  'CONSTR_DEFAULT',
  'CONSTR_IDENTITY',
  'CONSTR_NOTNULL',
  'CONSTR_NULL',
  'CONSTR_PRIMARY',
  'CONSTR_UNIQUE',
]

/** Reads an ADD COLUMN apart. */
export function readColumn(subject: StatementSubject, { table, command, column, major }: AddedColumn): WrittenColumn {
  const { statement } = subject
  const { text } = statement
  const constraints = addedConstraints(statement).filter((each) => each.command.span.start === command.span.start)
  const at = (location: number | undefined) => offsetInText(statement, location ?? 0)
  const typeStart = at(column.typeName?.location)
  const collationStart = column.collClause && at(column.collClause.location)
  const starts = [...constraints.map(({ node }) => at(node.location)), command.span.end]
  const endAfter = (start: number) =>
    Math.min(...[...starts, collationStart ?? Infinity].filter((each) => each > start))
  const isTimed = constraints.some(({ node, text: own }) => {
    return isKey(node) && /\b(?:deferrable|initially|with|using|nulls)\b/i.test(own)
  })
  return {
    subject,
    table,
    tableText: nameInSql(subject, table.name),
    major,
    command,
    name: column.colname ?? '',
    column: quoteIdentifier(column.colname ?? ''),
    type: typeNameOf(column.typeName),
    typeText: text.slice(typeStart, endAfter(typeStart)).trim(),
    head: text.slice(command.span.start, typeStart),
    collation: collationStart === undefined ? '' : ` ${text.slice(collationStart, endAfter(collationStart)).trim()}`,
    constraints,
    isSimple:
      table.declared?.kind !== 'partitioned table' &&
      !isTimed &&
      constraints.every(({ node }) => madeLater.includes(node.contype ?? '')),
  }
}

/** Whether a constraint is a primary key or unique. */
export function isKey({ contype }: AddedConstraint['node']): boolean {
  return contype === 'CONSTR_PRIMARY' || contype === 'CONSTR_UNIQUE'
}

/** The constraint of a kind that is written on the column. */
export function constraintOf(
  written: WrittenColumn,
  contype: AddedConstraint['node']['contype'],
): AddedConstraint | undefined {
  return written.constraints.find(({ node }) => node.contype === contype)
}

/** Migrations for what the column demands once it is filled: NOT NULL, then its keys. */
export function notNullAndKeys(
  written: WrittenColumn,
  { isNotNull = constraintOf(written, 'CONSTR_NOTNULL') !== undefined } = {},
): MigrationDraft[] {
  const { subject, table, tableText, column, name, major } = written
  const keys = written.constraints.filter(({ node }) => isKey(node))
  const drafts: MigrationDraft[] = []
  if (isNotNull || keys.some(({ node }) => node.contype === 'CONSTR_PRIMARY')) {
    const steps = notNullSteps(table, tableText, [name], major)
    const check = quoteIdentifier(constraintName(table.draft, table.name, [name], 'not_null'))
    drafts.push({
      name: fileWords(`check_${column}_of_${unqualified(table.name)}`),
      up: `ALTER TABLE ${tableText} ${steps.first.join(', ')};`,
      down: `ALTER TABLE ${tableText} DROP CONSTRAINT ${check};`,
      outsideTransaction: false,
    })
    drafts.push(...steps.then)
  }
  for (const { node } of keys) {
    const isPrimary = node.contype === 'CONSTR_PRIMARY'
    const key =
      node.conname ?? constraintName(table.draft, table.name, isPrimary ? [] : [name], isPrimary ? 'pkey' : 'key')
    const index = nameInSql(subject, textName(schemaOfTextName(table.name), key))
    const create = (own: string) =>
      `CREATE UNIQUE INDEX CONCURRENTLY ${quoteIdentifier(own)} ON ${tableText} (${column});`
    // The constraint takes its index along; another is there before that, so that no duplicate comes in between.
    const spare = constraintName(table.draft, table.name, [name], 'idx')
    const spareInSql = nameInSql(subject, textName(schemaOfTextName(table.name), spare))
    const back = [
      create(spare),
      `ALTER TABLE ${tableText} DROP CONSTRAINT ${quoteIdentifier(key)};`,
      `ALTER INDEX ${spareInSql} RENAME TO ${quoteIdentifier(key)};`,
    ]
    drafts.push({
      name: fileWords(`index_${column}_of_${unqualified(table.name)}`),
      up: create(key),
      down: `DROP INDEX CONCURRENTLY ${index};`,
      outsideTransaction: true,
    })
    drafts.push({
      name: fileWords(`add_${key}`),
      up:
        `ALTER TABLE ${tableText} ADD CONSTRAINT ${quoteIdentifier(key)} ` +
        `${isPrimary ? 'PRIMARY KEY' : 'UNIQUE'} USING INDEX ${quoteIdentifier(key)};`,
      ...backOutside(subject.migration, back.join('\n')),
    })
  }
  return drafts
}
