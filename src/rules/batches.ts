import { quoteIdentifier, quoteTextName } from '../sql/identifier.ts'
import type { DraftTable } from '../sql/schema-draft.ts'
import { fileWords } from './next-step.ts'
import type { MigrationDraft } from './subject.ts'

/** Rows that one batch looks at. */
const batch = 10_000

/** A column that is unique and not null, a primary key's among them: by it all rows can be gone through in order. */
export function batchKey(table: DraftTable | undefined): string | undefined {
  const columns = table?.keys.find(({ columns: own, method }) => {
    const only = own.length === 1 ? own[0] : undefined
    return only !== undefined && method === 'btree' && isNotNull(table, only)
  })?.columns
  return columns?.[0]
}

function isNotNull(table: DraftTable, column: string): boolean {
  return table.columns.find(({ name }) => name === column)?.notNull === 'yes'
}

/**
 * A migration that changes a table's rows batch by batch in the order of a key, and commits after each: locks on rows
 * are short, and what is done stays done when it is stopped. `change` is an UPDATE or DELETE without its condition.
 */
export function inBatches({
  name,
  table,
  key,
  change,
  where,
  first,
  last,
}: {
  name: string
  /** As a `SchemaText` names it. */
  table: string
  /** A column that is unique and not null. */
  key: string
  change: string
  /** Which rows; without it all. */
  where?: string
  /** A statement with its semicolon that each batch begins with. Default: none. */
  first?: string
  /** The same at its end, before the COMMIT. */
  last?: string
}): MigrationDraft {
  const from = quoteTextName(table)
  const column = quoteIdentifier(key)
  const rows = where === undefined ? '' : `(${where}) AND `
  const up = `DO $$
DECLARE
  first_key ${from}.${column}%TYPE := (SELECT ${column} FROM ${from} ORDER BY ${column} LIMIT 1);
  last_key ${from}.${column}%TYPE;
BEGIN
  WHILE first_key IS NOT NULL LOOP
    last_key := (SELECT batch.${column} FROM (
      SELECT ${column} FROM ${from} WHERE ${column} >= first_key ORDER BY ${column} LIMIT ${batch}
    ) AS batch ORDER BY batch.${column} DESC LIMIT 1);${first === undefined ? '' : `\n    ${first}`}
    ${change} WHERE ${rows}${column} >= first_key AND ${column} <= last_key;${last === undefined ? '' : `\n    ${last}`}
    COMMIT;
    first_key := (SELECT ${column} FROM ${from} WHERE ${column} > last_key ORDER BY ${column} LIMIT 1);
  END LOOP;
END $$;`
  return { name: fileWords(name), up, down: '', outsideTransaction: true, commits: true }
}
