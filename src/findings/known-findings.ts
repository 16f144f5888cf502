import { usageError } from '../errors.ts'
import type { Finding } from './finding.ts'
import { formatLocation } from './location.ts'
import type { CheckReport } from './report.ts'

/** The findings of an old repository that are accepted, so that only new ones are reported: the file of `--known`. */
export interface KnownFindings {
  version: 1
  findings: KnownFinding[]
}

/** `fingerprint` decides; the rest is for whoever reads the file. */
export interface KnownFinding {
  fingerprint: string
  rule: string
  /** The file, object or setting. No line: it would change with every edit above it. */
  at: string
  message: string
}

/** All findings of a report as known ones, in an order that makes small differences of the file. */
export function knownFrom({ findings }: CheckReport): KnownFindings {
  const known = findings.map(({ fingerprint, rule, location, message }: Finding): KnownFinding => {
    const at = location.kind === 'file' ? location.file : formatLocation(location)
    return { fingerprint, rule, at, message }
  })
  const key = ({ at, rule, fingerprint }: KnownFinding) => [at, rule, fingerprint].join('\0')
  return { version: 1, findings: known.sort((a, b) => (key(a) < key(b) ? -1 : 1)) }
}

/** The text of the file of `--known`. */
export function knownText(known: KnownFindings): string {
  return `${JSON.stringify(known, undefined, 2)}\n`
}

/**
 * Reads the text of the file of `--known`.
 * @throws KeiError `invalid-known-file`, exit 2.
 */
export function parseKnown(file: string, text: string): KnownFindings {
  try {
    const known = JSON.parse(text) as Partial<KnownFindings> | null
    const isKnown = known?.version === 1 && Array.isArray(known.findings)
    if (isKnown && known.findings?.every((one) => typeof one?.fingerprint === 'string')) return known as KnownFindings
  } catch {
    // Said below.
  }
  throw usageError({
    code: 'invalid-known-file',
    message: `${file} is not a file of known findings`,
    hint: `Write it anew: kei check --known ${file} --accept.`,
  })
}

/** The report without what is known. What is known and no longer there is a notice when the whole was judged. */
export function withoutKnown(report: CheckReport, known: KnownFindings, isWhole: boolean): CheckReport {
  const fingerprints = new Set(known.findings.map(({ fingerprint }) => fingerprint))
  const findings = report.findings.filter(({ fingerprint }) => !fingerprints.has(fingerprint))
  const count = (severity: Finding['severity']) => findings.filter((finding) => finding.severity === severity).length
  const still = new Set(report.findings.map(({ fingerprint }) => fingerprint))
  const gone = known.findings.filter(({ fingerprint }) => !still.has(fingerprint)).length
  const notice =
    `${gone === 1 ? 'One known finding is' : `${gone} known findings are`} there no longer: ` +
    '`--accept` takes what is gone out of the file.'
  return {
    ...report,
    summary: {
      ...report.summary,
      errors: count('error'),
      warnings: count('warning'),
      notes: count('note'),
      known: report.findings.length - findings.length,
    },
    findings,
    notices: isWhole && gone > 0 ? [...report.notices, notice] : report.notices,
  }
}
