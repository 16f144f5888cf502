import { textNameOf } from '../../sql/identifier.ts'
import { observationOf } from '../observed.ts'
import type { StatementSubject } from '../subject.ts'
import { partitionsOf } from '../used-table.ts'
import type { UsedTable } from '../used-table.ts'

/**
 * Whether the statement wrote the table anew, or a partition or child of it: as the shadow showed. Undefined when it
 * was not traced; in code only what is known to belong to the table counts.
 */
export function wasRewritten(subject: StatementSubject, { name, draft }: UsedTable): boolean | undefined {
  const observation = observationOf(subject)
  if (observation === undefined) return undefined
  if (subject.within === undefined) return observation.rewrites.length > 0
  const own = [name, ...partitionsOf(draft, name).map((each) => each.name)]
  return observation.rewrites.some((relation) => own.includes(textNameOf(relation)))
}
