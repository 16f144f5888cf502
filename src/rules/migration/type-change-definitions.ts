import { skipSpace } from '../../sql/blank.ts'
import { columnsIn } from '../../sql/declarations.ts'
import { quoteIdentifier, quoteTextName } from '../../sql/identifier.ts'
import { unqualified } from '../../sql/schema-draft.ts'
import type { DraftTable } from '../../sql/schema-draft.ts'
import type { Site, TextCheck, TextColumn, TextForeignKey, TextIndex } from '../../sql/schema-text.ts'
import { namesOf, nodeOf } from '../../sql/statement.ts'
import type { Statement } from '../../sql/statement.ts'
import { lastTokenEnd, tokenEnd } from '../../sql/token.ts'
import { findNodes } from '../../sql/walk.ts'
import type { Node } from '@pgsql/types'
import { withoutName } from '../added-constraint.ts'
import { alterCommands } from '../alter-command.ts'
import { parenthesized } from '../domain.ts'
import { statementOfSite } from '../site-statement.ts'
import type { StatementSubject } from '../subject.ts'
import { indexStatement } from './type-change-effect.ts'

/** The statement at a site; undefined for one in code. */
export function statementAt(site: Site, { migration }: StatementSubject): Statement | undefined {
  return site.inCode ? undefined : statementOfSite(migration.history.migrations, site)?.statement
}

/** `CHECK (…)` with another column in the place of one; undefined where the text does not show it surely. */
export function checkWith(check: TextCheck, table: DraftTable, from: string, to: string): string | undefined {
  const text = withoutName(textOf(check.site))
  if (!/^check\b/i.test(text) || /\benforced\b/i.test(text)) return undefined
  const inner = parenthesized(text, 0)
  const uses = usesOf([check.expression], table, from)
  const written = uses === undefined ? undefined : withColumn(inner, from, to, uses)
  if (written === undefined) return undefined
  const behind = text.slice(text.indexOf(inner) + inner.length)
  return `CHECK (${written})${/^\s*\)\s*no\s+inherit\b/i.test(behind) ? ' NO INHERIT' : ''}`
}

/** What follows the table's name in CREATE INDEX, with another column in the place of one. */
export function indexWith(
  index: TextIndex,
  table: DraftTable,
  from: string,
  to: string,
  subject: StatementSubject,
): string | undefined {
  const made = indexStatement(index, subject)
  if (made === undefined) return undefined
  const elements = [...(made.indexParams ?? []), ...(made.indexIncludingParams ?? [])]
  const named = elements.flatMap((each) => nodeOf(each, 'IndexElem')?.name ?? [])
  const expressions = elements.flatMap((each) => nodeOf(each, 'IndexElem')?.expr ?? [])
  if (!named.every((each) => table.columns.some(({ name }) => name === each))) return undefined
  const inExpressions = usesOf([...expressions, ...(made.whereClause ? [made.whereClause] : [])], table, from)
  if (inExpressions === undefined) return undefined
  const uses = named.filter((each) => each === from).length + inExpressions
  return withColumn(behindTable(textOf(index.site)), from, to, uses)
}

/** Whether an index has anything to do with a column; `unclear` where its statement is not to be found. */
export function indexUses(index: TextIndex, column: string, subject: StatementSubject): boolean | 'unclear' {
  if (index.columns.includes(column)) return true
  const made = indexStatement(index, subject)
  if (made === undefined) return 'unclear'
  const included = (made.indexIncludingParams ?? []).flatMap((each) => nodeOf(each, 'IndexElem')?.name ?? [])
  const expressions = (made.indexParams ?? []).flatMap((each) => nodeOf(each, 'IndexElem')?.expr ?? [])
  const conditions = made.whereClause ? [made.whereClause] : []
  return included.includes(column) || [...expressions, ...conditions].some((each) => columnsIn(each).includes(column))
}

/** A foreign key as a constraint of its table, written from what it was parsed to, without NOT VALID. */
export function foreignKeyText(
  { definition, referencedTable, site }: TextForeignKey,
  columns: readonly string[],
  referencedColumns: readonly string[],
): string | undefined {
  const { deferrable, initdeferred, fk_del_set_cols: set, fk_matchtype: match } = definition
  const text = textOf(site)
  // On a column it is another constraint of the tree that says so.
  if (/\b(?:enforced|period)\b/i.test(text) || (!deferrable && /\bdeferr(?:able|ed)\b/i.test(text))) return undefined
  const list = (names: readonly string[]) => names.map(quoteIdentifier).join(', ')
  const setColumns = namesOf({ List: { items: set ?? [] } })
  return [
    `FOREIGN KEY (${list(columns)}) REFERENCES ${quoteTextName(referencedTable)} (${list(referencedColumns)})`,
    match === 'f' ? ' MATCH FULL' : '',
    actionText('UPDATE', definition.fk_upd_action),
    actionText('DELETE', definition.fk_del_action),
    setColumns.length > 0 ? ` (${list(setColumns)})` : '',
    deferrable ? ' DEFERRABLE' : '',
    initdeferred ? ' INITIALLY DEFERRED' : '',
  ].join('')
}

