import type { Fix, TextEdit } from '../../findings/fix.ts'
import { positionsOf } from '../../sql/positions.ts'
import { nodeOf, statementOf } from '../../sql/statement.ts'
import type { Statement } from '../../sql/statement.ts'
import { behaviourOf } from '../../sql/transactions.ts'
import { resolveName } from '../../sql/schema-draft.ts'
import { isNewObject } from '../new-objects.ts'
import { fileWords, showFiles } from '../next-step.ts'
import { afterSemicolon } from '../recipe.ts'
import type { MigrationDraft, MigrationSubject, StatementSubject } from '../subject.ts'
import { isTimeout, whyOneTransaction } from './one-transaction.ts'
import { reverseOf } from './reverse.ts'
import { hasWaysBack } from './ways-back.ts'

/** Statements of a file that move to a migration of their own. */
export interface FilePart {
  /** The numbers of the first, and of the one behind the last. */
  from: number
  to: number
  draft: MigrationDraft
  /** Whether `draft` has its own way back, or needs none. Default: it is that of the statements. */
  hasBack?: true
}

/** The statements of a file from number `from` up to `to`, exclusive, with the comments before each. */
function textOfStatements(migration: MigrationSubject, from: number, to: number): string {
  const { text, statements } = migration
  const pieces = statements.slice(from, to).map((subject) => {
    const { statement } = subject
    const before = statements[statement.index - 1]?.statement
    const start = before === undefined ? statement.start : afterSemicolon(text, before.end)
    const end = afterSemicolon(text, statement.end)
    const note = overwritesNothing(subject)
      ? '-- kei: ignore no-unfiltered-change: the column is new, nothing is overwritten\n'
      : ''
    const piece = `${text.slice(start, statement.start)}${note}${text.slice(statement.start, end)}`
    return end === statement.end ? `${piece};` : piece
  })
  return pieces.join('').trim()
}

/** Whether an UPDATE of all rows sets only what its file has added; in another file nobody would know. */
function overwritesNothing({ statement, migration }: StatementSubject): boolean {
  const update = statementOf(statement, 'UpdateStmt')
  if (update?.relation?.relname === undefined || update.whereClause) return false
  const draft = migration.history.before(migration.statements[statement.index] as StatementSubject)
  const table = resolveName(draft, update.relation.schemaname, update.relation.relname)
  return (update.targetList ?? []).every((each) =>
    isNewObject(migration, 'column', `${table}.${nodeOf(each, 'ResTarget')?.name ?? ''}`, statement.index),
  )
}

/** Those statements as a migration of their own, the `number`th part of the file, with the limits that hold for it. */
export function partOfFile(migration: MigrationSubject, from: number, to: number, number: number): FilePart {
  const { statements, text } = migration
  const own = statements.slice(from, to).map(({ statement }) => statement)
  const behaviours = own.map(behaviourOf)
  const timeouts = statements
    .slice(0, from)
    .flatMap(({ statement }) => (isTimeout(statement) ? [`${statement.text};`] : []))
  const lines = text.match(/^[ \t]*--[ \t]*kei:[ \t]*(?:ignore-file|lock-timeout|irreversible)\b.*$/gim) ?? []
  const up = [...lines, ...timeouts, textOfStatements(migration, from, to)].join('\n')
  return {
    from,
    to,
    draft: {
      name: `${fileWords(migration.name)}_${number}`,
      up,
      down: wantsBack(migration) ? (reverseOf(own)?.join('\n') ?? '') : '',
      outsideTransaction: behaviours.some((each) => each === 'outside' || each === 'may-commit'),
      commits: migration.layout === 'kei' && migration.mode === 'statement',
    },
  }
}

/** Whether new files of the migration should have a way back: its folder has such, or it has one itself. */
export function wantsBack({ history, down }: MigrationSubject): boolean {
  return down !== undefined || hasWaysBack(history)
}

/** Whether the file writes its transactions itself. */
export function isBetweenBeginAndCommit({ statements }: MigrationSubject): boolean {
  return statements.some(({ statement }) => statement.tag === 'TransactionStmt')
}

/**
 * The recipe that ends the file before the first of `parts` and goes on in migrations of their own. Where the file
 * cannot be divided so that each part is right by itself, it says why and prints none. The fix is left out of a
 * released file, of one that cannot be edited in one piece, and where the way back could not be divided for certain.
 */
export function splitBefore(
  subject: StatementSubject,
  { title, says, parts }: { title: string; says: string; parts: readonly FilePart[] },
): { next: string; fixes: Fix[] } {
  const { migration, within } = subject
  const obstacle = obstacleOf(migration, parts)
  if (obstacle !== undefined) return { next: `${says} kei does not write it: ${obstacle}`, fixes: [] }
  const newFiles = migration.history.newMigrations(parts.map(({ draft }) => draft))
  const first = parts[0]?.from ?? subject.statement.index
  const back = backOf(migration, first, parts)
  const isEditable =
    within === undefined && !migration.released && !/^\s*--\s*\+goose\s+Statement/im.test(migration.text)
  const next = `${says}${'says' in back ? ` ${back.says}` : ''}\n${showFiles(newFiles)}`
  if (!isEditable || 'says' in back) return { next, fixes: [] }
  const { text, statements } = migration
  const edit = {
    file: migration.file,
    start:
      first === 0
        ? (statements[0]?.statement.start ?? 0)
        : afterSemicolon(text, statements[first - 1]?.statement.end ?? 0),
    end: afterSemicolon(text, statements.at(-1)?.statement.end ?? text.length),
    text: '',
  }
  return {
    next: back.edit
      ? `${next}\n${back.edit.file} then is\n  ${back.edit.text.trimEnd().replaceAll('\n', '\n  ')}`
      : next,
    fixes: [{ title, safety: 'review', edits: [edit, ...(back.edit ? [back.edit] : [])], newFiles }],
  }
}

