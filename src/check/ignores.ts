import type { IgnoreSubject } from '../rules/subject.ts'
import { readBoundIgnores } from '../sql/bound-ignore.ts'
import type { BoundIgnore } from '../sql/bound-ignore.ts'
import type { Parser } from '../sql/parse.ts'
import type { Span } from '../sql/positions.ts'
import type { Statement } from '../sql/statement.ts'
import type { StatementCode } from './read-code.ts'
import type { PlacedFinding } from './verdicts.ts'

/** An ignore comment, and whether it took anything away. */
interface JudgedIgnore extends BoundIgnore {
  used: boolean
}

/** A finding that an ignore comment takes away, with the comment's reason. */
export interface ReasonedFinding {
  placed: PlacedFinding
  reason: string
}

/** The ignore comments of one file. */
export interface FileIgnores {
  file: string
  text: string
  ignores: JudgedIgnore[]
  /** Any text may quote such a comment, so that one which takes nothing away is no slip. Default: it is one. */
  mayQuote?: true
}

/** Reads the ignore comments of a section, as `readBoundIgnores` says. */
export function readIgnores(
  parser: Parser,
  file: string,
  text: string,
  section: { text: string; start: number },
  statements: readonly Statement[],
  code: ReadonlyMap<Statement, StatementCode>,
): FileIgnores {
  const innerOf = (statement: Statement) => (code.get(statement)?.inner ?? []).map((each) => each.statement)
  const bound = readBoundIgnores(parser, text, section, statements, innerOf)
  return { file, text, ignores: bound.map((each) => ({ ...each, used: false })) }
}

/**
 * Takes away what an ignore comment with a reason covers, and marks the comments that did so; also those about a rule
 * that could not decide about their file.
 */
export function applyIgnores(
  findings: readonly PlacedFinding[],
  undecided: readonly { rule: string; file: string }[],
  files: readonly FileIgnores[],
): { kept: PlacedFinding[]; ignored: ReasonedFinding[] } {
  const byFile = new Map<string, JudgedIgnore[]>()
  for (const file of files) byFile.set(file.file, [...(byFile.get(file.file) ?? []), ...file.ignores])
  for (const { rule, file } of undecided) {
    for (const bound of byFile.get(file) ?? []) if (bound.ignore.rule === rule) bound.used = true
  }
  const kept: PlacedFinding[] = []
  const ignored: ReasonedFinding[] = []
  for (const placed of findings) {
    const { location } = placed.finding
    const own = location.kind === 'file' ? (byFile.get(location.file) ?? []) : []
    const matching = own.filter((bound) => bound.ignore.rule === placed.rule.id && covers(bound.covers, placed.span))
    for (const bound of matching) bound.used = true
    const reason = matching.find((bound) => bound.ignore.reason !== '')?.ignore.reason
    if (reason === undefined) kept.push(placed)
    else ignored.push({ placed, reason })
  }
  return { kept, ignored }
}

function covers(coverage: BoundIgnore['covers'], span: Span | undefined): boolean {
  if (coverage === 'file') return true
  if (coverage === 'nothing' || span === undefined) return false
  return coverage.start <= span.start && span.start < coverage.end
}

/** The ignore comments as subjects, for the rule that judges them; those of texts that may quote one are not. */
export function ignoreSubjects(files: readonly FileIgnores[], knownRules: readonly string[]): IgnoreSubject[] {
  return files.flatMap(({ file, text, ignores, mayQuote }) =>
    mayQuote ? [] : ignores.map(({ ignore, used }) => ({ file, text, ignore, used, knownRules })),
  )
}
