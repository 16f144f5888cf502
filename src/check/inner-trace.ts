import type { Observation, StatementTrace } from '../findings/observation.ts'
import { compareLockModes } from '../findings/lock-mode.ts'
import { textNameOf } from '../sql/identifier.ts'
import { namedObjects, relationsIn } from '../sql/named-objects.ts'
import { unqualified } from '../sql/schema-draft.ts'
import type { Statement } from '../sql/statement.ts'
import type { InnerStatement, StatementCode } from './read-code.ts'

/**
 * The trace of a statement around code as those of the statements in it, in their order. A trace does not tell the
 * statements of code apart, so it speaks for one of them only where
 * - no other statement or query of the code names any of its relations,
 * - it shows a lock on one of them, or that one was created,
 * - and that shows that the statement ran: the code is certain to run it, or the lock is stronger than another
 *   table's foreign keys and triggers would take.
 *
 * Otherwise undefined: a branch that did not run on the shadow may run in production, and the text decides.
 */
export function tracesOfInner(
  trace: StatementTrace | undefined,
  { inner, reads }: StatementCode,
): (StatementTrace | undefined)[] {
  if (trace?.status !== 'traced') return inner.map(() => trace)
  const named = inner.map(({ statement }) => relationNames(statement))
  const read = reads.map((query) => new Set(relationsIn(query).map(({ relname = '' }) => relname)))
  const times = new Map<string, number>()
  for (const name of [...named, ...read].flatMap((names) => [...names])) times.set(name, (times.get(name) ?? 0) + 1)
  return inner.map((each, index) => {
    const names = named[index] ?? new Set()
    const isAlone = [...names].every((name) => times.get(name) === 1)
    return isAlone && isShown(trace.observation, each, names) ? trace : undefined
  })
}

function isShown(
  { created, locks, held }: Observation,
  { statement: { tag }, conditional }: InnerStatement,
  names: ReadonlySet<string>,
): boolean {
  const isNamed = (printed: string) => names.has(unqualified(textNameOf(printed)))
  if (created.some(({ name }) => isNamed(name))) return true
  const taken = locks.filter(({ relation }) => isNamed(relation))
  if (!conditional) return taken.length > 0 || held.some(({ relation }) => isNamed(relation))
  const writes = tag === 'InsertStmt' || tag === 'UpdateStmt' || tag === 'DeleteStmt' || tag === 'MergeStmt'
  return taken.some(({ mode }) => compareLockModes(mode, 'ROW EXCLUSIVE') >= (writes ? 0 : 1))
}

/** The relations that a statement names or drops, without their schemas. */
function relationNames(statement: Statement): Set<string> {
  const subjects = namedObjects(statement).subjects.filter((name) => !name.includes(':'))
  return new Set([
    ...relationsIn(statement.node).map(({ relname = '' }) => relname),
    ...subjects.map((name) => unqualified(name)),
  ])
}
