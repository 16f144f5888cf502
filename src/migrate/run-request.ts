import type { Session } from '../postgres/connect/connect.ts'
import type { OnMigrationEvent } from './event.ts'
import type { Migration } from './migration.ts'

/** Where the history is and how the runner behaves; every command that goes to a database has it. */
export interface RunnerSettings {
  /** Schema of the history. Default: `kei`. */
  schema: string
  /** Role that the files' statements run as, and that owns what they make. Default: the one that logs in. */
  role?: string
  /** Milliseconds that a statement waits for a lock before its group starts anew. Default: 1000. */
  lockTimeout: number
  /** Milliseconds after which a group is not tried again. Default: 600 000. */
  retryFor: number
  /** Milliseconds to wait for another runner. Default: 600 000. */
  waitTimeout: number
  /** Milliseconds after which a runner that is not heard of may be replaced, by the server's clock. Default: 30 000. */
  leaseTime: number
}

export const defaultSettings: Readonly<RunnerSettings> = {
  schema: 'kei',
  lockTimeout: 1000,
  retryFor: 600_000,
  waitTimeout: 600_000,
  leaseTime: 30_000,
}

/** A run of the runner over a folder's migrations. */
export interface RunRequest {
  settings: RunnerSettings
  /** In the order of their versions, no version twice. */
  migrations: readonly Migration[]
  /** Opens a pipelined session with the target (`ConnectOptions.pipeline`); to the server itself where a way is known. */
  connect(): Promise<Session>
  onEvent: OnMigrationEvent
  /** Aborting it cancels the running statement on the server and ends the run with `interrupted`. */
  signal?: AbortSignal
}
