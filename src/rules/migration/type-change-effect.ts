import type { AlterTableCmd, Node } from '@pgsql/types'
import { columnsIn, modifiersOf, typeNameOf } from '../../sql/declarations.ts'
import type { TextIndex } from '../../sql/schema-text.ts'
import { namesOf, nodeOf, statementOf } from '../../sql/statement.ts'
import type { NodeOf } from '../../sql/statement.ts'
import { findNodes } from '../../sql/walk.ts'
import { alterCommands } from '../alter-command.ts'
import { domainOf } from '../domain.ts'
import { isInText } from '../new-objects.ts'
import { statementOfSite } from '../site-statement.ts'
import type { StatementSubject } from '../subject.ts'
import type { ColumnType } from '../type-fit.ts'
import type { UsedTable } from '../used-table.ts'
import { builtInTypes, extensionTypes } from './built-in-types.ts'
import { isUtc, timeZoneAt } from './time-zone.ts'
import { typeChange } from './type-change.ts'
import type { TypeChange } from './type-change.ts'
import { serialTypes } from '../../sql/serial-types.ts'

/** What an ALTER COLUMN … TYPE does to the rows of its table, as far as the text shows it. */
export type TypeChangeEffect =
  | { kind: 'none' }
  | { kind: 'rewrite' }
  /** The rows stay, but these indexes are built anew. */
  | { kind: 'rebuild'; indexes: string[] }
  /** The rows stay, but these CHECK constraints are proven anew. */
  | { kind: 'check'; checks: string[] }
  /** The session's TimeZone decides, and the file does not set it; `isIndexed`: then indexes are built anew anyhow. */
  | { kind: 'time zone'; isIndexed: boolean }
  | { kind: 'unknown' }

/** Of a command that is an AT_AlterColumnType. */
export function typeChangeEffect(
  subject: StatementSubject,
  { declared }: UsedTable,
  command: AlterTableCmd,
): TypeChangeEffect {
  const name = command.name ?? ''
  const column = declared?.columns.find((each) => each.name === name)
  const definition = nodeOf(command.def, 'ColumnDef')
  if (definition === undefined) return { kind: 'unknown' }
  const to: ColumnType = { type: typeNameOf(definition.typeName), modifiers: modifiersOf(definition.typeName) }
  const using = definition.raw_default
  const cast = using === undefined ? undefined : castOf(using, name)
  if (using !== undefined && cast === undefined) return { kind: 'rewrite' }
  if (column === undefined) return { kind: 'unknown' }

  const change = cast?.type
    ? combined(changeOf(column, cast.type, subject), changeOf(cast.type, to, subject))
    : changeOf(column, to, subject)
  if (change.rows === 'rewritten') return { kind: 'rewrite' }
  if (change.rows === 'unknown') return { kind: 'unknown' }

  const isCompared = change.index === 'rebuilt' || collationChanges(definition, column.site)
  const indexes = (declared?.indexes ?? []).filter((index) => isRebuilt(index, name, isCompared, subject))
  const keys = isCompared ? (declared?.keys ?? []).filter(({ columns }) => columns.includes(name)) : []
  const rebuilt = [...indexes, ...keys].map((each) => each.name ?? `an index on ${name}`)
  if (change.rows === 'by TimeZone') {
    const zone = timeZoneAt(subject)
    if (zone === undefined) return { kind: 'time zone', isIndexed: rebuilt.length > 0 }
    if (!isUtc(zone)) return { kind: 'rewrite' }
  }
  if (rebuilt.length > 0) return { kind: 'rebuild', indexes: rebuilt }
  const dropped = alterCommands(subject.statement).flatMap(({ node }) =>
    node.subtype === 'AT_DropConstraint' ? (node.name ?? []) : [],
  )
  const checks = (declared?.checks ?? []).filter(
    (check) => check.validated && check.columns.includes(name) && !dropped.includes(check.name),
  )
  return checks.length > 0 ? { kind: 'check', checks: checks.map((check) => check.name) } : { kind: 'none' }
}

/** What a USING that is the column itself, or a cast of it, casts it to; undefined for every other expression. */
function castOf(using: Node, column: string): { type?: ColumnType } | undefined {
  const cast = nodeOf(using, 'TypeCast')
  const operand = cast ? cast.arg : using
  const fields = namesOf({ List: { items: nodeOf(operand, 'ColumnRef')?.fields ?? [] } })
  if (fields.at(-1) !== column) return undefined
  return cast ? { type: { type: typeNameOf(cast.typeName), modifiers: modifiersOf(cast.typeName) } } : {}
}

