import { lineEndAfter } from './blank.ts'
import type { Span } from './positions.ts'
import { readStringLiteral } from './string-literal.ts'
import { tokenEnd } from './token.ts'

/** Every text with a secret that `secretsInText` finds matches. */
export const namesPassword = /:\/\/|passw|pwd/i

/**
 * Where secrets stand in text of any kind: passwords of URLs, values after a keyword, literals after PASSWORD. In prose
 * also the word after `password:`.
 */
export function secretsInText(text: string, kind: 'text' | 'prose' = 'text'): Span[] {
  if (!namesPassword.test(text)) return []
  return mergedSpans([...urlSecrets(text), ...keywordSecrets(text, kind), ...literalSecrets(text)])
}

/** Characters of a URL or literal that are looked through for its end; a bound on the time that odd text can take. */
const longestValue = 4096

/** `scheme://user:SECRET@`, up to the last `@`: people forget to encode one in a password. */
function urlSecrets(text: string): Span[] {
  const found: Span[] = []
  let from = 0
  // The stretch that the last URL without `@` stood in; no other one in it has one either.
  let barren = 0
  for (let at = text.indexOf('://'); at !== -1; at = text.indexOf('://', Math.max(at + 3, from))) {
    const start = at + 3
    if (start < barren) continue
    const scheme = /[a-z][a-z0-9+.-]*$/i.exec(text.slice(Math.max(0, at - 40), at))?.[0]
    if (scheme === undefined) continue
    const isWeb = /^(?:https?|wss?|ftp)$/i.test(scheme)
    const limit = isWeb ? authorityEnd(text, start) : stretchEnd(text, start, text[at - scheme.length - 1])
    const last = text.lastIndexOf('@', limit - 1)
    if (last < start) {
      if (!isWeb) barren = limit
      continue
    }
    const colon = text.indexOf(':', start)
    // A web address may carry a token as its user name.
    if (colon !== -1 && colon < last) found.push({ start: colon + 1, end: last })
    else if (isWeb) found.push({ start, end: last })
    from = last
  }
  return found
}

function authorityEnd(text: string, from: number): number {
  const end = text.slice(from, from + longestValue).search(/[\s/?#"'`<>]/)
  return end === -1 ? Math.min(text.length, from + longestValue) : from + end
}

/** To the quote that closes the one before the URL when there is one on the line; else to the next white space. */
function stretchEnd(text: string, from: number, before: string | undefined): number {
  if (before === '"' || before === "'" || before === '`') {
    const limit = Math.min(text.length, from + longestValue)
    for (let i = from; i < limit && text[i] !== '\n'; i++) {
      if (text[i] === '\\') i++
      else if (text[i] === before && text[i + 1] === before) i++
      else if (text[i] === before) return i
    }
  }
  return blankAfter(text, from)
}

const blank = /\s/g

function blankAfter(text: string, from: number): number {
  blank.lastIndex = from
  return blank.exec(text)?.index ?? text.length
}

const keyword = /(?:password|passwd|pwd)(?:\\?["'`])?[ \t]{0,8}(=>|:=|=|:(?!:))[ \t]{0,8}/gi

/** `password=SECRET`, `PGPASSWORD='SECRET'`, `"password": "SECRET"`; in prose also `password: SECRET`. */
function keywordSecrets(text: string, kind: 'text' | 'prose'): Span[] {
  const found: Span[] = []
  keyword.lastIndex = 0
  for (let match = keyword.exec(text); match !== null; match = keyword.exec(text)) {
    const start = keyword.lastIndex
    const isBare = kind === 'prose' || !match[1]?.startsWith(':')
    if (match[1] === ':=' && !isBare) continue
    const span = quotedValue(text, start) ?? (isBare ? bareValue(text, start, text[match.index - 1]) : undefined)
    if (span === undefined || span.end <= span.start) continue
    found.push(span)
    keyword.lastIndex = span.end
  }
  return found
}

/** The inside of the quoted value at `at`: `'…'`, `"…"`, or `''…''` within a string literal of SQL. */
function quotedValue(text: string, at: number): Span | undefined {
  const quote = /^(?:''(?=[^\s,;)])|\\?["'`])/.exec(text.slice(at, at + 3))?.[0]
  if (quote === undefined) return undefined
  const start = at + quote.length
  for (let i = start; i < text.length && text[i] !== '\n'; i++) {
    const doubled = text.startsWith(quote + quote, i)
    if (doubled) i += 2 * quote.length - 1
    // Where the quotes are escaped, so are the escapes between them.
    else if (quote.startsWith('\\') && text.startsWith('\\\\', i)) i += 3
    else if (text.startsWith(quote, i)) return { start, end: i }
    else if (text[i] === '\\') i++
  }
  return { start, end: lineEndAfter(text, start) }
}

/** To the next white space that no backslash precedes, or a quote that closes what the string stands in. */
function bareValue(text: string, at: number, before: string | undefined): Span {
  const isQuery = before === '?' || before === '&'
  let i = at
  for (; i < text.length; i++) {
    const character = text[i] ?? ''
    if (/\s/.test(character) || (isQuery && character === '&')) break
    if (/["'`]/.test(character) && /^["'`]*(?:[\s,;)\]}]|$)/.test(text.slice(i + 1, i + 9))) break
    if (character === '\\') i++
  }
  return { start: at, end: Math.min(i, text.length) }
}

const passwordWord = /password["`]?\s{1,8}(?=(?:[eE]|[uU]&)?'|\$)/gi

/** `PASSWORD 'SECRET'` and `password $$SECRET$$`, as in CREATE ROLE and the options of a user mapping. */
function literalSecrets(text: string): Span[] {
  const found: Span[] = []
  passwordWord.lastIndex = 0
  for (let match = passwordWord.exec(text); match !== null; match = passwordWord.exec(text)) {
    const start = passwordWord.lastIndex
    // Doubled quotes: the statement stands in a literal itself.
    if (/^''[^\s,;)]/.test(text.slice(start, start + 3))) {
      const span = quotedValue(text, start)
      if (span !== undefined) found.push(span)
      continue
    }
    const following = text.slice(start, start + longestValue)
    const token = following.slice(0, tokenEnd(following, 0))
    const offsets = readStringLiteral(token)?.offsets
    if (offsets === undefined) continue
    const [first = 0] = offsets
    const last = offsets.at(-1) ?? 0
    // An unterminated one runs to the end of the text for PostgreSQL; here the next lines may be something else.
    found.push({ start: start + first, end: last < token.length ? start + last : lineEndAfter(text, start) })
  }
  return found
}

/** In order, with those that touch or overlap made one, empty ones left out. */
export function mergedSpans(spans: readonly Span[]): Span[] {
  const result: Span[] = []
  for (const span of [...spans].sort((a, b) => a.start - b.start)) {
    if (span.end <= span.start) continue
    const last = result.at(-1)
    if (last !== undefined && span.start <= last.end) last.end = Math.max(last.end, span.end)
    else result.push({ ...span })
  }
  return result
}
