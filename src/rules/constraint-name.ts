import type { DraftTable, SchemaDraft } from '../sql/schema-draft.ts'
import { schemaOfTextName, unqualified } from '../sql/schema-draft.ts'

/** How the name of a constraint ends that was given none. */
export type ConstraintLabel = 'check' | 'fkey' | 'key' | 'pkey' | 'excl' | 'not_null'

/** NAMEDATALEN of the server, less the zero byte at the end. */
const longestName = 63

/**
 * The name that PostgreSQL gives a constraint without one, as far as the text shows which are taken. `columns` are those
 * that it takes into the name: of a check the only one it names, of a primary key none, of an index the included too.
 * Source: ChooseConstraintName, ChooseIndexName and makeObjectName of the server's sources.
 */
export function constraintName(
  draft: SchemaDraft,
  table: string,
  columns: readonly string[],
  label: ConstraintLabel,
  alsoTaken: readonly string[] = [],
): string {
  const taken = new Set([...takenNames(draft, table, label), ...alsoTaken])
  for (let pass = 0; ; pass++) {
    const name = objectName(unqualified(table), columns.join('_'), pass === 0 ? label : `${label}${pass}`)
    if (!taken.has(name)) return name
  }
}

/** Constraints of the schema and, for one that has an index, its relations. */
function takenNames(draft: SchemaDraft, table: string, label: ConstraintLabel): string[] {
  const schema = schemaOfTextName(table)
  const withIndex = label === 'key' || label === 'pkey' || label === 'excl'
  const namesOf = ({ name, keys, foreignKeys, checks, indexes }: DraftTable) => [
    ...[...keys, ...foreignKeys, ...checks].map((each) => each.name),
    ...(withIndex ? [unqualified(name), ...indexes.flatMap((index) => index.name ?? [])] : []),
  ]
  return [...draft.tables.values()].flatMap((each) => (schemaOfTextName(each.name) === schema ? namesOf(each) : []))
}

/** `first_second_label`, the longer of the first two shortened until it fits. */
function objectName(first: string, second: string, label: string): string {
  const room = longestName - label.length - (second === '' ? 1 : 2)
  let [one, two] = [first, second]
  while (byteLength(one) + byteLength(two) > room) {
    if (byteLength(one) > byteLength(two)) one = withoutLast(one)
    else two = withoutLast(two)
  }
  return [one, ...(two === '' ? [] : [two]), label].join('_')
}

function withoutLast(text: string): string {
  return [...text].slice(0, -1).join('')
}

function byteLength(text: string): number {
  return new TextEncoder().encode(text).length
}
