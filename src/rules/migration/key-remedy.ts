import type { Fix } from '../../findings/fix.ts'
import { quoteIdentifier } from '../../sql/identifier.ts'
import { namesOf, nodeOf } from '../../sql/statement.ts'
import type { AddedConstraint } from '../added-constraint.ts'
import { withConstraints } from '../added-constraint.ts'
import { alteredTableInSql } from '../alter-command.ts'
import { constraintName } from '../constraint-name.ts'
import { fileWords } from '../next-step.ts'
import type { NotNullSteps } from '../not-null-recipe.ts'
import { notNullSteps } from '../not-null-recipe.ts'
import type { NamedConstraint } from '../not-valid-recipe.ts'
import { inFiles, isPrimary, keySteps, keyTable, runsAlone } from './key-steps.ts'
import { dropsKey, keySwap } from './key-swap.ts'
import { recipe } from '../recipe.ts'
import type { Major } from '../rule.ts'
import type { MigrationDraft, StatementSubject } from '../subject.ts'
import { nameInSql } from '../search-path.ts'
import type { UsedTable } from '../used-table.ts'
import { leavesOf, lineOf } from '../used-table.ts'
import { serialTypes } from '../../sql/serial-types.ts'

/** Columns of a primary key that the text does not show to be NOT NULL. */
function nullableColumns(table: UsedTable, { column, columns }: AddedConstraint): string[] {
  if (column) {
    const demands = (column.constraints ?? []).map((each) => nodeOf(each, 'Constraint')?.contype)
    const type = namesOf({ List: { items: column.typeName?.names ?? [] } }).at(-1) ?? ''
    const isNotNull = demands.some((each) => each === 'CONSTR_NOTNULL' || each === 'CONSTR_IDENTITY')
    return isNotNull || serialTypes.has(type) ? [] : columns
  }
  const known = lineOf(table).flatMap((each) => each.columns)
  return columns.filter((each) => !known.some(({ name, notNull }) => name === each && notNull === 'yes'))
}

/** How to make keys of indexes that are built CONCURRENTLY, in the words of the layout, and the fix that does it. */
export function keyRemedy(
  subject: StatementSubject,
  table: UsedTable,
  constraints: readonly NamedConstraint[],
  major: Major,
): { next: string; fixes: Fix[] } {
  const { statement } = subject
  const written = alteredTableInSql(subject)
  const nullable = constraints.flatMap(({ constraint }) =>
    isPrimary(constraint) ? nullableColumns(table, constraint) : [],
  )
  const notNull = nullable.length > 0 ? notNullSteps(table, written, nullable, major) : { first: [], then: [] }
  if (dropsKey(subject, table, constraints)) return keySwap(subject, table, constraints, notNull)
  if (table.declared?.kind === 'partitioned table') return partitionedRemedy(subject, table, constraints, notNull)
  const rest = withConstraints(
    statement,
    constraints.map(({ constraint }, index) => [constraint, index === 0 ? notNull.first : []]),
  )
  const own = keyTable(subject, table.draft, table.name, written)
  const steps = constraints.map((each) => ({ ...keySteps(own, each), name: each.name }))
  const title = 'Build the index CONCURRENTLY, then add the constraint USING INDEX'
  const says =
    (nullable.length > 0 ? 'Prove first that no column of the key is NULL. ' : '') +
    'Build the unique index CONCURRENTLY, which lets reads and writes through, then make the constraint of it, which ' +
    'takes a moment. If the build fails, DROP INDEX CONCURRENTLY the INVALID index before the next try:'
  if (nullable.length === 0 && runsAlone(subject)) {
    const statements = steps.flatMap(({ index, constraint }) => [index.up, constraint.up])
    return recipe(subject, {
      title,
      says,
      instead: [rest, ...statements].filter((each) => each !== '').join('\n'),
      then: [],
    })
  }
  const then = steps.flatMap((each) => inFiles(subject, each.name, each))
  return recipe(subject, { title, says, instead: rest, then: [...notNull.then, ...then] })
}

/** Partition by partition, and the parent last. */
function partitionedRemedy(
  subject: StatementSubject,
  table: UsedTable,
  constraints: readonly NamedConstraint[],
  { first, then }: NotNullSteps,
): { next: string; fixes: Fix[] } {
  const { statement } = subject
  const { name, draft } = table
  const written = alteredTableInSql(subject)
  const rest = withConstraints(
    statement,
    constraints.map(({ constraint }, index) => [constraint, index === 0 ? first : []]),
  )
  const taken: string[] = []
  const addedToLeaves: string[] = []
  const onLeaves = leavesOf(draft, name).flatMap((leaf) =>
    constraints.flatMap(({ constraint }) => {
      const columns = isPrimary(constraint) ? [] : constraint.columns
      const own = constraintName(draft, leaf.name, columns, isPrimary(constraint) ? 'pkey' : 'key', taken)
      taken.push(own)
      const leafName = nameInSql(subject, leaf.name)
      addedToLeaves.push(`ALTER TABLE ${leafName} ADD CONSTRAINT ${quoteIdentifier(own)} ${constraint.text};`)
      return inFiles(subject, own, keySteps(keyTable(subject, draft, leaf.name, leafName), { constraint, name: own }))
    }),
  )
  const onTable = (command: (own: string, text: string) => string) =>
    constraints.map(
      ({ constraint, name: own }) => `ALTER TABLE ${written} ${command(quoteIdentifier(own), constraint.text)};`,
    )
  const onParent: MigrationDraft = {
    name: fileWords(`add_${constraints[0]?.name ?? ''}`),
    up: onTable((own, text) => `ADD CONSTRAINT ${own} ${text}`).join('\n'),
    // That takes those of the partitions along.
    down: [...onTable((own) => `DROP CONSTRAINT ${own}`), ...addedToLeaves].join('\n'),
    outsideTransaction: false,
  }
  return recipe(subject, {
    title: 'Add the constraint to each partition USING INDEX, then to the table',
    says:
      'A partitioned table knows neither CONCURRENTLY nor USING INDEX. Add the constraint to each partition from an ' +
      'index that was built CONCURRENTLY, then to the table itself, which takes those of its partitions and builds ' +
      'nothing. A partition that is made meanwhile needs it too:',
    instead: rest,
    then: [...then, ...onLeaves, onParent],
  })
}