/** Why the file cannot be divided like that, as a sentence or two. */
function obstacleOf(migration: MigrationSubject, parts: readonly FilePart[]): string | undefined {
  if (isBetweenBeginAndCommit(migration)) return 'the file writes BEGIN and COMMIT itself.'
  const [first] = parts
  if (first?.from === 0) return 'nothing would be left in the file.'
  for (const { from } of parts) {
    const reason = whyOneTransaction(migration, from)
    if (reason !== undefined) {
      return (
        `the file has to stay one transaction, because ${reason}. Find a way that needs no such switch, or run it ` +
        'at a quiet moment.'
      )
    }
  }
  for (const { from, to, hasBack } of parts) {
    if (hasBack) continue
    const other = migration.statements.slice(from, to).find((each) => hasOwnRemedy(each, migration, from))
    if (other) {
      const { line } = positionsOf(migration.text)(other.statement.start)
      return `line ${line} would have to move, and is slow by itself. Mend that first by its own finding, then check again.`
    }
  }
  const { migrations } = migration.history
  const later = migrations[migrations.indexOf(migration) + 1]
  if (later !== undefined && /^\d/.test(later.version)) {
    return `${later.file} comes after this file, and what is moved has to run before that. Number it in between.`
  }
  return undefined
}

/** The way back of what is left in the file; or what has to be said, where it cannot be told for certain. */
function backOf(
  migration: MigrationSubject,
  first: number,
  parts: readonly FilePart[],
): { edit?: TextEdit } | { says: string } {
  const { down, statements, history } = migration
  const textsOf = (own: readonly StatementSubject[]) => reverseOf(own.map(({ statement }) => statement))
  if (down !== undefined) {
    const whole = textsOf(statements)
    const isWhole = whole?.map(words).join('\n') === down.statements.map(({ text }) => words(text)).join('\n')
    const kept = textsOf(statements.slice(0, first))
    if (!isWhole || kept === undefined || down.file === migration.file) {
      return { says: 'Divide the way back in the same manner.' }
    }
    return { edit: { file: down.file, ...down.span, text: `${kept.join('\n')}\n` } }
  }
  const lacks = parts.some(
    ({ draft, hasBack }) => !hasBack && draft.down === '' && !/kei:\s*irreversible/i.test(draft.up),
  )
  if (hasWaysBack(history) && migration.wayBack === 'missing' && lacks) return { says: 'Write the way back of each.' }
  return {}
}

/** A statement's words, however they are spaced. */
function words(text: string): string {
  return text
    .replace(/\s+/g, ' ')
    .replace(/\s*;\s*$/, '')
    .trim()
    .toLowerCase()
}

/** Whether a statement takes long under its lock wherever it stands, of which rules of their own speak. */
function hasOwnRemedy({ statement }: StatementSubject, { statements }: MigrationSubject, from: number): boolean {
  const made = statements
    .slice(from, statement.index)
    .flatMap((each) => statementOf(each.statement, 'CreateStmt')?.relation?.relname ?? [])
  const index = statementOf(statement, 'IndexStmt')
  if (index) return !index.concurrent && index.relation?.inh !== false && !made.includes(index.relation?.relname ?? '')
  if (statement.tag === 'ReindexStmt') return behaviourOf(statement) !== 'outside'
  const alter = statementOf(statement, 'AlterTableStmt')
  if (alter?.objtype !== 'OBJECT_TABLE' || made.includes(alter.relation?.relname ?? '')) return false
  return isSlow(statement) && !isProven(statement, statements.slice(from, statement.index))
}

/** Whether SET NOT NULL may find its proof in what is validated before it in the same part. */
function isProven(statement: Statement, before: readonly StatementSubject[]): boolean {
  const commandsOf = (each: Statement) =>
    (statementOf(each, 'AlterTableStmt')?.cmds ?? []).map((command) => nodeOf(command, 'AlterTableCmd')?.subtype)
  const isValidated = before.some((each) => commandsOf(each.statement).includes('AT_ValidateConstraint'))
  return isValidated && commandsOf(statement).every((subtype) => subtype === 'AT_SetNotNull')
}

const slowConstraints: ReadonlySet<string> = new Set([
  'CONSTR_CHECK',
  'CONSTR_FOREIGN',
  'CONSTR_GENERATED',
  'CONSTR_IDENTITY',
  'CONSTR_PRIMARY',
  'CONSTR_UNIQUE',
])

function isSlow(statement: Statement): boolean {
  return (statementOf(statement, 'AlterTableStmt')?.cmds ?? []).some((each) => {
    const command = nodeOf(each, 'AlterTableCmd')
    switch (command?.subtype) {
      case 'AT_SetNotNull':
      case 'AT_AlterColumnType':
        return true
      case 'AT_AddConstraint': {
        const constraint = nodeOf(command.def, 'Constraint')
        return !constraint?.skip_validation && constraint?.indexname === undefined
      }
      case 'AT_AddColumn':
        return (nodeOf(command.def, 'ColumnDef')?.constraints ?? []).some((own) =>
          slowConstraints.has(nodeOf(own, 'Constraint')?.contype ?? ''),
        )
      default:
        return false
    }
  })
}
