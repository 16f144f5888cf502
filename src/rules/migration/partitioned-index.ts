import type { Fix } from '../../findings/fix.ts'
import { columnsInIndexName } from '../../sql/chosen-name.ts'
import { quoteIdentifier, quoteTextName } from '../../sql/identifier.ts'
import type { DraftTable } from '../../sql/schema-draft.ts'
import type { NodeOf } from '../../sql/statement.ts'
import { nodeOf } from '../../sql/statement.ts'
import { constraintName } from '../constraint-name.ts'
import { fileWords, indent } from '../next-step.ts'
import { partitionsOf } from '../used-table.ts'
import { recipe } from '../recipe.ts'
import { nameInSql } from '../search-path.ts'
import type { StatementSubject } from '../subject.ts'
import { concurrentRemedy, indexInSchemaOf } from './concurrent-remedy.ts'
import { splitAtRelation } from './statement-words.ts'

type IndexStmt = NodeOf<'IndexStmt'>

/**
 * How to index a partitioned table without blocking its writers: on it alone and on those of its partitions that are
 * partitioned, CONCURRENTLY on each that holds rows, then attached from the deepest up.
 */
export function partitionedIndexRecipe(
  subject: StatementSubject,
  index: IndexStmt,
  table: string,
): { next: string; fixes: Fix[] } {
  const { history, mode } = subject.migration
  const draft = history.before(subject)
  const parts = splitAtRelation(subject.statement.text)
  const what = 'Index the parent alone, each partition CONCURRENTLY, and attach them'
  const note = 'The parent’s index becomes valid with the last one.'
  const make = (options: string, name: string, relation: string) =>
    `CREATE ${index.unique ? 'UNIQUE ' : ''}INDEX ${options}${name} ON ${relation}${parts?.tail ?? ''};`
  const taken: string[] = []
  const chosen = (relation: string) => {
    const name = constraintName(draft, relation, columnsInIndexName(index), 'idx', taken)
    taken.push(name)
    return name
  }
  const top = index.idxname ?? chosen(table)
  // A foreign table cannot be indexed.
  const partitions = partitionsOf(draft, table).filter(({ kind }) => kind !== 'foreign table')
  if (partitions.every(({ kind }) => kind === 'partitioned table')) {
    const [parent, own] = [nameInSql(subject, table), quoteIdentifier(top)]
    const lines = [
      make('', own, `ONLY ${parent}`),
      make('CONCURRENTLY ', 'PARTITION_INDEX', 'PARTITION'),
      `ALTER INDEX ${indexInSchemaOf(subject, table, top)} ATTACH PARTITION PARTITION_INDEX;`,
    ]
    return { next: `${what}. ${note} For each partition:\n${indent(lines.join('\n'))}`, fixes: [] }
  }

  const names = new Map([[table, top]])
  const isPlain = index.relation?.schemaname !== undefined || nameInSql(subject, table) === quoteTextName(table)
  const relationText = isPlain && parts ? parts.relation : nameInSql(subject, table)
  const parents = [make('', quoteIdentifier(top), `ONLY ${relationText}`)]
  const leaves: { name: string; text: string }[] = []
  const attachments: string[] = []
  for (const partition of partitions) {
    const { name: relation, partitionOf: parent = '' } = partition
    const standing = sameIndex(partition, index)
    const name = standing ?? chosen(relation)
    names.set(relation, name)
    if (standing === undefined) {
      const own = quoteIdentifier(name)
      if (partition.kind === 'partitioned table') parents.push(make('', own, `ONLY ${nameInSql(subject, relation)}`))
      else leaves.push({ name, text: make('CONCURRENTLY ', own, nameInSql(subject, relation)) })
    }
    const above = indexInSchemaOf(subject, parent, names.get(parent) ?? '')
    attachments.unshift(`ALTER INDEX ${above} ATTACH PARTITION ${indexInSchemaOf(subject, relation, name)};`)
  }
  const made =
    mode === 'simple-query'
      ? recipe(subject, {
          title: what,
          says: `${what}. ${note}`,
          instead: parents.join('\n'),
          // A file that is sent as one string is a transaction once it has two statements. Attached indexes go with
          // that of the parent, so these have no way back of their own.
          then: [
            ...leaves.map(({ name, text }) => ({
              name: `create_${fileWords(name)}`,
              up: text,
              down: '',
              outsideTransaction: true,
            })),
            { name: `attach_${fileWords(top)}`, up: attachments.join('\n'), down: '', outsideTransaction: false },
          ],
        })
      : concurrentRemedy(
          subject,
          [
            {
              text: [...parents, ...leaves.map(({ text }) => text), ...attachments].join('\n'),
              name: `create_${fileWords(top)}`,
              down: `DROP INDEX ${indexInSchemaOf(subject, table, top)};`,
            },
          ],
          { what, note, safety: 'review' },
        )
  return parts === undefined ? { next: made.next, fixes: [] } : made
}

/** An index that the partition has already, which PostgreSQL would attach rather than build another. */
function sameIndex({ indexes }: DraftTable, index: IndexStmt): string | undefined {
  const columns = (index.indexParams ?? []).map((param) => nodeOf(param, 'IndexElem'))
  const isPlain = columns.every((column) => column?.name !== undefined && column.opclass === undefined)
  if (!isPlain || index.whereClause !== undefined || index.indexIncludingParams !== undefined) return undefined
  const wanted = columns.map((column) => column?.name).join('\0')
  return indexes.find(
    (each) =>
      each.predicate === undefined &&
      each.unique === (index.unique ?? false) &&
      each.method === (index.accessMethod ?? 'btree') &&
      each.columns.join('\0') === wanted,
  )?.name
}
