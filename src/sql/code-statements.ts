import { codeOf } from './code.ts'
import type { Code } from './code.ts'
import { codeLocator } from './code-locator.ts'
import { constantText } from './constant-text.ts'
import type { ConstantNames } from './constant-text.ts'
import type { Parser } from './parse.ts'
import { sqlPieces, variablesOf } from './plpgsql.ts'
import type { PlpgsqlFunction, SqlPiece } from './plpgsql.ts'
import type { Span } from './positions.ts'
import { nodeOf } from './statement.ts'
import type { Statement } from './statement.ts'
import { writtenValueStart } from './string-literal.ts'

/** A statement that code sends, or a query that it reads by. */
export interface CodeStatement {
  /**
   * Its number is that of the statement around the code. Its span is its own where the file has its text, else that of
   * what makes the text, else that of the statement around the code; `offsetOf` counts on from there.
   */
  statement: Statement
  /** Whether the file has its text at its span. */
  written: boolean
  /** Whether the code may end without having run it, or may take back what it did. */
  conditional: boolean
}

/** What a DO block or a function sends, as far as its text shows. */
export interface CodeStatements {
  /** In the order of the code, its queries and the expressions that call something among them. */
  sent: CodeStatement[]
  /** What else it sends, each in a few words: `EXECUTE of format('DROP TABLE %I', r.name)`. */
  dynamic: string[]
}

/** What is known of the statement around the code. */
export interface Around {
  /** Whether the file has its text at its span. Default: yes. */
  written?: boolean
  /** The arguments of a call that are constant, by the parameter's name and as `$1`. Default: none. */
  given?: ConstantNames
}

/**
 * Reads the code of a DO block, CREATE FUNCTION or PREPARE; undefined for a statement without code. Never throws: what
 * it cannot read is dynamic.
 */
export function codeStatements(
  parser: Parser,
  outer: Statement,
  { written = true, given = new Map() }: Around = {},
): CodeStatements | undefined {
  const found = codeOf(outer)
  if (found === undefined) return undefined
  const code: Code = written ? found : { language: found.language, text: found.text }
  switch (code.language) {
    case 'plpgsql':
      return readPlpgsql(parser, outer, code, given)
    case 'sql':
      return readSql(parser, outer, code)
    default:
      return { sent: [], dynamic: [`code in ${code.language}`] }
  }
}

function readSql(parser: Parser, outer: Statement, code: Code): CodeStatements {
  const statements = placed(parser, code.text, outer, outer, code.start)
  if (statements === undefined) return { sent: [], dynamic: ['code that does not parse'] }
  const sent = statements.map((statement) => ({ statement, written: code.start !== undefined, conditional: false }))
  return { sent, dynamic: [] }
}

function readPlpgsql(parser: Parser, outer: Statement, code: Code, given: ConstantNames): CodeStatements {
  const parsed = parser.parsePlpgsql(outer.text)
  if (parsed.kind === 'syntax-error') return { sent: [], dynamic: ['code that does not parse'] }
  const locate = codeLocator(code.text)
  const found: CodeStatements = { sent: [], dynamic: [] }
  let names: ConstantNames | undefined
  for (const piece of sqlPieces(parsed.code)) {
    const isExecuted = piece.kind === 'execute' || piece.kind === 'query'
    const read = isExecuted
      ? executed(piece, (names ??= constantNames(parser, parsed.code, given)))
      : { text: isExpression(piece) ? `SELECT ${piece.text}` : piece.text }
    // Without a call or a query an expression does nothing.
    if (isExpression(piece) && !piece.text.includes('(')) continue
    const sent = read.text === undefined ? undefined : send(piece, read.text, read.isLiteral)
    if (sent) found.sent.push(...sent)
    // What is read as a query has no effect on the schema by itself.
    else if (piece.kind === 'execute') found.dynamic.push(`EXECUTE of ${shortened(piece.text)}`)
  }
  return found

  function executed(piece: SqlPiece, constants: ConstantNames): { text: string | undefined; isLiteral?: boolean } {
    const expression = expressionOf(parser, piece.text)
    const text = constantText(expression, constants)
    return { text, isLiteral: nodeOf(expression, 'A_Const') !== undefined }
  }

  function send(piece: SqlPiece, text: string, isLiteral = false): CodeStatement[] | undefined {
    const span = code.start === undefined ? undefined : locate(piece)
    const at = span && code.start !== undefined ? moved(span, code.start) : outer
    const start = span && code.start !== undefined ? textStart(piece, text, span, code.start, isLiteral) : undefined
    const statements = placed(parser, text, outer, at, start)
    return statements?.map((statement) => ({
      statement,
      written: start !== undefined,
      conditional: piece.conditional,
    }))
  }

  /** Where the file has the statement's own text. */
  function textStart(piece: SqlPiece, text: string, span: Span, base: number, isLiteral: boolean): number | undefined {
    if (piece.kind === 'statement') return base + span.start
    if (!isLiteral) return undefined
    const literal = span.end - piece.text.length
    const begin = writtenValueStart(piece.text, text)
    return begin === undefined ? undefined : base + literal + begin
  }
}

function isExpression({ kind }: SqlPiece): boolean {
  return kind === 'expression' || kind === 'default'
}

/**
 * The statements of `text`, which stands at `start` in the file, or is not written there and belongs to `place`.
 * Undefined when it does not parse.
 */
function placed(
  parser: Parser,
  text: string,
  outer: Statement,
  place: Span,
  start: number | undefined,
): Statement[] | undefined {
  const parsed = parser.parse(text, start ?? 0)
  if (parsed.kind === 'syntax-error') return undefined
  return parsed.statements.map((statement) => {
    const own = { ...statement, index: outer.index }
    return start === undefined ? atPlace(own, place) : own
  })
}

/** The statement at a place where its text is not written. */
export function atPlace(statement: Statement, { start, end }: Span): Statement {
  const offsetOf = (location: number) => start + statement.offsetOf(location) - statement.start
  return { ...statement, start, end, offsetOf }
}

function moved({ start, end }: Span, by: number): Span {
  return { start: start + by, end: end + by }
}

/** The variables that have one text wherever the code uses them; NULL before that, which EXECUTE refuses. */
function constantNames(parser: Parser, code: PlpgsqlFunction, given: ConstantNames): ConstantNames {
  const names = new Map(given)
  const seen = new Set<string>()
  for (const { name, values } of variablesOf(code)) {
    const [only] = values
    const text =
      values.length === 0
        ? given.get(name)
        : values.length === 1 && only !== undefined && !given.has(name)
          ? constantText(expressionOf(parser, only), names)
          : undefined
    // Of two with one name the code may mean either.
    if (text === undefined || seen.has(name)) names.delete(name)
    else names.set(name, text)
    seen.add(name)
  }
  return names
}

function expressionOf(parser: Parser, text: string) {
  const parsed = parser.parse(`SELECT ${text}`)
  if (parsed.kind === 'syntax-error' || parsed.statements.length !== 1) return undefined
  const targets = nodeOf(parsed.statements[0]?.node, 'SelectStmt')?.targetList ?? []
  return targets.length === 1 ? nodeOf(targets[0], 'ResTarget')?.val : undefined
}

const mostShown = 60

function shortened(text: string): string {
  const line = text.replace(/\s+/g, ' ').trim()
  return line.length <= mostShown ? line : `${line.slice(0, mostShown - 1)}…`
}
