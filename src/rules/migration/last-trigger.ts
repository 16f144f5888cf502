import type { DraftTable } from '../../sql/schema-draft.ts'

/**
 * What the name of a trigger begins with that fires behind all others of the table which the text shows: BEFORE triggers
 * fire in the order of their names, and the one that copies a column has to see what the others leave in it. Undefined
 * where a name sorts behind every one that could be given.
 */
export function lastTriggerPrefix(declared: DraftTable | undefined): string | undefined {
  const names = (declared?.attachments ?? []).flatMap(({ kind, name }) => (kind === 'trigger' ? name : []))
  return ['zz_', '~~'].find((prefix) => names.every((each) => each < prefix))
}
