import type { Finding } from '../findings/finding.ts'
import { formatLocation } from '../findings/location.ts'
import type { Location } from '../findings/location.ts'
import type { CheckReport } from '../findings/report.ts'
import { undecidedText } from './asides.ts'
import { evidenceText } from './evidence-text.ts'
import { notRun } from './not-run.ts'
import type { Reporter } from './reporter.ts'
import { count, scopeText } from './summary-text.ts'
import { element, lines, text } from './xml.ts'

interface TestCase {
  /** What it is listed under: a file, an object, a setting, or kei itself. */
  suite: string
  name: string
  file?: string
  line?: number
  /** Undefined: it passed. */
  outcome?: { kind: 'failure'; type: string; message: string; details: string } | { kind: 'skipped'; message: string }
  output?: string
}

const keiSuite = 'kei check'

/**
 * JUnit XML as CI systems read it: a suite for each file, object or setting with findings. An error or warning is a
 * failure, a note passes and says so in its output; what was ignored or could not be judged is skipped. The suite of
 * kei itself has what was checked, so that there is a test where nothing was found.
 *
 * CI systems know a test by its suite and name, and drop a second one of the same: a name has the message, not the
 * line, which moves, and a number where it would be there twice.
 * Source: GitLab documentation, "Unit test reports"; Jenkins, the JUnit plugin's schema.
 */
export const junit: Reporter = (report) => {
  const cases = numbered([
    ...checkedCases(report),
    ...report.findings.map((finding) => findingCase(finding, report)),
    ...report.ignored.map(ignoredCase),
    ...notRunCases(report),
  ])
  const suites = [...bySuite(cases)].map(([suite, members]) => suiteXml(suite, members))
  const root = element('testsuites', { name: keiSuite, ...countsOf(cases) }, lines(suites))
  return `<?xml version="1.0" encoding="UTF-8"?>\n${root}\n`
}

function checkedCases(report: CheckReport): TestCase[] {
  const notices = report.notices.join('\n')
  const checked: TestCase = {
    suite: keiSuite,
    name: `checked ${report.folders.map(({ path, layout }) => `${path} (${layout})`).join(', ')}`,
    output: [scopeText(report, (path) => path), ...(notices === '' ? [] : [notices])].join('\n'),
  }
  const undecided = report.unknown.map((each) => {
    const message = `could not be decided: ${undecidedText(each)}`
    return { suite: keiSuite, name: `${each.rule}: ${each.needs}`, outcome: { kind: 'skipped', message } as const }
  })
  return [checked, ...undecided]
}

function findingCase(finding: Finding, report: CheckReport): TestCase {
  const { rule, message, severity, location, related, evidence, next } = finding
  const details = [
    formatLocation(location),
    message,
    ...related.map((each) => `see ${formatLocation(each.location)}: ${each.message}`),
    ...evidence.map((each) => `known: ${evidenceText(each, report.server)}`),
    `do: ${next}`,
  ].join('\n')
  const known = { ...placeOf(location), name: `${rule}: ${message}` }
  return severity === 'note'
    ? { ...known, output: details }
    : { ...known, outcome: { kind: 'failure', type: severity, message, details } }
}

function ignoredCase({ rule, message, location, reason }: CheckReport['ignored'][number]): TestCase {
  return {
    ...placeOf(location),
    name: `${rule}: ${message}`,
    outcome: { kind: 'skipped', message: `ignored: ${reason}` },
  }
}

function notRunCases(report: CheckReport): TestCase[] {
  return notRun(report).map(({ file, line, cause, followers }) => {
    const after = followers === 0 ? [] : [`${count(followers, 'statement')} did not run because of it`]
    const message = [...(cause === undefined ? [] : [`not run on the shadow server: ${cause}`]), ...after].join('; ')
    return { suite: file, file, line, name: `run of line ${line}`, outcome: { kind: 'skipped', message } }
  })
}

function placeOf(location: Location): { suite: string; file?: string; line?: number } {
  if (location.kind !== 'file') return { suite: formatLocation(location) }
  return { suite: location.file, file: location.file, line: location.line }
}

function numbered(cases: readonly TestCase[]): TestCase[] {
  const seen = new Map<string, number>()
  return cases.map((each) => {
    const key = JSON.stringify([each.suite, each.name])
    const times = (seen.get(key) ?? 0) + 1
    seen.set(key, times)
    return times === 1 ? each : { ...each, name: `${each.name} (${times})` }
  })
}

function bySuite(cases: readonly TestCase[]): Map<string, TestCase[]> {
  const suites = new Map<string, TestCase[]>()
  for (const each of cases) {
    const members = suites.get(each.suite)
    if (members === undefined) suites.set(each.suite, [each])
    else members.push(each)
  }
  return suites
}

function countsOf(cases: readonly TestCase[]): Record<string, number> {
  const having = (kind: string) => cases.filter(({ outcome }) => outcome?.kind === kind).length
  return { tests: cases.length, failures: having('failure'), errors: 0, skipped: having('skipped') }
}

function suiteXml(name: string, cases: readonly TestCase[]): string {
  return element('testsuite', { name, ...countsOf(cases), time: 0 }, lines(cases.map(caseXml)))
}

function caseXml({ suite, name, file, line, outcome, output }: TestCase): string {
  const content = [
    ...(outcome === undefined ? [] : [outcomeXml(outcome)]),
    ...(output === undefined ? [] : [element('system-out', {}, text(output))]),
  ]
  return element('testcase', { classname: suite, name, file, line, time: 0 }, lines(content))
}

function outcomeXml(outcome: NonNullable<TestCase['outcome']>): string {
  if (outcome.kind === 'skipped') return element('skipped', { message: outcome.message }, text(outcome.message))
  return element('failure', { type: outcome.type, message: outcome.message }, text(outcome.details))
}
