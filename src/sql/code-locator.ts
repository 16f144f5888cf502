import { skipSpace } from './blank.ts'
import type { SqlPiece } from './plpgsql.ts'
import { lineStarts } from './positions.ts'
import type { Span } from './positions.ts'
import { tokenEnd } from './token.ts'

/** How far behind its line's beginning, or the piece before it, a piece is looked for, in UTF-16 units. */
const reach = 10_000

/**
 * Finds the pieces of PL/pgSQL code in its text: the parser says on which line a statement begins but not where.
 * To be asked in the order of the code. A piece that PL/pgSQL has changed, the condition of a CASE, is not found.
 */
export function codeLocator(code: string): (piece: SqlPiece) => Span | undefined {
  let starts: number[] | undefined
  let lines: number[] | undefined
  let next = 0
  return ({ kind, text, line }) => {
    starts ??= tokenStarts(code)
    lines ??= lineStarts(code)
    // PERFORM stands where the piece says SELECT; it is found by what follows.
    const wanted = kind === 'perform' ? text.replace(/^\s*select\s*/i, '') : text
    // All variables of the code come first, also those of blocks within it.
    const inOrder = kind !== 'default'
    const first = Math.max(inOrder ? next : 0, firstAtLeast(starts, lines[line - 1] ?? 0))
    const limit = (starts[first] ?? 0) + reach
    for (let token = first; token < starts.length; token++) {
      const start = starts[token] ?? 0
      if (start > limit) return undefined
      if (!isAt(code, start, wanted)) continue
      if (inOrder) next = token + 1
      // The word EXECUTE or PERFORM belongs to what it sends.
      const whole = kind === 'perform' || kind === 'execute' ? (starts[token - 1] ?? start) : start
      return { start: whole, end: start + wanted.length }
    }
    return undefined
  }
}

/** Blanks in a piece may stand for an INTO of the code. */
function isAt(code: string, at: number, piece: string): boolean {
  if (code.startsWith(piece, at)) return true
  if (!piece.includes('     ')) return false
  for (let i = 0; i < piece.length; i++) {
    if (piece[i] !== code[at + i] && piece[i] !== ' ') return false
  }
  return true
}

function tokenStarts(code: string): number[] {
  const starts: number[] = []
  for (let at = skipSpace(code, 0); at < code.length; at = skipSpace(code, tokenEnd(code, at))) starts.push(at)
  return starts
}

/** Index of the first of the ascending `values` that is at least `limit`. */
function firstAtLeast(values: readonly number[], limit: number): number {
  let low = 0
  let high = values.length
  while (low < high) {
    const middle = (low + high) >> 1
    if ((values[middle] ?? 0) < limit) low = middle + 1
    else high = middle
  }
  return low
}
