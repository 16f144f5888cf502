import { createRequire } from 'node:module'
import type { Node } from '@pgsql/types'
import { lineEndAfter, skipBlank } from './blank.ts'
import type { PlpgsqlFunction } from './plpgsql.ts'
import { isAscii, utf16OffsetOfCharacter, utf16Offsets } from './positions.ts'
import type { NodeTag, Statement } from './statement.ts'
import { lastTokenEnd, tokenEnd } from './token.ts'

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
  /** Where PostgreSQL points, as a UTF-16 offset into the text that was given, after `base`. */
  offset: number
  /** The end of the token there, on its first line. */
  end: number
}

/** The code of a DO block or a CREATE FUNCTION that PL/pgSQL accepts. */
export interface ParsedPlpgsql {
  kind: 'parsed'
  code: PlpgsqlFunction
}

/** Code that PL/pgSQL rejects; where is not known. */
export interface PlpgsqlError {
  kind: 'syntax-error'
  message: string
}

/** A lexical token of PostgreSQL's scanner; offsets are UTF-16. */
export interface Token {
  start: number
  end: number
  text: string
  /** The scanner's name: `SQL_COMMENT`, `C_COMMENT`, `IDENT`, `SCONST`, `ASCII_59` …; many keywords are `UNKNOWN`. */
  name: string
}

/** PostgreSQL 18's parser, loaded. All of it is synchronous and pure. */
export interface Parser {
  /**
   * Parses `text`. `base` is added to every offset that comes back: the place of `text` in its file.
   */
  parse(text: string, base?: number): ParsedSql | SqlSyntaxError
  /**
   * Parses the code of one DO block or CREATE FUNCTION in PL/pgSQL, given as that whole statement. The SQL in it is
   * checked but not parsed.
   */
  parsePlpgsql(statement: string): ParsedPlpgsql | PlpgsqlError
  /** The scanner's tokens, comments included. Text that the scanner rejects gives an empty list. */
  tokens(text: string): Token[]
}

let loading: Promise<Parser> | undefined
/** Settles when the parser has an instance that no text has harmed. */
let replacing: Promise<void> | undefined

/**
 * Loads the parser (WebAssembly, about 0.1 s) once for the process.
 * It is PostgreSQL 18's grammar for every target; newer syntax is gated by the target's major elsewhere.
 */
export async function loadParser(): Promise<Parser> {
  loading ??= load()
  await replacing
  return loading
}

type Library = typeof import('libpg-query')

/**
 * How many texts too deep for JavaScript's stack one instance of the library may see. What it had on its own stack
 * when JavaScript's overflowed is lost to it; it has been seen to break after 27 such texts, never earlier.
 */
const overflowsPerInstance = 8

