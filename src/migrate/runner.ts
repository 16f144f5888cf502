import type { Session } from '../postgres/connect/connect.ts'
import type { HistoryTable } from './history-table.ts'
import type { Lease } from './lease.ts'
import type { Direction, Migration, MigrationText } from './migration.ts'
import type { RunRequest } from './run-request.ts'
import type { WorkSession } from './work-session.ts'

/** A run under way: the leader, with its two sessions. */
export interface Runner {
  request: RunRequest
  /** Runs the migrations' statements. */
  work: WorkSession
  /**
   * Lease, heartbeat, who blocks, progress: single statements in autocommit only. Behind a pooler with one server
   * connection it waits while a transaction of `work` is open, so it is never awaited in one.
   */
  control: Session
  lease: Lease
  history: HistoryTable
  /** The history had no row when the run began: nothing that is lost with it was there before. */
  fresh: boolean
}

/** One file of a migration, being run. */
export interface Script {
  migration: Migration
  direction: Direction
  text: MigrationText
  /** How many statements the file has. */
  total: number
}
