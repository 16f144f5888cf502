import { chosenName } from '../sql/chosen-name.ts'
import type { SchemaDraft } from '../sql/schema-draft.ts'
import { schemaOfTextName, unqualified } from '../sql/schema-draft.ts'

/** How the name of a constraint ends that was given none. */
export type ConstraintLabel = 'check' | 'fkey' | 'key' | 'pkey' | 'excl' | 'not_null'

/**
 * The name that PostgreSQL gives a constraint without one, as far as the text shows which are taken. `columns` are those
 * that it takes into the name: of a check the only one it names, of a primary key none, of an index the included too.
 * `freed` are names of constraints that the same statement drops, which it does first.
 * Source: ChooseConstraintName and ChooseIndexName of the server's sources.
 */
export function constraintName(
  draft: SchemaDraft,
  table: string,
  columns: readonly string[],
  label: ConstraintLabel | 'idx',
  alsoTaken: readonly string[] = [],
  freed: readonly string[] = [],
): string {
  const schema = schemaOfTextName(table)
  const withIndex = label === 'key' || label === 'pkey' || label === 'excl' || label === 'idx'
  return chosenName(
    unqualified(table),
    columns,
    label,
    (name) => alsoTaken.includes(name) || (!freed.includes(name) && isTaken(draft, schema, name, withIndex)),
  )
}

/** Whether a constraint of the schema has the name or, for one that has an index, a relation. */
function isTaken(draft: SchemaDraft, schema: string, name: string, withIndex: boolean): boolean {
  // Few names were ever given, and looking through all tables is dear.
  if (!withIndex && !draft.owners.has(name) && !draft.constraintNames.has(name)) return false
  const isNamed = (each: { name: string | undefined }) => each.name === name
  for (const table of draft.tables.values()) {
    if (schemaOfTextName(table.name) !== schema) continue
    if (table.keys.some(isNamed) || table.foreignKeys.some(isNamed) || table.checks.some(isNamed)) return true
    if (withIndex && (unqualified(table.name) === name || table.indexes.some(isNamed))) return true
  }
  return false
}
