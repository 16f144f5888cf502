import type { Authentication } from '../findings/authentication.ts'
import type { Catalog } from '../findings/catalog.ts'
import type { Database } from '../findings/database.ts'
import type { NewFile } from '../findings/fix.ts'
import type { StatementTrace } from '../findings/observation.ts'
import type { RoundTrip } from '../findings/round-trip.ts'
import type { ServerSettings } from '../findings/server-settings.ts'
import type { SumFile } from '../findings/sum-file.ts'
import type { IgnoreComment } from '../sql/ignore.ts'
import type { Span } from '../sql/positions.ts'
import type { Statement } from '../sql/statement.ts'
import type { SchemaDraft } from '../sql/schema-draft.ts'
import type { SchemaText } from '../sql/schema-text.ts'
import type { StatementGroup, TransactionMode } from '../sql/transactions.ts'

/** A migration as rules see it: its text, its statements and what running them showed. */
export interface MigrationSubject {
  /** Relative to the repository. */
  file: string
  layout: string
  version: string
  name: string
  /** The first of its folder: nothing existed before it. */
  first: boolean
  released: boolean
  /** The decoded text of the whole file. */
  text: string
  statements: StatementSubject[]
  mode: TransactionMode
  /** How its runner sends the statements. */
  groups: StatementGroup[]
  /** Its way back, while that can still be changed: of a file that is neither released nor said to be irreversible. */
  down?: DownSubject
  /** Whether it has a way back at all. `none`: its layout has no down sections. */
  wayBack: 'written' | 'irreversible' | 'missing' | 'none'
  /** The folder it belongs to; `history.migrations` holds it. */
  history: HistorySubject
}

/** A down section that parses. */
export interface DownSubject {
  /** The migration's own file, or the one beside it. */
  file: string
  /** The decoded text of that whole file. */
  text: string
  /** Where the section stands in it. */
  span: Span
  statements: Statement[]
  mode: TransactionMode
  /** What running it showed; undefined when nothing was run. */
  roundTrip?: RoundTrip
}

export interface StatementSubject {
  statement: Statement
  migration: MigrationSubject
  /** What the shadow showed; undefined when nothing was traced. For a statement in code, what all of the code did. */
  trace?: StatementTrace
  /**
   * The statement whose code this one stands in: a DO block, or what calls a function of the history. `statement` has
   * the number of that one, and the offsets of its own text in `migration.file` where the code is written out there;
   * else those of what makes the text, or of `within`.
   */
  within?: StatementSubject
  /** For a statement of a function that is called: where the function is made. */
  definedAt?: DefinedAt
  /**
   * The statements that its code is seen to send, in the order of the code, through all that it calls; none of them
   * has inner ones itself. Queries that only read are not among them.
   */
  inner: StatementSubject[]
  /** What its code sends but the text does not show. */
  dynamic: DynamicPart[]
}

/** The statement that makes a function or procedure. */
export interface DefinedAt {
  /** Of the function, without its schema. */
  name: string
  file: string
  /** The decoded text of the file. */
  text: string
  span: Span
}

/** SQL that code makes while it runs. */
export interface DynamicPart {
  /** In a few words: `EXECUTE of query_text`. */
  text: string
  /** Whether the code reads rows of the user's tables, so that other rows may make other SQL. */
  fromRows: boolean
}

/** A whole folder, in order, with the schema that it leaves. */
export interface HistorySubject {
  folder: string
  layout: string
  migrations: MigrationSubject[]
  /** Atlas's integrity file; undefined where the folder is not under Atlas, or cannot be read whole. */
  sum?: SumFile
  /** The schema as the statements' text shows it; names resolved as far as the text allows. */
  schema: SchemaText
  /**
   * The schema as the text shows it just before a statement; before the statement around it for one in code. It is
   * changed by the next call, and cheap only where statements are asked for in their order.
   */
  before(subject: StatementSubject): SchemaDraft
  /** The schema that the traced history left on a real server; undefined when nothing was traced. */
  catalog?: Catalog
  /** Whether every statement was traced: only then may absence from `catalog` be called absence. */
  complete: boolean
  /** What git shows of its released files. Default: nothing is known of them, and nobody asked. */
  released?: ReleasedChanges
  /** The files of one more migration, numbered after version `after` (default: the last), as the layout writes one. */
  newMigration(draft: MigrationDraft, after?: string): NewFile[]
  /** The files of several more migrations, one after another. */
  newMigrations(drafts: readonly MigrationDraft[]): NewFile[]
}

/**
 * How the released migrations of a folder differ from what they were when the branch left the main branch. `shallow`:
 * the clone does not reach back that far; `none`: there is no such commit.
 */
export type ReleasedChanges = { state: 'known'; changes: ReleasedChange[] } | { state: 'shallow' } | { state: 'none' }

/** A released migration with another text, or none. */
export interface ReleasedChange {
  file: string
  /** The commit at which the branch left the main branch. */
  commit: string
  /** The decoded text that it had there. */
  before: string
  /** The text of today; undefined: the file is gone. */
  now?: string
  /** Whether both texts are the same statements, so that only comments or spaces differ. */
  sameStatements?: boolean
}

/** What a fix puts into a migration of its own. */
export interface MigrationDraft {
  /** Lower-case words joined by `_`. */
  name: string
  /** Statements with their semicolons. */
  up: string
  down: string
  /** Whether a statement in it cannot run in a transaction block: CREATE INDEX CONCURRENTLY, a DO block that commits. */
  outsideTransaction: boolean
  /** Whether it has code that commits, which kei's runner wants to be told by `-- kei: transaction none`. */
  commits?: boolean
  /** Whether a statement of the way back cannot run in a transaction block. Default: as `outsideTransaction`. */
  downOutsideTransaction?: boolean
}

/** A file that could not be parsed or read. */
export interface UnreadableSubject {
  file: string
  code: string
  message: string
  /** Where, when known; else the file's start. */
  at?: Span
  text?: string
}

/** An ignore comment, once everything else has been judged. */
export interface IgnoreSubject {
  file: string
  ignore: IgnoreComment
  text: string
  /** The ids of all rules. */
  knownRules: readonly string[]
  /** Whether a finding was ignored because of it. */
  used: boolean
}

/** A text file of the repository that is no migration. */
export interface TextSubject {
  /** Relative to the repository. */
  file: string
  /** The decoded text. */
  text: string
  /** Whether git's index has it; undefined where there is no git. */
  tracked?: boolean
}

/** The environment files of a repository (`.env` and its like) in which passwords stand. */
export interface EnvironmentSubject {
  /** In the work tree; what git ignores is not among them. */
  files: readonly TextSubject[]
  /** What commits brought, newest first. */
  committed: readonly { file: string; text: string; commit: string }[]
  /** What would show the rest of the history, in words that follow "needs"; undefined: it is all there. */
  needs?: string
}

/** Which subject a rule's `check` is called with. */
export interface Subjects {
  statement: StatementSubject
  migration: MigrationSubject
  history: HistorySubject
  unreadable: UnreadableSubject
  ignore: IgnoreSubject
  text: TextSubject
  environment: EnvironmentSubject
  settings: ServerSettings
  authentication: Authentication
  database: Database
}

export type SubjectKind = keyof Subjects

/** What stands around the migrations: judged by itself. */
export type Surrounding = {
  [K in 'text' | 'environment' | 'settings' | 'authentication' | 'database']: { kind: K; subject: Subjects[K] }
}['text' | 'environment' | 'settings' | 'authentication' | 'database']
