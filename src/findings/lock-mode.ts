/**
 * Table-level lock modes, weakest first, as the manual names them.
 * Source: PostgreSQL manual, "Explicit Locking", table "Conflicting Lock Modes".
 */
export const lockModes = [
  'ACCESS SHARE',
  'ROW SHARE',
  'ROW EXCLUSIVE',
  'SHARE UPDATE EXCLUSIVE',
  'SHARE',
  'SHARE ROW EXCLUSIVE',
  'EXCLUSIVE',
  'ACCESS EXCLUSIVE',
] as const

export type LockMode = (typeof lockModes)[number]

/** A lock on one relation, named as PostgreSQL prints it. */
export interface RelationLock {
  relation: string
  mode: LockMode
}

/** Positive when `a` is the stronger mode, by the manual's order. */
export function compareLockModes(a: LockMode, b: LockMode): number {
  return lockModes.indexOf(a) - lockModes.indexOf(b)
}

/** `AccessExclusiveLock`, as pg_locks prints a mode, as `ACCESS EXCLUSIVE`; undefined for row-level and other modes. */
export function lockModeFromCatalog(mode: string): LockMode | undefined {
  const spaced = mode
    .replace(/Lock$/, '')
    .replace(/(?!^)([A-Z])/g, ' $1')
    .toUpperCase()
  return lockModes.find((known) => known === spaced)
}

/** By mode, the modes that another session's lock of it keeps waiting; same source. */
const conflicts: Readonly<Record<LockMode, readonly LockMode[]>> = {
  'ACCESS SHARE': ['ACCESS EXCLUSIVE'],
  'ROW SHARE': ['EXCLUSIVE', 'ACCESS EXCLUSIVE'],
  'ROW EXCLUSIVE': ['SHARE', 'SHARE ROW EXCLUSIVE', 'EXCLUSIVE', 'ACCESS EXCLUSIVE'],
  'SHARE UPDATE EXCLUSIVE': lockModes.slice(3),
  SHARE: ['ROW EXCLUSIVE', 'SHARE UPDATE EXCLUSIVE', 'SHARE ROW EXCLUSIVE', 'EXCLUSIVE', 'ACCESS EXCLUSIVE'],
  'SHARE ROW EXCLUSIVE': lockModes.slice(2),
  EXCLUSIVE: lockModes.slice(1),
  'ACCESS EXCLUSIVE': lockModes,
}

/** Whether two sessions cannot hold these locks on one relation at the same time. */
export function lockModesConflict(a: LockMode, b: LockMode): boolean {
  return conflicts[a].includes(b)
}
