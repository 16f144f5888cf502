import type { MigrationText, Site } from './schema-text.ts'
import type { Statement } from './statement.ts'

/** The statement being folded and what a declaration in it needs for its site. */
export interface FoldContext {
  statement: Statement
  migration: MigrationText
  /** The whole statement's site. */
  site: Site
}
