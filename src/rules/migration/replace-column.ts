import type { ColumnRef } from '@pgsql/types'
import type { Fix } from '../../findings/fix.ts'
import { quoteIdentifier, quoteTextName } from '../../sql/identifier.ts'
import { schemaOfTextName, textName, unqualified } from '../../sql/schema-draft.ts'
import type { TextColumn, TextIndex, TextKey } from '../../sql/schema-text.ts'
import { namesOf, nodeOf } from '../../sql/statement.ts'
import { findNodes } from '../../sql/walk.ts'
import { offsetInText, withoutCommands } from '../alter-command.ts'
import type { AlterCommand } from '../alter-command.ts'
import { fileWords } from '../next-step.ts'
import { notNullSteps } from '../not-null-recipe.ts'
import type { MigrationDraft, StatementSubject } from '../subject.ts'
import type { UsedTable } from '../used-table.ts'
import { backfill, codeRecipe } from './backfill.ts'
import { indexStatement } from './type-change-effect.ts'

/** A column and the one of another type that takes its place. */
interface Replacement {
  table: UsedTable
  /** As SQL needs them. */
  tableText: string
  column: string
  fresh: string
  old: string
  name: string
  /** The type with its COLLATE. */
  typeText: string
  /** The new column's value in an UPDATE, and in a trigger. */
  value: string
  triggerValue: string
  hasUsing: boolean
  declared: TextColumn | undefined
}

/**
 * Expand and contract: a column of the new type beside the old one, in step by a trigger, filled in batches, and put in
 * its place by renames. A fix where the text shows all that hangs on the column; else the way, with what to add.
 */
export function replaceColumn(
  subject: StatementSubject,
  table: UsedTable,
  command: AlterCommand,
): { next: string; fixes: Fix[] } {
  const replaced = readReplacement(subject, table, command)
  const rest = dependents(subject, replaced)
  const others = withoutCommands(subject.statement, [command])
  const made = codeRecipe(subject, {
    title: `Put a column of the new type in the place of ${replaced.column}`,
    says:
      `Add a column of the new type, keep it in step by a trigger and fill it in batches; then let it take the place of ` +
      `${replaced.column} by renames. Drop ${replaced.old} with a later release.${rest.words}`,
    instead: [...(others === '' ? [] : [others]), expand(replaced)].join('\n'),
    then: [
      backfill(table, { column: replaced.fresh, value: replaced.value, missing: missing(replaced) }),
      ...notNull(replaced),
      ...rest.keys.map((key) => buildIndex(replaced, key.name, true)),
      ...rest.indexes.map(({ name, unique }) => buildIndex(replaced, name ?? '', unique)),
      swap(replaced, rest, subject.migration.layout),
    ],
  })
  return rest.isComplete ? made : { next: made.next, fixes: [] }
}

function readReplacement({ statement }: StatementSubject, table: UsedTable, { node, span }: AlterCommand): Replacement {
  const { text } = statement
  const definition = nodeOf(node.def, 'ColumnDef')
  const name = node.name ?? ''
  const at = (location: number | undefined) => offsetInText(statement, location ?? 0)
  const using = definition?.raw_default
  const typeStart = at(definition?.typeName?.location)
  const typeEnd = using === undefined ? span.end : text.slice(0, usingStart(text, typeStart, span.end)).trimEnd().length
  const expression = using === undefined ? undefined : text.slice(typeEnd, span.end).replace(/^\s*using\s*/i, '')
  const column = quoteIdentifier(name)
  const expressionStart = span.end - (expression?.length ?? 0)
  return {
    table,
    tableText: quoteTextName(table.name),
    column,
    fresh: quoteIdentifier(`${name}_new`),
    old: quoteIdentifier(`${name}_old`),
    name,
    typeText: text.slice(typeStart, typeEnd),
    value: expression ?? column,
    triggerValue:
      using === undefined || expression === undefined
        ? `NEW.${column}`
        : ofNew(
            expression,
            findNodes(using, 'ColumnRef').map((each) => [each, at(each.location) - expressionStart]),
          ),
    hasUsing: using !== undefined,
    declared: table.declared?.columns.find((each) => each.name === name),
  }
}

