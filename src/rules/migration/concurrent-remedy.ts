import type { Fix } from '../../findings/fix.ts'
import { schemaOfTextName, textName, unqualified } from '../../sql/schema-draft.ts'
import { isDefaultPath } from '../../sql/search-path.ts'
import type { NodeOf, Statement } from '../../sql/statement.ts'
import { refusals } from '../../sql/transactions.ts'
import { fileWords } from '../next-step.ts'
import { recipe } from '../recipe.ts'
import { nameInSql, searchPathAt } from '../search-path.ts'
import type { StatementSubject } from '../subject.ts'
import { outsideTransactionEdit } from './outside-transaction.ts'
import { splitAtRelation } from './statement-words.ts'

type IndexStmt = NodeOf<'IndexStmt'>

/** A statement that takes another's place and, unlike it, keeps nobody waiting; refused in a transaction block. */
export interface ConcurrentStatement {
  /** With its semicolon. */
  text: string
  /** As `text`, for a file of its own, where the search_path of this one does not reach. Default: the same. */
  moved?: string
  /** Of the migration that it moves to where it cannot stand here; as a `MigrationDraft` has them. */
  name: string
  down: string
}

/** What to do about a statement that could run CONCURRENTLY, in the words of its layout, and the fix that does it. */
export function concurrentRemedy(
  subject: StatementSubject,
  statements: readonly ConcurrentStatement[],
  made: {
    /** What to do, an imperative without a full stop: the title of the fix. Default: `Write CONCURRENTLY`. */
    what?: string
    /** Sentences for behind it: what CONCURRENTLY leaves when it fails. */
    note: string
    /** `review` where the fix changes more than the locks. */
    safety: Fix['safety']
  },
): { next: string; fixes: Fix[] } {
  const { migration } = subject
  const { what = 'Write CONCURRENTLY', safety } = made
  const note = migration.layout === 'flyway' ? `${made.note} ${flywayLock}` : made.note
  const instead = statements.map(({ text }) => text).join('\n')
  if (runsHere(subject, statements.length)) {
    return recipe(subject, { title: what, says: `${what}. ${note}`, instead, then: [], safety })
  }
  if (migration.statements.length === 1 && subject.within === undefined && migration.layout === 'flyway') {
    // It sees that the statement needs no transaction once nothing else is in the file.
    return recipe(subject, { title: what, says: `${what}. ${note}`, instead, then: [], safety })
  }
  const told = outsideTransactionEdit(migration.layout, migration.text)
  const isOneString = migration.mode === 'transaction-query' && statements.length > 1
  if (told !== undefined && !isOneString && migration.statements.length === 1 && subject.within === undefined) {
    const says = `${told.says} ${what}. ${note}`
    const { next, fixes } = recipe(subject, { title: what, says, instead, then: [], safety })
    const annotation = { file: migration.file, start: told.at, end: told.at, text: told.text }
    return { next, fixes: fixes.map((fix) => ({ ...fix, edits: [annotation, ...fix.edits] })) }
  }
  return recipe(subject, {
    title: `${what}, in a migration of its own`,
    says: `Move it to a migration of its own; ${whyNotHere(subject)}. ${what}. ${note}`,
    instead: '',
    then: statements.map(({ text, moved = text, name, down }) => ({ name, up: moved, down, outsideTransaction: true })),
  })
}

/** Tried with Flyway 11: the lock is a transaction of a second session's, and CONCURRENTLY waits for all that are older. */
const flywayLock =
  'Set flyway.postgresql.transactional.lock=false first: with Flyway’s default it waits for Flyway’s own lock for ever.'

/** Whether the file would still run, sent as its tool sends it, with so many concurrent statements in this one's place. */
function runsHere({ statement, migration, within }: StatementSubject, count: number): boolean {
  if (within !== undefined) return false
  const concurrent: Statement = { ...statement, tag: 'DropStmt', node: { DropStmt: { concurrent: true } } }
  const changed = migration.statements.flatMap((each) =>
    each.statement === statement ? Array.from({ length: count }, () => concurrent) : [each.statement],
  )
  return !refusals(changed, migration.mode).some((refusal) => refusal.statement === concurrent)
}

function whyNotHere({ migration, within }: StatementSubject): string {
  if (within !== undefined) return 'code runs in a transaction, where CONCURRENTLY is refused'
  switch (migration.mode) {
    case 'transaction':
    case 'transaction-query':
      return 'this file runs in one transaction, where CONCURRENTLY is refused'
    case 'simple-query':
      return 'this file is sent as one string, which is one transaction, where CONCURRENTLY is refused'
    default:
      return 'it stands between BEGIN and COMMIT, where CONCURRENTLY is refused'
  }
}

/**
 * The statement's CREATE INDEX on `table`, as a `SchemaText` names it, made CONCURRENTLY and without IF NOT EXISTS;
 * undefined where its text is not understood.
 */
export function concurrentIndex(
  subject: StatementSubject,
  index: IndexStmt,
  table: string,
): ConcurrentStatement | undefined {
  const { idxname } = index
  const firstWords = /^create\s+(?:unique\s+)?index\b/i
  const plain = subject.statement.text.replace(
    /^(create\s+(?:unique\s+)?index)(?:\s+concurrently\b)?(?:\s+if\s+not\s+exists\b)?/i,
    '$1',
  )
  const concurrent = withConcurrently(plain, firstWords)
  if (concurrent === undefined) return undefined
  return {
    // Alone it is no part of the transaction of a SET LOCAL.
    text: withTable(subject, concurrent, index, table),
    name: fileWords(idxname === undefined ? `index_${unqualified(table)}` : `create_${idxname}`),
    down: idxname === undefined ? '' : `DROP INDEX CONCURRENTLY ${indexInSchemaOf(subject, table, idxname)};`,
  }
}

/** A CREATE INDEX CONCURRENTLY IF NOT EXISTS as two statements that mind what a failed attempt leaves. */
export function retriedIndex(
  subject: StatementSubject,
  index: IndexStmt,
  table: string,
): ConcurrentStatement[] | undefined {
  const { idxname } = index
  const create = concurrentIndex(subject, index, table)
  if (idxname === undefined || create === undefined) return undefined
  const drop = {
    text: `DROP INDEX CONCURRENTLY IF EXISTS ${indexInSchemaOf(subject, table, idxname)};`,
    name: fileWords(`drop_invalid_${idxname}`),
    down: '-- Nothing to take back: the index is not there yet.',
  }
  return [drop, create]
}

/** An index by its name, as SQL: it lies in its table's schema, whatever the search_path. */
export function indexInSchemaOf(subject: StatementSubject, table: string, name: string): string {
  return nameInSql(subject, textName(schemaOfTextName(table), name))
}

/** A CREATE INDEX with its table's schema, where only the search_path of its file says it. */
function withTable(subject: StatementSubject, text: string, { relation }: IndexStmt, table: string): string {
  const isWritten = relation?.schemaname !== undefined || isDefaultPath(searchPathAt(subject))
  const parts = isWritten ? undefined : splitAtRelation(text)
  return parts === undefined ? text : `${parts.head}${nameInSql(subject, table)}${parts.tail}`
}

/** The statement with CONCURRENTLY behind its first words and a semicolon; undefined when it does not begin so. */
export function withConcurrently(text: string, firstWords: RegExp): string | undefined {
  const head = firstWords.exec(text)?.[0]
  return head === undefined ? undefined : `${head} CONCURRENTLY${text.slice(head.length)};`
}
