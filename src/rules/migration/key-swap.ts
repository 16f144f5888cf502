import type { Fix } from '../../findings/fix.ts'
import { quoteIdentifier } from '../../sql/identifier.ts'
import type { DraftTable } from '../../sql/schema-draft.ts'
import type { TextKey } from '../../sql/schema-text.ts'
import { nodeOf } from '../../sql/statement.ts'
import { withConstraints } from '../added-constraint.ts'
import type { AlterCommand } from '../alter-command.ts'
import { alterCommands, alteredTableInSql } from '../alter-command.ts'
import { fileWords } from '../next-step.ts'
import type { NotNullSteps } from '../not-null-recipe.ts'
import type { NamedConstraint } from '../not-valid-recipe.ts'
import { recipe } from '../recipe.ts'
import type { MigrationDraft, StatementSubject } from '../subject.ts'
import type { UsedTable } from '../used-table.ts'
import type { KeyTable } from './key-steps.ts'
import { backOutside, isPrimary, keySteps, keyTable, runsAlone } from './key-steps.ts'

/** Whether a key goes before the new one comes: by a command of the same ALTER TABLE, or by one earlier in the file. */
export function dropsKey(
  subject: StatementSubject,
  table: UsedTable,
  constraints: readonly NamedConstraint[],
): boolean {
  const { declared } = table
  const isOfKey = ({ node: { subtype, name = '' } }: AlterCommand) => {
    if (subtype === 'AT_DropColumn') return declared?.keys.some(({ columns }) => columns.includes(name)) ?? true
    if (subtype !== 'AT_DropConstraint') return false
    return constraints.some((each) => each.name === name) || (declared?.keys.some((key) => key.name === name) ?? true)
  }
  return alterCommands(subject.statement).some(isOfKey) || isDroppedBefore(subject, table, constraints)
}

/**
 * How a key takes another's place so that the table is never without: its index is built under a name of its own first,
 * then one ALTER TABLE drops the old key and makes the new one of that index.
 */
export function keySwap(
  subject: StatementSubject,
  table: UsedTable,
  constraints: readonly NamedConstraint[],
  notNull: NotNullSteps,
): { next: string; fixes: Fix[] } {
  const { statement, migration } = subject
  const commands = alterCommands(statement)
  const obstacle = obstacleOf(subject, table, constraints)
  if (obstacle !== undefined) {
    return {
      next:
        'Build the new index CONCURRENTLY under a name of its own first; then drop the old key and add the new one ' +
        `USING INDEX in one ALTER TABLE, so that the table is never without. kei does not write it: ${obstacle}`,
      fixes: [],
    }
  }
  const written = alteredTableInSql(subject)
  const own = keyTable(subject, table.draft, table.name, written)
  const steps = constraints.map((each) => ({
    each,
    ...keySteps(own, each, own.freeName(each.constraint.columns)),
  }))
  const late = commands.filter(isLate)
  const first = withConstraints(
    statement,
    constraints.map(({ constraint }, index) => [constraint, index === 0 ? notNull.first : []]),
    late,
  )
  const head = statement.text.slice(0, commands[0]?.span.start ?? 0)
  const added = constraints.map(({ constraint }) => constraint)
  const swap = [
    ...late.flatMap((command) => {
      const index = added.findIndex((each) => each.column === undefined && each.command === command)
      return index === -1 ? [command.text] : [steps[index]?.add ?? '']
    }),
    ...steps.filter(({ each }) => each.constraint.column !== undefined).map(({ add }) => add),
  ]
  const name = constraints[0]?.name ?? ''
  const builds = steps.map(({ each, index }): MigrationDraft => ({
    name: fileWords(`create_index_for_${each.name}`),
    ...index,
    outsideTransaction: true,
  }))
  const last: MigrationDraft = {
    name: fileWords(`replace_${name}`),
    up: `${head}${swap.join(', ')};`,
    ...backOutside(migration, swapBack(table.declared, own, constraints, steps, late) ?? ''),
  }
  const made = {
    title: 'Build the new index CONCURRENTLY, then change the key in one statement',
    says:
      (notNull.first.length > 0 ? 'Prove first that no column of the key is NULL. ' : '') +
      'Build the new index CONCURRENTLY under a name of its own, which lets reads and writes through. Then drop the old ' +
      'key and make the new one of that index in one statement, which takes a moment and renames the index; the table ' +
      'is never without a key. If the build fails, DROP INDEX CONCURRENTLY the INVALID index before the next try:',
  }
  if (notNull.then.length === 0 && runsAlone(subject)) {
    const instead = [first, ...steps.map(({ index }) => index.up), last.up].filter((each) => each !== '').join('\n')
    return recipe(subject, { ...made, instead, then: [] })
  }
  return recipe(subject, { ...made, instead: first, then: [...notNull.then, ...builds, last] })
}

