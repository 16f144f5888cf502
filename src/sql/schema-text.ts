import type { Constraint, Node } from '@pgsql/types'
import type { Span } from './positions.ts'
import { emptyDraft, finishDraft } from './schema-draft.ts'
import type { SchemaDraft } from './schema-draft.ts'
import { defaultSearchPath } from './search-path.ts'
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
  /** Domains by name, for what a column of one is held to. */
  domains: ReadonlyMap<string, TextDomain>
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
  /** Stands in the code of a DO block. */
  inCode?: true
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
  /** Whether it is the DEFAULT partition of `partitionOf`. */
  defaultPartition?: true
  checks: TextCheck[]
  /** Whether the text shows all its columns: not for CREATE TABLE AS, views and tables the text never creates. */
  columnsKnown: boolean
  site: Site
}

export interface TextColumn {
  name: string
  /** As the parser names it, modifiers left out: `int4`, `jsonb`, `text[]`, `serial`. */
  type: string
  /** The modifiers in parentheses after the type: `numeric(10,2)` has 10 and 2. */
  modifiers: readonly number[]
  /** `not valid` for a not-null constraint of PostgreSQL 18 that is not validated; a primary key counts as `yes`. */
  notNull: 'yes' | 'no' | 'not valid'
  /** Whether a default is written; identity and serial have their own field. */
  hasDefault: boolean
  /** What gives it its default: its declaration, or the ALTER TABLE that set the default. */
  defaultSite?: Site
  generated?: 'stored' | 'virtual'
  /** The columns that a generated one is computed from. */
  computedFrom?: readonly string[]
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
  kind: 'primary key' | 'unique' | 'exclusion'
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
  /** Empty where the primary key is meant. */
  referencedColumns: string[]
  validated: boolean
  /** The parsed constraint; what a rename changed since is in the fields above only. */
  definition: Constraint
  site: Site
}

export interface TextCheck {
  /** As written, else as PostgreSQL would name it: `orders_total_check`. */
  name: string
  table: string
  /** Columns that the expression names. */
  columns: string[]
  /** Columns that it demands to be non-null by a conjunction of `column IS NOT NULL`: proof for SET NOT NULL. */
  notNullColumns: string[]
  validated: boolean
  /** The parsed expression. */
  expression: Node
  site: Site
}

export interface TextDomain {
  /** As a column's type is named. */
  base: string
  /** The modifiers in parentheses after `base`. */
  modifiers: readonly number[]
  /** Whether it has a CHECK or NOT NULL, so that adding a column of it looks at every row. */
  constrained: boolean
}

/** One migration's upward part, as `readSchema` needs it. */
export interface MigrationText {
  file: string
  /** The decoded text of the whole file; the statements' spans are offsets into it. */
  text: string
  released: boolean
  statements: readonly Statement[]
  /**
   * The statements that one with code is certain to run, where these are all and the file has their text at their
   * spans; undefined where the text does not show that. Default: of none.
   */
  certain?: (statement: Statement) => readonly Statement[] | undefined
}

/** Folds a history, oldest first, into the schema that its text leaves. Never throws: what it cannot read it leaves. */
export function readSchema(migrations: readonly MigrationText[]): SchemaText {
  const draft = emptyDraft()
  for (const migration of migrations) {
    beginFile(draft)
    for (const statement of migration.statements) foldStatement(draft, statement, migration)
  }
  return finishDraft(draft)
}

/** The schema as the text shows it just before a statement, by the 0-based numbers of its migration and in its file. */
export type SchemaBefore = (migration: number, statement: number) => SchemaDraft

/**
 * Reads states of a history's schema one after another. What it returns is changed by the next call; asking in the
 * order of the history costs one fold of it, going back costs another.
 */
export function schemaReader(migrations: readonly MigrationText[]): SchemaBefore {
  let draft = emptyDraft()
  let at = { migration: 0, statement: 0 }
  return (migration, statement) => {
    if (migration < at.migration || (migration === at.migration && statement < at.statement)) {
      draft = emptyDraft()
      at = { migration: 0, statement: 0 }
    }
    for (;;) {
      const file = migrations[at.migration]
      if (file === undefined) return draft
      if (at.statement === 0) beginFile(draft)
      const end = at.migration < migration ? file.statements.length : Math.min(statement, file.statements.length)
      for (; at.statement < end; at.statement++) {
        const next = file.statements[at.statement]
        if (next) foldStatement(draft, next, file)
      }
      if (at.migration >= migration) return draft
      at = { migration: at.migration + 1, statement: 0 }
    }
  }
}

/** A runner starts every file in a session of its own, or should be taken to: search_path does not carry over. */
function beginFile(draft: SchemaDraft): void {
  draft.searchPath = draft.sessionPath = defaultSearchPath
}
