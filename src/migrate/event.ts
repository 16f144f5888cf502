import type { RelationLock } from '../findings/lock-mode.ts'
import type { Direction } from './migration.ts'

/** A session that stands in the way. */
export interface Blocker {
  pid: number
  user: string
  application: string
  /** Redacted, at most 200 characters. */
  query: string
  state: string
  /** Seconds since its transaction, or else its statement, began. */
  age: number
}

/** How long a relation was locked, by the server's clock, from the statement that took the lock to the commit. */
export interface HeldLock extends RelationLock {
  milliseconds: number
}

/** How far a long statement is, from the server's progress views. */
export interface StatementProgress {
  /** As the view says: `building index: scanning table`. */
  phase: string
  /** 0 to 100; absent where the phase has no total. */
  percent?: number
  /** Seconds, by the pace so far within the phase. */
  secondsLeft?: number
  /** Sessions that it waits for, in phases that wait. */
  waitingFor?: Blocker[]
}

/** What happens while a runner works, in order; `up --jsonl` prints one a line. */
export type MigrationEvent =
  | { event: 'waiting'; for: 'lease'; holder: string; since: string }
  | { event: 'started'; token: string; pending: { version: string; name: string }[]; direction: Direction }
  | { event: 'recovering'; version: string; statement: number; message: string }
  | { event: 'migration'; version: string; name: string; direction: Direction; file: string }
  | { event: 'blocked'; version: string; attempt: number; relations: string[]; blockers: Blocker[] }
  | {
      event: 'retry'
      version: string
      attempt: number
      /** SQLSTATE: 55P03, 40P01 or 40001. */
      sqlstate: string
      message: string
      /** Milliseconds until the next attempt. */
      wait: number
      blockers: Blocker[]
    }
  | { event: 'progress'; version: string; statement: number; progress: StatementProgress }
  | {
      /** Statements `first` to `last` are committed, or the one outside a transaction is done. */
      event: 'step'
      version: string
      direction: Direction
      first: number
      last: number
      milliseconds: number
      locks: HeldLock[]
    }
  | { event: 'done'; version: string; name: string; direction: Direction; milliseconds: number }
  | { event: 'notice'; message: string }

export type OnMigrationEvent = (event: MigrationEvent) => void
