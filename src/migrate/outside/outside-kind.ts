import type { Client } from 'pg'
import type { Statement } from '../../sql/statement.ts'

/**
 * What the catalog says of a statement that ran, or may have run, outside a transaction.
 * - `done`: all that it says has come about.
 * - `not-done`: it has had no effect, or none that is left.
 * - `repeat`: the catalog does not show it, and running it once more does no harm.
 * - `unknown`: the catalog does not show it, and only a person can say.
 */
export type OutsideState = 'done' | 'not-done' | 'repeat' | 'unknown'

/**
 * How one kind of statement is taken through a crash. `B` is plain JSON: it stands in the intent, and after a crash it
 * is all that is known, because the file may have been changed.
 */
export interface OutsideKind<B extends { kind: string }> {
  /**
   * What exists and what is expected. Called with the file's own search_path, in a transaction that is rolled back.
   * @throws KeiError where the statement is refused; PostgreSQL's error where it could not but fail.
   */
  before(client: Client, statement: Statement): Promise<B>
  /**
   * Brings what was left half done to an end, forwards where there is no way back. Outside a transaction, only once the
   * intent is this session's and nobody else works on the statement. Does nothing where nothing is left.
   * @throws KeiError where something is left that may not be kei's.
   */
  clear(client: Client, before: B): Promise<void>
  /** Reads the outcome, after `clear`, within `readOnly`. */
  decide(client: Client, before: B): Promise<OutsideState>
}
