import type { AlterTableCmd } from '@pgsql/types'
import { skipSpace } from '../sql/blank.ts'
import type { Span } from '../sql/positions.ts'
import { isDefaultPath } from '../sql/search-path.ts'
import type { NodeOf, Statement } from '../sql/statement.ts'
import { nodeOf, statementOf } from '../sql/statement.ts'
import { tokenEnd } from '../sql/token.ts'
import { printedName } from './object-name.ts'
import { observationOf } from './observed.ts'
import { namedTable, searchPathAt } from './search-path.ts'
import type { StatementSubject } from './subject.ts'

/** One command of an ALTER TABLE: `ADD COLUMN c int`, `ALTER COLUMN c SET NOT NULL`. */
export interface AlterCommand {
  node: AlterTableCmd
  /** As it is written. */
  text: string
  /** UTF-16 offsets into the statement's text. */
  span: Span
}

const known = new WeakMap<Statement, readonly AlterCommand[]>()

/** The commands of an ALTER TABLE in their order, each with its text; empty for every other statement. */
export function alterCommands(statement: Statement): readonly AlterCommand[] {
  const alter = statementOf(statement, 'AlterTableStmt')
  if (alter?.objtype !== 'OBJECT_TABLE') return []
  // Many rules ask for those of the same statement.
  let commands = known.get(statement)
  if (commands === undefined) known.set(statement, (commands = readCommands(statement, alter)))
  return commands
}

function readCommands(statement: Statement, alter: NodeOf<'AlterTableStmt'>): AlterCommand[] {
  const spans = commandSpans(statement.text)
  return (alter.cmds ?? []).flatMap((each, index) => {
    const node = nodeOf(each, 'AlterTableCmd')
    const span = spans[index]
    return node && span ? [{ node, text: statement.text.slice(span.start, span.end), span }] : []
  })
}

/** The name that the table of an ALTER TABLE has in a `SchemaText`; undefined for every other statement. */
export function alteredTable(subject: StatementSubject): string | undefined {
  const alter = statementOf(subject.statement, 'AlterTableStmt')
  const relation = alter?.objtype === 'OBJECT_TABLE' ? alter.relation : undefined
  return relation?.relname === undefined ? undefined : namedTable(subject, relation)
}

/**
 * The table of an ALTER TABLE as SQL finds it in the file and in a new one alike: as the statement names it, with its
 * schema where the file sets a search path and the text or a trace shows which of its schemas it is.
 */
export function alteredTableInSql(subject: StatementSubject): string {
  const written = alteredTableText(subject.statement)
  const relation = statementOf(subject.statement, 'AlterTableStmt')?.relation
  const path = searchPathAt(subject)
  if (relation === undefined || relation.schemaname !== undefined || isDefaultPath(path)) return written
  const name = namedTable(subject, relation)
  const isKnown =
    path.length < 2 || observationOf(subject) || subject.migration.history.before(subject).tables.has(name)
  return isKnown ? printedName(name) : written
}

/** The table of an ALTER TABLE as the statement names it, to be written into another: `app.orders`, `"Order"`. */
export function alteredTableText({ text }: Statement): string {
  const { start, end } = tableSpan(text)
  return text.slice(start, end)
}

/**
 * The ALTER TABLE with its semicolon once some of its commands are taken out; empty when none is left, as
 * `Recipe.instead` wants it.
 */
export function withoutCommands(statement: Statement, taken: readonly AlterCommand[]): string {
  return withCommands(
    statement,
    taken.map((command) => [command, '']),
  )
}

/**
 * The ALTER TABLE with its semicolon and some of its commands replaced, each by one or several joined by commas; by
 * nothing it is taken out. Empty when no command is left.
 */
export function withCommands(
  statement: Statement,
  changes: readonly (readonly [command: AlterCommand, text: string])[],
): string {
  const all = alterCommands(statement)
  const first = all[0]
  if (first === undefined) return `${statement.text};`
  let text = ''
  for (const [index, { span, text: own }] of all.entries()) {
    const change = changes.find(([command]) => command.span.start === span.start)
    const written = change ? change[1] : own
    if (written === '') continue
    // What stands between two commands, comments and line breaks, goes with the later one.
    const before = text === '' ? undefined : all[index - 1]
    text += `${before ? statement.text.slice(before.span.end, span.start) : ''}${written}`
  }
  return text === '' ? '' : `${statement.text.slice(0, first.span.start)}${text};`
}

/**
 * The UTF-16 offset into the statement's text of a `location` of its tree (UTF-8 bytes). Unlike `offsetOf` it knows
 * nothing of the file, so it serves for statements in code as well.
 */
export function offsetInText({ text, node }: Statement, location: number): number {
  const { relation } = nodeOf(node, 'AlterTableStmt') ?? {}
  let at = tableSpan(text).start
  for (let bytes = location - (relation?.location ?? 0); bytes > 0 && at < text.length;) {
    const code = text.codePointAt(at) ?? 0
    bytes -= code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4
    at += code < 0x10000 ? 1 : 2
  }
  return at
}

/** The table's name, with its schema and without ONLY. */
function tableSpan(text: string): Span {
  let token = tokenAt(text, 0)
  while (token.end < text.length && isHead(text, token)) token = tokenAt(text, token.end)
  const { start } = token
  let { end } = token
  for (let dot = tokenAt(text, end); isSign(text, dot, '.'); dot = tokenAt(text, end)) end = tokenAt(text, dot.end).end
  return { start, end }
}

/** Whether a token stands before the table's name: `ALTER TABLE [IF EXISTS] [ONLY] [(]`. */
function isHead(text: string, token: Span): boolean {
  const word = wordOf(text, token)
  return (
    ['alter', 'table', 'exists', 'only', '('].includes(word) ||
    (word === 'if' && wordOf(text, tokenAt(text, token.end)) === 'exists')
  )
}

/** The commands' spans: what stands between the commas outside parentheses and brackets. */
function commandSpans(text: string): Span[] {
  const spans: Span[] = []
  let token = tokenAt(text, tableSpan(text).end)
  // The end of `ONLY (t)`, and the `*` that asks for what is the default.
  while (isSign(text, token, ')') || isSign(text, token, '*')) token = tokenAt(text, token.end)
  let current: Span | undefined
  let depth = 0
  for (; token.start < text.length; token = tokenAt(text, token.end)) {
    if (depth === 0 && isSign(text, token, ',')) {
      if (current) spans.push(current)
      current = undefined
      continue
    }
    if (isSign(text, token, '(') || isSign(text, token, '[')) depth++
    else if (isSign(text, token, ')') || isSign(text, token, ']')) depth--
    if (current) current.end = token.end
    else current = token
  }
  return current ? [...spans, current] : spans
}

function tokenAt(text: string, at: number): Span {
  const start = skipSpace(text, at)
  return { start, end: start < text.length ? tokenEnd(text, start) : start }
}

function isSign(text: string, { start, end }: Span, sign: string): boolean {
  return end === start + 1 && text[start] === sign
}

/** In lower case, quotes included. */
function wordOf(text: string, { start, end }: Span): string {
  return text.slice(start, end).toLowerCase()
}
