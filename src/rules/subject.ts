import type { Catalog } from '../findings/catalog.ts'
import type { StatementTrace } from '../findings/observation.ts'
import type { IgnoreComment } from '../sql/ignore.ts'
import type { Span } from '../sql/positions.ts'
import type { Statement } from '../sql/statement.ts'
import type { SchemaText } from '../sql/schema-text.ts'
import type { StatementGroup } from '../sql/transactions.ts'

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
  /** How its runner sends the statements. */
  groups: StatementGroup[]
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
  ruleExists: boolean
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
