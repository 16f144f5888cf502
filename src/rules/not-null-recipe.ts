import { quoteIdentifier } from '../sql/identifier.ts'
import type { SchemaDraft } from '../sql/schema-draft.ts'
import { constraintName } from './constraint-name.ts'
import { fileWords } from './next-step.ts'
import { validation } from './not-valid-recipe.ts'
import type { Major } from './rule.ts'
import type { MigrationDraft } from './subject.ts'

/** How columns become NOT NULL without a read under ACCESS EXCLUSIVE. */
export interface NotNullSteps {
  /** Commands of an ALTER TABLE that come first and read nothing. */
  first: string[]
  /** Migrations that follow, each applied and committed before the next. */
  then: MigrationDraft[]
}

/**
 * From PostgreSQL 18 on by a not-null constraint that is NOT VALID, with the name that SET NOT NULL would give it; before
 * by a CHECK that proves it and is dropped afterwards.
 * @param written the table as SQL names it.
 */
export function notNullSteps(
  { draft, name: table }: { draft: SchemaDraft; name: string },
  written: string,
  columns: readonly string[],
  major: Major,
): NotNullSteps {
  const constraints: { name: string; column: string; add: string }[] = []
  for (const column of columns) {
    const taken = constraints.map((each) => each.name)
    const name = constraintName(draft, table, [column], 'not_null', taken)
    const own = quoteIdentifier(column)
    const says = major >= 18 ? `NOT NULL ${own}` : `CHECK (${own} IS NOT NULL)`
    constraints.push({ name, column, add: `ADD CONSTRAINT ${quoteIdentifier(name)} ${says}` })
  }
  const notValid = constraints.map(({ name, add }) => ({ name, add: `${add} NOT VALID` }))
  const validated = validation(written, notValid)
  const then = major >= 18 ? [validated] : [validated, setNotNull(written, columns, constraints)]
  return { first: notValid.map(({ add }) => add), then }
}

/**
 * A migration that sets columns NOT NULL where validated CHECK constraints prove it, and drops those of them that have
 * done their work. In two statements: one that drops the CHECK too would do that first.
 */
export function setNotNull(
  table: string,
  columns: readonly string[],
  dropped: readonly { name: string; add: string }[],
): MigrationDraft {
  const alter = (commands: readonly string[]) =>
    commands.length > 0 ? [`ALTER TABLE ${table} ${commands.join(', ')};`] : []
  const each = (action: string) => columns.map((column) => `ALTER COLUMN ${quoteIdentifier(column)} ${action}`)
  return {
    name: fileWords(`require_${columns.join('_and_')}`),
    up: [
      ...alter(each('SET NOT NULL')),
      ...alter(dropped.map(({ name }) => `DROP CONSTRAINT ${quoteIdentifier(name)}`)),
    ].join('\n'),
    down: [...alter(each('DROP NOT NULL')), ...alter(dropped.map(({ add }) => add))].join('\n'),
    outsideTransaction: false,
  }
}