/** Where USING stands behind the type. */
function usingStart(text: string, from: number, to: number): number {
  const found = /\susing\b/i.exec(text.slice(from, to))
  return found ? from + found.index : to
}

/** The expression with each column it names taken from the trigger's row. */
function ofNew(expression: string, references: readonly (readonly [ColumnRef, number])[]): string {
  let result = expression
  for (const [reference, start] of references.toSorted(([, a], [, b]) => b - a)) {
    const isQualified = namesOf({ List: { items: reference.fields ?? [] } }).length > 1
    const end = isQualified ? result.indexOf('.', start) + 1 : start
    result = `${result.slice(0, start)}NEW.${result.slice(end)}`
  }
  return result
}

function missing({ column, fresh, value, hasUsing }: Replacement): string {
  return hasUsing ? `${fresh} IS DISTINCT FROM (${value})` : `${column} IS NOT NULL AND ${fresh} IS NULL`
}

function triggerName({ table, name }: Replacement): { trigger: string; function: string } {
  const own = `${unqualified(table.name)}_${name}_new`
  return { trigger: quoteIdentifier(own), function: quoteTextName(textName(schemaOfTextName(table.name), own)) }
}

function expand(replaced: Replacement): string {
  const { tableText, fresh, typeText, triggerValue } = replaced
  const { trigger, function: sync } = triggerName(replaced)
  return `ALTER TABLE ${tableText} ADD COLUMN ${fresh} ${typeText};
CREATE FUNCTION ${sync}() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  NEW.${fresh} := ${triggerValue};
  RETURN NEW;
END $$;
CREATE TRIGGER ${trigger} BEFORE INSERT OR UPDATE ON ${tableText} FOR EACH ROW EXECUTE FUNCTION ${sync}();`
}

/** A CHECK on every major, so that SET NOT NULL, which it proves, can name its constraint after the column's last name. */
function notNull({ table, tableText, name, declared }: Replacement): MigrationDraft[] {
  if (declared?.notNull !== 'yes') return []
  const { first, then } = notNullSteps(table, tableText, [`${name}_new`], 17)
  const [validated] = then
  return [
    {
      name: fileWords(`check_${name}_new`),
      up: `ALTER TABLE ${tableText} ${first.join(', ')};`,
      down: `ALTER TABLE ${tableText} DROP CONSTRAINT ${notNullCheck(first)};`,
      outsideTransaction: false,
    },
    ...(validated ? [validated] : []),
  ]
}

function notNullCheck([first = '']: readonly string[]): string {
  return /^ADD CONSTRAINT ("(?:[^"]|"")*"|\S+)/.exec(first)?.[1] ?? ''
}

function buildIndex({ tableText, fresh, table }: Replacement, name: string, unique: boolean): MigrationDraft {
  const index = `${name}_new`
  const schema = schemaOfTextName(table.name)
  return {
    name: fileWords(`build_${index}`),
    up: `CREATE ${unique ? 'UNIQUE ' : ''}INDEX CONCURRENTLY ${quoteIdentifier(index)} ON ${tableText} (${fresh});`,
    down: `DROP INDEX CONCURRENTLY ${quoteTextName(textName(schema, index))};`,
    outsideTransaction: true,
  }
}

/** What hangs on the column, as far as the text shows it. */
interface Dependents {
  keys: (TextKey & { isPrimary: boolean })[]
  indexes: TextIndex[]
  numbering?: { kind: 'serial' } | { kind: 'identity'; generated: string }
  /** Whether the recipe takes care of all of it. */
  isComplete: boolean
  /** What is left to the reader, as a sentence with a space before it. */
  words: string
}

