import { skipBlank } from './blank.ts'

/**
 * Integers, decimals and powers of ten; `1..2` is `1`, `..`, `2`. What PostgreSQL calls trailing junk (`1a`, which it
 * refuses) is taken along.
 */
const number =
  /(?:0[xob]\w+|(?:\d(?:_?\d)*(?:\.(?!\.)(?:\d(?:_?\d)*)?)?|\.\d(?:_?\d)*)(?:e[-+]?\d(?:_?\d)*)?)(?:[a-z_\u0080-\uffff][\w$\u0080-\uffff]*)?/iy
const parameter = /\$\d+/y
const dollarQuote = /\$(?:[A-Za-z_\u0080-\uffff][\w\u0080-\uffff]*)?\$/y
/**
 * Between the parts of one string: a quote, white space with a line break in it and `--` comments, a quote. The
 * server's scanner reads the comments so; libpg_query's, which keeps comments, rejects them there.
 */
export const stringJoint = /'[ \t\f\v]*(?:--[^\n\r]*)?[\n\r](?:[ \t\n\r\f\v]|--[^\n\r]*[\n\r])*'/y

/** What the characters below U+0080 can be; all above are letters. */
const wordStart = 1
const wordPart = 2
const operator = 4
/** In an operator that has one of these, a last `+` or `-` is part of it; in `<-` it is an operator of its own. */
const keepsSign = 8
const classes = new Uint8Array(128)
for (const [characters, meaning] of [
  ['abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_', wordStart | wordPart],
  ['0123456789$', wordPart],
  ['+-*/<>=', operator],
  ['~!@#^&|`?%', operator | keepsSign],
] as const) {
  for (const character of characters) classes[character.charCodeAt(0)] = meaning
}

/**
 * The offset after the token that starts at `at`, read as PostgreSQL's scanner does with
 * `standard_conforming_strings` on; `N'…'` is one token here. An unterminated string or quoted name runs to the end of
 * the text. Only to be called where a token starts, never on white space or a comment.
 */
export function tokenEnd(text: string, at: number): number {
  const code = text.charCodeAt(at)
  if (isA(code, wordStart)) return wordEnd(text, at)
  if (code === 39) return stringEnd(text, at, 'standard')
  if (code === 34) return quotedNameEnd(text, at)
  if (code === 36) return parameterEnd(text, at)
  if (isDigit(code)) return matchEnd(number, text, at)
  if (isA(code, operator)) return operatorEnd(text, at)
  const next = text.charCodeAt(at + 1)
  if (code === 46 && isDigit(next)) return matchEnd(number, text, at)
  // `..`, `::` and `:=`
  const isPair = code === 46 ? next === 46 : code === 58 && (next === 58 || next === 61)
  return isPair ? at + 2 : at + 1
}

/**
 * A string's token with one line break for what stands between its parts, comments or not; every other token as it is.
 */
