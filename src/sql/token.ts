import { skipBlank } from './blank.ts'

const word = /[A-Za-z_\u0080-\uffff][\w$\u0080-\uffff]*/y
const number = /\w+/y
const parameter = /\$\d+/y
const dollarQuote = /\$(?:[A-Za-z_\u0080-\uffff][\w\u0080-\uffff]*)?\$/y
/**
 * Between the parts of one string: a quote, white space with a line break in it and `--` comments, a quote. The
 * server's scanner reads the comments so; libpg_query's, which keeps comments, rejects them there.
 */
export const stringJoint = /'[ \t\f\v]*(?:--[^\n\r]*)?[\n\r](?:[ \t\n\r\f\v]|--[^\n\r]*[\n\r])*'/y

/**
 * The offset after the token that starts at `at`, read as PostgreSQL's scanner does with
 * `standard_conforming_strings` on. Operators are taken one character at a time, so that a comment that starts within
 * one is seen, and numbers in parts. An unterminated string or quoted name runs to the end of the text.
 * Only to be called where a token starts, never on white space or a comment.
 */
export function tokenEnd(text: string, at: number): number {
  const code = text.charCodeAt(at)
  if (code === 39) return stringEnd(text, at, false)
  if (code === 34) return closingAfter(text, '"', at + 1)
  if (code === 36) return parameterEnd(text, at)
  if (isWordStart(code)) {
    const end = matchEnd(word, text, at)
    const escapes = end === at + 1 && (code === 69 || code === 101) && text[end] === "'"
    return escapes ? stringEnd(text, end, true) : end
  }
  if (code >= 48 && code <= 57) return matchEnd(number, text, at)
  return at + 1
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

function isWordStart(code: number): boolean {
  return (code >= 97 && code <= 122) || (code >= 65 && code <= 90) || code === 95 || code >= 128
}

function stringEnd(text: string, at: number, escapes: boolean): number {
  let i = at + 1
  while (i < text.length) {
    const code = text.charCodeAt(i)
    if (code === 92 && escapes) {
      i += 2
    } else if (code !== 39) {
      i++
    } else if (text.charCodeAt(i + 1) === 39) {
      i += 2
    } else {
      const next = matchEnd(stringJoint, text, i)
      if (next === i) return i + 1
      i = next
    }
  }
  return text.length
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
