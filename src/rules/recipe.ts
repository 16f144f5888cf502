import type { Fix, TextEdit } from '../findings/fix.ts'
import { indent, showFiles } from './next-step.ts'
import type { MigrationDraft, StatementSubject } from './subject.ts'

/** A safe way to the same schema, as a person is told it. */
export interface Recipe {
  /** The title of the fix, an imperative without a full stop: `Add the constraint NOT VALID, validate it later`. */
  title: string
  /** What to do and why so, in a sentence or two; the SQL follows it. */
  says: string
  /** What stands in the statement's place, with its semicolon; empty: nothing. */
  instead: string
  /** Migrations that follow, each applied and committed before the next. */
  then: readonly MigrationDraft[]
  /** `safe` where the edit alone does it, changes nothing else and needs no thought. Default: `review`. */
  safety?: Fix['safety']
}

/**
 * The recipe as a finding shows it, whole, and as a fix that makes it. A released file is never edited, nor the
 * code of a DO block or function; there it is shown only.
 */
export function recipe(subject: StatementSubject, made: Recipe): { next: string; fixes: Fix[] } {
  const { statement, migration } = subject
  const newFiles = migration.history.newMigrations(made.then)
  const parts = [made.says]
  if (made.instead !== '') parts.push(indent(made.instead))
  if (newFiles.length > 0) parts.push(showFiles(newFiles))
  const next = parts.join('\n')
  if (migration.released || subject.within !== undefined) return { next, fixes: [] }
  const edit: TextEdit = {
    file: migration.file,
    start: statement.start,
    end: afterSemicolon(migration.text, statement.end),
    text: made.instead,
  }
  return { next, fixes: [{ title: made.title, safety: made.safety ?? 'review', edits: [edit], newFiles }] }
}

/** The offset behind the semicolon that ends a statement; `end` where none is written. */
export function afterSemicolon(text: string, end: number): number {
  const rest = /^\s*;/.exec(text.slice(end))
  return rest ? end + rest[0].length : end
}
