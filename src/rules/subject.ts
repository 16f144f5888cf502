import type { Catalog } from '../findings/catalog.ts'
import type { NewFile } from '../findings/fix.ts'
import type { StatementTrace } from '../findings/observation.ts'
import type { RoundTrip } from '../findings/round-trip.ts'
import type { IgnoreComment } from '../sql/ignore.ts'
import type { Span } from '../sql/positions.ts'
import type { Statement } from '../sql/statement.ts'
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
  /** What the shadow showed; undefined when nothing was traced. */
  trace?: StatementTrace
}

/** A whole folder, in order, with the schema that it leaves. */
export interface HistorySubject {
  folder: string
  layout: string
  migrations: MigrationSubject[]
  /** The schema as the statements' text shows it; names resolved as far as the text allows. */
  schema: SchemaText
  /** The schema that the traced history left on a real server; undefined when nothing was traced. */
  catalog?: Catalog
  /** Whether every statement was traced: only then may absence from `catalog` be called absence. */
  complete: boolean
  /** The files of one more migration, numbered after version `after` (default: the last), as the layout writes one. */
  newMigration(draft: MigrationDraft, after?: string): NewFile[]
}

/** What a fix puts into a migration of its own. */
export interface MigrationDraft {
  /** Lower-case words joined by `_`. */
  name: string
  /** Statements with their semicolons. */
  up: string
  down: string
  /** Whether a statement in it cannot run in a transaction block: CREATE INDEX CONCURRENTLY. */
  outsideTransaction: boolean
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

/** Which subject a rule's `check` is called with. */
export interface Subjects {
  statement: StatementSubject
  migration: MigrationSubject
  history: HistorySubject
  unreadable: UnreadableSubject
  ignore: IgnoreSubject
}

export type SubjectKind = keyof Subjects
