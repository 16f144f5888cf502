import type { Direction } from './migration.ts'

/**
 * What a row of the history says. Rows are only ever added.
 * - `ran`: the statements `first` to `last` of the file were committed, in the transaction that wrote the row; or, for
 *   one that ran outside a transaction, it is known to be done.
 * - `intent`: the statement `first` is about to run outside a transaction.
 * - `withdrawn`: the statement of the last intent has not taken effect, and nothing of it is left.
 * - `baseline`: taken as applied without being run.
 * - `edit`: the file was changed after it was applied, and that was accepted.
 */
export type HistoryEvent = 'ran' | 'intent' | 'withdrawn' | 'baseline' | 'edit'

/** A row of the history, without its text. */
export interface HistoryRow {
  /** Ascending in the order of writing. */
  id: string
  event: HistoryEvent
  direction: Direction
  version: string
  name: string
  /** 1-based numbers of statements in the file, BEGIN and COMMIT counted; 0 where the row is about no statement. */
  first: number
  last: number
  /** One for each of `first` to `last`, as `statementHash`. */
  hashes: string[]
  /** The file is whole now: applied, or taken back. */
  complete: boolean
  /** Of the file when the row was written. */
  checksum: string
  /** ISO 8601, the server's clock. */
  at: string
  /** The role that was logged in. */
  by: string
  milliseconds: number
  /** Version of kei. */
  kei: string
  /** Fencing token of the run. */
  token: string
  /** For `edit`, and for what a person resolved. */
  reason?: string
  /** Of an `intent`. */
  intent?: Intent
}

/**
 * What is written down before a statement runs outside a transaction, so that the catalog can decide after a crash
 * whether it was done.
 */
export interface Intent {
  /** The statement, redacted. */
  statement: string
  /** Of the session that was going to run it. */
  pid: number
  /** `pg_stat_activity.backend_start`, as text with microseconds: with the pid it names a session for good. */
  backendStart: string
  /** What existed before, and what is expected: each kind of statement has its own; see `outside/`. */
  before: unknown
}

/** A row to be added. The server fills in `id`, `at` and `by`. */
export interface NewHistoryRow extends Omit<HistoryRow, 'id' | 'at' | 'by' | 'kei' | 'token' | 'milliseconds'> {
  /** Default: the time since the transaction began, by the server's clock when the row is written. */
  milliseconds?: number
  /** The file's text, redacted; kept where the file becomes whole, for `verify` to compare with. */
  text?: string
}

/** Where one version stands, by the history alone. */
export interface VersionState {
  version: string
  name: string
  /**
   * - `applied`: whole. - `reverted`: was applied, and was taken back. - `partly-applied`: some statements of the up
   * file are committed, or one is on its way. - `partly-reverted`: the same of the down file.
   */
  state: 'applied' | 'reverted' | 'partly-applied' | 'partly-reverted'
  /** Of the file that is applied, or of the one under way; after an accepted edit, of the edited file. */
  checksum: string
  /** Hashes of the statements that are done in the direction under way, from the first on; empty when whole. */
  done: string[]
  /** A statement outside a transaction whose outcome is not written down. */
  open?: { id: string; number: number; direction: Direction; intent: Intent; token: string }
  /** The row that made it what it is. */
  at: string
  by: string
  milliseconds: number
  baseline: boolean
}