export function withPlainJoints(token: string): string {
  const quote = token.indexOf("'")
  if (quote === -1 || !/^(?:[bexn]|u&)?'/i.test(token)) return token
  let result = ''
  let from = 0
  stringEnd(token, quote, stringKind(token), (start, end) => {
    result += `${token.slice(from, start)}'\n'`
    from = end
  })
  return result + token.slice(from)
}

/** The end of the last token in `start` to `end`: white space and comments after it are cut off. */
export function lastTokenEnd(text: string, start: number, end: number): number {
  const stretch = text.slice(start, end)
  // Without a comment sign the tail can be read backwards; with one, only reading on from the start tells a comment
  // from a string.
  if (!stretch.includes('--') && !stretch.includes('/*')) return start + blankTailStart(stretch)
  let last = start
  for (let at = skipBlank(text, start); at < end; at = skipBlank(text, last)) last = tokenEnd(text, at)
  return Math.min(last, end)
}

function blankTailStart(text: string): number {
  let end = text.length
  // Not trimEnd(): PostgreSQL reads U+00A0 and its like as letters of a name.
  while (end > 0 && isBlank(text.charCodeAt(end - 1))) end--
  return end
}

function isBlank(code: number): boolean {
  return code === 32 || (code >= 9 && code <= 13)
}

function isDigit(code: number): boolean {
  return code >= 48 && code <= 57
}

function isA(code: number, meaning: number): boolean {
  return ((code < 128 ? (classes[code] ?? 0) : wordStart | wordPart) & meaning) !== 0
}

/** A word, or a string or name with a prefix: `E'…'`, `B'…'`, `X'…'`, `N'…'`, `U&'…'`, `U&"…"`. */
function wordEnd(text: string, at: number): number {
  let end = at + 1
  while (end < text.length && isA(text.charCodeAt(end), wordPart)) end++
  if (end > at + 1) return end
  const next = text.charCodeAt(end)
  if (next === 39) {
    const isPrefix = /[bexn]/i.test(text.charAt(at))
    return isPrefix ? stringEnd(text, end, stringKind(text.charAt(at))) : end
  }
  if (next !== 38 || (text.charCodeAt(at) | 32) !== 117) return end
  const quote = text.charCodeAt(end + 1)
  if (quote === 39) return stringEnd(text, end + 1, 'standard')
  return quote === 34 ? quotedNameEnd(text, end + 1) : end
}

/**
 * PostgreSQL's rule: the longest run of operator characters, as far as the first `--` or `/*`; without its last `+` or
 * `-`, unless one of the characters of `keepsSign` precedes. Source: src/backend/parser/scan.l, rule {operator}.
 */
function operatorEnd(text: string, at: number): number {
  let end = at + 1
  let signs = isA(text.charCodeAt(at), keepsSign)
  for (; end < text.length; end++) {
    const code = text.charCodeAt(end)
    if (!isA(code, operator)) break
    const before = text.charCodeAt(end - 1)
    if ((code === 45 && before === 45) || (code === 42 && before === 47)) {
      // A comment, which began one character earlier.
      end--
      break
    }
    signs ||= isA(code, keepsSign)
  }
  while (!signs && end > at + 1 && isSign(text.charCodeAt(end - 1))) end--
  return end
}

function isSign(code: number): boolean {
  return code === 43 || code === 45
}

/** In `bits` a quote cannot be doubled; in `escapes` a backslash takes the next character along. */
type StringKind = 'standard' | 'escapes' | 'bits'

/** Of a string that begins so. */
function stringKind(prefix: string): StringKind {
  if (/^e/i.test(prefix)) return 'escapes'
  return /^[bx]/i.test(prefix) ? 'bits' : 'standard'
}

/** `at` is the offset of the opening quote. */
function stringEnd(text: string, at: number, kind: StringKind, onJoint?: (start: number, end: number) => void): number {
  let i = at + 1
  while (i < text.length) {
    const code = text.charCodeAt(i)
    if (code === 92 && kind === 'escapes') {
      i += 2
    } else if (code !== 39) {
      i++
    } else if (kind !== 'bits' && text.charCodeAt(i + 1) === 39) {
      i += 2
    } else {
      const next = matchEnd(stringJoint, text, i)
      if (next === i) return i + 1
      onJoint?.(i, next)
      i = next
    }
  }
  return text.length
}

function quotedNameEnd(text: string, at: number): number {
  let end = closingAfter(text, '"', at + 1)
  while (text.charCodeAt(end) === 34) end = closingAfter(text, '"', end + 1)
  return end
}

function parameterEnd(text: string, at: number): number {
  const after = matchEnd(parameter, text, at)
  if (after > at) return after
  const opened = matchEnd(dollarQuote, text, at)
  return opened === at ? at + 1 : closingAfter(text, text.slice(at, opened), opened)
}

function closingAfter(text: string, closing: string, from: number): number {
  const at = text.indexOf(closing, from)
  return at === -1 ? text.length : at + closing.length
}

/** The end of the match at exactly `at`; `at` itself when there is none. */
function matchEnd(pattern: RegExp, text: string, at: number): number {
  pattern.lastIndex = at
  return pattern.test(text) ? pattern.lastIndex : at
}
