import type { Finding, Severity } from '../findings/finding.ts'
import { formatLocation } from '../findings/location.ts'
import { jsonText } from '../findings/json-text.ts'
import { printableLines } from './printable-lines.ts'
import type { Reporter } from './reporter.ts'
import { repositoryPlace } from './repository-place.ts'

const severities: Record<Severity, string> = { error: 'critical', warning: 'major', note: 'info' }

/**
 * A Code Quality report of GitLab. GitLab shows the description and the place, so the rule is named there too.
 * Source: GitLab documentation, "Code Quality", "Code Quality report format".
 */
export const gitlab: Reporter = (report) =>
  jsonText(
    report.findings.map((finding) => {
      const place = repositoryPlace(finding, report)
      return {
        description: descriptionOf(finding),
        check_name: finding.rule,
        fingerprint: finding.fingerprint,
        severity: severities[finding.severity],
        location:
          place.kind === 'file'
            ? { path: place.file, lines: { begin: place.line } }
            : { path: place.path, lines: { begin: 1 } },
      }
    }),
  )

function descriptionOf({ location, message, rule }: Finding): string {
  const subject = location.kind === 'file' ? '' : `${formatLocation(location)}: `
  return `${printableLines(`${subject}${message}`).join(' ')} (${rule})`
}
