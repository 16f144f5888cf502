import type { Span } from '../positions.ts'

/** Where the quote ends that was opened before `text`, on its first line; undefined when `quote` is none or stays open. */
export function quoteEnd(text: string, quote: string): number | undefined {
  if (!/^["'`]$/.test(quote)) return undefined
  for (let at = 0; at < text.length && text[at] !== '\n'; at++) {
    if (text[at] === '\\' && text[at + 1] !== quote) at++
    // An escaped quote closes a text that stands in another one: `"{\"url\":\"…\"}"`.
    else if (text[at] === '\\' || text[at] === quote) return at
  }
  return undefined
}

/** The value in quotes that begins at `at`, without them; undefined when none does. */
export function quotedValue(text: string, at: number): Span | undefined {
  const opening = /^(?:[a-zA-Z]{0,2}(?=["']))?\\?["'`]/.exec(text.slice(at, at + 4))?.[0]
  // A shell would run what stands in backticks.
  if (opening === undefined || opening === '\\`') return undefined
  const start = at + opening.length
  const quote = opening.at(-1) ?? ''
  if (/\s/.test(text[start] ?? '')) return undefined
  for (let end = start; end < text.length && end < start + longestValue && text[end] !== '\n'; end++) {
    if (text[end] === quote) return { start, end: opening.includes('\\') && text[end - 1] === '\\' ? end - 1 : end }
    if (text[end] === '\\' && !opening.includes('\\')) end++
  }
  return undefined
}

const longestValue = 1024

/** The value without quotes that begins at `at`: to white space, to a quote around it, to what ends a command. */
export function bareValue(text: string, at: number): Span {
  const [value = ''] =
    /^(?:\$\{\{[^}\n]*\}\}|\{\{[^}\n]*\}\}|\$\{[^}\n]*\}|\$\([^)\n]*\)|<[^>\n]*>|[^\s"'`])*/.exec(
      text.slice(at, at + longestValue),
    ) ?? []
  const kept = value.replace(/(?:[;,]|\\n)+$/, '').replace(/^([^(]*)\)+$/, '$1')
  return { start: at, end: at + kept.length }
}

/** The name that ends at `at`, at most 80 characters of it; the `n` of a `\\n` before it is none of its letters. */
export function nameBefore(text: string, at: number): string {
  const start = Math.max(0, at - 80)
  const match = /(\\?)([A-Za-z_][\w.-]*)$/.exec(text.slice(start, at))
  if (match === null) return ''
  const [, backslash, name = ''] = match
  return backslash === '' ? name : name.slice(1)
}

/** As far as a line is followed, in UTF-16 code units: a minified file is one line, and it may name a thousand passwords. */
export const longestLine = 1000

/** The offset at which the line of `at` begins; one `longestLine` before where it is longer. */
export function lineStart(text: string, at: number): number {
  const from = Math.max(0, at - longestLine)
  return from + text.slice(from, at).lastIndexOf('\n') + 1
}

/** The offset at which the line of `at` ends, without its newline; one `longestLine` after where it is longer. */
export function lineEnd(text: string, at: number): number {
  const end = text.slice(at, at + longestLine).indexOf('\n')
  return end === -1 ? Math.min(text.length, at + longestLine) : at + end
}
