import type { ColumnDef, Constraint } from '@pgsql/types'
import { quoteIdentifier } from '../sql/identifier.ts'
import { skipSpace } from '../sql/blank.ts'
import { columnsIn } from '../sql/declarations.ts'
import { nodeOf, namesOf } from '../sql/statement.ts'
import type { Statement } from '../sql/statement.ts'
import { lastTokenEnd, tokenEnd } from '../sql/token.ts'
import type { AlterCommand } from './alter-command.ts'
import { alterCommands, offsetInText, withCommands } from './alter-command.ts'

/** A constraint that an ALTER TABLE adds: by ADD CONSTRAINT, or on a column that it adds. */
export interface AddedConstraint {
  command: AlterCommand
  node: Constraint
  /** The new column that it is written on. */
  column?: ColumnDef
  /** Without `CONSTRAINT name`, with what is said of it: `CHECK (a > 0) NO INHERIT`, `UNIQUE (a) DEFERRABLE`. */
  text: string
  /** Columns that it is declared on, in order. */
  columns: string[]
  /** Not where NOT ENFORCED is written (PostgreSQL 18): then no row is looked at. */
  enforced: boolean
}

const known = new WeakMap<Statement, readonly AddedConstraint[]>()

/** Constraints that an ALTER TABLE adds, in their order; empty for every other statement. */
export function addedConstraints(statement: Statement): readonly AddedConstraint[] {
  // Many rules ask for those of the same statement.
  let constraints = known.get(statement)
  if (constraints === undefined) known.set(statement, (constraints = readConstraints(statement)))
  return constraints
}

function readConstraints(statement: Statement): AddedConstraint[] {
  return alterCommands(statement).flatMap((command) => {
    const { def } = command.node
    const column = nodeOf(def, 'ColumnDef')
    if (command.node.subtype === 'AT_AddColumn' && column) return onColumn(statement, command, column)
    const node = nodeOf(def, 'Constraint')
    if (command.node.subtype !== 'AT_AddConstraint' || node === undefined) return []
    const text = statement.text.slice(offsetInText(statement, node.location ?? 0), command.span.end)
    const canBeUnenforced = node.contype === 'CONSTR_CHECK' || node.contype === 'CONSTR_FOREIGN'
    const enforced = !canBeUnenforced || node.is_enforced === true
    return [{ command, node, text: withoutName(text), columns: columnsOf(node), enforced }]
  })
}

/** Whether IF NOT EXISTS finds the column there, so that the constraint is not added either. */
export function isPassedOver({ command, column }: AddedConstraint, columns: readonly { name: string }[]): boolean {
  return command.node.missing_ok === true && columns.some(({ name }) => name === column?.colname)
}

/** The columns that PostgreSQL takes into the name of a constraint without one; see `constraintName`. */
export function columnsInName({ node, columns, column }: AddedConstraint): string[] {
  switch (node.contype) {
    case 'CONSTR_CHECK': {
      const named = columnsIn(node.raw_expr ?? { List: {} })
      return named.length === 1 ? named : []
    }
    case 'CONSTR_PRIMARY':
      return []
    case 'CONSTR_UNIQUE':
      return column ? columns : [...columns, ...namesOf({ List: { items: node.including ?? [] } })]
    default:
      return columns
  }
}

/** As a constraint of the table, whatever it was written on, without a name: `FOREIGN KEY (a) REFERENCES r`. */
export function asTableConstraint({ node, text, column }: AddedConstraint): string {
  const of = `(${quoteIdentifier(column?.colname ?? '')})`
  if (column === undefined || node.contype === 'CONSTR_CHECK') return text
  return node.contype === 'CONSTR_FOREIGN' ? `FOREIGN KEY ${of} ${text}` : text
}

/**
 * The ALTER TABLE with other text for some constraints that it adds: commands that stand in the place of each, or
 * behind its column; none where the constraint is to be left out. Commands `taken` are taken out as well. Empty when no
 * command is left.
 */
export function withConstraints(
  statement: Statement,
  changes: readonly (readonly [constraint: AddedConstraint, commands: readonly string[]])[],
  taken: readonly AlterCommand[] = [],
): string {
  const commands = new Set(changes.map(([{ command }]) => command))
  return withCommands(statement, [
    ...taken.filter((command) => !commands.has(command)).map((command) => [command, ''] as const),
    ...[...commands].map((command) => {
      const own = changes.filter(([each]) => each.command === command)
      const column = own[0]?.[0].column
      const kept = column
        ? [
            columnWithout(
              statement,
              command,
              column,
              own.map(([each]) => each.node),
            ),
          ]
        : []
      return [command, [...kept, ...own.flatMap(([, texts]) => texts)].join(', ')] as const
    }),
  ])
}

function onColumn(statement: Statement, command: AlterCommand, column: ColumnDef): AddedConstraint[] {
  return partsOf(statement, command, column).map(({ node, start, end, attributes }) => ({
    command,
    node,
    column,
    text: withoutName(statement.text.slice(start, lastTokenEnd(statement.text, start, end))),
    columns: [column.colname ?? ''],
    enforced: !attributes.includes('CONSTR_ATTR_NOT_ENFORCED'),
  }))
}

interface ColumnPart {
  node: Constraint
  /** Offsets into the statement's text; white space before the next part is within. */
  start: number
  end: number
  attributes: string[]
}

/** The constraints written on a column, each with the words behind it that say when it is looked at. */
function partsOf(statement: Statement, command: AlterCommand, column: ColumnDef): ColumnPart[] {
  const parts: ColumnPart[] = []
  const collation = column.collClause?.location
  const limits = collation === undefined ? [] : [offsetInText(statement, collation)]
  for (const each of column.constraints ?? []) {
    const node = nodeOf(each, 'Constraint')
    if (node === undefined) continue
    if (node.contype?.startsWith('CONSTR_ATTR_')) {
      parts.at(-1)?.attributes.push(node.contype)
      continue
    }
    const start = offsetInText(statement, node.location ?? 0)
    parts.push({ node, start, end: command.span.end, attributes: [] })
    limits.push(start)
  }
  for (const part of parts) {
    part.end = Math.min(command.span.end, ...limits.filter((limit) => limit > part.start))
  }
  return parts
}

/** The ADD COLUMN without some of the constraints written on the column. */
function columnWithout(
  statement: Statement,
  command: AlterCommand,
  column: ColumnDef,
  removed: readonly Constraint[],
): string {
  const { text } = statement
  const pieces: string[] = []
  let from = command.span.start
  for (const { node, start, end } of partsOf(statement, command, column)) {
    if (!removed.includes(node)) continue
    pieces.push(text.slice(from, lastTokenEnd(text, from, start)))
    from = end
  }
  pieces.push(text.slice(from, command.span.end))
  return pieces.filter((piece) => piece !== '').join(' ')
}

function columnsOf(node: Constraint): string[] {
  return namesOf({ List: { items: [...(node.fk_attrs ?? []), ...(node.keys ?? [])] } })
}

/** A constraint's text behind `CONSTRAINT name`, where it begins with that. */
export function withoutName(text: string): string {
  if (!/^constraint\b/i.test(text)) return text
  const name = skipSpace(text, 'constraint'.length)
  return text.slice(skipSpace(text, tokenEnd(text, name)))
}
