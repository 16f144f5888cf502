import type { Severity } from '../findings/finding.ts'

/** A rule as a report tells of it. */
export interface RuleDescription {
  id: string
  /** The rule's own; a configuration may give its findings another. */
  severity: Severity
  category: string
  /** One sentence, no full stop. */
  summary: string
  why: string
  instead: string
  /** The rule's whole page in Markdown. */
  page: string
}
