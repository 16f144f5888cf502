import type { Fix } from '../../findings/fix.ts'
import { quoteIdentifier, quoteTextName } from '../../sql/identifier.ts'
import { unqualified } from '../../sql/schema-draft.ts'
import type { NodeOf, Statement } from '../../sql/statement.ts'
import { statementOf } from '../../sql/statement.ts'
import type { TransactionMode } from '../../sql/transactions.ts'
import { refusals } from '../../sql/transactions.ts'
import { fileWords, showFiles } from '../next-step.ts'
import type { StatementSubject } from '../subject.ts'

type IndexStmt = NodeOf<'IndexStmt'>

/** What to do about a CREATE INDEX on an ordinary table, in the words of its layout, and the fix that does it. */
export function concurrentRemedy(subject: StatementSubject, index: IndexStmt): { next: string; fixes: Fix[] } {
  const { statement, migration } = subject
  const insertAt = /^create\s+(?:unique\s+)?index\b/i.exec(statement.text)?.[0].length
  if (insertAt === undefined) {
    return { next: 'Write CONCURRENTLY after INDEX, in a migration that runs outside a transaction.', fixes: [] }
  }
  const concurrent = `${statement.text.slice(0, insertAt)} CONCURRENTLY${statement.text.slice(insertAt)};`
  const at = statement.start + insertAt
  const insert = { file: migration.file, start: at, end: at, text: ' CONCURRENTLY' }
  const retry = 'If it fails, DROP INDEX CONCURRENTLY the INVALID index before the next try.'

  const all = migration.statements.map((each) => each.statement)
  if (runsConcurrently(all, statement, migration.mode)) {
    return {
      next: `Write ${concurrent}\n${retry}`,
      fixes: migration.released ? [] : [{ title: 'Add CONCURRENTLY', safety: 'safe', edits: [insert], newFiles: [] }],
    }
  }
  if (migration.layout === 'goose' && migration.statements.length === 1) {
    const annotation = { file: migration.file, start: 0, end: 0, text: '-- +goose NO TRANSACTION\n' }
    return {
      next: `Begin the file with the line -- +goose NO TRANSACTION and write ${concurrent}\n${retry}`,
      fixes: migration.released
        ? []
        : [{ title: 'Add CONCURRENTLY and NO TRANSACTION', safety: 'safe', edits: [annotation, insert], newFiles: [] }],
    }
  }
  const newFiles = migration.history.newMigration({
    name: fileWords(index.idxname === undefined ? `index_${index.relation?.relname ?? ''}` : `create_${index.idxname}`),
    up: concurrent,
    down: index.idxname === undefined ? '' : `DROP INDEX CONCURRENTLY ${indexName(index)};`,
    outsideTransaction: true,
  })
  const edit = {
    file: migration.file,
    start: statement.start,
    end: afterSemicolon(migration.text, statement.end),
    text: '',
  }
  return {
    next: `Move it to a migration of its own; ${whyNotHere(subject)}.\n${showFiles(newFiles)}\n${retry}`,
    fixes: migration.released
      ? []
      : [{ title: 'Move it to a migration of its own, with CONCURRENTLY', safety: 'review', edits: [edit], newFiles }],
  }
}

/** Whether the file would still run, sent as its tool sends it, with `statement` made CONCURRENTLY. */
function runsConcurrently(all: readonly Statement[], statement: Statement, mode: TransactionMode): boolean {
  const changed = all.map((each): Statement => {
    const index = each === statement ? statementOf(each, 'IndexStmt') : undefined
    return index ? { ...each, node: { IndexStmt: { ...index, concurrent: true } } } : each
  })
  return !refusals(changed, mode).some((refusal) => refusal.statement.index === statement.index)
}

function whyNotHere({ migration }: StatementSubject): string {
  switch (migration.mode) {
    case 'transaction':
      return 'this file runs in one transaction, where CONCURRENTLY is refused'
    case 'simple-query':
      return 'this file is sent as one string, which is one transaction, where CONCURRENTLY is refused'
    default:
      return 'it stands between BEGIN and COMMIT, where CONCURRENTLY is refused'
  }
}

function indexName(index: IndexStmt): string {
  const name = quoteIdentifier(index.idxname ?? '')
  const schema = index.relation?.schemaname
  return schema === undefined ? name : `${quoteIdentifier(schema)}.${name}`
}

function afterSemicolon(text: string, end: number): number {
  const rest = /^\s*;/.exec(text.slice(end))
  return rest ? end + rest[0].length : end
}

/** How to index a partitioned table without blocking its writers. */
export function partitionedRecipe({ statement, migration }: StatementSubject, index: IndexStmt, table: string): string {
  const nameAt = statement.offsetOf(index.relation?.location ?? 0) - statement.start
  const head = statement.text.slice(0, nameAt)
  const tail = statement.text.slice(nameAt).replace(/^(?:"(?:[^"]|"")*"|[^\s("]+)/, '')
  const parent = statement.text.slice(nameAt, statement.text.length - tail.length)
  const name = index.idxname ?? `${unqualified(table)}_idx`
  const partitions = migration.history.schema.tables
    .filter((each) => each.partitionOf === table)
    .map((each) => each.name)
  const shown = partitions.length === 0 ? ['PARTITION'] : partitions.slice(0, 3)
  const lines = [`${head}ONLY ${parent}${tail};`]
  for (const partition of shown) {
    const own = quoteIdentifier(`${unqualified(partition)}_${name}`)
    const unique = index.unique ? 'UNIQUE ' : ''
    lines.push(`CREATE ${unique}INDEX CONCURRENTLY ${own} ON ${quoteTextName(partition)}${tail};`)
    lines.push(`ALTER INDEX ${quoteIdentifier(name)} ATTACH PARTITION ${own};`)
  }
  const more = partitions.length > 3 ? ` and so for the other ${partitions.length - 3}` : ''
  return (
    `Index the parent alone, each partition concurrently${more}, and attach them; the parent's index becomes valid ` +
    `with the last one:\n${lines.join('\n')}`
  )
}
