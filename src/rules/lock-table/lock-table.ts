import type { MeasuredEvidence } from '../../findings/evidence.ts'
import type { LockMode } from '../../findings/lock-mode.ts'
import type { Major } from '../rule.ts'

/**
 * What one shape of statement does, the same on every supported major unless `majors` says otherwise. The tests run
 * `setup` and `statement` on each major and fail when the server shows anything else.
 */
export interface LockShape {
  setup: string
  statement: string
  majors?: readonly Major[]
  /** Strongest lock on each relation of `setup`; relations not named are not locked. */
  locks: Readonly<Record<string, LockMode>>
  /** Whether `public.t` is rewritten. */
  rewrite: boolean
  /** Whether `public.t` is read from end to end. */
  scan: boolean
}

const rows = "INSERT INTO t SELECT g, '{}' FROM generate_series(1, 100) g;"
const partitioned =
  'CREATE TABLE t (a int, b jsonb) PARTITION BY RANGE (a); ' +
  'CREATE TABLE p PARTITION OF t FOR VALUES FROM (MINVALUE) TO (MAXVALUE); ' +
  rows

/** kei's lock table: one row for each statement shape that a rule speaks of. */
export const lockTable = {
  'CREATE INDEX': {
    setup: `CREATE TABLE t (a int, b jsonb); ${rows}`,
    statement: 'CREATE INDEX ON t (a)',
    locks: { 'public.t': 'SHARE' },
    rewrite: false,
    scan: true,
  },
  'CREATE INDEX, partitioned table': {
    setup: partitioned,
    statement: 'CREATE INDEX ON t (a)',
    locks: { 'public.t': 'SHARE', 'public.p': 'SHARE' },
    rewrite: false,
    scan: false,
  },
} as const satisfies Record<string, LockShape>

export type LockShapeName = keyof typeof lockTable

/** A row of the lock table as evidence, with the finding's own table in the place of `public.t`. */
export function measured(shape: LockShapeName, major: Major, table: string): MeasuredEvidence {
  const row: LockShape = lockTable[shape]
  const mode = row.locks['public.t']
  return {
    kind: 'measured',
    major,
    shape,
    locks: mode === undefined ? [] : [{ relation: table, mode }],
    rewrite: row.rewrite,
    scan: row.scan,
  }
}
