import { stringJoint } from './token.ts'

/** The value of a string literal and, for each UTF-16 unit of it, the offset in the token that it comes from. */
export interface StringValue {
  value: string
  /** One more entry than `value` has units: the last is the offset of the closing quote. */
  offsets: number[]
}

const opening = /^(?:[bexnBEXN]'|[uU]&'|'|\$(?:[A-Za-z_\u0080-\uffff][\w\u0080-\uffff]*)?\$)/
const escape = /\\(?:([0-7]{1,3})|x([0-9A-Fa-f]{1,2})|u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8})|([\s\S]))/y
const letterEscapes: Record<string, string> = { b: '\b', f: '\f', n: '\n', r: '\r', t: '\t' }

/**
 * Reads a token as a string literal (`'…'`, `E'…'`, `U&'…'`, `N'…'`, `B'…'`, `X'…'`, `$tag$…$tag$`); undefined for any
 * other token. The escapes of a `U&` literal are left as written; so are bytes above 127 that `\x` or octal escapes write one by one.
 * An unterminated literal has everything after its opening quote.
 */
export function readStringLiteral(token: string): StringValue | undefined {
  const quote = opening.exec(token)?.[0]
  if (quote === undefined) return undefined
  const start = quote.length
  if (quote.startsWith('$')) {
    const isClosed = token.length >= 2 * start && token.endsWith(quote)
    const end = isClosed ? token.length - start : token.length
    return { value: token.slice(start, end), offsets: Array.from({ length: end - start + 1 }, (_, i) => start + i) }
  }
  return readQuoted(token, start, /^e/i.test(quote))
}

/**
 * The offset in a literal's token at which `value`, its value, stands letter for letter; undefined where it is written
 * otherwise, with quotes doubled or with escapes.
 */
export function writtenValueStart(token: string, value: string): number | undefined {
  const quote = opening.exec(token)?.[0]
  if (quote === undefined) return undefined
  const closing = quote.startsWith('$') ? quote : "'"
  return token === `${quote}${value}${closing}` ? quote.length : undefined
}

function readQuoted(token: string, start: number, escapes: boolean): StringValue {
  let value = ''
  const offsets: number[] = []
  const push = (text: string, offset: number) => {
    for (let i = 0; i < text.length; i++) offsets.push(offset)
    value += text
  }
  let at = start
  while (at < token.length) {
    const character = token[at] ?? ''
    if (character === "'") {
      stringJoint.lastIndex = at
      if (token[at + 1] === "'") {
        push("'", at)
        at += 2
      } else if (stringJoint.test(token)) {
        at = stringJoint.lastIndex
      } else {
        break
      }
      continue
    }
    escape.lastIndex = at
    const escaped = escapes ? escape.exec(token) : null
    push(escaped === null ? character : unescape(escaped), at)
    at += escaped === null ? 1 : escaped[0].length
  }
  offsets.push(at)
  return { value, offsets }
}

function unescape(match: RegExpExecArray): string {
  const [whole, octal, hexadecimal, short, long, letter] = match
  if (letter !== undefined) return letterEscapes[letter] ?? letter
  const code = octal === undefined ? parseInt(hexadecimal ?? short ?? long ?? '', 16) : parseInt(octal, 8) & 0xff
  const isByte = octal !== undefined || hexadecimal !== undefined
  return (isByte && code > 127) || code > 0x10ffff ? whole : String.fromCodePoint(code)
}
