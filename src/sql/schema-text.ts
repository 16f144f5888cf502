import type { Span } from './positions.ts'

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

export interface TextTable {
  name: string
  columns: TextColumn[]
  site: Site
}

export interface TextColumn {
  name: string
  /** As the parser names it: `int4`, `jsonb`, `text[]`, `serial`. */
  type: string
  site: Site
}

export interface TextIndex {
  name: string | undefined
  table: string
  /** `btree` when none is written. */
  method: string
  unique: boolean
  /** Key columns in order; null where the key is an expression. */
  columns: (string | null)[]
  /** Whether it has a WHERE, and if so which columns it only demands to be non-null (`WHERE fk IS NOT NULL`). */
  predicate?: { notNullColumns: string[]; onlyNotNull: boolean }
  site: Site
}

export interface TextKey {
  table: string
  columns: string[]
  site: Site
}

export interface TextForeignKey {
  name: string | undefined
  table: string
  columns: string[]
  referencedTable: string
  site: Site
}
