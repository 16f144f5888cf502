import type { Fix, TextEdit } from '../findings/fix.ts'
import { indent, showFiles } from './next-step.ts'
import { withSearchPath } from './search-path.ts'
import type { MigrationDraft, MigrationSubject, StatementSubject } from './subject.ts'

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
  /**
   * How what stands in its place is taken back: as the statement was, or by other SQL. Default: as before where nothing
   * follows; else nobody knows, and a migration that has a way back gets no fix.
   */
  back?: Back
  /** `safe` where the edit alone does it, changes nothing else and needs no thought. Default: `review`. */
  safety?: Fix['safety']
}

type Back = 'as before' | { sql: string }

/**
 * The recipe as a finding shows it, whole, and as a fix that makes it. A file is not left empty: the first migration
 * that follows takes a lone statement's place where it can run there. A released file is never edited, nor the code of
 * a DO block or function; there it is shown only.
 */
export function recipe(subject: StatementSubject, made: Recipe): { next: string; fixes: Fix[] } {
  const { statement, migration } = subject
  const { instead, then, back } = inItsPlace(subject, made)
  const newFiles = migration.history.newMigrations(withSearchPath(subject, then))
  const own = backEdit(subject, back)
  const isEmptied = instead === '' && isAlone(subject)
  const parts = [made.says]
  if (instead !== '') parts.push(indent(instead))
  else if (isEmptied) parts.push(`Take ${migration.file} away: nothing else stands in it.`)
  else if (!made.says.includes('Take the statement out')) parts.push('Take the statement out.')
  if ('edit' in own) parts.push(`${own.edit.file} then takes it back by`, indent(own.edit.text))
  if ('says' in own) parts.push(own.says)
  if (newFiles.length > 0) parts.push(showFiles(newFiles))
  const next = parts.join('\n')
  if (migration.released || subject.within !== undefined || isEmptied || 'says' in own) return { next, fixes: [] }
  const edit: TextEdit = {
    file: migration.file,
    start: statement.start,
    end: afterSemicolon(migration.text, statement.end),
    text: instead,
  }
  const edits = 'edit' in own ? [edit, own.edit] : [edit]
  return { next, fixes: [{ title: made.title, safety: made.safety ?? 'review', edits, newFiles }] }
}

/** The offset behind the semicolon that ends a statement; `end` where none is written. */
export function afterSemicolon(text: string, end: number): number {
  const rest = /^\s*;/.exec(text.slice(end))
  return rest ? end + rest[0].length : end
}

/** Whether nothing else stands in the file. */
function isAlone({ migration, within }: StatementSubject): boolean {
  return within === undefined && migration.statements.length === 1
}

function inItsPlace(
  subject: StatementSubject,
  { instead, then, back }: Recipe,
): Pick<Recipe, 'instead' | 'then'> & { back: Back | undefined } {
  const [first, ...others] = then
  if (instead !== '') return { instead, then, back: back ?? (first === undefined ? 'as before' : undefined) }
  if (first === undefined || !isAlone(subject) || !runsIn(subject.migration, first)) return { instead, then, back }
  return { instead: first.up, then: others, back: first.down === '' ? undefined : { sql: first.down } }
}

/** Whether the text of a migration could stand in this file, as its tool sends it. */
function runsIn({ mode }: MigrationSubject, { up, outsideTransaction, commits }: MigrationDraft): boolean {
  if (mode === 'statement') return true
  if (commits) return false
  const isOne = up.trim().indexOf(';') === up.trim().length - 1
  return !outsideTransaction || mode === 'grouped' || (mode === 'simple-query' && isOne)
}

/** What becomes of the migration's own way back: an edit, a sentence where there can be none, or it stays. */
function backEdit(
  { migration, within }: StatementSubject,
  back: Back | undefined,
): { edit: TextEdit } | { says: string } | { stays: true } {
  const { down, statements } = migration
  const [only, ...others] = down?.statements ?? []
  if (down === undefined || only === undefined || within !== undefined || back === 'as before') return { stays: true }
  if (back === undefined || others.length > 0 || statements.length > 1) {
    return {
      says: `The way back in ${down.file} is that of the statement as it is: write it anew for what is left here.`,
    }
  }
  return { edit: { file: down.file, start: only.start, end: afterSemicolon(down.text, only.end), text: back.sql } }
}
