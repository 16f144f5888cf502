import type { Node } from '@pgsql/types'
import { skipSpace } from './blank.ts'
import type { Span } from './positions.ts'
import { nodeOf } from './statement.ts'
import type { Statement } from './statement.ts'
import { writtenValueStart } from './string-literal.ts'
import { tokenEnd } from './token.ts'

/** The code that a DO block runs, or that CREATE FUNCTION or PREPARE keeps. */
export interface Code {
  /** `plpgsql`, `sql`, `c` …, in lower case. */
  language: string
  text: string
  /**
   * The offset in the file of the code's first character; undefined where the file writes it otherwise, with quotes
   * doubled or with escapes.
   */
  start?: number
}

/** The code in a statement; undefined for one without, for `RETURN expression` and for a function in C. */
export function codeOf(statement: Statement): Code | undefined {
  if (statement.tag === 'PrepareStmt') return preparedStatement(statement)
  const create = nodeOf(statement.node, 'CreateFunctionStmt')
  const options = create?.options ?? nodeOf(statement.node, 'DoStmt')?.args
  if (options === undefined) return undefined
  if (create?.sql_body) return atomicBody(statement)
  let language = create === undefined ? 'plpgsql' : 'sql'
  let code: { text: string; location: number } | undefined
  for (const option of options) {
    const { defname, arg, location = 0 } = nodeOf(option, 'DefElem') ?? {}
    if (defname === 'language') language = (nodeOf(arg, 'String')?.sval ?? language).toLowerCase()
    else if (defname === 'as') {
      const text = onlyText(arg)
      if (text !== undefined) code = { text, location }
    }
  }
  if (code === undefined) return undefined
  const start = writtenAt(statement, code.location, code.text)
  return { language, text: code.text, ...(start !== undefined && { start }) }
}

/** A function in C has two texts: its file and its name there. */
function onlyText(argument: Node | undefined): string | undefined {
  const items = nodeOf(argument, 'List')?.items ?? (argument === undefined ? [] : [argument])
  return items.length === 1 ? (nodeOf(items[0], 'String')?.sval ?? '') : undefined
}

/** `location` is that of the literal in DO, of AS before it in CREATE FUNCTION. */
function writtenAt(statement: Statement, location: number, text: string): number | undefined {
  let at = statement.offsetOf(location) - statement.start
  if (/^as\b/i.test(statement.text.slice(at, at + 3))) at = skipSpace(statement.text, tokenEnd(statement.text, at))
  const token = statement.text.slice(at, tokenEnd(statement.text, at))
  const begin = writtenValueStart(token, text)
  return begin === undefined ? undefined : statement.start + at + begin
}

/** What stands between BEGIN ATOMIC and END. */
function atomicBody(statement: Statement): Code | undefined {
  const words = wordsOf(statement.text)
  const atomic = words.findIndex(({ word }, index) => word === 'atomic' && words[index - 1]?.word === 'begin')
  return atomic === -1 ? undefined : sqlBetween(statement, words[atomic]?.end, words.at(-1)?.start)
}

/** What stands behind AS; a type's name before it has no such word. */
function preparedStatement(statement: Statement): Code | undefined {
  return sqlBetween(statement, wordsOf(statement.text).find(({ word }) => word === 'as')?.end)
}

function sqlBetween({ text, start }: Statement, from: number | undefined, to?: number): Code | undefined {
  return from === undefined ? undefined : { language: 'sql', text: text.slice(from, to), start: start + from }
}

function wordsOf(text: string): (Span & { word: string })[] {
  const words: (Span & { word: string })[] = []
  for (let start = skipSpace(text, 0); start < text.length;) {
    const end = tokenEnd(text, start)
    words.push({ start, end, word: text.slice(start, end).toLowerCase() })
    start = skipSpace(text, end)
  }
  return words
}
