import pico from 'picocolors'
import type { Finding, Severity } from '../findings/finding.ts'
import { formatLocation } from '../findings/location.ts'
import type { FileLocation } from '../findings/location.ts'
import type { CheckReport } from '../findings/report.ts'
import { printable } from '../sql/printable.ts'
import { lineStarts } from '../sql/positions.ts'
import type { Span } from '../sql/positions.ts'
import { framesOf } from '../sql/syntax-frame.ts'
import type { SyntaxFrame } from '../sql/syntax-frame.ts'
import { evidenceText } from './evidence-text.ts'
import type { Reporter, ReporterContext } from './reporter.ts'
import { wrap } from './wrap.ts'

type Colours = ReturnType<typeof pico.createColors>

/** How many root causes of untraced statements are printed before the rest is a count. */
const shownCauses = 20

/** For people: each finding with its place, the text, how it is known and what to do; then what was not judged; then the sum. */
export const pretty: Reporter = (report, context) => {
  const colours = pico.createColors(context.colour)
  const frameOf = framesOfFiles(context)
  const parts = [
    ...report.findings.map((finding) => findingText(finding, frameOf, report, context, colours)),
    ...notTracedTexts(report, context, colours),
    ...unknownTexts(report, colours),
    ...noticeTexts(report, context, colours),
    ...acknowledgedTexts(report, context, colours),
    summaryText(report, colours),
  ]
  return `${parts.join('\n\n')}\n`
}

type FrameOf = (location: FileLocation, width: number) => SyntaxFrame | undefined

/** Frames for places by line and column; what a file needs for them is made once. */
function framesOfFiles(context: ReporterContext): FrameOf {
  const files = new Map<string, { starts: number[]; frame: (place: Span, width: number) => SyntaxFrame } | undefined>()
  return (location, width) => {
    if (!files.has(location.file)) {
      const text = context.textOf(location.file)
      files.set(location.file, text === undefined ? undefined : { starts: lineStarts(text), frame: framesOf(text) })
    }
    const file = files.get(location.file)
    if (file === undefined) return undefined
    const offsetOf = (line: number, column: number) => (file.starts[line - 1] ?? 0) + column - 1
    const { line, column, endLine, endColumn } = location
    return file.frame({ start: offsetOf(line, column), end: offsetOf(endLine, endColumn) }, width)
  }
}

function findingText(
  finding: Finding,
  frameOf: FrameOf,
  report: CheckReport,
  context: ReporterContext,
  colours: Colours,
): string {
  const place = printable(formatLocation(finding.location))
  const lines = [
    `${colours.bold(place)}  ${severityText(finding.severity, colours)}  ${colours.dim(finding.rule)}`,
    ...wrap(finding.message, context.width, '  '),
  ]
  lines.push(...excerptOf(finding, frameOf, context, colours))
  for (const related of finding.related) {
    const where = printable(formatLocation(related.location))
    lines.push(...labelled('see', `${where}: ${related.message}`, context, colours))
  }
  for (const evidence of finding.evidence) {
    lines.push(...labelled('known', evidenceText(evidence, report.server), context, colours))
  }
  lines.push(...labelled('do', finding.next, context, colours))
  return lines.join('\n')
}

function severityText(severity: Severity, colours: Colours): string {
  switch (severity) {
    case 'error':
      return colours.red(colours.bold('error'))
    case 'warning':
      return colours.yellow(colours.bold('warning'))
    case 'note':
      return colours.cyan('note')
  }
}

function excerptOf(finding: Finding, frameOf: FrameOf, context: ReporterContext, colours: Colours): string[] {
  const { location } = finding
  if (location.kind !== 'file') return []
  const frame = frameOf(location, context.width - 8)
  if (frame === undefined || frame.excerpt.trim() === '') return []
  const gutter = String(frame.line).padStart(5)
  return [
    '',
    `${colours.dim(`${gutter} │`)} ${frame.excerpt}`,
    `${colours.dim(`${' '.repeat(gutter.length)} │`)} ${colours.yellow(frame.marker)}`,
    '',
  ]
}

/** `  known  text`, with what follows the first line under the text. */
function labelled(label: string, text: string, context: ReporterContext, colours: Colours): string[] {
  const indent = ' '.repeat(9)
  const [first = '', ...rest] = wrap(text, context.width, indent)
  return [`  ${colours.dim(label.padEnd(5))}  ${first.slice(indent.length)}`, ...rest]
}

