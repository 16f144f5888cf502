import pico from 'picocolors'
import type { Finding, Severity } from '../findings/finding.ts'
import { formatLocation } from '../findings/location.ts'
import type { CheckReport } from '../findings/report.ts'
import { printable } from '../sql/printable.ts'
import { evidenceText } from './evidence-text.ts'
import { framesOfFiles } from './frames.ts'
import type { FrameOf } from './frames.ts'
import { notRun } from './not-run.ts'
import type { Reporter, ReporterContext } from './reporter.ts'
import { count, countedText, scopeText, severityCounts } from './summary-text.ts'
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
  if (frame === undefined) return []
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
  const causes = notRun(report)
  if (causes.length === 0) return []
  const lines = [colours.bold('Not run on the shadow server, so judged by its text alone:')]
  for (const { file, line, cause, followers } of causes.slice(0, shownCauses)) {
    const place = placeText({ file, line })
    if (cause === undefined) {
      lines.push(`  ${count(followers, 'statement')} did not run because of ${place}`)
      continue
    }
    lines.push(`  ${place}`, ...wrap(cause, context.width, '    '))
    if (followers > 0) lines.push(`    ${count(followers, 'statement')} did not run because of it`)
  }
  if (causes.length > shownCauses) lines.push(`  and ${causes.length - shownCauses} more (--json lists them all)`)
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
  const paint: Record<Severity, (text: string) => string> = {
    error: colours.red,
    warning: colours.yellow,
    note: colours.cyan,
  }
  const found = severityCounts(report).map(({ severity, text }) => paint[severity](colours.bold(text)))
  const counted = countedText(report)
  return [
    scopeText(report, printable),
    found.length === 0 ? colours.green('Nothing found') : found.join(', '),
    ...(counted === undefined ? [] : [colours.dim(counted)]),
  ].join('\n')
}