/** Why the steps cannot be written down, as a sentence. */
function obstacleOf(
  subject: StatementSubject,
  table: UsedTable,
  constraints: readonly NamedConstraint[],
): string | undefined {
  if (isDroppedBefore(subject, table, constraints)) {
    return 'an earlier statement of the file drops the old key. Write both as one ALTER TABLE, then check again.'
  }
  if (table.declared?.kind === 'partitioned table') {
    return 'a partitioned table knows neither CONCURRENTLY nor USING INDEX, and its partitions have one primary key each.'
  }
  const commands = alterCommands(subject.statement)
  const dropped = commands.filter(({ node }) => node.subtype === 'AT_DropColumn').map(({ node }) => node.name)
  const isAgain = commands.some(
    ({ node }) => node.subtype === 'AT_AddColumn' && dropped.includes(nodeOf(node.def, 'ColumnDef')?.colname),
  )
  return isAgain
    ? 'the statement drops a column and adds one of the same name. Give the new one another name.'
    : undefined
}

/** Whether an earlier statement of the file drops the primary key of the table, or one with the name of a new key. */
function isDroppedBefore(
  { migration, statement, within }: StatementSubject,
  { declared, draft }: UsedTable,
  constraints: readonly NamedConstraint[],
): boolean {
  if (declared === undefined) return false
  const hasPrimary = constraints.some(({ constraint }) => isPrimary(constraint))
  return migration.statements
    .slice(0, (within?.statement ?? statement).index)
    .some((each) =>
      alterCommands(each.statement).some(
        ({ node: { subtype, name = '' } }) =>
          subtype === 'AT_DropConstraint' &&
          draft.owners.get(name)?.includes(declared) &&
          (hasPrimary || constraints.some((own) => own.name === name)),
      ),
    )
}

function isDrop({ node }: AlterCommand): boolean {
  return node.subtype === 'AT_DropConstraint' || node.subtype === 'AT_DropColumn'
}

/** Whether a command comes with the change of the key: what takes away, what waits for that, and constraints. */
function isLate(command: AlterCommand): boolean {
  const { subtype } = command.node
  return isDrop(command) || subtype === 'AT_DropNotNull' || subtype === 'AT_AddConstraint'
}

/** The change of the key the other way round; undefined where the text does not show the old key whole. */
function swapBack(
  declared: DraftTable | undefined,
  { written, freeName }: KeyTable,
  constraints: readonly NamedConstraint[],
  steps: readonly { index: { up: string }; constraint: { down: string } }[],
  late: readonly AlterCommand[],
): string | undefined {
  const drops = late.filter(isDrop)
  const others = late.length - drops.length - constraints.filter(({ constraint }) => !constraint.column).length
  const old = drops.map(({ node }) =>
    node.subtype === 'AT_DropConstraint' ? declared?.keys.find((key) => key.name === node.name) : undefined,
  )
  if (others > 0 || !old.every((key) => key !== undefined && isPlain(key))) return undefined
  const kept = steps.map((step) => {
    const [build = '', , rename = ''] = step.constraint.down.split('\n')
    return { build, rename }
  })
  const restored = (old as TextKey[]).map((key) => {
    const index = quoteIdentifier(freeName(key.columns))
    const columns = key.columns.map(quoteIdentifier).join(', ')
    const kind = key.kind === 'primary key' ? 'PRIMARY KEY' : 'UNIQUE'
    return {
      build: `CREATE UNIQUE INDEX CONCURRENTLY ${index} ON ${written} (${columns});`,
      add: `ADD CONSTRAINT ${quoteIdentifier(key.name)} ${kind} USING INDEX ${index}`,
    }
  })
  const drop = constraints.map(({ name }) => `DROP CONSTRAINT ${quoteIdentifier(name)}`)
  return [
    ...kept.map(({ build }) => build),
    ...restored.map(({ build }) => build),
    `ALTER TABLE ${written} ${[...drop, ...restored.map(({ add }) => add)].join(', ')};`,
    ...kept.map(({ rename }) => rename),
  ].join('\n')
}

/** Whether nothing but its columns is written of a key. */
function isPlain({ kind, site }: TextKey): boolean {
  const text = site.fileText.slice(site.span.start, site.span.end)
  return kind !== 'exclusion' && !/\b(?:include|deferrable|with|using|nulls|initially)\b/i.test(text)
}
