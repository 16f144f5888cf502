import { severities } from '../findings/finding.ts'
import type { Finding } from '../findings/finding.ts'
import { formatLocation } from '../findings/location.ts'
import type { CheckReport } from '../findings/report.ts'
import { asidesOf } from './asides.ts'
import type { Aside } from './asides.ts'
import { evidenceText } from './evidence-text.ts'
import { framesOfFiles } from './frames.ts'
import type { FrameOf } from './frames.ts'
import { codeBlock, codeSpan, prose } from './markdown-text.ts'
import { cutTo } from './cut-to.ts'
import type { Reporter } from './reporter.ts'
import { count, countedText, foundText, scopeText } from './summary-text.ts'

/** What a comment on GitHub may have, in characters; GitLab takes a million. */
const longest = 65_536
/** Of that, for what follows the findings. */
const longestTail = 16_384
/** Of that, for saying how much did not fit. */
const longestRest = 512
/** Of one text of a finding: a message, a piece of evidence, a recipe. */
const longestText = 6_000

/**
 * For a comment on a pull request: the findings by rule, then each, the worst first, with its place and, folded away,
 * how it is known and what to do; then what was not judged. It always fits into one comment: what does not is counted.
 */
export const markdown: Reporter = (report, context) => {
  const frameOf = framesOfFiles(context)
  const head = [
    `### kei check: ${foundText(report)}`,
    scopeText(report, (path) => codeSpan(cutTo(path, 200))),
    ...tableOf(report),
  ]
  const counted = countedText(report)
  const tail = fitting([...(counted === undefined ? [] : [counted]), ...asidesOf(report).map(asideText)], longestTail)
  const taken = [...head, ...tail.shown].join('\n\n').length
  const findings = fitting(
    severities
      .flatMap((severity) => report.findings.filter((finding) => finding.severity === severity))
      .map((finding) => findingText(finding, report, frameOf)),
    longest - taken - longestRest,
  )
  const parts = [...head, ...findings.shown, ...moreText(findings.left, 'finding'), ...tail.shown]
  return `${[...parts, ...moreText(tail.left, 'list')].join('\n\n')}\n`
}

/** The texts that fit into so many characters together, in their order, and how many are left. */
function fitting(texts: readonly string[], characters: number): { shown: string[]; left: number } {
  const shown: string[] = []
  let length = 0
  for (const text of texts) {
    if (length + text.length + 2 > characters) continue
    length += text.length + 2
    shown.push(text)
  }
  return { shown, left: texts.length - shown.length }
}

function moreText(left: number, noun: string): string[] {
  return left === 0 ? [] : [`**and ${left} more**: ${count(left, noun)} did not fit here; \`kei check\` prints all.`]
}

function tableOf({ findings }: CheckReport): string[] {
  if (findings.length === 0) return []
  const rows = severities.flatMap((severity) => {
    const rules = findings.filter((finding) => finding.severity === severity).map(({ rule }) => rule)
    return [...new Set(rules)].sort().map((rule) => {
      const times = rules.filter((each) => each === rule).length
      return `| ${severity} | \`${rule}\` | ${times} |`
    })
  })
  return [['| Severity | Rule | Findings |', '|---|---|---:|', ...rows].join('\n')]
}

function findingText(finding: Finding, report: CheckReport, frameOf: FrameOf): string {
  const { severity, rule, location, message, related, evidence, next } = finding
  const known = [
    ...related.map((each) => `See ${codeSpan(formatLocation(each.location))}: ${prose(each.message)}`),
    ...evidence.map((each) => capital(prose(cutTo(evidenceText(each, report.server), longestText)))),
  ]
  return [
    `**${severity}** ${codeSpan(rule)} at ${codeSpan(formatLocation(location))}\\\n${prose(cutTo(message, longestText))}`,
    '<details><summary>How it is known, and what to do</summary>',
    ...excerptOf(finding, frameOf),
    known.map((line) => `- ${line.replaceAll('\n', '\n  ')}`).join('\n'),
    ...nextTexts(cutTo(next, longestText)),
    '</details>',
  ].join('\n\n')
}

function excerptOf({ location }: Finding, frameOf: FrameOf): string[] {
  const frame = location.kind === 'file' ? frameOf(location, 100) : undefined
  if (frame === undefined) return []
  const number = String(frame.line)
  return [codeBlock(`${number} │ ${frame.excerpt}\n${' '.repeat(number.length)} │ ${frame.marker}`)]
}

/** What to do: sentences and names of files as text, the SQL between them as blocks. */
function nextTexts(next: string): string[] {
  const parts: { sql: boolean; lines: string[] }[] = []
  for (const line of next.split('\n')) {
    const last = parts.at(-1)
    const sql = isSql(line) || (line.trim() === '' && last?.sql === true)
    if (last?.sql === sql) last.lines.push(line)
    else parts.push({ sql, lines: [line] })
  }
  return parts.map(({ sql, lines }) => (sql ? codeBlock(dedented(lines), 'sql') : prose(lines.join('\n'))))
}

/** A recipe's SQL is indented; a statement that stands alone is not. */
function isSql(line: string): boolean {
  return /^\s+\S/.test(line) || /^[A-Z]{2,} .*;$/.test(line)
}

function dedented(lines: readonly string[]): string {
  return lines
    .map((line) => line.replace(/^ {2}/, ''))
    .join('\n')
    .trimEnd()
}

function asideText({ title, items }: Aside): string {
  const list = items.map((item) => `- ${prose(item).replaceAll('\n', '\n  ')}`).join('\n')
  return `<details><summary>${title}</summary>\n\n${list}\n\n</details>`
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1)
}
