import type { Evidence } from './evidence.ts'
import type { Fix } from './fix.ts'
import type { Location } from './location.ts'

export const severities = ['error', 'warning', 'note'] as const
export type Severity = (typeof severities)[number]

/** What a rule says about one place, with how it is known and what to do. Plain data. */
export interface Finding {
  /** The rule's id, for example `require-concurrent-index`. */
  rule: string
  severity: Severity
  message: string
  location: Location
  /** Other places that belong to it: the first of two duplicates, the table's definition. */
  related: RelatedLocation[]
  evidence: Evidence[]
  /** The exact next step, in one or a few sentences. */
  next: string
  fixes: Fix[]
  /** Stays the same while the finding does, whatever lines move above it; see `fingerprint.ts`. */
  fingerprint: string
}

export interface RelatedLocation {
  location: Location
  message: string
}

/** Whether a finding of severity `found` counts for `threshold`: an error always does, a note only for `note`. */
export function atLeast(found: Severity, threshold: Severity): boolean {
  return severities.indexOf(found) <= severities.indexOf(threshold)
}

/** The highest severity of some findings; undefined when there are none. */
export function worstOf(findings: readonly Finding[]): Severity | undefined {
  return severities.find((severity) => findings.some((finding) => finding.severity === severity))
}
