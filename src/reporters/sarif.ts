import type { CheckReport } from '../findings/report.ts'
import { undecidedText } from './asides.ts'
import { jsonText } from '../findings/json-text.ts'
import { notRun } from './not-run.ts'
import type { Reporter } from './reporter.ts'
import type { RuleDescription } from './rule-description.ts'
import { fileLocation, rootId } from './sarif-location.ts'
import { resultsOf } from './sarif-result.ts'
import { count } from './summary-text.ts'

/**
 * A SARIF 2.1.0 log. All rules are described, found or not, so that logs of one version of kei differ in their results
 * only. Ignored findings are results with a suppression; what was not run, not decided or has to be known are
 * notifications of the invocation.
 * Source: OASIS, "Static Analysis Results Interchange Format (SARIF) Version 2.1.0"; GitHub documentation, "SARIF
 * support for code scanning".
 */
export function sarif(rules: readonly RuleDescription[]): Reporter {
  const indexOf = new Map(rules.map(({ id }, index) => [id, index]))
  return (report, context) =>
    jsonText({
      $schema: 'https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json',
      version: '2.1.0',
      runs: [
        {
          tool: {
            driver: {
              name: 'kei',
              version: report.kei,
              informationUri: 'https://www.npmjs.com/package/kei-postgres',
              rules: rules.map(descriptorOf),
            },
          },
          columnKind: 'utf16CodeUnits',
          // Without a URI: where the checkout lies is nobody's business, and the paths are the same everywhere.
          originalUriBaseIds: { [rootId]: { description: { text: 'The root of the repository.' } } },
          invocations: [{ executionSuccessful: true, toolExecutionNotifications: notificationsOf(report, indexOf) }],
          results: resultsOf(report, { rules, indexOf, textOf: context.textOf }),
        },
      ],
    })
}

function descriptorOf({ id, severity, category, summary, why, instead, page }: RuleDescription) {
  return {
    id,
    shortDescription: { text: `${summary}.` },
    fullDescription: { text: why },
    help: { text: `${why}\n\n${instead}`, markdown: page },
    defaultConfiguration: { level: severity },
    properties: { tags: [category] },
  }
}

function notificationsOf(report: CheckReport, indexOf: ReadonlyMap<string, number>) {
  return [
    ...notRun(report).map(({ file, line, cause, followers }) => {
      const after = followers === 0 ? '' : ` (${count(followers, 'statement')} did not run because of it)`
      return {
        level: 'warning',
        message: { text: `Not run on the shadow server${cause === undefined ? '' : `: ${cause}`}${after}` },
        locations: [fileLocation(file, { startLine: line })],
      }
    }),
    ...report.unknown.map((each) => ({
      level: 'note',
      message: { text: `Could not be decided: ${undecidedText(each)}` },
      associatedRule: { id: each.rule, index: indexOf.get(each.rule) },
    })),
    ...report.notices.map((text) => ({ level: 'note', message: { text } })),
  ]
}
