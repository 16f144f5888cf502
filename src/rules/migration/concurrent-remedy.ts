import type { Fix } from '../../findings/fix.ts'
import { quoteIdentifier, quoteTextName } from '../../sql/identifier.ts'
import { schemaOfTextName, unqualified } from '../../sql/schema-draft.ts'
import type { NodeOf, Statement } from '../../sql/statement.ts'
import { refusals } from '../../sql/transactions.ts'
import { fileWords } from '../next-step.ts'
import { recipe } from '../recipe.ts'
import type { StatementSubject } from '../subject.ts'
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
  const { what = 'Write CONCURRENTLY', note, safety } = made
  const instead = statements.map(({ text }) => text).join('\n')
  if (runsHere(subject, statements.length)) {
    return recipe(subject, { title: what, says: `${what}. ${note}`, instead, then: [], safety })
  }
  if (migration.layout === 'goose' && migration.statements.length === 1 && subject.within === undefined) {
    const says = `Begin the file with the line -- +goose NO TRANSACTION. ${what}. ${note}`
    const { next, fixes } = recipe(subject, { title: what, says, instead, then: [], safety })
    const annotation = { file: migration.file, start: 0, end: 0, text: '-- +goose NO TRANSACTION\n' }
    return { next, fixes: fixes.map((fix) => ({ ...fix, edits: [annotation, ...fix.edits] })) }
  }
  return recipe(subject, {
    title: `${what}, in a migration of its own`,
    says: `Move it to a migration of its own; ${whyNotHere(subject)}. ${what}. ${note}`,
    instead: '',
    then: statements.map(({ text, moved = text, name, down }) => ({ name, up: moved, down, outsideTransaction: true })),
  })
}

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
      return 'this file runs in one transaction, where CONCURRENTLY is refused'
    case 'simple-query':
      return 'this file is sent as one string, which is one transaction, where CONCURRENTLY is refused'
    default:
      return 'it stands between BEGIN and COMMIT, where CONCURRENTLY is refused'
  }
}

/** A CREATE INDEX on `table`, as a `SchemaText` names it, made CONCURRENTLY; undefined where its text is not understood. */
export function concurrentIndex(text: string, index: IndexStmt, table: string): ConcurrentStatement | undefined {
  const { idxname, relation } = index
  const firstWords = /^create\s+(?:unique\s+)?index\b/i
  const concurrent = withConcurrently(
    text.replace(/^(create\s+(?:unique\s+)?index)\s+concurrently\b/i, '$1'),
    firstWords,
  )
  if (concurrent === undefined) return undefined
  const parts = splitAtRelation(concurrent)
  const isElsewhere = relation?.schemaname === undefined && schemaOfTextName(table) !== 'public'
  return {
    text: concurrent,
    ...(parts && isElsewhere && { moved: `${parts.head}${quoteTextName(table)}${parts.tail}` }),
    name: fileWords(idxname === undefined ? `index_${unqualified(table)}` : `create_${idxname}`),
    down: idxname === undefined ? '' : `DROP INDEX CONCURRENTLY ${indexInSchemaOf(table, idxname)};`,
  }
}

/** A CREATE INDEX CONCURRENTLY IF NOT EXISTS as two statements that mind what a failed attempt leaves. */
export function retriedIndex(text: string, index: IndexStmt, table: string): ConcurrentStatement[] | undefined {
  const { idxname } = index
  const firm = text.replace(/^(create\s+(?:unique\s+)?index(?:\s+concurrently)?)\s+if\s+not\s+exists\b/i, '$1')
  const create = concurrentIndex(firm, index, table)
  if (idxname === undefined || create === undefined) return undefined
  const drop = {
    text: `DROP INDEX CONCURRENTLY IF EXISTS ${indexInSchemaOf(table, idxname)};`,
    name: fileWords(`drop_invalid_${idxname}`),
    down: '-- Nothing to take back: the index is not there yet.',
  }
  return [drop, create]
}

/** An index by its name, as SQL: it lies in its table's schema, whatever the search_path. */
export function indexInSchemaOf(table: string, name: string): string {
  const schema = schemaOfTextName(table)
  return schema === 'public' ? quoteIdentifier(name) : `${quoteIdentifier(schema)}.${quoteIdentifier(name)}`
}

/** The statement with CONCURRENTLY behind its first words and a semicolon; undefined when it does not begin so. */
export function withConcurrently(text: string, firstWords: RegExp): string | undefined {
  const head = firstWords.exec(text)?.[0]
  return head === undefined ? undefined : `${head} CONCURRENTLY${text.slice(head.length)};`
}
