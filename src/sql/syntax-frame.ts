import { positionsOf } from './positions.ts'
import type { Position, Span } from './positions.ts'
import { printable } from './printable.ts'
import { secretsInSql } from './redact.ts'

/** A place in a text, ready to be printed: its line, and a line of carets to go below it. */
export interface SyntaxFrame extends Position {
  /** The line without secrets or control characters, tabs as spaces, cut around the place to the width asked for. */
  excerpt: string
  /** Spaces, then one caret for each column of the place; what lies on the next lines is not marked. */
  marker: string
}

/** What one character, or one secret, is printed as. `columns` are those of a terminal. */
interface Cell extends Span {
  printed: string
  columns: number
}

const ellipsis = '…'

/**
 * Frames for places in one text. The lines and the secrets of the text are looked for once, on first use.
 * `width` is the number of columns that an excerpt may take.
 * @param secretsOf where the secrets of the text stand, in order. Default: those of SQL.
 */
export function framesOf(
  text: string,
  secretsOf: (text: string) => Span[] = secretsInSql,
): (place: Span, width: number) => SyntaxFrame {
  const positionOf = positionsOf(text)
  let secrets: Span[] | undefined
  return (place, width) => {
    secrets ??= secretsOf(text)
    const position = positionOf(place.start)
    const lineStart = place.start - position.column + 1
    const newline = text.indexOf('\n', place.start)
    const line = { start: lineStart, end: newline === -1 ? text.length : newline }
    const part = near(text, line, place.start, width)
    const cells = cellsOf(
      text,
      part,
      secrets.filter((secret) => secret.start < part.end && secret.end > part.start),
    )
    const more = { before: part.start > line.start, after: part.end < line.end }
    return { ...position, ...draw(cells, place, more, width) }
  }
}

/** The part of a line that can come into a frame: a line may be the whole of a 20 MB file. */
function near(text: string, line: Span, offset: number, width: number): Span {
  const start = Math.max(line.start, offset - 4 * width)
  const end = Math.min(line.end, offset + 4 * width)
  return { start: isInsidePair(text, start) ? start - 1 : start, end: isInsidePair(text, end) ? end + 1 : end }
}

function isInsidePair(text: string, offset: number): boolean {
  return offset > 0 && /^[\ud800-\udbff][\udc00-\udfff]$/.test(text.slice(offset - 1, offset + 1))
}

function cellsOf(text: string, stretch: Span, secrets: readonly Span[]): Cell[] {
  const cells: Cell[] = []
  let column = 0
  for (let start = stretch.start; start < stretch.end;) {
    const secret = secrets.find((span) => span.start <= start && start < span.end)
    const character = String.fromCodePoint(text.codePointAt(start) ?? 0)
    const end = secret === undefined ? start + character.length : Math.min(secret.end, stretch.end)
    const printed = secret === undefined ? printedCharacter(text, start, character, column) : '********'
    const columns = columnsOfText(printed)
    cells.push({ start, end, printed, columns })
    column += columns
    start = end
  }
  return cells
}

const tabStop = 4

function printedCharacter(text: string, offset: number, character: string, column: number): string {
  if (character === '\t') return ' '.repeat(tabStop - (column % tabStop))
  // A carriage return before the line break belongs to the break.
  if (character === '\r' && text[offset + 1] === '\n') return ''
  // `##[…]` is a command to a build service wherever it stands in a line.
  if (character === '#' && text[offset - 1] === '#' && /^#\w*\[/.test(text.slice(offset, offset + 40))) return '\\#'
  return printable(character)
}

function draw(
  cells: readonly Cell[],
  place: Span,
  more: { before: boolean; after: boolean },
  width: number,
): { excerpt: string; marker: string } {
  const at = cells.filter((cell) => cell.end <= place.start).length
  let first = 0
  let last = cells.length
  if (more.before || more.after || columnsOf(cells) > width) {
    // Room for an ellipsis at both ends; a third of the line at most is for what precedes the place, unless the line
    // ends soon after it.
    first = at
    last = at
    while (first > 0 && columnsOf(cells.slice(first - 1, at)) <= width / 3) first--
    while (last < cells.length && columnsOf(cells.slice(first, last + 1)) <= width - 2) last++
    while (first > 0 && columnsOf(cells.slice(first - 1, last)) <= width - 2) first--
  }
  const head = more.before || first > 0 ? ellipsis : ''
  const tail = more.after || last < cells.length ? ellipsis : ''
  const marked = cells.slice(at, last).filter((cell, i) => i === 0 || cell.start < place.end)
  return {
    excerpt:
      head +
      cells
        .slice(first, last)
        .map((cell) => cell.printed)
        .join('') +
      tail,
    marker: ' '.repeat(head.length + columnsOf(cells.slice(first, at))) + '^'.repeat(Math.max(1, columnsOf(marked))),
  }
}

function columnsOf(cells: readonly Cell[]): number {
  return cells.reduce((sum, cell) => sum + cell.columns, 0)
}

const combining = /^[\p{Mn}\p{Me}\u200c\u200d]$/u
const wide = new RegExp(
  `^[${[
    '\\p{Emoji_Presentation}\\u1100-\\u115f\\u2e80-\\ua4cf\\uac00-\\ud7a3\\uf900-\\ufaff',
    '\\ufe30-\\ufe6f\\uff00-\\uff60\\uffe0-\\uffe6\\u{20000}-\\u{3fffd}',
  ].join('')}]$`,
  'u',
)

/** Columns on a terminal: East Asian wide characters and emoji take two. Source: Unicode Standard Annex 11. */
function columnsOfText(printed: string): number {
  if (combining.test(printed)) return 0
  return wide.test(printed) ? 2 : printed.length
}
