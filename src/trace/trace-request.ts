import type { GuardLimits } from '../postgres/shadow/guard.ts'
import type { Section } from '../project/migration-file.ts'
import type { SqlSyntaxError } from '../sql/parse.ts'
import type { Statement } from '../sql/statement.ts'

/** A history and how it is to be traced. */
export interface TraceRequest {
  /** 16, 17 or 18. */
  major: number
  /** Absolute path of the project. */
  project: string
  /** kei's folder in the user's cache. */
  cacheFolder: string
  /** Of the migrations, relative to the project. */
  folder: string
  /** `kei`, `goose`, `golang-migrate`, `prisma`. */
  layout: string
  /** In the order in which they run. */
  migrations: readonly TraceMigration[]
  /** Paths of the folder's migrations that are code; they are not run, and named where something is missing. */
  code?: readonly string[]
  /** How many files the main branch has in common with this history: its state is kept, too. */
  checkpoint?: number
  /** SQL that runs before the history, as its owner: `trace.setup` of kei.jsonc. */
  setup?: readonly string[]
  /** Of the target's sessions. Default: UTC. */
  timeZone?: string
  /** Of the target's sessions, as in `SET search_path`. Default: PostgreSQL's. */
  searchPath?: string
  limits?: Partial<TraceLimits>
  /** Whether `SchemaRest` is read, too; it is not kept, so a server is needed each time. Default: false. */
  whole?: boolean
  /** Called before each file that is traced, and when the server takes its time. */
  onProgress?: (progress: TraceProgress) => void
  /** Ends the session on the server, with what it is running, and the trace with `interrupted`. */
  signal?: AbortSignal
}

export interface TraceMigration {
  /** Relative to the repository. */
  file: string
  /** The decoded text of the whole file, into which the offsets of `section` and the statements count. */
  text: string
  section: Section
  /** A file that does not parse is not run. */
  statements: readonly Statement[] | UnparsedText
  /** The way back, where it is to be tried: up, down, and up again. */
  down?: TraceDown
}

/** A down section that parses. */
export interface TraceDown {
  /** The decoded text of the whole file that it stands in. */
  text: string
  section: Section
  statements: readonly Statement[]
}

/** A text that PostgreSQL's grammar rejects, and where: as `SqlSyntaxError`, of which this is all that is needed. */
export type UnparsedText = Pick<SqlSyntaxError, 'kind' | 'offset'>

/** Bounds of one statement, and of all of them. */
export interface TraceLimits extends GuardLimits {
  /**
   * Milliseconds for the whole history, and as much again for its round trips; what is left then is skipped. Default:
   * 10 minutes.
   */
  historyTime: number
}

export interface TraceProgress {
  message: string
  /** Files traced so far, of those that have to be. */
  done: number
  total: number
}

/** The statements of a migration; none when it does not parse. */
export function statementsOf(migration: TraceMigration): readonly Statement[] {
  return isSyntaxError(migration.statements) ? [] : migration.statements
}

export function isSyntaxError(statements: readonly Statement[] | UnparsedText): statements is UnparsedText {
  return 'kind' in statements
}
