import { compareLocations } from '../findings/location.ts'
import type { Location } from '../findings/location.ts'
import type { Finding, Severity } from '../findings/finding.ts'
import { fingerprint } from '../findings/fingerprint.ts'
import { positionsOf } from '../sql/positions.ts'
import type { Position, Span } from '../sql/positions.ts'
import type { Place, Rule, Verdict } from '../rules/rule.ts'

/** A finding on its way to the report, with what decides whether it is shown. */
export interface PlacedFinding {
  finding: Finding
  rule: Rule
  /** Where it stands in its file, in offsets; undefined for objects and settings. */
  span: Span | undefined
}

/** Turns verdicts into findings: places become lines and columns, equal ones get their ordinal and fingerprint. */
export function createFindingWriter(): (
  rule: Rule,
  severity: Severity,
  verdict: Verdict & { kind: 'finding' },
) => PlacedFinding {
  const positionsByFile = new Map<string, (offset: number) => Position>()
  const seen = new Map<string, number>()

  function locate(place: Place): Location {
    if (!('span' in place)) return place
    let positions = positionsByFile.get(place.file)
    if (positions === undefined) {
      positions = positionsOf(place.text)
      positionsByFile.set(place.file, positions)
    }
    const start = positions(place.span.start)
    const end = positions(place.span.end)
    return {
      kind: 'file',
      file: place.file,
      line: start.line,
      column: start.column,
      endLine: end.line,
      endColumn: end.column,
    }
  }

  return (rule, severity, verdict) => {
    const { at } = verdict
    const place = 'span' in at ? at.file : `${at.kind} ${at.name}`
    const text = verdict.identity ?? ('span' in at ? at.text.slice(at.span.start, at.span.end) : '')
    const key = [rule.id, place, text].join('\0')
    const ordinal = seen.get(key) ?? 0
    seen.set(key, ordinal + 1)
    return {
      rule,
      span: 'span' in at ? at.span : undefined,
      finding: {
        rule: rule.id,
        severity: verdict.severity ?? severity,
        message: verdict.message,
        location: locate(at),
        related: (verdict.related ?? []).map((related) => ({
          location: locate(related.at),
          message: related.message,
        })),
        evidence: verdict.evidence,
        next: verdict.next,
        fixes: verdict.fixes ?? [],
        fingerprint: fingerprint({ rule: rule.id, place, text, ordinal }),
      },
    }
  }
}

type Ordered = Pick<Finding, 'location' | 'rule'>

/** The order of every report: by place, then by rule. */
export function compareFindings(a: Ordered, b: Ordered): number {
  return compareLocations(a.location, b.location) || (a.rule < b.rule ? -1 : a.rule > b.rule ? 1 : 0)
}
