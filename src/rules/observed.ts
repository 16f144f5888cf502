import type { TraceEvidence } from '../findings/evidence.ts'
import { compareLockModes } from '../findings/lock-mode.ts'
import type { RelationLock } from '../findings/lock-mode.ts'
import type { Observation } from '../findings/observation.ts'
import type { HistorySubject, StatementSubject } from './subject.ts'

/** What the shadow showed for a statement; undefined when it was not traced. */
export function observationOf(subject: StatementSubject): Observation | undefined {
  return subject.trace?.status === 'traced' ? subject.trace.observation : undefined
}

/** What was observed, as evidence; locks on what the statement itself made stop nobody and are left out. */
export function traceEvidence(
  major: number,
  observation: Observation,
  facts?: Record<string, string | number>,
): TraceEvidence {
  const { rewrites, scans, milliseconds } = observation
  const made = new Set(observation.created.map((object) => object.name))
  // An index that is built anew is locked as the old one and as the new one, under one name.
  const seen = new Map(observation.locks.map((lock) => [`${lock.mode} ${lock.relation}`, lock]))
  const locks = [...seen.values()].filter((lock) => !made.has(lock.relation))
  const held = locks.length === 0 ? strongest(observation.held) : []
  return {
    kind: 'trace',
    major,
    locks,
    ...(held.length > 0 && { held }),
    rewrites,
    scans,
    milliseconds,
    ...(facts && { facts }),
  }
}

function strongest(locks: readonly RelationLock[]): RelationLock[] {
  const [first] = [...locks].sort((a, b) => compareLockModes(b.mode, a.mode))
  return locks.filter(({ mode }) => mode === first?.mode)
}

/** Facts of the schema that the traced history left, as evidence. */
export function schemaEvidence(major: number, facts: Record<string, string | number>): TraceEvidence {
  return { kind: 'trace', major, locks: [], rewrites: [], scans: [], milliseconds: 0, facts }
}

/** The last statement of the history whose observation satisfies `test`. */
export function lastObserved(
  history: Pick<HistorySubject, 'migrations'>,
  test: (observation: Observation) => boolean,
): StatementSubject | undefined {
  for (const migration of history.migrations.toReversed()) {
    for (const subject of migration.statements.toReversed()) {
      const observation = observationOf(subject)
      if (observation && test(observation)) return subject
    }
  }
  return undefined
}