function dependents(subject: StatementSubject, { table, name, column, declared, old, fresh }: Replacement): Dependents {
  const own = table.declared
  const indexes = (own?.indexes ?? []).filter((index) => isPlain(index, name, subject))
  const keys = (own?.keys ?? []).flatMap((key) => {
    const text = key.site.fileText.slice(key.site.span.start, key.site.span.end)
    const isSimple =
      key.method === 'btree' && key.columns.length === 1 && !/\b(?:deferrable|nulls|include)\b/i.test(text)
    return isSimple && key.columns[0] === name ? [{ ...key, isPrimary: /\bprimary\s+key\b/i.test(text) }] : []
  })
  const left: string[] = []
  const isLeft = (what: string, is: boolean | undefined) => is && left.push(what)
  const uses = ({ columns }: { columns: readonly (string | null)[] }) => columns.includes(name)
  const isReferenced = [...table.draft.tables.values()].some(({ foreignKeys }) =>
    foreignKeys.some((key) => {
      if (key.referencedTable !== table.name) return false
      return key.referencedColumns.length === 0
        ? keys.some(({ isPrimary }) => isPrimary)
        : key.referencedColumns.includes(name)
    }),
  )
  isLeft(
    'its other indexes',
    own?.indexes.some(
      (index) => !indexes.includes(index) && (uses(index) || index.columns.includes(null) || index.predicate),
    ),
  )
  isLeft(
    'its other keys',
    own?.keys.some((key) => uses(key) && !keys.some(({ name: known }) => known === key.name)),
  )
  isLeft('its CHECK constraints', own?.checks.some(uses))
  isLeft('its foreign keys', own?.foreignKeys.some(uses))
  isLeft('the foreign keys to it, with their columns', isReferenced)
  isLeft('its default', declared?.hasDefault)
  const numbering = numberingOf(declared)
  isLeft('its identity', declared?.numbering !== undefined && numbering === undefined)
  isLeft(
    'the generated columns that use it',
    own?.columns.some(({ generated }) => generated !== undefined),
  )
  const isKnown =
    own?.kind === 'table' && own.columnsKnown && declared !== undefined && declared.notNull !== 'not valid'
  const isFree = !own?.columns.some((each) => [old, fresh].includes(quoteIdentifier(each.name)))
  const words =
    left.length > 0
      ? ` Make ${left.join(', ')} for the new column as well, before the swap and without a validation in it.`
      : isKnown
        ? ` A view that names ${column} goes on with ${old}: make it anew after the swap.`
        : ' Its indexes, constraints and default the new column needs as well.'
  return {
    keys,
    indexes,
    ...(numbering && { numbering }),
    isComplete: isKnown === true && isFree && left.length === 0,
    words,
  }
}

/** An index that is told by its column alone. */
function isPlain(index: TextIndex, column: string, subject: StatementSubject): boolean {
  const made = indexStatement(index, subject)
  const [element, ...others] = (made?.indexParams ?? []).map((each) => nodeOf(each, 'IndexElem'))
  return (
    index.name !== undefined &&
    index.method === 'btree' &&
    element?.name === column &&
    others.length === 0 &&
    index.predicate === undefined &&
    element.collation === undefined &&
    element.opclass === undefined &&
    element.ordering === 'SORTBY_DEFAULT' &&
    element.nulls_ordering === 'SORTBY_NULLS_DEFAULT' &&
    !made?.indexIncludingParams?.length &&
    !made?.options?.length &&
    !made?.nulls_not_distinct
  )
}

