import type { Span } from './positions.ts'
import { emptyDraft, finishDraft } from './schema-draft.ts'
import { foldStatement } from './schema-fold.ts'
import type { Statement } from './statement.ts'

/**
 * The schema that a history's text leaves, as far as text can tell: names as written (lower-cased where unquoted,
 * `public.` taken off), no defaults of the server, nothing that a DO block or a function did. PostgreSQL decides
 * where a trace ran; this is for when none did, and to give a finding its place.
 */
export interface SchemaText {
  tables: TextTable[]
  indexes: TextIndex[]
  /** Primary keys, unique and exclusion constraints; a foreign key may be covered by one. */
  keys: TextKey[]
  foreignKeys: TextForeignKey[]
  /** The tables that have or once had an index or key of a name (without its schema), dropped indexes included. */
  indexTables: ReadonlyMap<string, readonly string[]>
  /** Statements whose effect on the schema the text does not show: DO, CALL, CREATE EXTENSION … */
  opaque: Site[]
}

/** Where something was declared. */
export interface Site {
  file: string
  /** The decoded text of the file. */
  fileText: string
  /** The declaration itself: the column, the constraint or the statement. */
  span: Span
  /** 0-based index of the statement in its section. */
  statement: number
  released: boolean
}

export type TextRelationKind =
  | 'table'
  | 'temporary table'
  | 'partitioned table'
  | 'foreign table'
  | 'view'
  | 'materialized view'

export interface TextTable {
  name: string
  kind: TextRelationKind
  /** The partitioned table that it is a partition of. */
  partitionOf?: string
  columns: TextColumn[]
  /** Whether the text shows all its columns: not for CREATE TABLE AS, views and tables the text never creates. */
  columnsKnown: boolean
  site: Site
}

export interface TextColumn {
  name: string
  /** As the parser names it, modifiers left out: `int4`, `jsonb`, `text[]`, `serial`. */
  type: string
  /** Where its numbers come from; a `serial` stays one when its type is altered later. */
  numbering?: 'serial' | 'identity'
  /** UTF-16 offset of the type's name in the file of `site`. */
  typeStart: number
  site: Site
}

export interface TextIndex {
  name: string | undefined
  table: string
  /** `btree` when none is written. */
  method: string
  unique: boolean
  /** Written ON ONLY: on a partitioned table it is valid once each partition's index is attached. */
  only: boolean
  /** Key columns in order; null where the key is an expression. */
  columns: (string | null)[]
  /** Whether it has a WHERE, and if so which columns it only demands to be non-null (`WHERE fk IS NOT NULL`). */
  predicate?: { notNullColumns: string[]; onlyNotNull: boolean }
  site: Site
}

export interface TextKey {
  /** As written, else as PostgreSQL would name it: `orders_pkey`. */
  name: string
  table: string
  columns: string[]
  /** `btree`, except for an exclusion constraint. */
  method: string
  site: Site
}

export interface TextForeignKey {
  /** As written, else as PostgreSQL would name it: `orders_customer_id_fkey`. */
  name: string
  table: string
  columns: string[]
  referencedTable: string
  site: Site
}

/** One migration's upward part, as `readSchema` needs it. */
export interface MigrationText {
  file: string
  /** The decoded text of the whole file; the statements' spans are offsets into it. */
  text: string
  released: boolean
  statements: readonly Statement[]
}

/** Folds a history, oldest first, into the schema that its text leaves. Never throws: what it cannot read it leaves. */
export function readSchema(migrations: readonly MigrationText[]): SchemaText {
  const draft = emptyDraft()
  for (const migration of migrations) {
    // A runner starts every file in a session of its own, or should be taken to: search_path does not carry over.
    draft.searchPath = ['public']
    for (const statement of migration.statements) foldStatement(draft, statement, migration)
  }
  return finishDraft(draft)
}
