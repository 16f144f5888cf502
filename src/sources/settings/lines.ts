/** A line of postgresql.conf that sets or includes something. Offsets are UTF-16, of the whole text. */
export interface SettingLine {
  name: string
  /** Without quotes and escapes. */
  value: string
  /** From the name to the end of the value. */
  span: { start: number; end: number }
}

export interface SyntaxFault {
  /** What the server stumbles over; empty at the end of a line. */
  token: string
  span: { start: number; end: number }
  /** The whole line, without its break. */
  line: string
}

export type LineReading = { kind: 'setting'; line: SettingLine } | { kind: 'fault'; fault: SyntaxFault }

type TokenKind = 'name' | 'qualified-name' | 'string' | 'bare' | 'integer' | 'real' | 'equals' | 'error'

interface LineToken {
  kind: TokenKind
  text: string
  start: number
}

const letter = 'A-Za-z_\\u0080-\\uffff'

/** The tokens of guc-file.l, in its order: the longest wins, of two as long the first. */
const tokens: readonly (readonly [TokenKind, RegExp])[] = [
  ['name', new RegExp(`[${letter}][${letter}0-9]*`, 'y')],
  ['qualified-name', new RegExp(`[${letter}][${letter}0-9]*\\.[${letter}][${letter}0-9]*`, 'y')],
  ['string', /'(?:[^'\\\n]|\\[^\n]|'')*'/y],
  ['bare', new RegExp(`[${letter}][${letter}0-9\\-._:/]*`, 'y')],
  ['integer', /[-+]?(?:0x[0-9a-fA-F]+|[0-9]+)[a-zA-Z]*/y],
  ['real', /[-+]?[0-9]*\.[0-9]*(?:[Ee][-+]?[0-9]+)?/y],
  ['equals', /=/y],
  ['error', /[^\n]/y],
]

const isValue: ReadonlySet<TokenKind> = new Set(['name', 'string', 'bare', 'integer', 'real'])

/**
 * Reads the text of postgresql.conf as the server does: `name = value` or `name value`, one a line, `#` begins a
 * comment. Every line that it cannot read is a fault, and reading goes on behind it.
 */
export function* readSettingLines(text: string): Generator<LineReading> {
  let start = 0
  for (const line of text.split('\n')) {
    const reading = readLine(tokensOf(text, start, start + line.length))
    if (reading === 'fault-at-end') {
      const end = start + line.trimEnd().length
      yield { kind: 'fault', fault: { token: '', span: { start: start + indentOf(line), end }, line } }
    } else if (reading !== undefined && 'token' in reading) {
      const { text: token, start: at } = reading.token
      yield { kind: 'fault', fault: { token, span: { start: at, end: at + token.length }, line } }
    } else if (reading !== undefined) {
      yield { kind: 'setting', line: reading }
    }
    start += line.length + 1
  }
}

function readLine(found: readonly LineToken[]): SettingLine | { token: LineToken } | 'fault-at-end' | undefined {
  const [name, ...others] = found
  if (name === undefined) return undefined
  if (name.kind !== 'name' && name.kind !== 'qualified-name') return { token: name }
  const [value, rest] = others[0]?.kind === 'equals' ? others.slice(1) : others
  if (value === undefined) return 'fault-at-end'
  if (!isValue.has(value.kind)) return { token: value }
  if (rest !== undefined) return { token: rest }
  return {
    name: name.text,
    value: value.kind === 'string' ? unquote(value.text) : value.text,
    span: { start: name.start, end: value.start + value.text.length },
  }
}

function tokensOf(text: string, start: number, end: number): LineToken[] {
  const found: LineToken[] = []
  let at = start
  while (at < end) {
    const character = text[at]
    if (character === '#') break
    if (character === ' ' || character === '\t' || character === '\r') {
      at++
      continue
    }
    let longest: LineToken | undefined
    for (const [kind, pattern] of tokens) {
      pattern.lastIndex = at
      const match = pattern.exec(text)?.[0]
      if (match !== undefined && match.length > (longest?.text.length ?? 0)) longest = { kind, text: match, start: at }
    }
    // `error` takes any character but a line break, so there is always one.
    if (longest === undefined) break
    found.push(longest)
    at += longest.text.length
  }
  return found
}

function indentOf(line: string): number {
  return line.length - line.trimStart().length
}

const escapes: Record<string, string> = { b: '\b', f: '\f', n: '\n', r: '\r', t: '\t' }

/** A string of postgresql.conf as the server takes it: `''` is a quote, a backslash escapes as in C. */
function unquote(literal: string): string {
  const value = literal
    .slice(1, -1)
    .replace(/''|\\([0-7]{1,3})|\\([^\n])/g, (_, octal?: string, character?: string) => {
      if (octal !== undefined) return String.fromCharCode(Number.parseInt(octal, 8) & 0xff)
      return character === undefined ? "'" : (escapes[character] ?? character)
    })
  const nul = value.indexOf('\0')
  return nul === -1 ? value : value.slice(0, nul)
}
