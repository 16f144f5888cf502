import type { Severity } from '../findings/finding.ts'

/** The layouts of migration folders that kei reads. */
export const layoutNames = ['kei', 'atlas', 'dbmate', 'flyway', 'golang-migrate', 'goose', 'prisma', 'sqlx'] as const
export type LayoutName = (typeof layoutNames)[number]

/** The majors that a history can be traced on. */
export const postgresMajors = [16, 17, 18] as const
export type PostgresMajor = (typeof postgresMajors)[number]

/** What `kei.jsonc` says, with the defaults filled in. Paths in it are relative to its folder. */
export interface Config {
  /** Absolute path of the file; undefined when there is none. */
  file?: string
  postgres: {
    /** The target's major. Default: 17. */
    major: PostgresMajor
  }
  /** The migration folders. Default: those that are found, see `findProject`. */
  migrations?: ConfiguredFolder[]
  /** The branch whose files are released. Default: origin/HEAD, else main or master, on origin first. */
  mainBranch?: string
  /** By rule id. Default: every rule with its own severity and options. */
  rules: Record<string, RuleSetting>
  trace: {
    /** SQL files that run before the history, for what the target has and the history does not make. Default: none. */
    setup: string[]
    /** `TimeZone` of the sessions. Default: the server's, UTC on a shadow. */
    timeZone?: string
    /** `search_path` of the sessions. Default: PostgreSQL's, `"$user", public`. */
    searchPath?: string
    /** Seconds after which a statement is cancelled. Default: 30. */
    statementTimeout: number
    /** Megabytes by which the traced database may grow. Default: 1024. */
    maxSize: number
  }
  /** The databases that the migrations are meant for, by name. Default: none. */
  targets: Record<string, ConfiguredTarget>
  migrate: {
    /** Schema of the history of migrations. Default: kei. */
    schema: string
    /** Role that the migrations run as, and that owns what they make. Default: the one that logs in. */
    role?: string
    /** Seconds that a statement waits for a lock before its group is rolled back and tried again. Default: 1. */
    lockTimeout: number
    /** Seconds after which a group is not tried again. Default: 600. */
    retryFor: number
  }
  /** The least severity that makes a check fail. Default: warning. */
  failOn: Severity
}

/** A migration folder that `kei.jsonc` names. */
export interface ConfiguredFolder {
  dir: string
  /** Default: recognised by its files. */
  layout?: LayoutName
  /** The target that it is for: a key of `targets`. */
  target?: string
}

/** A target that `kei.jsonc` names. No string in it holds a password. */
export interface ConfiguredTarget {
  /** Default: what KEI_DATABASE_URL, DATABASE_URL or the PG* variables say. */
  url?: ConfiguredUrl
  /** To the server itself, where `url` leads to a pooler. Default: there is none. */
  directUrl?: ConfiguredUrl
  /** Whether commands that write ask for the target's name. Default: false. */
  production: boolean
}

/** A connection string, or the name of the environment variable that holds it. */
export type ConfiguredUrl = string | { env: string }

/** A severity, or one with the rule's options. */
export type RuleSetting =
  | 'off'
  | Severity
  | ({ severity?: Severity | 'off' } & Record<string, string | number | boolean>)

/** What holds without a `kei.jsonc`. */
export const defaultConfig: Readonly<Config> = {
  postgres: { major: 17 },
  rules: {},
  trace: { setup: [], statementTimeout: 30, maxSize: 1024 },
  targets: {},
  migrate: { schema: 'kei', lockTimeout: 1, retryFor: 600 },
  failOn: 'warning',
}
