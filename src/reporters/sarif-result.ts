import type { Finding } from '../findings/finding.ts'
import type { Fix } from '../findings/fix.ts'
import { formatLocation } from '../findings/location.ts'
import type { CheckReport, IgnoredFinding } from '../findings/report.ts'
import { positionsOf } from '../sql/positions.ts'
import type { Position } from '../sql/positions.ts'
import { evidenceText } from './evidence-text.ts'
import type { ReporterContext } from './reporter.ts'
import { repositoryPlace } from './repository-place.ts'
import type { RuleDescription } from './rule-description.ts'
import { artifact, locationOf, relatedLocationOf } from './sarif-location.ts'

interface ResultContext {
  rules: readonly RuleDescription[]
  indexOf: ReadonlyMap<string, number>
  textOf: ReporterContext['textOf']
}

/** The findings, then those that were ignored. */
export function resultsOf(report: CheckReport, context: ResultContext) {
  const positionOf = positionsOfFiles(context.textOf)
  return [
    ...report.findings.map((finding) => findingResult(finding, report, context.indexOf, positionOf)),
    ...report.ignored.map((ignored) => ignoredResult(ignored, report, context)),
  ]
}

function findingResult(
  finding: Finding,
  report: CheckReport,
  indexOf: ReadonlyMap<string, number>,
  positionOf: PositionOf,
) {
  const { rule, severity, location, related, evidence, next, fixes, fingerprint } = finding
  const place = repositoryPlace(finding, report)
  const changes = fixes.flatMap((fix) => fixOf(fix, positionOf))
  return {
    ruleId: rule,
    ruleIndex: indexOf.get(rule),
    level: severity,
    message: {
      text: [
        titleOf(finding),
        evidence.map((each) => `Known: ${evidenceText(each, report.server)}`).join('\n'),
        `Do: ${next}`,
      ]
        .map(withoutLinks)
        .join('\n\n'),
    },
    locations: [locationOf(location, place)],
    relatedLocations: unlessEmpty(
      related.map((each, id) => ({
        id,
        ...relatedLocationOf(each.location),
        message: { text: withoutLinks(each.message) },
      })),
    ),
    partialFingerprints: {
      'kei/v1': fingerprint,
      // GitHub knows results by this one. Its upload works it out from the file's text, where there is a file.
      ...(place.kind === 'folder' && { primaryLocationLineHash: fingerprint }),
    },
    fixes: unlessEmpty(changes),
  }
}

function ignoredResult(ignored: IgnoredFinding, report: CheckReport, { rules, indexOf }: ResultContext) {
  const index = indexOf.get(ignored.rule)
  return {
    ruleId: ignored.rule,
    ruleIndex: index,
    level: index === undefined ? undefined : rules[index]?.severity,
    message: { text: withoutLinks(titleOf(ignored)) },
    locations: [locationOf(ignored.location, repositoryPlace(ignored, report))],
    suppressions: [{ kind: 'inSource', justification: ignored.reason }],
  }
}

/** A viewer shows the first sentence where there is little room. */
function titleOf({ location, message }: Pick<Finding, 'location' | 'message'>): string {
  return `${location.kind === 'file' ? '' : `${formatLocation(location)}: `}${message}.`
}

/** Text in which nothing is a link: `[text](target)` is one in a SARIF message (section 3.11.6). */
function withoutLinks(text: string): string {
  return text.replaceAll('](', '\\](')
}

type PositionOf = (file: string, offset: number) => Position | undefined

function positionsOfFiles(textOf: ReporterContext['textOf']): PositionOf {
  const files = new Map<string, ((offset: number) => Position) | undefined>()
  return (file, offset) => {
    if (!files.has(file)) {
      const text = textOf(file)
      files.set(file, text === undefined ? undefined : positionsOf(text))
    }
    return files.get(file)?.(offset)
  }
}

/** Nothing when the text of a file that it edits cannot be read any more: its places are not known then. */
function fixOf({ title, safety, edits, newFiles }: Fix, positionOf: PositionOf) {
  const replaced = edits.flatMap(({ file, start, end, text }) => {
    const from = positionOf(file, start)
    const to = positionOf(file, end)
    if (from === undefined || to === undefined) return []
    const deletedRegion = {
      startLine: from.line,
      startColumn: from.column,
      endLine: to.line,
      endColumn: to.column,
    }
    return [{ file, replacement: { deletedRegion, insertedContent: { text } } }]
  })
  if (replaced.length < edits.length) return []
  const start = { startLine: 1, startColumn: 1, endLine: 1, endColumn: 1 }
  const added = newFiles.map(({ file, text }) => ({
    file,
    replacement: { deletedRegion: start, insertedContent: { text } },
  }))
  const all = [...replaced, ...added]
  if (all.length === 0) return []
  const artifactChanges = [...new Set(all.map(({ file }) => file))].map((file) => ({
    artifactLocation: artifact(file),
    replacements: all.filter((each) => each.file === file).map(({ replacement }) => replacement),
  }))
  return [{ description: { text: title }, artifactChanges, properties: { safety } }]
}

function unlessEmpty<T>(list: readonly T[]): readonly T[] | undefined {
  return list.length === 0 ? undefined : list
}
