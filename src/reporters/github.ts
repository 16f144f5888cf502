import type { Finding, Severity } from '../findings/finding.ts'
import { formatLocation } from '../findings/location.ts'
import type { FileLocation } from '../findings/location.ts'
import type { CheckReport } from '../findings/report.ts'
import { asidesOf } from './asides.ts'
import { evidenceText } from './evidence-text.ts'
import { printableLines } from './printable-lines.ts'
import type { Reporter } from './reporter.ts'
import { foundText } from './summary-text.ts'

const commands: Record<Severity, string> = { error: 'error', warning: 'warning', note: 'notice' }

/**
 * Workflow commands that GitHub Actions turns into annotations, one a line. It shows ten of each kind for a step; the
 * log has all of them. What could not be judged is one more notice.
 * Source: GitHub documentation, "Workflow commands for GitHub Actions".
 */
export const github: Reporter = (report) => {
  const annotations = report.findings.map((finding) => annotationOf(finding, report))
  return [...annotations, ...asidesAnnotation(report)].map((line) => `${line}\n`).join('')
}

function annotationOf(finding: Finding, report: CheckReport): string {
  const { location, severity, rule, message, related, evidence, next } = finding
  const text = [
    location.kind === 'file' ? message : `${formatLocation(location)}: ${message}`,
    '',
    ...related.map((each) => `See ${formatLocation(each.location)}: ${each.message}`),
    ...evidence.map((each) => `Known: ${evidenceText(each, report.server)}`),
    `Do: ${next}`,
  ].join('\n')
  const place = location.kind === 'file' ? propertiesOf(location) : {}
  return command(commands[severity], { ...place, title: rule }, text)
}

/**
 * Columns only where the place is within one line: GitHub takes none otherwise. Its end is inclusive.
 */
function propertiesOf({ file, line, column, endLine, endColumn }: FileLocation): Record<string, string | number> {
  const lastLine = endColumn === 1 && endLine > line ? endLine - 1 : endLine
  if (lastLine !== line) return { file, line, endLine: lastLine }
  if (endLine !== line) return { file, line, endLine: line }
  return { file, line, endLine: line, col: column, endColumn: Math.max(column, endColumn - 1) }
}

function asidesAnnotation(report: CheckReport): string[] {
  const asides = asidesOf(report)
  if (asides.length === 0) return []
  const text = asides.flatMap(({ title, items }) => [`${title}:`, ...items.map((item) => `  ${item}`)]).join('\n')
  return [command('notice', { title: `kei check: ${foundText(report)}` }, text)]
}

/** A command as GitHub's toolkit writes it. */
function command(name: string, properties: Readonly<Record<string, string | number>>, message: string): string {
  const list = Object.entries(properties).map(([key, value]) => `${key}=${propertyText(String(value))}`)
  return `::${name} ${list.join(',')}::${messageText(message)}`
}

function messageText(text: string): string {
  return printableLines(text).join('\n').replaceAll('%', '%25').replaceAll('\n', '%0A')
}

function propertyText(text: string): string {
  return messageText(text).replaceAll(':', '%3A').replaceAll(',', '%2C')
}
