import { lineEndAfter, skipBlank } from './blank.ts'
import type { Span } from './positions.ts'
import { readStringLiteral } from './string-literal.ts'
import type { StringValue } from './string-literal.ts'
import { tokenEnd } from './token.ts'

const mask = '********'

/**
 * The text without its secrets, each replaced by eight asterisks whatever its length: passwords in connection URLs
 * and in keyword connection strings, values named `password` (`PGPASSWORD=…`, `"password": "…"`), and the literal
 * after the word PASSWORD. For output of any kind: messages, logs, program output. In doubt it takes away too much.
 */
export function redactText(text: string): string {
  return withoutSpans(text, secretsInText(text))
}

/**
 * SQL without its secrets; see `secretsInSql`. Text that PostgreSQL would not parse is treated the same way.
 */
export function redactSql(sql: string): string {
  return withoutSpans(sql, secretsInSql(sql))
}

/**
 * A message of PostgreSQL's without the text that it quotes, where that may be a secret: a string literal, whole or
 * cut off, and whatever `context`, the statement's text before the place, gives reason to hide. One line.
 */
export function redactServerMessage(message: string, context = ''): string {
  const [, said, token] = /^(.*?) at or near "([\s\S]*)"?$/.exec(message) ?? []
  if (said === undefined || token === undefined) return redactText(message)
  const isLiteral = /^(?:[a-z]{0,2}&?['$]|")/i.test(token)
  if (isLiteral || beforeSecret.test(context)) return `${redactText(said)} at or near a text that is not shown`
  const line = token.replace(/"$/, '').split('\n')[0] ?? ''
  return `${redactText(said)} at or near "${redactText(line)}"`
}

/** What precedes a secret closely, also misspelt. */
const beforeSecret = /(?:pass?w|identified\s+by|secret|token)[^;]{0,40}$/i

/**
 * Where the secrets in SQL are, in order: literals after PASSWORD or an option whose name says that it is secret
 * (CREATE ROLE, USER MAPPING, SERVER), and what `redactText` takes away within string literals, quoted names and
 * comments: the connection strings of CREATE SUBSCRIPTION and dblink among them. Code outside of these is left alone:
 * `WHERE password = crypt($1, password)` shows nothing.
 *
 * It reads tokens, not the parse tree, because a statement that does not parse is printed most of all.
 */
export function secretsInSql(sql: string): Span[] {
  return mayHoldSecret.test(sql) ? secretsInCode(sql, 0) : []
}

/** Names of options and keywords whose value is a secret: `password`, `sslpassword`, `oauth_client_secret` … */
const secretName = /(?:password|passwd|secret|token|api_key|access_key|client_key|server_key)$/i
const mayHoldSecret = /:\/\/|passw|pwd|secret|token|_key|\b(?:role|user|group)\s/i

/** How deep code in a literal within code in a literal is read. */
const deepestCode = 4

function secretsInCode(sql: string, depth: number): Span[] {
  const found: Span[] = []
  let previous = ''
  let words = 0
  let ofRole = false
  for (let at = 0; at < sql.length;) {
    const start = skipBlank(sql, at)
    if (start > at) add(found, secretsInText(sql.slice(at, start)), at)
    if (sql.slice(at, start).includes(';')) words = 0
    if (start === sql.length) break
    const end = tokenEnd(sql, start)
    const token = sql.slice(start, end)
    if (/^(?:u&)?"/i.test(token)) add(found, secretsInText(token), start)
    // In a statement about a role every text but the end of its validity may be the password, whatever word was
    // misspelt before it; so may the word after PASSWORD.
    words++
    if (words === 2) ofRole = /^(?:role|user|group)$/i.test(token)
    if (words === 1) ofRole = false
    const isSecret = secretName.test(previous) || (ofRole && !/^until$/i.test(previous))
    const literal = isSecret || mayHoldSecret.test(token) ? readStringLiteral(token) : undefined
    if (literal !== undefined) add(found, secretsInLiteral(literal, isSecret, depth), start)
    else if (ofRole && secretName.test(previous) && /^["\w]/.test(token) && !/^null$/i.test(token)) {
      found.push({ start, end })
    }
    // `password = 'x'`, `password => 'x'` and `password := 'x'` name their value too.
    if (token !== '=' && token !== '=>' && token !== ':=') previous = token.startsWith('"') ? token.slice(1, -1) : token
    at = end
  }
  return merged(found)
}

function secretsInLiteral({ value, offsets }: StringValue, isSecret: boolean, depth: number): Span[] {
  const spans = isSecret ? [{ start: 0, end: value.length }] : secretsInText(value)
  // A function's code, the text of EXECUTE: SQL of its own, or near enough.
  if (!isSecret && depth < deepestCode) add(spans, secretsInCode(value, depth + 1), 0)
  return spans.map((span) => ({ start: offsets[span.start] ?? 0, end: offsets[span.end] ?? 0 }))
}

function secretsInText(text: string): Span[] {
  if (!/:\/\/|passw|pwd/i.test(text)) return []
  return merged([...urlSecrets(text), ...keywordSecrets(text), ...literalSecrets(text)])
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

const keyword = /(?:password|passwd|pwd)(?:\\?["'`])?[ \t]{0,8}(=>|=|:)[ \t]{0,8}/gi

/** `password=SECRET`, `PGPASSWORD='SECRET'`, `"password": "SECRET"`. */
function keywordSecrets(text: string): Span[] {
  const found: Span[] = []
  keyword.lastIndex = 0
  for (let match = keyword.exec(text); match !== null; match = keyword.exec(text)) {
    const start = keyword.lastIndex
    const span =
      quotedValue(text, start) ?? (match[1] === ':' ? undefined : bareValue(text, start, text[match.index - 1]))
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

function add(found: Span[], spans: readonly Span[], base: number): void {
  for (const span of spans) found.push({ start: base + span.start, end: base + span.end })
}

/** In order, with those that touch or overlap made one, empty ones left out. */
function merged(spans: readonly Span[]): Span[] {
  const result: Span[] = []
  for (const span of [...spans].sort((a, b) => a.start - b.start)) {
    if (span.end <= span.start) continue
    const last = result.at(-1)
    if (last !== undefined && span.start <= last.end) last.end = Math.max(last.end, span.end)
    else result.push({ ...span })
  }
  return result
}

function withoutSpans(text: string, spans: readonly Span[]): string {
  let result = ''
  let at = 0
  for (const span of spans) {
    result += text.slice(at, span.start) + mask
    at = span.end
  }
  return result + text.slice(at)
}
