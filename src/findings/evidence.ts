import type { RelationLock } from './lock-mode.ts'

/** How a finding is known. A finding without evidence does not exist. */
export type Evidence =
  | SourceEvidence
  | MeasuredEvidence
  | TraceEvidence
  | CatalogEvidence
  | GitEvidence
  | PlanEvidence
  | RunEvidence

/** The text itself shows it. */
export interface SourceEvidence {
  kind: 'source'
  text: string
}

/** kei's own lock table for that major, re-measured by kei's tests. */
export interface MeasuredEvidence {
  kind: 'measured'
  major: number
  /** The statement shape in the lock table. */
  shape: string
  locks: RelationLock[]
  rewrite: boolean
  scan: boolean
  /** The SQLSTATE with which it fails, and then does nothing else. */
  fails?: string
}

/** Seen when the migrations ran on a shadow server. */
export interface TraceEvidence {
  kind: 'trace'
  major: number
  /** Locks the statement took that its transaction did not hold before. */
  locks: RelationLock[]
  /** Where it took none: the strongest that its transaction held already. */
  held?: RelationLock[]
  /** Relations whose storage was rewritten. */
  rewrites: string[]
  /** Relations read from end to end. */
  scans: string[]
  milliseconds: number
  /** What else the shadow showed, in words: a column's type, an index that does not exist. */
  facts?: Record<string, string | number>
}

/** Seen on the user's database. */
export interface CatalogEvidence {
  kind: 'catalog' | 'statistics'
  facts: Record<string, string | number>
}

export interface GitEvidence {
  kind: 'git'
  commit?: string
  detail: string
}

/** A plan before a change and, where there is one, after it; as EXPLAIN (FORMAT JSON) gave them. */
export interface PlanEvidence {
  kind: 'plan'
  before: unknown
  after?: unknown
}

/** A drill or a load run. */
export interface RunEvidence {
  kind: 'run'
  detail: string
  figures: Record<string, number>
}
