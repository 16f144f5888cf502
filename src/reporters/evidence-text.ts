import type { Evidence, TraceEvidence } from '../findings/evidence.ts'
import type { RelationLock } from '../findings/lock-mode.ts'

/** One line that says how a finding is known. `server` is the shadow's exact version where there was one. */
export function evidenceText(evidence: Evidence, server?: string): string {
  switch (evidence.kind) {
    case 'source':
      return `in the text: ${evidence.text}`
    case 'measured': {
      const effects = [
        ...evidence.locks.map(lockText),
        ...(evidence.rewrite ? ['rewrites the table'] : []),
        ...(evidence.scan ? ['reads the whole table'] : []),
        ...(evidence.fails === undefined ? [] : [`fails with ${evidence.fails}`]),
      ]
      return `measured on PostgreSQL ${evidence.major}: ${evidence.shape} → ${effects.join(', ') || 'no lock, no rewrite, no scan'}`
    }
    case 'trace': {
      const effects = [
        ...evidence.locks.map(lockText),
        ...evidence.rewrites.map((relation) => `rewrote ${relation}`),
        ...evidence.scans.map((relation) => `read all of ${relation}`),
      ]
      const facts = factTexts(evidence.facts)
      const seen = [...(effects.length > 0 ? [effects.join(', ')] : []), ...facts].join('; ')
      return `ran on PostgreSQL ${server ?? evidence.major}: ${seen || `${noLock(evidence)}, no rewrite, no scan`}`
    }
    case 'catalog':
      return `in the catalog: ${factTexts(evidence.facts).join('; ')}`
    case 'statistics':
      return `in the statistics: ${factTexts(evidence.facts).join('; ')}`
    case 'git':
      return `in git${evidence.commit === undefined ? '' : ` (${evidence.commit.slice(0, 12)})`}: ${evidence.detail}`
    case 'plan':
      return evidence.after === undefined ? 'its plan' : 'its plan, before and after'
    case 'run':
      return `${evidence.detail}: ${factTexts(evidence.figures).join('; ')}`
  }
}

function noLock({ held = [] }: TraceEvidence): string {
  if (held.length === 0) return 'no lock'
  const more = held.length > mostHeld ? ` and ${held.length - mostHeld} more` : ''
  return `no further lock (held: ${held.slice(0, mostHeld).map(lockText).join(', ')}${more})`
}

/** Locks held that are named. */
const mostHeld = 3

function lockText(lock: RelationLock): string {
  return `${lock.mode} on ${lock.relation}`
}

function factTexts(facts: Readonly<Record<string, string | number>> | undefined): string[] {
  return Object.entries(facts ?? {}).map(([name, value]) => `${name}: ${value}`)
}
