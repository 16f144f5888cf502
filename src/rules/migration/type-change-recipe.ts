import type { Fix } from '../../findings/fix.ts'
import { quoteIdentifier, quoteTextName } from '../../sql/identifier.ts'
import { modifiersOf, typeNameOf } from '../../sql/declarations.ts'
import { nodeOf } from '../../sql/statement.ts'
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

interface Change {
  table: UsedTable
  command: AlterCommand
  effect: HarmfulEffect
}

type Advice = { next: string; fixes: Fix[] }

/** How to change a column's type without writing or reading the table under ACCESS EXCLUSIVE. */
export function typeChangeRecipe(subject: StatementSubject, { table, command, effect }: Change): Advice {
  if (effect.kind === 'time zone' && !effect.isIndexed) return inUtc(subject, command)
  if (effect.kind === 'check')
    return provenLater(subject, table, command, effect.checks) ?? replaceColumn(subject, table, command)
  return lengthAsCheck(subject, table, command) ?? replaceColumn(subject, table, command)
}

function inUtc(subject: StatementSubject, { node }: AlterCommand): Advice {
  const { statement, migration } = subject
  const set = `SET LOCAL TimeZone = 'UTC';\n${statement.text};`
  const alone = migration.groups.some(({ kind, statements }) => kind === 'alone' && statements.includes(statement))
  return recipe(subject, {
    title: 'Set TimeZone to UTC',
    says:
      `If the values of ${node.name ?? ''} are times of UTC, say so in the same transaction; then nothing is written. ` +
      'If they are those of another zone, setting that one is right, but then the table is written anew: add a column ' +
      'of the new type and fill it in batches instead.',
    instead: alone && migration.mode === 'statement' ? `BEGIN;\n${set}\nCOMMIT;` : set,
    then: [],
  })
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
