import { blockCommentEnd, lineEndAfter } from './blank.ts'
import type { Span } from './positions.ts'

/** A comment as written, signs included. */
export interface Comment extends Span {
  text: string
  /** Without `--` or the block's signs, more dashes or stars beside them left out too, trimmed. */
  body: string
}

/**
 * The comments that stand between statements: before the first, after each, at the end.
 * `statements` are the spans of the statements in `text`, in order, as `Parser.parse(text, base)` gives them; what
 * lies inside them is not read. The comments' offsets are after `base` too.
 */
export function commentsBetween(text: string, statements: readonly Span[], base = 0): Comment[] {
  const found: Comment[] = []
  let from = 0
  for (const statement of statements) {
    readComments(text, from, statement.start - base, base, found)
    from = statement.end - base
  }
  readComments(text, from, text.length, base, found)
  return found
}

function readComments(text: string, from: number, to: number, base: number, into: Comment[]): void {
  let i = from
  while (i < to) {
    if (text.startsWith('--', i)) {
      const end = lineEndAfter(text, i)
      into.push(comment(text, i, end, base))
      i = end
    } else if (text.startsWith('/*', i)) {
      const end = blockCommentEnd(text, i)
      into.push(comment(text, i, end, base))
      i = end
    } else {
      i++
    }
  }
}

function comment(text: string, start: number, end: number, base: number): Comment {
  const written = text.slice(start, end).trimEnd()
  const body = written.startsWith('--') ? written.replace(/^-+/, '') : written.replace(/^\/\*+(?!\/)|\**\*\/$/g, '')
  return { start: base + start, end: base + start + written.length, text: written, body: body.trim() }
}
