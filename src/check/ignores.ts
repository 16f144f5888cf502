import type { IgnoreSubject } from '../rules/subject.ts'
import { commentsBetween } from '../sql/comments.ts'
import type { Comment } from '../sql/comments.ts'
import { readIgnore } from '../sql/ignore.ts'
import type { IgnoreComment } from '../sql/ignore.ts'
import type { Parser } from '../sql/parse.ts'
import type { Span } from '../sql/positions.ts'
import type { Statement } from '../sql/statement.ts'
import type { PlacedFinding } from './verdicts.ts'

/** An ignore comment and what it covers: a statement, or its whole file. */
interface BoundIgnore {
  ignore: IgnoreComment
  covers: Span | 'file' | 'nothing'
  used: boolean
}

/** The ignore comments of one file. */
export interface FileIgnores {
  file: string
  text: string
  ignores: BoundIgnore[]
}

/**
 * Reads the ignore comments of a section. One before a statement covers that statement; so does one inside it and one
 * behind it on the line on which it ends.
 */
export function readIgnores(
  parser: Parser,
  file: string,
  text: string,
  section: { text: string; start: number },
  statements: readonly Statement[],
): FileIgnores {
  // Reading comments costs a scan; nearly no file has one of ours.
  if (!section.text.toLowerCase().includes('kei:')) return { file, text, ignores: [] }
  const comments = [
    ...commentsBetween(section.text, statements, section.start),
    ...statements.flatMap((statement) => commentsInside(parser, statement)),
  ]
  const ignores: BoundIgnore[] = []
  for (const comment of comments) {
    const ignore = readIgnore(comment)
    if (ignore === undefined) continue
    ignores.push({ ignore, covers: coverageOf(ignore, text, statements), used: false })
  }
  return { file, text, ignores }
}

function commentsInside(parser: Parser, statement: Statement): Comment[] {
  if (!statement.text.toLowerCase().includes('kei:')) return []
  return parser
    .tokens(statement.text)
    .filter((token) => token.name === 'SQL_COMMENT' || token.name === 'C_COMMENT')
    .flatMap((token) =>
      commentsBetween(token.text, [], 0).map((comment) => ({
        ...comment,
        start: comment.start + statement.start + token.start,
        end: comment.end + statement.start + token.start,
      })),
    )
}

function coverageOf(ignore: IgnoreComment, text: string, statements: readonly Statement[]): BoundIgnore['covers'] {
  if (ignore.scope === 'file') return 'file'
  const { start } = ignore.comment
  const inside = statements.find((statement) => statement.start <= start && start < statement.end)
  if (inside !== undefined) return inside
  const before = statements.findLast((statement) => statement.end <= start)
  if (before !== undefined && !text.slice(before.end, start).includes('\n')) return before
  return statements.find((statement) => statement.start > start) ?? 'nothing'
}

/**
 * Takes away what an ignore comment with a reason covers, and marks the comments that did so; also those about a rule
 * that could not decide about their file.
 */
export function applyIgnores(
  findings: readonly PlacedFinding[],
  undecided: readonly { rule: string; file: string }[],
  files: readonly FileIgnores[],
): { kept: PlacedFinding[]; ignored: number } {
  const byFile = new Map<string, BoundIgnore[]>()
  for (const file of files) byFile.set(file.file, [...(byFile.get(file.file) ?? []), ...file.ignores])
  for (const { rule, file } of undecided) {
    for (const bound of byFile.get(file) ?? []) if (bound.ignore.rule === rule) bound.used = true
  }
  const kept = findings.filter((placed) => {
    const { location } = placed.finding
    if (location.kind !== 'file') return true
    const matching = (byFile.get(location.file) ?? []).filter(
      (bound) => bound.ignore.rule === placed.rule.id && covers(bound.covers, placed.span),
    )
    for (const bound of matching) bound.used = true
    return !matching.some((bound) => bound.ignore.reason !== '')
  })
  return { kept, ignored: findings.length - kept.length }
}

function covers(coverage: BoundIgnore['covers'], span: Span | undefined): boolean {
  if (coverage === 'file') return true
  if (coverage === 'nothing' || span === undefined) return false
  return coverage.start <= span.start && span.start < coverage.end
}

/** The ignore comments as subjects, for the rule that judges them. */
export function ignoreSubjects(files: readonly FileIgnores[], knownRules: readonly string[]): IgnoreSubject[] {
  return files.flatMap(({ file, text, ignores }) =>
    ignores.map(({ ignore, used }) => ({ file, text, ignore, used, knownRules })),
  )
}
