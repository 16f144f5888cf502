import type { ColumnRef, Node } from '@pgsql/types'
import type { Fix } from '../../findings/fix.ts'
import { modifiersOf, typeNameOf } from '../../sql/declarations.ts'
import { quoteIdentifier, quoteTextName } from '../../sql/identifier.ts'
import { schemaOfTextName, textName, unqualified } from '../../sql/schema-draft.ts'
import type { TextColumn } from '../../sql/schema-text.ts'
import { namesOf, nodeOf } from '../../sql/statement.ts'
import { findNodes } from '../../sql/walk.ts'
import { alterCommands, offsetInText, withoutCommands } from '../alter-command.ts'
import type { AlterCommand } from '../alter-command.ts'
import { constraintName } from '../constraint-name.ts'
import type { StatementSubject } from '../subject.ts'
import { plain } from '../type-fit.ts'
import type { UsedTable } from '../used-table.ts'
import { backfill, codeRecipe, triggerWords } from './backfill.ts'
import { lastTriggerPrefix } from './last-trigger.ts'
import { replacementSteps } from './replace-column-steps.ts'
import { timeZoneAt } from './time-zone.ts'
import { dependents, isDefaultOf } from './type-change-dependents.ts'
import type { Dependents } from './type-change-dependents.ts'
import { foreignKeyPartners } from './type-change-partners.ts'
import { refusals } from './type-change-refused.ts'
import { volatilityOf } from './volatility.ts'

/** A column and the one of another type that takes its place. */
export interface Replacement {
  table: UsedTable
  /** As SQL needs them. */
  tableText: string
  column: string
  fresh: string
  old: string
  trigger: string
  function: string
  name: string
  /** The type with its COLLATE. */
  typeText: string
  /** The new column's value in an UPDATE. */
  value: string
  /** The condition that the new column has the old one's value. */
  isCopied: string
  /** The CHECK of that, by name. */
  copyCheck: string
  declared: TextColumn | undefined
}

/**
 * Expand and contract: a column of the new type beside the old one, in step by a trigger, filled in batches, compared by
 * a CHECK, and put in its place by renames. Written out where the text shows all that hangs on the column; else the
 * way in words, with what stands against it.
 */
export function replaceColumn(
  subject: StatementSubject,
  table: UsedTable,
  command: AlterCommand,
): { next: string; fixes: Fix[] } {
  const written = writtenChange(subject, table, command)
  const { name } = written
  const rest = dependents(subject, table, command, refusals(subject, table, name))
  const value = valueOf(subject, written)
  const prefix = lastTriggerPrefix(table.declared)
  const partners = foreignKeyPartners(subject, table, name)
  const obstacles = [
    ...rest.obstacles,
    ...(value.kind === 'unclear' ? [value.cause] : []),
    ...(prefix === undefined ? ['a trigger of the table sorts behind every name that the new one could have'] : []),
    ...partners.hidden.map((each) => `a foreign key that the migrations do not show joins ${each} to the table`),
  ]
  if (obstacles.length > 0 || value.kind === 'unclear' || prefix === undefined) return inWords(written, obstacles)
  const replaced = replacement(table, written, value, prefix)
  const companions = alterCommands(subject.statement).filter((each) => isDefaultOf(each, name))
  const others = withoutCommands(subject.statement, [command, ...companions])
  return codeRecipe(subject, {
    title: `Put a column of the new type in the place of ${replaced.column}`,
    says:
      `Add a column of the new type, keep it in step by a trigger that fires last, fill it in batches and compare both; ` +
      `then let it take the place of ${replaced.column} by renames.${value.words}${triggerWords(table.declared)}${planWords(table)}${referenceWords(rest)} Drop ` +
      `${replaced.old} with a later release.`,
    instead: [...(others === '' ? [] : [others]), expand(replaced, value.inTrigger, rest.default)].join('\n'),
    then: [
      backfill(table, {
        column: replaced.fresh,
        value: replaced.value,
        missing: value.isCast
          ? `${replaced.column} IS NOT NULL AND ${replaced.fresh} IS NULL`
          : replaced.isCopied.replace('IS NOT DISTINCT', 'IS DISTINCT'),
      }),
      ...replacementSteps(replaced, rest, subject.migration.layout),
    ],
  })
}

