import { batchKey, inBatches } from '../batches.ts'
import { fileWords } from '../next-step.ts'
import { quoteTextName } from '../../sql/identifier.ts'
import { unqualified } from '../../sql/schema-draft.ts'
import type { Fix } from '../../findings/fix.ts'
import { recipe } from '../recipe.ts'
import type { Recipe } from '../recipe.ts'
import type { MigrationDraft, StatementSubject } from '../subject.ts'
import type { UsedTable } from '../used-table.ts'

/** Pages that a batch covers where there is no key to go by: 8 MiB of the table. */
const pagesPerBatch = 1000

/**
 * A migration that gives a column of the rows that are there its value, in batches that commit.
 * @param column quoted; `value` and `missing` are expressions of a row, which lacks the value while `missing` is true.
 */
export function backfill(
  { name: table, declared }: Pick<UsedTable, 'name' | 'declared'>,
  { column, value, missing }: { column: string; value: string; missing: string },
): MigrationDraft {
  const change = `UPDATE ${quoteTextName(table)} SET ${column} = ${value}`
  const name = `fill_${column}_of_${unqualified(table)}`
  const key = batchKey(declared)
  const filled =
    key === undefined ? inPages(name, table, change, missing) : inBatches({ name, table, key, change, where: missing })
  return { ...filled, down: `-- The values of ${column} go with the column.` }
}

/**
 * Every pass reads the table once; the last one finds nothing left. More than one may be needed, since a row that
 * others update moves to another page.
 */
function inPages(name: string, table: string, change: string, missing: string): MigrationDraft {
  const up = `DO $$
DECLARE
  pages bigint;
  filled bigint;
  total bigint;
BEGIN
  LOOP
    pages := pg_relation_size('${quoteTextName(table).replaceAll("'", "''")}') / current_setting('block_size')::bigint;
    total := 0;
    FOR page IN 0..pages BY ${pagesPerBatch} LOOP
      ${change}
        WHERE ctid >= format('(%s,0)', page)::tid AND ctid < format('(%s,0)', page + ${pagesPerBatch})::tid
          AND ${missing};
      GET DIAGNOSTICS filled = ROW_COUNT;
      total := total + filled;
      COMMIT;
    END LOOP;
    EXIT WHEN total = 0;
  END LOOP;
END $$;`
  return { name: fileWords(name), up, down: '', outsideTransaction: true, commits: true }
}

/** A recipe with code in it, which goose would cut at its semicolons: there it is shown and no fix. */
export function codeRecipe(subject: StatementSubject, made: Recipe): { next: string; fixes: Fix[] } {
  const { next, fixes } = recipe(subject, made)
  return { next, fixes: subject.migration.layout === 'goose' ? [] : fixes }
}
