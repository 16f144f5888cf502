import type { Span } from '../positions.ts'
import type { Syntax } from './connection-password.ts'
import { bareValue, lineEnd, lineStart, quotedValue } from './values.ts'

/**
 * The value that is given to the name of a password: after a sign for it, as a default, or in the `value` beside it; of
 * `${NAME:-value}` the value.
 */
export function valueOfName(text: string, name: Span, syntax: Syntax): Span | undefined {
  const span = writtenValue(text, name, syntax)
  return span && withoutReference(text, span)
}

function writtenValue(text: string, name: Span, syntax: Syntax): Span | undefined {
  const after = text.slice(name.end, name.end + 60)
  const opened = text[name.start - 1]
  const given = /^\\?["'`]?\]?[ \t]{0,20}(?:=>|:=|=(?!=)|:(?![:=])|\?=)[ \t]{0,20}/.exec(after)?.[0]
  if (given !== undefined) {
    const at = name.end + given.length
    const isCommand = syntax !== 'code' && text[at] === '`'
    if (isCommand) return undefined
    // `password= user=app`: there is none.
    const isEmpty = /^[^\s]*=\s+$/.test(given)
    return quotedValue(text, at) ?? (isBareAllowed(text, name, syntax) && !isEmpty ? bareValue(text, at) : undefined)
  }
  if (opened === '<') {
    const inside = /^>([^<\n]+)</.exec(after)?.[1]
    return inside === undefined ? undefined : { start: name.end + 1, end: name.end + 1 + inside.length }
  }
  if (syntax === 'settings' && /^\s*(?:ENV|ARG)\s+$/i.test(text.slice(lineStart(text, name.start), name.start))) {
    const space = /^[ \t]+/.exec(after)?.[0]
    return space === undefined ? undefined : bareValue(text, name.end + space.length)
  }
  const isVariable = /^[A-Z][A-Z0-9_]*$|env/.test(text.slice(name.start, name.end))
  const fallback = /^["'`]?[\])]{0,2}\s{0,4}(?:\|\||\?\?|\?:|\bor\b|\{)\s{0,4}(?=\\?["'`])/.exec(
    isVariable ? after : '',
  )?.[0]
  const call = /(?:get|env|fetch|default|lookup|set)\w*\(\s*["'`]$/i.test(
    text.slice(Math.max(0, name.start - 24), name.start),
  )
    ? /^["'`]\s*,\s*(?=["'`])/
    : /^\(\s*(?=["'`])/
  const begins = fallback ?? call.exec(after)?.[0]
  if (begins !== undefined) {
    const span = quotedValue(text, name.end + begins.length)
    // The next name in a list of them.
    return span === undefined || /^[A-Z][A-Z0-9_]+$/.test(text.slice(span.start, span.end)) ? undefined : span
  }
  return valueBeside(text, name, syntax)
}

/** Of `${NAME:-value}`, as shells, compose and Spring (`${NAME:value}`) write it, the value. */
function withoutReference(text: string, span: Span): Span {
  const [, before, fallback = ''] = /^(\$\{[\w.]+:-?)([^{}?][^{}]*)\}$/.exec(text.slice(span.start, span.end)) ?? []
  if (before === undefined) return span
  return { start: span.start + before.length, end: span.start + before.length + fallback.length }
}

/** Settings write values without quotes; code writes only expressions so. */
function isBareAllowed(text: string, name: Span, syntax: Syntax): boolean {
  // In a template it is an expression: `{{- $password := … }}`.
  if (syntax === 'code' || text[name.start - 1] === '$') return false
  // In prose only as a shell would have it.
  return syntax === 'settings' || /^=\S/.test(text.slice(name.end, name.end + 2))
}

const valueKey = /(?:^|[\s"'{,])(?:value|default)["']?[ \t]*[:=][ \t]*/i
const linesBeside = 5

/** `{ name = "DB_PASSWORD", value = "…" }`, `- name: …` above `value: …`, `variable "…" { default = … }`. */
function valueBeside(text: string, name: Span, syntax: Syntax): Span | undefined {
  const before = text.slice(lineStart(text, name.start), name.start)
  if (!/(?:\b(?:name|key|variable|param(?:eter)?|parameterkey)["']?\s*[:= ]\s*["']?|^\s*["']?)$/i.test(before))
    return undefined
  let at = name.end
  for (let step = 0; step <= linesBeside; step++) {
    const line = text.slice(at, lineEnd(text, at))
    if (step > 0 && /^\s*-\s|\bvalueFrom\b|^\s*["']?(?:name|key)["']?\s*[:=]/i.test(line)) return undefined
    const end = line.search(/[}\]]|\/>/)
    const key = valueKey.exec(line)
    if (key !== null && (end === -1 || key.index < end)) {
      const start = at + key.index + key[0].length
      return quotedValue(text, start) ?? (syntax === 'code' ? undefined : bareValue(text, start))
    }
    if (end !== -1) return undefined
    at += line.length + 1
    if (at >= text.length) return undefined
  }
  return undefined
}
