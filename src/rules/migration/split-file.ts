import type { Fix } from '../../findings/fix.ts'
import { behaviourOf } from '../../sql/transactions.ts'
import { fileWords, showFiles } from '../next-step.ts'
import { afterSemicolon } from '../recipe.ts'
import type { MigrationDraft, MigrationSubject, StatementSubject } from '../subject.ts'

/** The statements of a file from number `from` up to `to`, exclusive, with the comments before each. */
export function textOfStatements({ text, statements }: MigrationSubject, from: number, to: number): string {
  const before = statements[from - 1]?.statement
  const last = statements[to - 1]?.statement
  if (last === undefined) return ''
  const start = before === undefined ? (statements[0]?.statement.start ?? 0) : afterSemicolon(text, before.end)
  const part = text.slice(start, afterSemicolon(text, last.end)).trim()
  return part.endsWith(';') ? part : `${part};`
}

/** Those statements as a migration of their own, the `number`th part of the file. */
export function partOfFile(migration: MigrationSubject, from: number, to: number, number: number): MigrationDraft {
  const behaviours = migration.statements.slice(from, to).map(({ statement }) => behaviourOf(statement))
  return {
    name: `${fileWords(migration.name)}_${number}`,
    up: textOfStatements(migration, from, to),
    down: '',
    outsideTransaction: behaviours.some((each) => each === 'outside' || each === 'may-commit'),
    commits: migration.layout === 'kei' && migration.mode === 'statement',
  }
}

/** Whether a part of the file can be moved into another: not where BEGIN, COMMIT or annotations hold it together. */
function canSplit(migration: MigrationSubject): boolean {
  return !/^\s*--\s*\+goose\s+Statement/im.test(migration.text) && !isBetweenBeginAndCommit(migration)
}

/** Whether the file writes its transactions itself. */
export function isBetweenBeginAndCommit({ statements }: MigrationSubject): boolean {
  return statements.some(({ statement }) => statement.tag === 'TransactionStmt')
}

/**
 * The recipe that ends the file before `first` and goes on in the migrations `parts`. The fix is left out where it
 * could not be whole: of a released file, one that cannot be split, or one whose way back would have to be split too.
 */
export function splitBefore(
  first: StatementSubject,
  { title, says, parts }: { title: string; says: string; parts: readonly MigrationDraft[] },
): { next: string; fixes: Fix[] } {
  const { migration, within } = first
  const newFiles = migration.history.newMigrations(parts)
  const back = migration.down === undefined ? '' : ' Divide the way back in the same manner.'
  const next = `${says}${back}\n${showFiles(newFiles)}`
  const whole = migration.down === undefined && within === undefined && !migration.released && canSplit(migration)
  if (!whole) return { next, fixes: [] }
  const { text, statements } = migration
  const edit = {
    file: migration.file,
    start: afterSemicolon(text, statements[first.statement.index - 1]?.statement.end ?? first.statement.start),
    end: afterSemicolon(text, statements.at(-1)?.statement.end ?? first.statement.end),
    text: '',
  }
  return { next, fixes: [{ title, safety: 'review', edits: [edit], newFiles }] }
}
