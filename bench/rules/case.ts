import type { Major } from '../../src/rules/rule.ts'

/**
 * What a case is about. The server says whether it happens (truth.ts); bench/README.md says it in words.
 */
export const hazardKinds = [
  'blocks',
  'stalls',
  'waits',
  'bulk',
  'repeats',
  'fails',
  'transaction',
  'loses',
  'breaks',
  'invalid-index',
  'unvalidated',
  'unindexed-foreign-key',
  'mismatched-foreign-key',
  'serial',
  'small-key',
  'discouraged-type',
  'no-primary-key',
  'long-identifier',
  'unfit-index',
  'duplicate-index',
] as const

export type HazardKind = (typeof hazardKinds)[number]

/** What a runner does with a case's file. */
export type CaseRunner =
  /** kei's: one transaction for what can stand in one, the rest alone. */
  | 'grouped'
  /** One transaction around the whole file, whatever is in it. */
  | 'transaction'
  /** Each statement alone, as psql does. */
  | 'statement'

/** One migration on top of others, asked about one kind of hazard. */
export interface RuleCase {
  /** Lower-case words joined by `-`; unique. */
  id: string
  /** Whose rules it is for: `squawk require-concurrent-index-creation`, `measured ADD COLUMN serial` … */
  sources: readonly string[]
  kind: HazardKind
  /** What its author expects the server to say; undefined where nobody wrote it for this question. */
  hazard?: boolean
  /** The released migrations before it, as one file: makes `public.t` with rows. May be empty. */
  setup: string
  /** The migration. */
  sql: string
  /** First major that runs it; default 17. */
  major?: Major
  /** Default `grouped`. */
  runner?: CaseRunner
  /** What happened to the database beside the migrations, such as an earlier attempt at this one; may fail. */
  earlier?: string
  /** What the application that is still running sends, beside reading every name that there is. */
  uses?: readonly string[]
}

/** Types a list of cases. */
export function cases(...list: readonly RuleCase[]): readonly RuleCase[] {
  return list
}