function notTracedTexts(report: CheckReport, context: ReporterContext, colours: Colours): string[] {
  // Without a server nothing ran; the sum says so, and a notice says why.
  if (report.notTraced.length === 0 || report.server === undefined) return []
  const roots = report.notTraced.filter((entry) => entry.root === undefined)
  const followers = new Map<string, number>()
  for (const { root } of report.notTraced) {
    if (root !== undefined) followers.set(placeText(root), (followers.get(placeText(root)) ?? 0) + 1)
  }
  const lines = [colours.bold('Not run on the shadow server, so judged by its text alone:')]
  for (const entry of roots.slice(0, shownCauses)) {
    const place = placeText(entry)
    const after = followers.get(place)
    lines.push(`  ${place}`, ...wrap(entry.cause, context.width, '    '))
    if (after !== undefined) lines.push(`    ${count(after, 'statement')} did not run because of it`)
    followers.delete(place)
  }
  if (roots.length > shownCauses) lines.push(`  and ${roots.length - shownCauses} more (--json lists them all)`)
  for (const [place, after] of [...followers].slice(0, shownCauses)) {
    lines.push(`  ${count(after, 'statement')} did not run because of ${place}`)
  }
  return [lines.join('\n')]
}

function placeText({ file, line }: { file: string; line: number }): string {
  return `${printable(file)}:${line}`
}

function unknownTexts(report: CheckReport, colours: Colours): string[] {
  if (report.unknown.length === 0) return []
  const lines = report.unknown.map(
    (entry) =>
      `  ${entry.rule}: ${count(entry.count, 'place')} ${entry.count === 1 ? 'needs' : 'need'} ${printable(entry.needs)}`,
  )
  return [[colours.bold('Could not be decided:'), ...lines].join('\n')]
}

function noticeTexts(report: CheckReport, context: ReporterContext, colours: Colours): string[] {
  if (report.notices.length === 0) return []
  return [
    [colours.bold('To be known:'), ...report.notices.flatMap((notice) => wrap(notice, context.width, '  '))].join('\n'),
  ]
}

/** What somebody answers for: ignored findings about lost rows or values. The rest is only counted. */
function acknowledgedTexts(report: CheckReport, context: ReporterContext, colours: Colours): string[] {
  const lines = report.ignored.flatMap(({ destructive, message, reason, location }) => {
    if (destructive !== true) return []
    const place = location.kind === 'file' ? placeText(location) : printable(formatLocation(location))
    return wrap(`${message} – ${reason} (${place})`, context.width, '  ')
  })
  return lines.length === 0 ? [] : [[colours.bold('Acknowledged:'), ...lines].join('\n')]
}

function summaryText(report: CheckReport, colours: Colours): string {
  const { summary, folders } = report
  const where = folders.map((folder) => `${printable(folder.path)} (${folder.layout})`).join(', ')
  const ran =
    report.server === undefined
      ? `${count(summary.statements, 'statement')}, none of them run (judged by the text alone)`
      : `${count(summary.statements, 'statement')}, ${summary.traced} of them run on PostgreSQL ${report.server}`
  const counts = [
    [summary.errors, 'error', colours.red],
    [summary.warnings, 'warning', colours.yellow],
    [summary.notes, 'note', colours.cyan],
  ] as const
  const found = counts.filter(([n]) => n > 0).map(([n, noun, paint]) => paint(colours.bold(count(n, noun))))
  const lines = [
    `${count(summary.files, 'migration')} in ${where}: ${ran}`,
    found.length === 0 ? colours.green('Nothing found') : found.join(', '),
  ]
  const aside = [
    ...(summary.ignored > 0 ? [`${summary.ignored} ignored with a reason`] : []),
    ...(summary.releasedFindings > 0
      ? [`${count(summary.releasedFindings, 'finding')} on released files only counted (--all shows them)`]
      : []),
  ]
  if (aside.length > 0) lines.push(colours.dim(aside.join(', ')))
  return lines.join('\n')
}

function count(n: number, noun: string): string {
  return `${n} ${noun}${n === 1 ? '' : 's'}`
}