const actions: Readonly<Record<string, string>> = { r: 'RESTRICT', c: 'CASCADE', n: 'SET NULL', d: 'SET DEFAULT' }

function actionText(event: 'UPDATE' | 'DELETE', action: string | undefined): string {
  const text = actions[action ?? 'a']
  return text === undefined ? '' : ` ON ${event} ${text}`
}

/** The expression of a column's default as it is written; undefined where it is not to be found. */
export function defaultText(column: TextColumn, subject: StatementSubject): string | undefined {
  const { defaultSite: site, name } = column
  const statement = site && statementAt(site, subject)
  if (site === undefined || statement === undefined) return undefined
  if (site !== column.site) return defaultSetBy(statement, name)
  const definition = findNodes(statement.node, 'ColumnDef').find(
    ({ colname, location }) => colname === name && statement.offsetOf(location ?? 0) === site.span.start,
  )
  if (definition === undefined) return undefined
  const parts = [...(definition.constraints ?? []).flatMap((each) => nodeOf(each, 'Constraint') ?? [])]
  const own = parts.find(({ contype }) => contype === 'CONSTR_DEFAULT')
  if (own === undefined) return undefined
  const start = statement.offsetOf(own.location ?? 0)
  const starts = [...parts, definition.collClause].flatMap((part) =>
    part?.location === undefined ? [] : [statement.offsetOf(part.location)],
  )
  const end = Math.min(site.span.end, ...starts.filter((each) => each > start))
  return withoutDefault(site.fileText.slice(start, lastTokenEnd(site.fileText, start, end)))
}

/** The expression that an ALTER TABLE makes a column's default, where it sets one. */
export function defaultSetBy(statement: Statement, column: string): string | undefined {
  const own = alterCommands(statement).findLast(
    ({ node }) => node.subtype === 'AT_ColumnDefault' && node.name === column && node.def !== undefined,
  )
  return own?.text.replace(/^[^]*?\bset\s+default\s+/i, '')
}

function withoutDefault(text: string): string {
  const named = withoutName(text)
  return named.slice(skipSpace(named, 'default'.length))
}

function textOf({ fileText, span }: Site): string {
  return fileText.slice(span.start, span.end)
}

/** How often expressions name a column; undefined where one names what is no column of the table under that name. */
function usesOf(expressions: readonly Node[], table: DraftTable, column: string): number | undefined {
  let uses = 0
  for (const expression of expressions) {
    for (const { fields } of findNodes(expression, 'ColumnRef')) {
      const [name = '', qualifier] = namesOf({ List: { items: fields ?? [] } }).toReversed()
      if (qualifier !== undefined && qualifier !== unqualified(table.name)) return undefined
      if (!table.columns.some((each) => each.name === name)) return undefined
      if (name === column) uses++
    }
  }
  return uses
}

/**
 * The text with one name for another. Undefined unless the name stands there exactly `uses` times: else a word of it is
 * something else, a function or a type, or the column had another name when this was written.
 */
function withColumn(text: string, from: string, to: string, uses: number): string | undefined {
  if (uses === 0) return undefined
  let result = ''
  let last = 0
  let found = 0
  for (let at = skipSpace(text, 0); at < text.length; at = skipSpace(text, tokenEnd(text, at))) {
    const end = tokenEnd(text, at)
    if (nameOfToken(text.slice(at, end)) !== from) continue
    found++
    result += text.slice(last, at) + quoteIdentifier(to)
    last = end
  }
  return found === uses ? result + text.slice(last) : undefined
}

function nameOfToken(token: string): string | undefined {
  if (token.startsWith('"')) return token.slice(1, -1).replaceAll('""', '"')
  return /^[a-z_\u0080-\uffff]/i.test(token) ? token.toLowerCase() : undefined
}

/** Of a CREATE INDEX: `USING gin (a) WHERE …`. */
function behindTable(text: string): string {
  const next = (at: number) => skipSpace(text, tokenEnd(text, at))
  const word = (at: number) => text.slice(at, tokenEnd(text, at)).toLowerCase()
  let at = skipSpace(text, 0)
  while (at < text.length && word(at) !== 'on') at = next(at)
  at = next(at)
  if (word(at) === 'only') at = next(at)
  for (at = next(at); word(at) === '.'; at = next(next(at)));
  return text.slice(word(at) === '*' ? next(at) : at)
}
