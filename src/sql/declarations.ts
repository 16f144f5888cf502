import type { ColumnDef, Constraint, Node, TypeName } from '@pgsql/types'
import type { Span } from './positions.ts'
import { skipBlank } from './blank.ts'
import type { DraftTable, SchemaDraft } from './schema-draft.ts'
import { noteOwner, resolveName, unqualified } from './schema-draft.ts'
import type { FoldContext } from './fold-context.ts'
import type { Site, TextColumn, TextIndex, TextKey } from './schema-text.ts'
import { serialTypes } from './serial-types.ts'
import { nodeOf } from './statement.ts'
import { tokenEnd } from './token.ts'
import { findNodes } from './walk.ts'

/** Adds a column with the constraints written on it. */
export function declareColumn(draft: SchemaDraft, table: DraftTable, column: ColumnDef, context: FoldContext): void {
  const name = column.colname ?? ''
  const type = typeNameOf(column.typeName)
  const declared: TextColumn = {
    name,
    type,
    modifiers: modifiersOf(column.typeName),
    notNull: serialTypes.has(type) ? 'yes' : 'no',
    hasDefault: false,
    typeStart: placeOf(column.typeName?.location, context),
    site: siteOf(column.location, context),
  }
  if (serialTypes.has(type)) declared.numbering = 'serial'
  // A partition or a child may repeat an inherited column.
  const inherited = table.columns.findIndex((each) => each.name === name)
  if (inherited !== -1) table.columns.splice(inherited, 1)
  table.columns.push(declared)
  for (const node of column.constraints ?? []) {
    const constraint = nodeOf(node, 'Constraint')
    if (constraint) {
      declareAttribute(declared, constraint)
      declareConstraint(draft, table, constraint, name, context)
    }
  }
}

/** What a constraint that is written on a column says of the column itself. */
function declareAttribute(column: TextColumn, constraint: Constraint): void {
  switch (constraint.contype) {
    case 'CONSTR_IDENTITY':
      column.numbering = 'identity'
      column.notNull = 'yes'
      return
    case 'CONSTR_NOTNULL':
      column.notNull = constraint.skip_validation ? 'not valid' : 'yes'
      return
    case 'CONSTR_DEFAULT':
      column.hasDefault = true
      column.defaultSite = column.site
      return
    case 'CONSTR_GENERATED':
      column.generated = constraint.generated_kind === 'v' ? 'virtual' : 'stored'
      if (constraint.raw_expr) column.computedFrom = columnsIn(constraint.raw_expr)
      return
    default:
  }
}

/** Adds a constraint to its table; a not-null constraint shows in its column. */
export function declareConstraint(
  draft: SchemaDraft,
  table: DraftTable,
  constraint: Constraint,
  column: string | undefined,
  context: FoldContext,
): void {
  const site = siteOf(constraint.location, context)
  const own = column === undefined ? undefined : [column]
  switch (constraint.contype) {
    case 'CONSTR_PRIMARY':
    case 'CONSTR_UNIQUE': {
      const index = table.indexes.find((each) => each.name !== undefined && each.name === constraint.indexname)
      const columns = own ?? (index ? index.columns.filter((each) => each !== null) : strings(constraint.keys))
      const fallback = constraint.contype === 'CONSTR_PRIMARY' ? ['pkey'] : [...columns, 'key']
      // ADD CONSTRAINT … USING INDEX renames the index to the constraint; from then on it goes with it.
      if (index) table.indexes = table.indexes.filter((each) => each !== index)
      const name = constraint.conname ?? index?.name ?? freeName(table, fallback)
      if (constraint.contype === 'CONSTR_PRIMARY') {
        for (const each of table.columns) if (columns.includes(each.name)) each.notNull = 'yes'
      }
      const kind = constraint.contype === 'CONSTR_PRIMARY' ? 'primary key' : 'unique'
      addKey(draft, table, { name, table: table.name, kind, columns, method: 'btree', site })
      return
    }
    case 'CONSTR_EXCLUSION': {
      const columns = (constraint.exclusions ?? [])
        .map((item) => nodeOf(nodeOf(item, 'List')?.items?.[0], 'IndexElem')?.name)
        .filter((each) => each !== undefined)
      const method = constraint.access_method ?? 'btree'
      const name = constraint.conname ?? freeName(table, [...columns, 'excl'])
      addKey(draft, table, { name, table: table.name, kind: 'exclusion', columns, method, site })
      return
    }
    case 'CONSTR_FOREIGN': {
      const columns = own ?? strings(constraint.fk_attrs)
      const { pktable } = constraint
      const name = constraint.conname ?? freeName(table, [...columns, 'fkey'])
      const referencedTable = resolveName(draft, pktable?.schemaname, pktable?.relname ?? '')
      draft.constraintNames.add(name)
      draft.referenced.add(referencedTable)
      table.foreignKeys.push({
        name,
        table: table.name,
        columns,
        referencedTable,
        referencedColumns: strings(constraint.pk_attrs),
        validated: !constraint.skip_validation,
        definition: constraint,
        site,
      })
      return
    }
    case 'CONSTR_CHECK': {
      const { raw_expr: expression } = constraint
      if (expression === undefined) return
      const columns = columnsIn(expression)
      const { notNullColumns, onlyNotNull } = notNullPredicate(expression)
      const name = constraint.conname ?? freeName(table, [...(columns.length === 1 ? columns : []), 'check'])
      draft.constraintNames.add(name)
      table.checks.push({
        name,
        table: table.name,
        columns,
        // Of any other conjunction PostgreSQL takes the terms that it can prove with, too.
        notNullColumns: onlyNotNull || isConjunction(expression) ? notNullColumns : [],
        validated: !constraint.skip_validation,
        expression,
        site,
      })
      return
    }
    case 'CONSTR_NOTNULL':
      // As a table constraint (PostgreSQL 18) it names its column.
      for (const key of own === undefined ? strings(constraint.keys) : []) {
        const named = table.columns.find((each) => each.name === key)
        if (named) named.notNull = constraint.skip_validation ? 'not valid' : 'yes'
      }
      return
    default:
  }
}

