import type { Node } from '@pgsql/types'
import { utf16Offsets } from './positions.ts'
import { skipBlank } from './blank.ts'
import type { NodeTag, Statement } from './statement.ts'

/** A text that PostgreSQL's grammar accepts, statement by statement. */
export interface ParsedSql {
  kind: 'parsed'
  statements: Statement[]
}

/** A text that PostgreSQL's grammar rejects. */
export interface SqlSyntaxError {
  kind: 'syntax-error'
  /** PostgreSQL's own message. */
  message: string
  /** UTF-16 offset into the text that was given, after `base`. */
  offset: number
}

/** A lexical token of PostgreSQL's scanner; offsets are UTF-16. */
export interface Token {
  start: number
  end: number
  text: string
  /** The scanner's name: `SQL_COMMENT`, `C_COMMENT`, `IDENT`, `SCONST`, `USCONST`, `ASCII_59` … */
  name: string
}

/** PostgreSQL 18's parser, loaded. All of it is synchronous and pure. */
export interface Parser {
  /**
   * Parses `text`. `base` is added to every offset that comes back: the place of `text` in its file.
   */
  parse(text: string, base?: number): ParsedSql | SqlSyntaxError
  /** The scanner's tokens, comments included. Text that the scanner rejects gives an empty list. */
  tokens(text: string): Token[]
  /** The PL/pgSQL functions of a CREATE FUNCTION or DO statement, as PostgreSQL's own JSON; undefined when it does not parse. */
  parsePlpgsql(text: string): unknown
  /** PostgreSQL's query fingerprint. */
  fingerprint(text: string): string
}

let loading: Promise<Parser> | undefined

/**
 * Loads the parser (WebAssembly, about 0.1 s) once for the process.
 * It is PostgreSQL 18's grammar for every target; newer syntax is gated by the target's major elsewhere.
 */
export function loadParser(): Promise<Parser> {
  loading ??= load()
  return loading
}

async function load(): Promise<Parser> {
  const query = await import('libpg-query')
  await query.loadModule()

  function parse(text: string, base = 0): ParsedSql | SqlSyntaxError {
    // PostgreSQL's C strings end at a NUL; the server refuses one in a query, so say so instead of parsing half.
    const nul = text.indexOf('\0')
    if (nul !== -1) return { kind: 'syntax-error', message: 'invalid byte sequence: 0x00', offset: base + nul }
    if (skipBlank(text, 0) === text.length) return { kind: 'parsed', statements: [] }
    const toUtf16 = utf16Offsets(text)
    let raw
    try {
      raw = query.parseSync(text).stmts ?? []
    } catch (error) {
      if (!query.hasSqlDetails(error)) throw error
      const byteOffset = Math.max(0, error.sqlDetails?.cursorPosition ?? 0)
      return { kind: 'syntax-error', message: error.message, offset: base + Math.min(text.length, toUtf16(byteOffset)) }
    }
    const statements: Statement[] = []
    for (const { stmt, stmt_location: location = 0, stmt_len: length } of raw) {
      if (stmt === undefined) continue
      const tag = Object.keys(stmt)[0] as NodeTag
      const start = skipBlank(text, toUtf16(location))
      // A length of 0 means "to the end of the text".
      const end = trimEnd(text, start, length ? toUtf16(location + length) : text.length)
      statements.push({
        index: statements.length,
        tag,
        node: stmt as Node,
        text: text.slice(start, end),
        start: base + start,
        end: base + end,
        offsetOf: (byteOffset) => base + toUtf16(byteOffset),
      })
    }
    return { kind: 'parsed', statements }
  }

  function tokens(text: string): Token[] {
    if (text.trim() === '') return []
    const toUtf16 = utf16Offsets(text)
    let scanned
    try {
      scanned = query.scanSync(text).tokens
    } catch {
      return []
    }
    return scanned.map((token) => {
      const start = toUtf16(token.start)
      const end = toUtf16(token.end)
      return { start, end, text: text.slice(start, end), name: token.tokenName }
    })
  }

  function parsePlpgsql(text: string): unknown {
    try {
      return query.parsePlPgSQLSync(text)
    } catch {
      return undefined
    }
  }

  return { parse, tokens, parsePlpgsql, fingerprint: (text) => query.fingerprintSync(text) }
}

/** Cuts white space and comments off the end; a comment after the last token belongs to what follows. */
function trimEnd(text: string, start: number, end: number): number {
  let last = end
  let at = start
  // Only the tail can be blank, but a comment can only be told from a string by reading on from the start of the
  // statement; the common case, no comment sign at all, needs no reading.
  const body = text.slice(start, end)
  if (!body.includes('--') && !body.includes('/*')) return start + body.trimEnd().length
  last = start
  while (at < end) {
    const next = skipBlank(text, at)
    if (next > at) {
      at = next
      continue
    }
    at = skipToken(text, at, end)
    last = Math.min(at, end)
  }
  return last
}

/** The offset after the quoted string, identifier, dollar-quoted text or single character at `at`. */
function skipToken(text: string, at: number, end: number): number {
  const character = text[at]
  if (character === "'") {
    const escapes = /[eE]/.test(text[at - 1] ?? '') && !/[\w$]/.test(text[at - 2] ?? '')
    for (let i = at + 1; i < end; i++) {
      if (escapes && text[i] === '\\') i++
      else if (text[i] === "'") {
        if (text[i + 1] === "'") i++
        else return i + 1
      }
    }
    return end
  }
  if (character === '"') {
    const close = text.indexOf('"', at + 1)
    return close === -1 ? end : close + 1
  }
  if (character === '$' && !/[\w$\u0080-\uffff]/.test(text[at - 1] ?? '')) {
    const tag = /^\$(?:[A-Za-z_\u0080-\uffff][\w\u0080-\uffff]*)?\$/.exec(text.slice(at, at + 70))?.[0]
    if (tag !== undefined) {
      const close = text.indexOf(tag, at + tag.length)
      return close === -1 ? end : close + tag.length
    }
  }
  return at + 1
}