async function load(): Promise<Parser> {
  let library = await instantiate()
  let overflows = 0

  /** Says why when the text is too deep for the stack, or the instance is waiting to be replaced. */
  function guarded<T>(work: (library: Library) => T): { result: T } | { overflow: string } {
    if (overflows >= overflowsPerInstance) {
      return { overflow: 'not parsed: the parser gave up on texts before this one, nested too deeply' }
    }
    try {
      return { result: work(library) }
    } catch (error) {
      const trapped = error instanceof Error && error.name === 'RuntimeError'
      if (!(error instanceof RangeError || trapped)) throw error
      overflows = trapped ? overflowsPerInstance : overflows + 1
      replacing ??= replace()
      return { overflow: 'stack depth limit exceeded' }
    }
  }

  async function replace(): Promise<void> {
    library = await instantiate()
    overflows = 0
    replacing = undefined
  }

  function parse(text: string, base = 0): ParsedSql | SqlSyntaxError {
    const refused = findInvalidCharacter(text)
    if (refused !== undefined) return syntaxError(text, refused.message, refused.offset, base)
    if (skipBlank(text, 0) === text.length) return { kind: 'parsed', statements: [] }
    let parsed
    try {
      parsed = guarded((loaded) => loaded.parseSync(text).stmts ?? [])
    } catch (error) {
      const details = (error as { sqlDetails?: { cursorPosition?: number } }).sqlDetails
      if (!(error instanceof Error) || details === undefined) throw error
      // The error's place, unlike a node's, is counted in characters.
      return syntaxError(text, error.message, utf16OffsetOfCharacter(text, details.cursorPosition ?? 0), base)
    }
    if ('overflow' in parsed) return syntaxError(text, parsed.overflow, skipBlank(text, 0), base)
    const toUtf16 = utf16Offsets(text)
    const statements: Statement[] = []
    for (const { stmt, stmt_location: location = 0, stmt_len: length } of parsed.result) {
      if (stmt === undefined) continue
      const tag = Object.keys(stmt)[0] as NodeTag
      const start = skipBlank(text, toUtf16(location))
      // A length of 0 means "to the end of the text".
      const end = lastTokenEnd(text, start, length ? toUtf16(location + length) : text.length)
      statements.push({
        index: statements.length,
        tag,
        node: stmt as Node,
        text: text.slice(start, end),
        start: base + start,
        end: base + end,
        offsetOf: (byteOffset) => base + (byteOffset < 0 ? start : toUtf16(byteOffset)),
      })
    }
    return { kind: 'parsed', statements }
  }

  function parsePlpgsql(statement: string): ParsedPlpgsql | PlpgsqlError {
    const parsed = plpgsqlTree(statement)
    // The library takes the row type of a table for a type of one value, and then knows no field of it; a table's name
    // alone it takes for a type with fields, which comes to the same.
    return parsed.kind === 'syntax-error' && rowType.test(statement)
      ? plpgsqlTree(statement.replaceAll(rowType, (written) => ' '.repeat(written.length)))
      : parsed
  }

  function plpgsqlTree(statement: string): ParsedPlpgsql | PlpgsqlError {
    const refused = findInvalidCharacter(statement)
    if (refused !== undefined) return { kind: 'syntax-error', message: refused.message }
    let parsed
    try {
      parsed = guarded((loaded) => loaded.parsePlPgSQLSync(statement) as unknown as PlpgsqlResult)
    } catch (error) {
      // The library throws its messages as plain errors.
      if (!(error instanceof Error)) throw error
      return { kind: 'syntax-error', message: error.message }
    }
    if ('overflow' in parsed) return { kind: 'syntax-error', message: parsed.overflow }
    const code = parsed.result.plpgsql_funcs?.[0]?.PLpgSQL_function
    return code === undefined ? { kind: 'syntax-error', message: 'no PL/pgSQL in it' } : { kind: 'parsed', code }
  }

  function tokens(text: string): Token[] {
    if (text === '' || findInvalidCharacter(text) !== undefined) return []
    const toUtf16 = utf16Offsets(text)
    return scan(text).map((token) => {
      const start = toUtf16(token.start)
      const end = toUtf16(token.end)
      return { start, end, text: text.slice(start, end), name: token.tokenName }
    })
  }

  function scan(text: string) {
    try {
      const outcome = guarded((loaded) => loaded.scanSync(text).tokens)
      return 'result' in outcome ? outcome.result : []
    } catch {
      return []
    }
  }

  return { parse, parsePlpgsql, tokens }
}

/** What the library returns for PL/pgSQL; its own types speak of SQL. */
interface PlpgsqlResult {
  plpgsql_funcs?: { PLpgSQL_function?: PlpgsqlFunction }[]
}

const rowType = /%\s*rowtype\b/gi

function syntaxError(text: string, message: string, offset: number, base: number): SqlSyntaxError {
  const end = offset < text.length ? Math.min(tokenEnd(text, offset), lineEndAfter(text, offset)) : offset
  return { kind: 'syntax-error', message, offset: base + offset, end: base + end }
}

/** A fresh instance of the library: the package keeps one per evaluation of its module. */
async function instantiate(): Promise<Library> {
  const require = createRequire(import.meta.url)
  delete require.cache[require.resolve('libpg-query')]
  const library = require('libpg-query') as Library
  await library.loadModule()
  return library
}

/** The first character that a server with encoding UTF8 refuses in a query. */
function findInvalidCharacter(text: string): { message: string; offset: number } | undefined {
  const nul = text.indexOf('\0')
  if (nul !== -1) return { message: 'invalid byte sequence for encoding "UTF8": 0x00', offset: nul }
  const surrogate = isAscii(text) ? -1 : text.search(/\p{Surrogate}/u)
  if (surrogate !== -1)
    return { message: 'invalid byte sequence for encoding "UTF8": lone surrogate', offset: surrogate }
  return undefined
}
