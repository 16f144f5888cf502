import type { Fix } from '../../findings/fix.ts'
import { quoteIdentifier, quoteTextName } from '../../sql/identifier.ts'
import { dropDraft, isEditable } from '../index/drop-index.ts'
import type { SchemaIndex } from '../index/schema-indexes.ts'
import { indexesByTable } from '../index/schema-indexes.ts'
import { fileWords, showFiles } from '../next-step.ts'
import { nameBeside } from '../object-name.ts'
import { recipe } from '../recipe.ts'
import { nameInSql } from '../search-path.ts'
import type { HistorySubject } from '../subject.ts'
import { partsOfTables } from './parts-of-table.ts'

/**
 * How a B-tree of one column becomes GIN: its statement is written anew while its file can be changed, else new
 * migrations build the one and drop the other. Undefined where the index has more to it than its column, which nobody
 * can carry over without knowing the queries.
 * @param operators the column's operator class with a space before it; empty: the type's own.
 */
export function ginRemedy(
  history: HistorySubject,
  index: SchemaIndex,
  column: string,
  operators: string,
): { says: string; fixes: Fix[] } | undefined {
  const { shape, statement, table, label, printed } = index
  const isPlain = shape.keys.length === 1 && shape.predicate === undefined && shape.include.length === 0
  if (!isPlain || printed === undefined) return undefined
  if (partsOfTables(history).get(table)?.kind === 'partitioned table') return undefined
  const key = `USING gin (${quoteIdentifier(column)}${operators});`
  if (statement && isEditable(index)) {
    const { text } = statement.statement
    if (/\bWITH\s*\(|\bTABLESPACE\b/i.test(text)) return undefined
    const concurrently = /\bCONCURRENTLY\b/i.test(text) ? 'CONCURRENTLY ' : ''
    const { next, fixes } = recipe(statement, {
      title: `Make ${label} a GIN index`,
      says: 'Write it as GIN:',
      instead: `CREATE INDEX ${concurrently}${quoteIdentifier(label)} ON ${nameInSql(statement, table)} ${key}`,
      then: [],
    })
    return { says: next, fixes }
  }
  const drop = dropDraft(index)
  const name = freeName(history, index)
  if (drop === undefined || name === undefined) return undefined
  const newFiles = history.newMigrations([
    {
      name: fileWords(`create_${name}`),
      up: `CREATE INDEX CONCURRENTLY ${quoteIdentifier(name)} ON ${quoteTextName(table)} ${key}`,
      down: `DROP INDEX CONCURRENTLY ${nameBeside(table, name)};`,
      outsideTransaction: true,
    },
    drop,
  ])
  return {
    says: `In migrations of its own, the new one first:\n${showFiles(newFiles)}`,
    fixes: [{ title: `Build a GIN index in place of ${label} in new migrations`, safety: 'review', edits: [], newFiles }],
  }
}

/** The index's name with `_gin` behind it; undefined where that is taken or longer than the 63 bytes of a name. */
function freeName(history: HistorySubject, { table, label }: SchemaIndex): string | undefined {
  const name = `${label}_gin`
  const isTaken = (indexesByTable(history).get(table) ?? []).some((other) => other.label === name)
  return isTaken || Buffer.byteLength(name) > 63 ? undefined : name
}
