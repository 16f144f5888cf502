import type { Fix } from '../findings/fix.ts'
import { quoteIdentifier, unquoted, textNameOf } from '../sql/identifier.ts'
import type { Site } from '../sql/schema-text.ts'
import type { AddedConstraint } from './added-constraint.ts'
import { asTableConstraint, columnsInName, withConstraints, withoutName } from './added-constraint.ts'
import { alterCommands, alteredTableInSql } from './alter-command.ts'
import type { ConstraintLabel } from './constraint-name.ts'
import { constraintName } from './constraint-name.ts'
import { fileWords } from './next-step.ts'
import { observationOf } from './observed.ts'
import { recipe } from './recipe.ts'
import type { MigrationDraft, StatementSubject } from './subject.ts'
import type { UsedTable } from './used-table.ts'

/** A constraint with the name that it has or would be given. */
export interface NamedConstraint {
  constraint: AddedConstraint
  name: string
}

/** Names the constraints that a statement adds as PostgreSQL did or would. */
export function nameConstraints(
  subject: StatementSubject,
  { name: table, draft }: UsedTable,
  constraints: readonly AddedConstraint[],
  label: ConstraintLabel,
): NamedConstraint[] {
  const types = { check: 'c', fkey: 'f', key: 'u', pkey: 'p', excl: 'x', not_null: 'n' } as const
  const unnamed = constraints.filter(({ node }) => node.conname === undefined)
  const written = constraints.flatMap(({ node }) => node.conname ?? [])
  const seen = (subject.within === undefined ? (observationOf(subject)?.constraints ?? []) : [])
    .filter(({ relation, type }) => textNameOf(relation) === table && type === types[label])
    .map(({ name }) => unquoted(name))
    .filter((name) => !written.includes(name))
  const given: string[] = []
  const keys = draft.tables.get(table)?.keys ?? []
  const freed = alterCommands(subject.statement).flatMap(({ node: { subtype, name = '' } }) => {
    if (subtype === 'AT_DropConstraint') return [name]
    return subtype === 'AT_DropColumn' ? keys.filter((key) => key.columns.includes(name)).map((key) => key.name) : []
  })
  return constraints.map((constraint) => {
    const [only] = seen
    const name =
      constraint.node.conname ??
      (unnamed.length === 1 && seen.length === 1 && only !== undefined
        ? only
        : constraintName(draft, table, columnsInName(constraint), label, given, freed))
    given.push(name)
    return { constraint, name }
  })
}

/**
 * The recipe that adds constraints NOT VALID in the statement's place and validates them in a migration that follows,
 * under a lock that lets reads and writes through.
 */
export function notValidRecipe(
  subject: StatementSubject,
  added: readonly NamedConstraint[],
  { title, says }: { title: string; says: string },
): { next: string; fixes: Fix[] } {
  const { statement } = subject
  const definition = ({ constraint, name }: NamedConstraint) =>
    `ADD CONSTRAINT ${quoteIdentifier(name)} ${asTableConstraint(constraint)} NOT VALID`
  const restored = added.map((each) => ({ name: each.name, add: definition(each) }))
  return recipe(subject, {
    title,
    says,
    instead: withConstraints(
      statement,
      added.map((each) => [each.constraint, [definition(each)]]),
    ),
    then: [validation(alteredTableInSql(subject), restored)],
    back: 'as before',
  })
}

/** The command that adds a constraint of the text again, NOT VALID as it was, under the name that it has now. */
export function addAgain({ name, site }: { name: string; site: Site }): string {
  const text = withoutName(site.fileText.slice(site.span.start, site.span.end))
  return `ADD CONSTRAINT ${quoteIdentifier(name)} ${text}`
}

/** A migration that validates constraints; its way back makes them NOT VALID again, by the command that added each. */
export function validation(table: string, constraints: readonly { name: string; add: string }[]): MigrationDraft {
  const lines = (commands: readonly string[]) =>
    `ALTER TABLE ${table}${commands.length === 1 ? ' ' : '\n  '}${commands.join(',\n  ')};`
  return {
    name: fileWords(`validate_${constraints[0]?.name ?? ''}`),
    up: lines(constraints.map(({ name }) => `VALIDATE CONSTRAINT ${quoteIdentifier(name)}`)),
    down: lines(constraints.flatMap(({ name, add }) => [`DROP CONSTRAINT ${quoteIdentifier(name)}`, add])),
    outsideTransaction: false,
  }
}
