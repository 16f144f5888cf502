/** Atlas's integrity file. */
export interface SumFile {
  /** Relative to the repository. */
  path: string
  /** As decoded; undefined when there is no such file. */
  text?: string
  /** What `atlas migrate hash` would write. */
  expected: string
  /** What is wrong with it; undefined when it fits its folder. */
  mismatch?: SumMismatch
}

/** The first thing that is wrong with an integrity file; `line` is 1-based. */
export type SumMismatch =
  | { kind: 'missing' }
  /** A line that is no checksum: a merge's conflict marker, say. */
  | { kind: 'malformed'; line: number }
  /** The first line is not the sum of the others: somebody has changed one of them. */
  | { kind: 'total'; line: 1 }
  /** The first file that is not as its line says; the sums of all behind it depend on it. */
  | { kind: 'edited' | 'added' | 'removed'; line: number; file: string }
