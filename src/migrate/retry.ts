/**
 * What PostgreSQL says where another session stood in the way: lock_not_available, deadlock_detected and
 * serialization_failure. The transaction may be tried again as it is.
 */
const retried: ReadonlySet<string> = new Set(['55P03', '40P01', '40001'])

export function isWorthRetrying(sqlstate: string | undefined): boolean {
  return sqlstate !== undefined && retried.has(sqlstate)
}

/** No wait grows beyond this, unless four times the lock timeout is more. */
const longestWait = 30_000
/** Stands for a lock timeout that is off or tiny. */
const leastTimeout = 50

/**
 * Milliseconds to wait after an attempt (1-based) that met a lock. While an attempt waits for a lock, everybody who
 * comes to the relation waits behind it; at least four times as long they are let through. From attempt to attempt it
 * grows by half, and a quarter at random keeps two runners apart.
 * @param lockTimeout milliseconds
 * @param random from 0 to 1
 */
export function waitAfter(attempt: number, lockTimeout: number, random: number): number {
  const least = 4 * Math.max(lockTimeout, leastTimeout)
  const wait = Math.min(least * 1.5 ** (attempt - 1), Math.max(longestWait, least))
  return Math.ceil(wait * (1 + random / 4))
}
