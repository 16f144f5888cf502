import { codeOf } from './code.ts'
import { commentsBetween } from './comments.ts'
import type { Comment } from './comments.ts'
import { readIgnore } from './ignore.ts'
import type { IgnoreComment } from './ignore.ts'
import type { Parser } from './parse.ts'
import type { Span } from './positions.ts'
import type { Statement } from './statement.ts'

/** An ignore comment and what it covers: a statement, or its whole file. */
export interface BoundIgnore {
  ignore: IgnoreComment
  covers: Span | 'file' | 'nothing'
}

/**
 * Reads the ignore comments of a section of a file, whose decoded text is `text`. One before a statement covers that
 * statement; so does one inside it and one behind it on the line on which it ends. In the code of a DO block this is so
 * for the statements that the code sends (`innerOf`) as well; before a piece that is not one of them, a comment in code
 * covers the whole block.
 */
export function readBoundIgnores(
  parser: Parser,
  text: string,
  section: { text: string; start: number },
  statements: readonly Statement[],
  innerOf: (statement: Statement) => readonly Span[],
): BoundIgnore[] {
  // Reading comments costs a scan; nearly no file has one of ours.
  if (!section.text.toLowerCase().includes('kei:')) return []
  const ignores: BoundIgnore[] = []
  const bind = (comments: readonly Comment[], coverage: (ignore: IgnoreComment) => BoundIgnore['covers']) => {
    for (const comment of comments) {
      const ignore = readIgnore(comment)
      if (ignore !== undefined) ignores.push({ ignore, covers: coverage(ignore) })
    }
  }
  bind(commentsBetween(section.text, statements, section.start), (ignore) => coverageOf(ignore, text, statements))
  for (const statement of statements) {
    if (!statement.text.toLowerCase().includes('kei:')) continue
    bind(commentsInside(parser, statement), (ignore) => coverageOf(ignore, text, statements))
    const written = statement.tag === 'DoStmt' ? codeOf(statement) : undefined
    if (written?.start === undefined) continue
    bind(commentsInside(parser, { text: written.text, start: written.start }), (ignore) => {
      const covered = coverageOf(ignore, text, innerOf(statement))
      return covered === 'nothing' ? statement : covered
    })
  }
  return ignores
}

function commentsInside(parser: Parser, { text, start }: { text: string; start: number }): Comment[] {
  return parser
    .tokens(text)
    .filter((token) => token.name === 'SQL_COMMENT' || token.name === 'C_COMMENT')
    .flatMap((token) =>
      commentsBetween(token.text, [], 0).map((comment) => ({
        ...comment,
        start: comment.start + start + token.start,
        end: comment.end + start + token.start,
      })),
    )
}

function coverageOf(ignore: IgnoreComment, text: string, statements: readonly Span[]): BoundIgnore['covers'] {
  if (ignore.scope === 'file') return 'file'
  const { start } = ignore.comment
  const inside = statements.find((statement) => statement.start <= start && start < statement.end)
  if (inside !== undefined) return inside
  const before = statements.findLast((statement) => statement.end <= start)
  if (before !== undefined && !text.slice(before.end, start).includes('\n')) return before
  return statements.find((statement) => statement.start > start) ?? 'nothing'
}
