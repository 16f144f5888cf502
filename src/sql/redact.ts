import { blockCommentEnd, lineEndAfter, skipSpace } from './blank.ts'
import type { Span } from './positions.ts'
import { readStringLiteral } from './string-literal.ts'
import type { StringValue } from './string-literal.ts'
import { mergedSpans, namesPassword, secretsInText } from './text-secrets.ts'
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
 * Where the secrets in SQL are, in order:
 * - literals after PASSWORD, or after a name that says that its value is secret, with `=`, `=>`, `:=` or `SET … TO`
 *   between or nothing: CREATE ROLE, USER MAPPING, SERVER, SET, ALTER DATABASE;
 * - what such a variable of PL/pgSQL is declared with, the new value in `set_config` of such a parameter, and the
 *   argument of `format` that stands in such a place;
 * - what `redactText` takes away within string literals, quoted names and comments (the connection strings of CREATE
 *   SUBSCRIPTION and dblink among them), and in comments and COMMENT ON also the word after `password:`.
 *
 * Code outside of these is left alone: `WHERE password = crypt($1, password)` shows nothing.
 *
 * It reads tokens, not the parse tree, because a statement that does not parse is printed most of all.
 */
export function secretsInSql(sql: string): Span[] {
  return mayHoldSecret.test(sql) ? secretsInCode(sql, 0) : []
}

/** Names of options, parameters, variables and keywords whose value is a secret: `password`, `app.jwt_secret` … */
const secretNames =
  '(?:password|passwd|pwd|passphrase|secret|token|credentials?|(?:api|access|private|secret|signing|encryption)_?key|' +
  '(?:client|server)_key)'
const secretName = new RegExp(`${secretNames}$`, 'i')
/** Has to match wherever `secretName` does. */
const mayHoldSecret =
  /:\/\/|passw|passphrase|pwd|secret|token|credential|_key|(?:api|access|private|signing|encryption)key|\b(?:role|user|group)\s/i

/** How deep code in a literal within code in a literal is read. */
const deepestCode = 4

/** What the tokens so far say about the next one. */
interface Place {
  /** The token before, without double quotes; what is between a name and its value does not count. */
  previous: string
  /** Tokens of the statement, or of the declaration after DECLARE. */
  words: number
  /** In a statement about a role. */
  ofRole: boolean
  /** In COMMENT ON. */
  ofComment: boolean
  /** In the name of a parameter, after SET. */
  ofParameter: boolean
  /** Between DECLARE and BEGIN. */
  declaring: boolean
  /** The name that the statement begins with, if it says that its value is secret: of a variable, it may be. */
  variable: string | undefined
  /** The parentheses that are open, outermost first. */
  calls: Call[]
}

interface Call {
  /** The token before the parenthesis, in lower case. */
  name: string
  /** The string literals in the first argument, one after the other. */
  said: string
  /** Of the argument being read, from 0 on. */
  argument: number
  /** The arguments that are secrets. */
  secrets: ReadonlySet<number>
  /** Whether the whole call is in such an argument of another one. */
  isSecret: boolean
}

function statementStart(declaring: boolean): Place {
  return {
    previous: '',
    words: 0,
    ofRole: false,
    ofComment: false,
    ofParameter: false,
    declaring,
    variable: undefined,
    calls: [],
  }
}

