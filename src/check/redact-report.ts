import type { Finding } from '../findings/finding.ts'
import type { Fix } from '../findings/fix.ts'
import type { CheckReport } from '../findings/report.ts'
import { redactSql, redactText } from '../sql/redact.ts'

/**
 * The report without secrets: what rules and PostgreSQL say quotes the user's SQL, which may hold passwords. A fix
 * whose text holds one is left out, because with asterisks in it it would be wrong.
 */
export function redactReport(report: CheckReport): CheckReport {
  return {
    ...report,
    findings: report.findings.map(redactFinding),
    ignored: report.ignored.map((each) => ({
      ...each,
      message: redactText(each.message),
      reason: redactText(each.reason),
    })),
    unknown: redactStrings(report.unknown),
    notTraced: redactStrings(report.notTraced),
    notices: redactStrings(report.notices),
  }
}

function redactFinding(finding: Finding): Finding {
  return {
    ...finding,
    message: redactText(finding.message),
    related: redactStrings(finding.related),
    evidence: finding.evidence.map((each) =>
      each.kind === 'source' ? { ...each, text: redactSql(each.text) } : redactStrings(each),
    ),
    next: redactText(finding.next),
    fixes: finding.fixes.filter((fix) => !holdsSecret(fix)),
  }
}

function holdsSecret({ title, edits, newFiles }: Fix): boolean {
  return [title, ...edits.map(({ text }) => text), ...newFiles.map(({ text }) => text)].some(
    (text) => redactText(text) !== text,
  )
}

/** Every string in plain data, redacted. */
function redactStrings<T>(value: T): T {
  if (typeof value === 'string') return redactText(value) as T
  if (Array.isArray(value)) return value.map((item: unknown) => redactStrings(item)) as T
  if (value === null || typeof value !== 'object') return value
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, redactStrings(item)])) as T
}
