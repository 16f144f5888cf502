import { compareLockModes } from '../findings/lock-mode.ts'
import type { LockMode, RelationLock } from '../findings/lock-mode.ts'
import { textNameOf } from '../sql/identifier.ts'
import { observationOf } from './observed.ts'
import type { StatementSubject } from './subject.ts'

/** What the shadow showed a statement do to one relation. */
export interface Effect {
  /** The strongest lock that it took or its transaction held on it. */
  lock?: RelationLock
  /** Whether the lock was already held, by an earlier statement of the transaction. */
  alreadyHeld: boolean
  rewritten: boolean
  scanned: boolean
}

/** What was observed on the relation that a `SchemaText` names `table`; undefined when the statement was not traced. */
export function effectOn(subject: StatementSubject, table: string): Effect | undefined {
  const observation = observationOf(subject)
  if (observation === undefined) return undefined
  const names = (printed: string) => textNameOf(printed) === table
  const strongest = [...observation.locks, ...observation.held]
    .filter((lock) => names(lock.relation))
    .sort((a, b) => compareLockModes(b.mode, a.mode))[0]
  return {
    ...(strongest && { lock: strongest }),
    alreadyHeld: strongest !== undefined && !observation.locks.includes(strongest),
    rewritten: observation.rewrites.some(names),
    scanned: observation.scans.some(names),
  }
}

/** For the evidence, where the lock is an earlier statement's: the trace of this one does not show it. */
export function heldFacts(effect: Effect | undefined): Record<string, string> | undefined {
  if (!effect?.alreadyHeld || effect.lock === undefined) return undefined
  return { 'held since an earlier statement': `${effect.lock.mode} on ${effect.lock.relation}` }
}

/** Whom a lock keeps waiting, in words. */
export function whomItBlocks(mode: LockMode): string {
  if (mode === 'ACCESS EXCLUSIVE') return 'every read and write'
  return compareLockModes(mode, 'SHARE') >= 0 ? 'every write' : 'no reader and no writer'
}
