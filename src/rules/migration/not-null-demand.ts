import { notNullPredicate } from '../../sql/declarations.ts'
import { namesOf, nodeOf } from '../../sql/statement.ts'
import type { AddedConstraint } from '../added-constraint.ts'
import { addedConstraints } from '../added-constraint.ts'
import type { AlterCommand } from '../alter-command.ts'
import { alterCommands } from '../alter-command.ts'
import type { StatementSubject } from '../subject.ts'
import type { UsedTable } from '../used-table.ts'
import { lineOf } from '../used-table.ts'

/** A command that asks for columns to be NOT NULL. */
export interface Demand {
  command: AlterCommand
  kind: 'set' | 'add' | 'primary key'
  columns: (table: UsedTable) => string[]
}

/** How the text has a column before its statement. */
export type State = 'nullable' | 'not valid' | 'unvalidated check' | 'check added' | 'proven' | 'unknown'

export interface Stated extends Omit<Demand, 'columns'> {
  column: string
  state: State
  /** Why what looks like a proof is none. */
  because?: string
  /** The CHECK constraints that would prove it: of the table, or added by the statement. */
  checks?: string[]
  added?: AddedConstraint[]
}

/** The commands of a statement that ask for NOT NULL, each with the columns that it asks it of. */
export function demandsOf({ statement }: StatementSubject): Demand[] {
  return alterCommands(statement).flatMap((command): Demand[] => {
    const { node } = command
    if (node.subtype === 'AT_SetNotNull') return [{ command, kind: 'set', columns: () => [node.name ?? ''] }]
    const constraint = node.subtype === 'AT_AddConstraint' ? nodeOf(node.def, 'Constraint') : undefined
    if (constraint?.contype === 'CONSTR_NOTNULL' && !constraint.skip_validation) {
      const columns = namesOf({ List: { items: constraint.keys ?? [] } })
      return [{ command, kind: 'add', columns: () => columns }]
    }
    if (constraint?.contype !== 'CONSTR_PRIMARY' || constraint.indexname === undefined) return []
    const columns = ({ declared }: UsedTable) =>
      (declared?.indexes.find(({ name }) => name === constraint.indexname)?.columns ?? []).flatMap((each) => each ?? [])
    return [{ command, kind: 'primary key', columns }]
  })
}

/** How a column stands just before its statement, as far as the text shows. */
export function stateOf(
  subject: StatementSubject,
  table: UsedTable,
  column: string,
): Omit<Stated, keyof Demand | 'column'> {
  const line = lineOf(table)
  const known = line.flatMap(({ columns }) => columns.filter(({ name }) => name === column))
  if (known.some(({ notNull }) => notNull === 'yes')) return { state: 'proven' }
  if (known.some(({ notNull }) => notNull === 'not valid')) {
    return {
      state: 'not valid',
      because: 'its not-null constraint is NOT VALID, which VALIDATE CONSTRAINT would change',
    }
  }
  const commands = alterCommands(subject.statement)
  const dropped = commands.flatMap(({ node }) => (node.subtype === 'AT_DropConstraint' ? (node.name ?? []) : []))
  const checks = line.flatMap((each) => each.checks)
  const proofs = checks.filter(({ notNullColumns }) => notNullColumns.includes(column))
  const kept = proofs.filter(({ name }) => !dropped.includes(name))
  if (kept.some(({ validated }) => validated)) return { state: 'proven' }
  const [check] = kept
  if (check) {
    return {
      state: 'unvalidated check',
      checks: [check.name],
      because: `${check.name} is NOT VALID and proves nothing`,
    }
  }
  const added = addedConstraints(subject.statement).filter(({ node }) => provesNotNull(node.raw_expr, column))
  if (added.length > 0) {
    return { state: 'check added', added, because: 'a CHECK that the same statement adds proves nothing' }
  }
  if (proofs[0]) return { state: 'nullable', because: `${proofs[0].name} is dropped before it could prove anything` }
  return { state: known.length === 0 && !isNewColumn(commands, column) ? 'unknown' : 'nullable' }
}

function provesNotNull(expression: AddedConstraint['node']['raw_expr'], column: string): boolean {
  return expression !== undefined && notNullPredicate(expression).notNullColumns.includes(column)
}

function isNewColumn(commands: readonly AlterCommand[], column: string): boolean {
  return commands.some(({ node }) => nodeOf(node.def, 'ColumnDef')?.colname === column)
}
