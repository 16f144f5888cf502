import { batchKey, inBatches } from '../batches.ts'
import { fileWords } from '../next-step.ts'
import { quoteIdentifier, quoteTextName } from '../../sql/identifier.ts'
import { unqualified } from '../../sql/schema-draft.ts'
import type { DraftTable, TextAttachment } from '../../sql/schema-draft.ts'
import { namesOf, nodeOf } from '../../sql/statement.ts'
import type { Fix } from '../../findings/fix.ts'
import { recipe } from '../recipe.ts'
import type { Recipe } from '../recipe.ts'
import type { MigrationDraft, StatementSubject } from '../subject.ts'
import type { UsedTable } from '../used-table.ts'

/** Pages that a batch covers where there is no key to go by: 8 MiB of the table. */
const pagesPerBatch = 1000

/**
 * A migration that gives a column of the rows that are there its value, in batches that commit. The
 * table's own triggers do not fire for it.
 * @param column quoted; `value` and `missing` are expressions of a row, which lacks the value while `missing` is true.
 */
export function backfill(
  { name: table, declared }: Pick<UsedTable, 'name' | 'declared'>,
  { column, value, missing }: { column: string; value: string; missing: string },
): MigrationDraft {
  const change = `UPDATE ${quoteTextName(table)} SET ${column} = ${value}`
  const name = `fill_${column}_of_${unqualified(table)}`
  // The key of a table that others inherit from says nothing of their rows.
  const key = declared?.kind === 'table' ? batchKey(declared) : undefined
  const still = withoutTriggers(table, declared)
  const filled =
    key === undefined
      ? inPages({ name, table, change, missing, ...still })
      : inBatches({ name, table, key, change, where: missing, ...still })
  return { ...filled, down: `-- The values of ${column} go with the column.` }
}

/** What a recipe with a backfill has to say of a table's own triggers, with a space before it; empty where it has none. */
export function triggerWords(declared: DraftTable | undefined): string {
  const triggers = updateTriggers(declared).map(({ name }) => name)
  if (triggers.length === 0) return ''
  const [named, them] =
    triggers.length === 1 ? [`the trigger ${triggers[0]}`, 'it'] : [`the triggers ${triggers.join(', ')}`, 'them']
  return (
    ` So that ${named} of the table cannot change the old rows, each batch disables ${them} and enables ${them} again in ` +
    'one transaction; while a batch runs, writes wait (SHARE ROW EXCLUSIVE).'
  )
}

/** The triggers that an UPDATE of a new column fires, as far as the text shows them. */
function updateTriggers(declared: DraftTable | undefined): TextAttachment[] {
  return (declared?.attachments ?? []).filter(({ node, firing }) => {
    const trigger = nodeOf(node, 'CreateTrigStmt')
    const isFired = ((trigger?.events ?? 0) & updateEvent) !== 0 && firing !== 'disabled' && firing !== 'replica'
    return isFired && namesOf({ List: { items: trigger?.columns ?? [] } }).length === 0
  })
}

/** TRIGGER_TYPE_UPDATE of the server. */
const updateEvent = 1 << 4

/** Statements around each batch: the lock that DISABLE takes keeps every other write from missing a trigger. */
function withoutTriggers(table: string, declared: DraftTable | undefined): { first?: string; last?: string } {
  const triggers = updateTriggers(declared)
  if (triggers.length === 0) return {}
  const alter = (commands: string[]) => `ALTER TABLE ${quoteTextName(table)} ${commands.join(', ')};`
  return {
    first: alter(triggers.map(({ name }) => `DISABLE TRIGGER ${quoteIdentifier(name)}`)),
    last: alter(
      triggers.map(
        ({ name, firing }) => `ENABLE ${firing === 'always' ? 'ALWAYS ' : ''}TRIGGER ${quoteIdentifier(name)}`,
      ),
    ),
  }
}

/**
 * Every pass reads the table once, its partitions and the tables that inherit from it too; the last one finds nothing
 * left. More than one may be needed, since a row that others update moves to another page.
 */
function inPages({
  name,
  table,
  change,
  missing,
  first,
  last,
}: {
  name: string
  table: string
  change: string
  missing: string
  first?: string
  last?: string
}): MigrationDraft {
  const up = `DO $$
DECLARE
  pages bigint;
  step bigint;
  filled bigint;
  total bigint;
BEGIN
  LOOP
    WITH RECURSIVE tree (id) AS (
      SELECT '${quoteTextName(table).replaceAll("'", "''")}'::regclass::oid
      UNION SELECT inhrelid FROM pg_inherits JOIN tree ON inhparent = tree.id
    )
    SELECT max(pg_relation_size(id)) / current_setting('block_size')::bigint, greatest(${pagesPerBatch} / count(*), 1)
      INTO pages, step FROM tree;
    total := 0;
    FOR page IN 0..pages BY step LOOP${first === undefined ? '' : `\n      ${first}`}
      ${change}
        WHERE ctid >= format('(%s,0)', page)::tid AND ctid < format('(%s,0)', page + step)::tid
          AND ${missing};
      GET DIAGNOSTICS filled = ROW_COUNT;
      total := total + filled;${last === undefined ? '' : `\n      ${last}`}
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
