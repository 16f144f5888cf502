import type { RelationLock } from './lock-mode.ts'

/** What a real server showed while one statement ran on a shadow. */
export interface Observation {
  /** Relation locks held after the statement that its transaction did not hold before it. */
  locks: RelationLock[]
  /** Locks that earlier statements of the same transaction took and that were still held while this one ran. */
  held: RelationLock[]
  /** Tables and materialized views whose storage was rewritten. */
  rewrites: string[]
  /** Indexes that were built again without a rewrite of their table. */
  indexRebuilds: string[]
  /** Relations read from end to end. */
  scans: string[]
  created: ObjectChange[]
  altered: ObjectChange[]
  /** Objects named by a DROP first; what a CASCADE or an owner took along has `cascaded`. */
  dropped: ObjectChange[]
  /** Constraints that appeared on a locked or new relation. */
  constraints: NewConstraint[]
  /** NOTICE and WARNING texts of the statement itself. */
  notices: string[]
  milliseconds: number
}

export interface ObjectChange {
  /** As `pg_event_trigger_ddl_commands()` names it: `table`, `index`, `function` … */
  objectType: string
  /** Qualified and quoted as PostgreSQL prints it. */
  name: string
  cascaded?: boolean
  /** Of what is `cascaded`: it depended on what was dropped, so that without CASCADE the drop is refused. */
  dependent?: boolean
}

export interface NewConstraint {
  relation: string
  name: string
  /** `pg_constraint.contype`. */
  type: 'c' | 'f' | 'n' | 'p' | 't' | 'u' | 'x'
  definition: string
}

/** How far one statement got on the shadow. */
export type StatementTrace =
  | {
      status: 'traced'
      observation: Observation
      /** What kei changed before running it, in words: `DISABLE TRIGGER ALL ran as DISABLE TRIGGER USER`. */
      edited?: string
    }
  /** kei never runs it; the stub or the reason is said. */
  | { status: 'skipped'; cause: string }
  /** PostgreSQL refused it: a root cause. */
  | {
      status: 'failed'
      cause: string
      sqlstate?: string
      /** Where it lacks a name: a migration before it that is code, which a trace cannot run. */
      codeBefore?: string
    }
  /** It failed, or did not run, because of an earlier root cause. */
  | { status: 'not-reached'; cause: string; root: { file: string; line: number } }
