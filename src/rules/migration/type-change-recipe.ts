import type { Node } from '@pgsql/types'
import type { Fix } from '../../findings/fix.ts'
import { quoteIdentifier, quoteTextName } from '../../sql/identifier.ts'
import { modifiersOf, typeNameOf } from '../../sql/declarations.ts'
import { namesOf, nodeOf } from '../../sql/statement.ts'
import type { AlterCommand } from '../alter-command.ts'
import { withCommands } from '../alter-command.ts'
import { constraintName } from '../constraint-name.ts'
import { parenthesized } from '../domain.ts'
import { validation } from '../not-valid-recipe.ts'
import { recipe } from '../recipe.ts'
import type { StatementSubject } from '../subject.ts'
import type { UsedTable } from '../used-table.ts'
import type { HarmfulEffect } from './no-rewriting-type-change.ts'
import { replaceColumn } from './replace-column.ts'
import { isUtc } from './time-zone.ts'
import { typeChangeEffect } from './type-change-effect.ts'

interface Change {
  table: UsedTable
  command: AlterCommand
  effect: HarmfulEffect
}

type Advice = { next: string; fixes: Fix[] }

/** How to change a column's type without writing or reading the table under ACCESS EXCLUSIVE. */
export function typeChangeRecipe(subject: StatementSubject, { table, command, effect }: Change): Advice {
  if (effect.kind === 'time zone' && !effect.isIndexed) return inUtc(subject, command)
  const sameInUtc = effect.kind === 'rewrite' ? withoutUsing(subject, table, command) : undefined
  if (sameInUtc !== undefined) return sameInUtc
  if (effect.kind === 'check')
    return provenLater(subject, table, command, effect.checks) ?? replaceColumn(subject, table, command)
  return lengthAsCheck(subject, table, command) ?? replaceColumn(subject, table, command)
}

function inUtc(subject: StatementSubject, { node }: AlterCommand): Advice {
  const set = `SET LOCAL TimeZone = 'UTC';\n${subject.statement.text};`
  return recipe(subject, {
    title: 'Set TimeZone to UTC',
    says:
      `If the values of ${node.name ?? ''} are times of UTC, say so in the same transaction; then nothing is written. ` +
      'If they are those of another zone, setting that one is right, but then the table is written anew: add a column ' +
      'of the new type and fill it in batches instead.',
    instead: isAloneOutside(subject) ? `BEGIN;\n${set}\nCOMMIT;` : set,
    then: [],
  })
}

/** `USING ts AT TIME ZONE 'UTC'` says what the change does under UTC without it, when no row is written. */
function withoutUsing(subject: StatementSubject, table: UsedTable, command: AlterCommand): Advice | undefined {
  const { statement } = subject
  const name = command.node.name ?? ''
  const definition = nodeOf(command.node.def, 'ColumnDef')
  if (definition === undefined || !isAtUtc(definition.raw_default, name)) return undefined
  const { raw_default: _, ...plainDefinition } = definition
  const effect = typeChangeEffect(subject, table, { ...command.node, def: { ColumnDef: plainDefinition } })
  const isKept = effect.kind === 'none' || (effect.kind === 'time zone' && !effect.isIndexed)
  const isProven = table.declared?.checks.some((check) => check.validated && check.columns.includes(name))
  const using = command.text.search(/\susing\b/i)
  if (!isKept || isProven || using === -1) return undefined
  const change = withCommands(statement, [[command, command.text.slice(0, using)]])
  const set = `SET LOCAL TimeZone = 'UTC';\n${change}`
  return recipe(subject, {
    title: 'Set TimeZone to UTC and leave out USING',
    says: 'Under UTC the change without USING gives the same values, and no row is written:',
    instead: isAloneOutside(subject) ? `BEGIN;\n${set}\nCOMMIT;` : set,
    then: [],
  })
}

function isAtUtc(using: Node | undefined, column: string): boolean {
  const call = nodeOf(using, 'FuncCall')
  if (namesOf({ List: { items: call?.funcname ?? [] } }).at(-1) !== 'timezone' || call?.args?.length !== 2) return false
  const zone = nodeOf(call.args[0], 'A_Const')?.sval?.sval
  const reference = nodeOf(call.args[1], 'ColumnRef')
  return (
    zone !== undefined &&
    isUtc(zone.toLowerCase()) &&
    namesOf({ List: { items: reference?.fields ?? [] } }).at(-1) === column
  )
}

/** Whether its runner opens no transaction around it. */
function isAloneOutside({ statement, migration }: StatementSubject): boolean {
  const alone = migration.groups.some(({ kind, statements }) => kind === 'alone' && statements.includes(statement))
  return alone && migration.mode === 'statement'
}

/** A shorter length, as a CHECK of the column that keeps its type. */
function lengthAsCheck(subject: StatementSubject, table: UsedTable, command: AlterCommand): Advice | undefined {
  const definition = nodeOf(command.node.def, 'ColumnDef')
  const name = command.node.name ?? ''
  const column = table.declared?.columns.find((each) => each.name === name)
  const [length] = modifiersOf(definition?.typeName)
  if (typeNameOf(definition?.typeName) !== 'varchar' || length === undefined || definition?.raw_default)
    return undefined
  if (definition?.collClause || !['text', 'varchar'].includes(column?.type ?? '')) return undefined
  const check = constraintName(table.draft, table.name, [name], 'check')
  const add = `ADD CONSTRAINT ${quoteIdentifier(check)} CHECK (length(${quoteIdentifier(name)}) <= ${length}) NOT VALID`
  return recipe(subject, {
    title: 'Check the length instead',
    says:
      'Keep the type, and let a CHECK do what the length would: added NOT VALID, and validated in a migration that ' +
      'follows, under a lock that lets reads and writes through:',
    instead: withCommands(subject.statement, [[command, add]]),
    then: [validation(quoteTextName(table.name), [{ name: check, add }])],
  })
}

/** Drops the CHECK constraints, changes the type and adds them again NOT VALID, all in one statement. */
function provenLater(
  subject: StatementSubject,
  table: UsedTable,
  command: AlterCommand,
  checks: readonly string[],
): Advice | undefined {
  const found = (table.declared?.checks ?? []).filter(({ name }) => checks.includes(name))
  if (found.length === 0) return undefined
  const named = found.map(({ name, site: { fileText, span } }) => {
    const expression = parenthesized(fileText.slice(span.start, span.end).replace(/^[^]*?\bcheck\b/i, ''), 0)
    return { name, add: `ADD CONSTRAINT ${quoteIdentifier(name)} CHECK (${expression}) NOT VALID` }
  })
  const commands = [
    ...named.map(({ name }) => `DROP CONSTRAINT ${quoteIdentifier(name)}`),
    command.text,
    ...named.map(({ add }) => add),
  ]
  return recipe(subject, {
    title: 'Prove the CHECK later',
    says:
      `Take ${checks.join(', ')} away and add it again NOT VALID in the same statement, so that it holds for every new ` +
      'row all the time; prove it in a migration that follows, under a lock that lets reads and writes through:',
    instead: withCommands(subject.statement, [[command, commands.join(',\n  ')]]),
    then: [validation(quoteTextName(table.name), named)],
  })
}