function secretsInCode(sql: string, depth: number): Span[] {
  const found: Span[] = []
  let place = statementStart(false)
  for (let at = 0; at < sql.length;) {
    const start = skipSpace(sql, at)
    if (start > at) add(found, secretsInComments(sql.slice(at, start)), at)
    if (start === sql.length) break
    const end = tokenEnd(sql, start)
    const token = sql.slice(start, end)
    at = end
    if (token === ';') {
      place = statementStart(place.declaring)
      continue
    }
    if (/^(?:u&)?"/i.test(token)) add(found, secretsInText(token), start)
    let value = ''
    if (literalStart.test(token)) {
      const meaning = meaningOf(place, token)
      const literal = meaning !== undefined || saysArguments(place) ? readStringLiteral(token) : undefined
      if (literal !== undefined && meaning !== undefined) add(found, secretsInLiteral(literal, meaning, depth), start)
      value = literal?.value ?? ''
    } else if (place.ofRole && bareSecret.test(token) && secretName.test(place.previous)) {
      found.push({ start, end })
    }
    readToken(place, token, value)
  }
  return mergedSpans(found)
}

const literalStart = /^(?:[a-z]?&?'|\$)/i
/** A word that can be a password without its quotes. */
const bareSecret = /^(?!(?:null|to|from|default)$)["\w]/i

/** What the whole of a literal may be: a secret, the text of COMMENT ON, or other text, code among it. */
type Meaning = 'secret' | 'prose' | 'text'

/** Of the literal at the place; undefined where nothing in it can be a secret. */
function meaningOf(place: Place, token: string): Meaning | undefined {
  // In a statement about a role every text but the end of its validity may be the password, whatever word was
  // misspelt before it; so may the word after PASSWORD.
  const isOfRole = place.ofRole && !/^until$/i.test(place.previous)
  if (isOfRole || isSecretArgument(place) || secretName.test(place.previous)) return 'secret'
  if (!mayHoldSecret.test(token)) return undefined
  return place.ofComment ? 'prose' : 'text'
}

/** Moves the place on by a token; `value` is what it stands for as a string literal. */
function readToken(place: Place, token: string, value: string): void {
  // Longer ones mean nothing here, and literals may be very long.
  const word = token.length > 7 ? '' : token.toLowerCase()
  const name = token.startsWith('"') ? token.slice(1, -1) : token
  place.declaring = word === 'declare' || (place.declaring && word !== 'begin')
  place.words = word === 'declare' ? 0 : place.words + 1
  if (place.words === 1 && secretName.test(name)) place.variable = name
  if (place.words === 2) place.ofRole = word === 'role' || word === 'user' || word === 'group'
  if (word === 'on' && /^comment$/i.test(place.previous)) place.ofComment = true
  // `DECLARE token CURSOR FOR SELECT …`
  if (word === 'cursor') place.variable = undefined
  readCall(place, token, value)

  const isAssignment = token === ':=' || (place.declaring && (token === '=' || word === 'default'))
  const isBetween = token === '=' || token === '=>' || token === ':=' || (word === 'to' && place.ofParameter)
  if (isAssignment && place.variable !== undefined) {
    place.previous = place.variable
    place.variable = undefined
  } else if (!isBetween) {
    place.previous = name
  }
  // COPY has a TO as well, after the name of a table.
  place.ofParameter = word === 'set' || (place.ofParameter && (token === '.' || /^["\w\u0080-\uffff]/.test(token)))
}

function readCall({ calls, previous }: Place, token: string, value: string): void {
  const call = calls.at(-1)
  if (token === '(') {
    const name = previous.toLowerCase()
    // The name of a parameter that holds a secret is none.
    const isSecret = call !== undefined && name !== 'current_setting' && inSecretArgument(call)
    calls.push({ name, said: '', argument: 0, secrets: noArguments, isSecret })
  } else if (token === ')') {
    calls.pop()
  } else if (call !== undefined && token === ',') {
    if (call.argument === 0) call.secrets = secretArguments(call)
    call.argument++
  } else if (call?.argument === 0) {
    call.said += value
  }
}

function isSecretArgument({ calls }: Place): boolean {
  const call = calls.at(-1)
  return call !== undefined && inSecretArgument(call)
}

function inSecretArgument({ isSecret, secrets, argument }: Call): boolean {
  return isSecret || secrets.has(argument)
}

/** Whether the place is in the argument that says what the others are. */
function saysArguments({ calls }: Place): boolean {
  const call = calls.at(-1)
  return call?.argument === 0 && (call.name === 'format' || call.name === 'set_config')
}

const noArguments: ReadonlySet<number> = new Set()

/** Of a call whose first argument has been read. */
function secretArguments({ name, said }: Call): ReadonlySet<number> {
  if (name === 'format') return secretFormatArguments(said)
  return name === 'set_config' && secretName.test(said) ? new Set([1]) : noArguments
}

/** What can stand between a secret's name and the secret. */
const secretPlace = new RegExp(`${secretNames}["'\`]{0,2}\\s{0,8}(?:=>|:=|=|\\bto\\b)?\\s{0,8}["']{0,2}$`, 'i')

/**
 * The arguments that stand where a secret does: the second of `format('CREATE ROLE %I PASSWORD %L', …)`. What takes
 * which: PostgreSQL's manual, section "String Functions and Operators", `format`.
 */
function secretFormatArguments(format: string): ReadonlySet<number> {
  if (!mayHoldSecret.test(format)) return noArguments
  const found = new Set<number>()
  let next = 1
  for (const match of format.matchAll(/%(?:(\d+)\$)?-?(?:\d+|\*(?:(\d+)\$)?|(?=[sIL%]))([sIL%])/g)) {
    const [whole, position, widthPosition, type] = match
    if (type === '%') continue
    if (whole.includes('*')) next = Number(widthPosition ?? next) + 1
    const argument = Number(position ?? next)
    next = argument + 1
    if (secretPlace.test(format.slice(Math.max(0, match.index - 60), match.index))) found.add(argument)
  }
  return found
}

/** `blank` is what stands between two tokens. */
function secretsInComments(blank: string): Span[] {
  if (!namesPassword.test(blank)) return []
  const found: Span[] = []
  for (let at = 0; at < blank.length;) {
    let end = at + 1
    if (blank.startsWith('--', at)) {
      end = lineEndAfter(blank, at)
      add(found, secretsInText(blank.slice(at, end), 'prose'), at)
    } else if (blank.startsWith('/*', at)) {
      end = blockCommentEnd(blank, at)
      // A value does not go on after the end of a comment, nor of one in it.
      for (const part of blank.slice(at, end).split('*/')) {
        add(found, secretsInText(part, 'prose'), at)
        at += part.length + 2
      }
    }
    at = end
  }
  return found
}

function secretsInLiteral({ value, offsets }: StringValue, meaning: Meaning, depth: number): Span[] {
  const spans = meaning === 'secret' ? [{ start: 0, end: value.length }] : secretsInText(value, meaning)
  // A function's code, the text of EXECUTE: SQL of its own, or near enough.
  if (meaning !== 'secret' && depth < deepestCode) add(spans, secretsInCode(value, depth + 1), 0)
  return spans.map((span) => ({ start: offsets[span.start] ?? 0, end: offsets[span.end] ?? 0 }))
}

function add(found: Span[], spans: readonly Span[], base: number): void {
  for (const span of spans) found.push({ start: base + span.start, end: base + span.end })
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
