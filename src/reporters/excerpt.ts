import type { FileLocation } from '../findings/location.ts'
import { printable } from '../sql/printable.ts'

export interface Excerpt {
  number: number
  /** The line as it may be printed: control characters escaped, tabs as spaces, cut around the place. */
  line: string
  /** Carets under the place, as far as it reaches on this line. */
  marker: string
}

const tabWidth = 4
const ellipsis = '…'

/** The first line of a place with carets under it, at most `width` columns wide. */
export function excerpt(text: string, location: FileLocation, width: number): Excerpt {
  const raw = text.split('\n')[location.line - 1] ?? ''
  const endColumn = location.endLine > location.line ? raw.length + 1 : location.endColumn
  const before = shown(raw.slice(0, location.column - 1))
  const marked = shown(raw.slice(location.column - 1, endColumn - 1))
  const after = shown(raw.slice(endColumn - 1))

  // Two thirds of the line for the place and what follows it.
  const from = Math.max(0, Math.min(before.length - Math.floor(width / 3), before.length + marked.length + after.length - width))
  const cutBefore = from > 0 ? ellipsis + before.slice(from + 1) : before
  const rest = width - columns(cutBefore)
  const line = cutBefore + (marked + after).slice(0, rest - 1)
  const whole = columns(cutBefore) + columns(marked + after) <= width
  const marker = ' '.repeat(columns(cutBefore)) + '^'.repeat(Math.max(1, Math.min(columns(marked), rest)))
  return { number: location.line, line: whole ? cutBefore + marked + after : line + ellipsis, marker }
}

function shown(text: string): string {
  return printable(text.replaceAll('\t', ' '.repeat(tabWidth)))
}

/** East Asian wide characters and emoji take two columns. Source: Unicode Standard Annex 11. */
function columns(text: string): number {
  let count = 0
  for (const character of text) {
    count += /\p{Mn}|\p{Me}/u.test(character) ? 0 : isWide(character.codePointAt(0) ?? 0) ? 2 : 1
  }
  return count
}

function isWide(code: number): boolean {
  return (
    (code >= 0x1100 && code <= 0x115f) ||
    (code >= 0x2e80 && code <= 0xa4cf) ||
    (code >= 0xac00 && code <= 0xd7a3) ||
    (code >= 0xf900 && code <= 0xfaff) ||
    (code >= 0xfe30 && code <= 0xfe6f) ||
    (code >= 0xff00 && code <= 0xff60) ||
    (code >= 0x1f300 && code <= 0x1faff)
  )
}