/** A trigger in PL/pgSQL keeps the type that a column had when the session first ran it. */
function planWords({ declared }: UsedTable): string {
  const triggers = (declared?.attachments ?? []).flatMap(({ kind, name }) => (kind === 'trigger' ? name : []))
  if (triggers.length === 0) return ''
  return (
    ` A session that has run ${triggers.join(' or ')} before the swap, as before any change of the type, may be refused ` +
    'afterwards (42804: type of parameter does not match): let it reconnect.'
  )
}

function referenceWords({ references }: Dependents): string {
  const tables = [...new Set(references.map(({ table }) => table))]
  return tables.length === 0
    ? ''
    : ` The columns of ${tables.join(', ')} that reference it keep their type: change it next.`
}

function inWords({ name }: WrittenChange, obstacles: readonly string[]): { next: string; fixes: Fix[] } {
  const [column, fresh] = [quoteIdentifier(name), quoteIdentifier(`${name}_new`)]
  return {
    next:
      `kei has no SQL for this: ${[...new Set(obstacles)].join('; ')}. The way: add ${fresh} of the new type, keep it in ` +
      'step by a trigger BEFORE INSERT OR UPDATE whose name sorts last, fill it in batches that commit, and prove by a ' +
      `CHECK, NOT VALID first and then validated, that it equals ${column}. Give it the default, the indexes ` +
      `(CONCURRENTLY), the constraints and all that is named above. Then, in one transaction, drop the trigger, take ` +
      `from ${column} what ${fresh} has now, and rename both.`,
    fixes: [],
  }
}

interface WrittenChange {
  name: string
  declared: TextColumn | undefined
  typeText: string
  type: string
  modifiers: readonly number[]
  using?: { node: Node; text: string; references: (readonly [ColumnRef, number])[] }
}

function writtenChange({ statement }: StatementSubject, table: UsedTable, { node, span }: AlterCommand): WrittenChange {
  const { text } = statement
  const definition = nodeOf(node.def, 'ColumnDef')
  const name = node.name ?? ''
  const at = (location: number | undefined) => offsetInText(statement, location ?? 0)
  const using = definition?.raw_default
  const typeStart = at(definition?.typeName?.location)
  const typeEnd = using === undefined ? span.end : text.slice(0, usingStart(text, typeStart, span.end)).trimEnd().length
  const change: WrittenChange = {
    name,
    declared: table.declared?.columns.find((each) => each.name === name),
    typeText: text.slice(typeStart, typeEnd),
    type: typeNameOf(definition?.typeName),
    modifiers: modifiersOf(definition?.typeName),
  }
  if (using !== undefined) {
    const expression = text.slice(typeEnd, span.end).replace(/^\s*using\s*/i, '')
    const start = span.end - expression.length
    const references = findNodes(using, 'ColumnRef').map((each) => [each, at(each.location) - start] as const)
    change.using = { node: using, text: expression, references }
  }
  return change
}

/** Where USING stands behind the type. */
function usingStart(text: string, from: number, to: number): number {
  const found = /\susing\b/i.exec(text.slice(from, to))
  return found ? from + found.index : to
}

/** What the new column holds, as an expression of a row. `isCast`: the old value, as an assignment casts it. */
type Value =
  | { kind: 'known'; ofRow: string; inTrigger: string; isCast: boolean; words: string }
  | { kind: 'unclear'; cause: string }

