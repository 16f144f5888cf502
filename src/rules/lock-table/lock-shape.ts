import type { LockMode } from '../../findings/lock-mode.ts'
import type { Major } from '../rule.ts'

/**
 * What one shape of statement does, the same on every supported major unless `majors` says otherwise. The tests run
 * `setup` and `statement` on each major and fail when the server shows anything else.
 */
export interface LockShape {
  /** Makes `public.t`, the statement's own table, with rows; others are named for their part: `r` is referenced … */
  setup: string
  statement: string
  majors?: readonly Major[]
  /**
   * Strongest lock on each relation of `setup`; relations not named are not locked. Indexes may be left out as long as
   * their lock is no stronger than that on their table: it keeps nobody waiting who does not wait for the table.
   */
  locks: Readonly<Record<string, LockMode>>
  /** Whether `public.t`, or a partition or inheritor of it, is rewritten. Emptying it (TRUNCATE) is no rewrite. */
  rewrite: boolean
  /** Whether the server counts a sequential scan of `public.t`, or of a partition or inheritor of it. */
  scan: boolean
  /** Other relations of `setup` that are read from end to end, where that is not for the planner to choose. */
  otherScans?: readonly string[]
  /** The SQLSTATE with which the statement fails there; then it does nothing else. */
  fails?: string
}
