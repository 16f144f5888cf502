import type { Fix } from '../../findings/fix.ts'
import { quoteIdentifier, quoteTextName, textNameOf } from '../../sql/identifier.ts'
import { unqualified } from '../../sql/schema-draft.ts'
import type { DraftTable } from '../../sql/schema-draft.ts'
import type { TextColumn } from '../../sql/schema-text.ts'
import { fileWords } from '../next-step.ts'
import { recipe } from '../recipe.ts'
import type { StatementSubject } from '../subject.ts'
import { typeText } from '../type-fit.ts'
import { builtInTypes } from './built-in-types.ts'
import { backfill, triggerWords } from './backfill.ts'
import { lastTriggerPrefix } from './last-trigger.ts'

/**
 * The recipe that adds a column beside the one to be renamed and keeps both equal. Its last step, dropping the old one,
 * belongs to a later release and is only said.
 */
export function columnRecipe(
  subject: StatementSubject,
  old: string,
  to: string,
  table: DraftTable | undefined,
): { next: string; fixes: Fix[] } {
  const column = table?.columns.find(({ name }) => name === old)
  const type = column && twinType(column)
  const prefix = lastTriggerPrefix(table)
  const isInTree =
    table?.madeFrom === 'inherits' || subject.migration.history.before(subject).inherited.has(table?.name ?? '')
  const isWritten = table?.kind === 'table' && !isInTree && subject.migration.layout !== 'goose'
  if (table === undefined || type === undefined || prefix === undefined || !isWritten) {
    return {
      next:
        `Add the column ${to}, keep it equal to ${old} with a trigger BEFORE INSERT OR UPDATE, copy the rows in ` +
        `batches in a migration of its own, let the code use ${to}, and drop ${old} with a later release.`,
      fixes: [],
    }
  }
  const name = quoteTextName(table.name)
  const [oldColumn, newColumn] = [quoteIdentifier(old), quoteIdentifier(to)]
  const sync = quoteTextName(
    table.name.slice(0, -unqualified(table.name).length) + fileWords(`sync_${unqualified(table.name)}_${old}_${to}`),
  )
  const instead = `ALTER TABLE ${name} ADD COLUMN ${newColumn} ${type};
CREATE FUNCTION ${sync}() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'INSERT' THEN
    IF NEW.${newColumn} IS NULL THEN
      NEW.${newColumn} := NEW.${oldColumn};
    ELSE
      NEW.${oldColumn} := NEW.${newColumn};
    END IF;
  ELSIF NEW.${newColumn} IS DISTINCT FROM OLD.${newColumn} THEN
    NEW.${oldColumn} := NEW.${newColumn};
  ELSE
    NEW.${newColumn} := NEW.${oldColumn};
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER ${quoteIdentifier(`${prefix}${unqualified(textNameOf(sync))}`)} BEFORE INSERT OR UPDATE ON ${name}
  FOR EACH ROW EXECUTE FUNCTION ${sync}();`
  const where = `${newColumn} IS DISTINCT FROM ${oldColumn}`
  const copy = backfill({ name: table.name, declared: table }, { column: newColumn, value: oldColumn, missing: where })
  const then = [{ ...copy, name: fileWords(`copy_${old}_to_${to}`) }]
  return recipe(subject, {
    title: `Add ${to} beside ${old} and keep both equal`,
    says:
      `Add ${to} beside ${old}, with a trigger that keeps both equal, and copy the rows. ${to} gets the NOT ` +
      `NULL, the indexes and the constraints of ${old} in migrations of their own. With a later release, once no code says ` +
      `${old}, drop the trigger, its function and the column.${triggerWords(table)}`,
    instead,
    then,
  })
}

/** The type as it can be written; undefined where what was read of it is not the whole type. */
function twinType(column: TextColumn): string | undefined {
  const { type, modifiers, generated, numbering } = column
  // Without an operator = the trigger could not compare; a generated column cannot be written.
  if (['json', 'xml', 'point'].includes(type) || type.startsWith('interval')) return undefined
  if (generated !== undefined || numbering !== undefined) return undefined
  const base = type.replace(/\[\]$/, '')
  if (builtInTypes.has(base)) return typeText(column)
  return `${quoteTextName(base)}${modifiers.length > 0 ? `(${modifiers.join(',')})` : ''}${type.slice(base.length)}`
}