function valueOf(subject: StatementSubject, { name, declared, type, using }: WrittenChange): Value {
  const column = quoteIdentifier(name)
  const from = declared && plain(declared).type
  const pair = [from, type].toSorted().join(' ')
  const isZoned = (each: string | undefined) => each === 'timestamptz' || each === 'timetz'
  const isByZone = isZoned(from) !== isZoned(type)
  const zone = timeZoneAt(subject)
  if (using !== undefined) {
    const volatility = volatilityOf(using.node, subject)
    if (volatility.kind !== 'one value') {
      return { kind: 'unclear', cause: `the migrations do not show that ${volatility.call} gives one value each time` }
    }
    const isConverted = findNodes(using.node, 'FuncCall').length > 0
    if (isByZone && !isConverted) {
      return { kind: 'unclear', cause: 'USING leaves to each session’s TimeZone what a time means: add AT TIME ZONE' }
    }
    if (String(subject.migration.history.before(subject).searchPath) !== 'public') {
      return {
        kind: 'unclear',
        cause: 'USING is read under the search_path of the file, the trigger under that of others',
      }
    }
    const inTrigger = ofNew(using.text, using.references)
    return { kind: 'known', ofRow: using.text, inTrigger, isCast: false, words: '' }
  }
  if (pair === 'timestamp timestamptz') {
    const at = `AT TIME ZONE '${(zone ?? 'UTC').replaceAll("'", "''")}'`
    const words =
      zone === undefined ? ` The times are taken for those of UTC; where they are not, write their zone.` : ''
    return { kind: 'known', ofRow: `${column} ${at}`, inTrigger: `NEW.${column} ${at}`, isCast: false, words }
  }
  if (isByZone) {
    return {
      kind: 'unclear',
      cause: 'each session’s TimeZone decides what a value becomes: say it by USING … AT TIME ZONE',
    }
  }
  return { kind: 'known', ofRow: column, inTrigger: `NEW.${column}`, isCast: true, words: '' }
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

/** They have no operator that says that two values are equal, or one that says something else. */
const withoutEquality = new Set(['json', 'xml', 'point', 'box', 'circle', 'lseg', 'path', 'polygon'])

function replacement(
  table: UsedTable,
  { name, declared, typeText, type }: WrittenChange,
  { ofRow }: Value & { kind: 'known' },
  prefix: string,
): Replacement {
  const own = `${unqualified(table.name)}_${name}_new`
  const schema = schemaOfTextName(table.name)
  // A file that sets the search_path would make the function elsewhere.
  const isPlain = String(table.draft.searchPath) === 'public'
  const qualified = (object: string) =>
    isPlain || schema !== 'public' ? quoteTextName(textName(schema, object)) : `public.${quoteIdentifier(object)}`
  const [column, fresh] = [quoteIdentifier(name), quoteIdentifier(`${name}_new`)]
  const cast = `${ofRow === column ? column : `(${ofRow})`}::${typeText}`
  const asText = withoutEquality.has(type.replace(/\[\]$/, ''))
  return {
    table,
    tableText: qualified(unqualified(table.name)),
    column,
    fresh,
    old: quoteIdentifier(`${name}_old`),
    trigger: quoteIdentifier(`${prefix}${own}`),
    function: qualified(own),
    name,
    typeText,
    value: ofRow,
    isCopied: asText ? `${fresh}::text IS NOT DISTINCT FROM (${cast})::text` : `${fresh} IS NOT DISTINCT FROM ${cast}`,
    copyCheck: constraintName(table.draft, table.name, [`${name}_copied`], 'check'),
    declared,
  }
}

function expand(replaced: Replacement, value: string, given: string | undefined): string {
  const { tableText, fresh, typeText, trigger, function: sync } = replaced
  const withDefault = given === undefined ? '' : `, ALTER COLUMN ${fresh} SET DEFAULT ${given}`
  return `ALTER TABLE ${tableText} ADD COLUMN ${fresh} ${typeText}${withDefault};
CREATE FUNCTION ${sync}() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  NEW.${fresh} := ${value};
  RETURN NEW;
END $$;
CREATE TRIGGER ${trigger} BEFORE INSERT OR UPDATE ON ${tableText} FOR EACH ROW EXECUTE FUNCTION ${sync}();`
}