function numberingOf(declared: TextColumn | undefined): Dependents['numbering'] {
  if (declared?.numbering === 'serial') return { kind: 'serial' }
  if (declared?.numbering !== 'identity') return undefined
  const text = declared.site.fileText.slice(declared.site.span.start, declared.site.span.end)
  // Options of the sequence stand in parentheses behind it.
  const [, generated, options] = /\b(generated\s+(?:always|by\s+default)\s+as\s+identity)\s*(\()?/i.exec(text) ?? []
  return generated === undefined || options !== undefined ? undefined : { kind: 'identity', generated }
}

function swap(replaced: Replacement, { keys, indexes, numbering }: Dependents, layout: string): MigrationDraft {
  const { table, tableText, column, fresh, old, name, declared, typeText } = replaced
  const { trigger, function: sync } = triggerName(replaced)
  const alter = (command: string) => `ALTER TABLE ${tableText} ${command};`
  const sequence = quoteTextName(textName(schemaOfTextName(table.name), `${unqualified(table.name)}_${name}_seq`))
  const own = `pg_get_serial_sequence('${tableText.replaceAll("'", "''")}', '${name.replaceAll("'", "''")}')`
  const isNotNull = declared?.notNull === 'yes'
  const check = notNullCheck(notNullSteps(table, tableText, [`${name}_new`], 17).first)
  const lines = [
    layout === 'kei'
      ? `-- kei: irreversible rows written from now on have no ${old}`
      : `-- kei: ignore-file require-down-or-irreversible: rows written from now on have no ${old}`,
    `DROP TRIGGER ${trigger} ON ${tableText};`,
    `DROP FUNCTION ${sync}();`,
  ]
  if (numbering?.kind === 'identity') {
    lines.push(
      `SELECT set_config('kei.next', nextval(${own})::text, true);`,
      alter(`ALTER COLUMN ${column} DROP IDENTITY`),
    )
  } else if (numbering?.kind === 'serial') {
    const wider = /^(?:bigint|int8)$/i.test(typeText) ? ' AS bigint' : ''
    lines.push(
      `ALTER SEQUENCE ${sequence}${wider} OWNED BY ${tableText}.${fresh};`,
      alter(`ALTER COLUMN ${column} DROP DEFAULT`),
    )
  }
  lines.push(...keys.map((key) => alter(`DROP CONSTRAINT ${quoteIdentifier(key.name)}`)))
  if (isNotNull) lines.push(alter(`ALTER COLUMN ${column} DROP NOT NULL`))
  lines.push(alter(`RENAME COLUMN ${column} TO ${old}`), alter(`RENAME COLUMN ${fresh} TO ${column}`))
  if (isNotNull) lines.push(alter(`ALTER COLUMN ${column} SET NOT NULL`), alter(`DROP CONSTRAINT ${check}`))
  for (const key of keys) {
    const kind = key.isPrimary ? 'PRIMARY KEY' : 'UNIQUE'
    lines.push(
      alter(`ADD CONSTRAINT ${quoteIdentifier(key.name)} ${kind} USING INDEX ${quoteIdentifier(`${key.name}_new`)}`),
    )
  }
  for (const index of indexes) {
    const named = (label: string) =>
      quoteTextName(textName(schemaOfTextName(table.name), `${index.name ?? ''}${label}`))
    lines.push(
      `ALTER INDEX ${named('')} RENAME TO ${quoteIdentifier(`${index.name ?? ''}_old`)};`,
      `ALTER INDEX ${named('_new')} RENAME TO ${quoteIdentifier(index.name ?? '')};`,
    )
  }
  if (numbering?.kind === 'identity') {
    lines.push(alter(`ALTER COLUMN ${column} ADD ${numbering.generated}`))
    lines.push(`SELECT setval(${own}, current_setting('kei.next')::bigint);`)
  } else if (numbering?.kind === 'serial') {
    lines.push(alter(`ALTER COLUMN ${column} SET DEFAULT nextval('${sequence.replaceAll("'", "''")}')`))
  }
  return {
    name: fileWords(`swap_${name}_of_${unqualified(table.name)}`),
    up: lines.join('\n'),
    down: '',
    outsideTransaction: false,
  }
}
