import type { Comment } from './comments.ts'

/**
 * `kei: ignore RULE: reason` or `kei: ignore-file RULE: reason` in a comment of any language that kei reads.
 * The reason may be missing in what is read; that is a finding of its own.
 */
export interface IgnoreComment {
  scope: 'next' | 'file'
  rule: string
  reason: string
  comment: Comment
}

const grammar = /^[\s*]*kei:\s*(ignore(?:-file)?)\b\s*([^\s:]*)\s*(?::([\s\S]*))?/i

/**
 * Reads a comment's body as an ignore comment; undefined when it does not begin like one. One that begins like one is
 * always read, with whatever rule and reason it has, so that a slip in it can be a finding.
 */
export function readIgnore(comment: Comment): IgnoreComment | undefined {
  const match = grammar.exec(comment.body)
  if (match === null) return undefined
  return {
    scope: match[1]?.toLowerCase() === 'ignore-file' ? 'file' : 'next',
    rule: match[2] ?? '',
    // In a block comment the reason may run over several lines, each with a star before it.
    reason: (match[3] ?? '').replace(/\s*\n[\s*]*/g, ' ').trim(),
    comment,
  }
}