function addKey(draft: SchemaDraft, table: DraftTable, key: TextKey): void {
  table.keys.push(key)
  noteOwner(draft, key.name, table)
}

/** The name PostgreSQL gives a constraint without one (ChooseConstraintName), truncation to 63 bytes left out. */
function freeName(table: DraftTable, parts: readonly string[]): string {
  const base = [unqualified(table.name), ...parts].join('_')
  for (let suffix = 0; ; suffix++) {
    const name = suffix === 0 ? base : `${base}${suffix}`
    const isNamed = (each: { name: string }) => each.name === name
    if (!table.keys.some(isNamed) && !table.foreignKeys.some(isNamed) && !table.checks.some(isNamed)) return name
  }
}

/** A type as the parser names it, `pg_catalog.` taken off, with `[]` for an array. */
export function typeNameOf(type: TypeName | undefined): string {
  const names = strings(type?.names)
  const qualified = (names[0] === 'pg_catalog' || names[0] === 'public' ? names.slice(1) : names).join('.')
  return type?.arrayBounds?.length ? `${qualified}[]` : qualified
}

/** The integers in parentheses after a type. */
export function modifiersOf(type: TypeName | undefined): number[] {
  return (type?.typmods ?? []).map((modifier) => nodeOf(modifier, 'A_Const')?.ival?.ival ?? 0)
}

/** The columns that an expression names, each once. */
export function columnsIn(expression: Node): string[] {
  const named = findNodes(expression, 'ColumnRef').map((reference) => nodeOf(reference.fields?.at(-1), 'String')?.sval)
  return [...new Set(named.filter((name) => name !== undefined))]
}

function isConjunction(expression: Node): boolean {
  return nodeOf(expression, 'BoolExpr')?.boolop === 'AND_EXPR'
}

/** Reads a WHERE that may be a conjunction of `column IS NOT NULL`. */
export function notNullPredicate(where: Node): NonNullable<TextIndex['predicate']> {
  const conjunction = nodeOf(where, 'BoolExpr')
  const terms = conjunction?.boolop === 'AND_EXPR' ? (conjunction.args ?? []) : [where]
  const notNullColumns: string[] = []
  for (const term of terms) {
    const test = nodeOf(term, 'NullTest')
    const field = nodeOf(nodeOf(test?.arg, 'ColumnRef')?.fields?.at(-1), 'String')?.sval
    if (test?.nulltesttype === 'IS_NOT_NULL' && field !== undefined) notNullColumns.push(field)
  }
  return { notNullColumns, onlyNotNull: notNullColumns.length === terms.length }
}

function placeOf(location: number | undefined, context: FoldContext): number {
  return location === undefined || location < 0 ? context.statement.start : context.statement.offsetOf(location)
}

/** The site of the table element or ALTER command that starts at `location`. */
function siteOf(location: number | undefined, context: FoldContext): Site {
  const { statement, migration, site } = context
  const start = placeOf(location, context)
  if (start === statement.start) return site
  return { ...site, span: elementSpan(migration.text, start, statement.end) }
}

/** From `start` to before the next comma or closing parenthesis at the same level, or to `limit`. */
function elementSpan(text: string, start: number, limit: number): Span {
  let depth = 0
  let at = start
  let end = start
  while (at < limit) {
    const code = text.charCodeAt(at)
    // Anything that is a letter or above, or a digit, is part of a word; nearly all of a declaration is.
    if (code > 0x5d || (code > 0x2f && code < 0x5b)) {
      end = ++at
    } else if (code <= 0x20) {
      at++
    } else if ((code === 0x2c || code === 0x29) && depth === 0) {
      break
    } else if (code === 0x27 || code === 0x22 || code === 0x24) {
      at = end = quotedEnd(text, at)
    } else if (
      (code === 0x2d && text.charCodeAt(at + 1) === 0x2d) ||
      (code === 0x2f && text.charCodeAt(at + 1) === 0x2a)
    ) {
      at = skipBlank(text, at)
    } else {
      if (code === 0x28 || code === 0x5b) depth++
      else if (code === 0x29 || code === 0x5d) depth--
      end = ++at
    }
  }
  return { start, end: Math.min(end, limit) }
}

/** The end of the string, quoted name or dollar-quoted text that starts at `at`; `E'…'` is told by the letter before. */
function quotedEnd(text: string, at: number): number {
  const before = text[at - 1] ?? ''
  const inWord = /[\w$\u0080-\uffff]/.test(before)
  if (text[at] === "'" && /[eE]/.test(before) && !/[\w$\u0080-\uffff]/.test(text[at - 2] ?? ''))
    return tokenEnd(text, at - 1)
  return text[at] === '$' && inWord ? at + 1 : tokenEnd(text, at)
}

function strings(nodes: readonly Node[] | undefined): string[] {
  const found: string[] = []
  for (const node of nodes ?? []) {
    const text = nodeOf(node, 'String')?.sval
    if (text !== undefined) found.push(text)
  }
  return found
}
