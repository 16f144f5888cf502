import type { Client } from 'pg'

/**
 * A running throw-away PostgreSQL, shared by this user's kei processes for one project and major. It stays up until
 * the last of them has gone for `KEI_SHADOW_IDLE` seconds (default 300).
 */
export interface Shadow {
  major: number
  /** Exact, for example `17.10`. */
  version: string
  /** Directory of the unix socket. */
  socketDirectory: string
  port: number
  /** Where data that lives and dies with this cluster may be kept (0700): an index of its template databases. */
  stateDirectory: string
  /**
   * Opens a session. Default: the superuser, `search_path = pg_catalog`. The caller ends it.
   * @throws KeiError `shadow-session-refused`, with PostgreSQL's error as its cause.
   */
  connect(options: { database: string; user?: string; password?: string }): Promise<Client>
  /** Says that this process no longer needs it. Sessions must be ended first. Idempotent. */
  release(): Promise<void>
}