function combined(first: TypeChange, second: TypeChange): TypeChange {
  if (first.rows === 'kept' && second.rows === 'kept') {
    return first.index === 'rebuilt' ? first : second
  }
  for (const rows of ['rewritten', 'unknown', 'by TimeZone'] as const) {
    const found = [first, second].find((each) => each.rows === rows)
    if (found) return found
  }
  return first
}

function changeOf(from: ColumnType, to: ColumnType, subject: StatementSubject): TypeChange {
  if (from.type === to.type && String(from.modifiers) === String(to.modifiers)) return { rows: 'kept', index: 'kept' }
  const target = baseOf(to, subject)
  if (target.kind === 'unknown') return { rows: 'unknown' }
  if (target.isConstrained) return { rows: 'rewritten' }
  const source = baseOf(from, subject)
  if (source.kind === 'unknown') return { rows: 'unknown' }
  const change = typeChange(source.type, target.type)
  // Types that the history makes are of no kind that PostgreSQL knows how to keep.
  return change.rows === 'unknown' && [source, target].every(({ kind }) => kind === 'known')
    ? { rows: 'rewritten' }
    : change
}

type Base = { kind: 'known' | 'from an extension'; type: ColumnType; isConstrained: boolean } | { kind: 'unknown' }

/** The type that a domain is over in the end; any other type itself. */
function baseOf(type: ColumnType, subject: StatementSubject): Base {
  const name = type.type
  const element = name.replace(/\[\]$/, '')
  if (builtInTypes.has(element) || serialTypes.has(name)) return { kind: 'known', type, isConstrained: false }
  if (extensionTypes.has(element)) return { kind: 'from an extension', type, isConstrained: false }
  const domain = domainOf(name, subject)
  if (domain === undefined) {
    const index = (subject.within ?? subject).statement.index
    return isInText(subject.migration, 'type', element, index)
      ? { kind: 'known', type, isConstrained: false }
      : { kind: 'unknown' }
  }
  if (domain.altered) return { kind: 'unknown' }
  const base = baseOf({ type: domain.base, modifiers: domain.modifiers }, subject)
  if (base.kind === 'unknown') return base
  return { ...base, isConstrained: base.isConstrained || domain.notNull || domain.checks.length > 0 }
}

/** Whether the command writes another collation than the column's declaration; none is the type's own. */
function collationChanges(
  { collClause }: NodeOf<'ColumnDef'>,
  { fileText, span }: { fileText: string; span: { start: number; end: number } },
): boolean {
  const before = /\bcollate\s+([\w."]+)/i.exec(fileText.slice(span.start, span.end))?.[1]
  const after = collClause && namesOf({ List: { items: collClause.collname ?? [] } }).join('.')
  return before?.replaceAll('"', '') !== after
}

/** A column's index stays where its values compare as before; one with an expression or a condition never does. */
function isRebuilt(index: TextIndex, column: string, isCompared: boolean, subject: StatementSubject): boolean {
  const definition = indexStatement(index, subject)
  const isPlain = index.predicate === undefined && !index.columns.includes(null)
  if (isPlain) return isCompared && index.columns.includes(column)
  return definition === undefined || namesColumn(definition, column)
}

function namesColumn(index: NodeOf<'IndexStmt'>, column: string): boolean {
  const elements = [...(index.indexParams ?? []), ...(index.indexIncludingParams ?? [])]
  const named = elements.flatMap((each) => nodeOf(each, 'IndexElem')?.name ?? [])
  const expressions = elements.flatMap((each) => nodeOf(each, 'IndexElem')?.expr ?? [])
  const conditions = index.whereClause ? [index.whereClause] : []
  return named.includes(column) || [...expressions, ...conditions].some((each) => columnsIn(each).includes(column))
}

/** The statement that made an index, where the text has one. */
export function indexStatement(index: TextIndex, { migration }: StatementSubject): NodeOf<'IndexStmt'> | undefined {
  const made = statementOfSite(migration.history.migrations, index.site)?.statement
  return made && (statementOf(made, 'IndexStmt') ?? findNodes(made.node, 'IndexStmt')[0])
}
