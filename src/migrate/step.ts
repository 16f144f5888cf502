import type { Statement } from '../sql/statement.ts'

/**
 * What the runner sends as one: it is either done whole, with its row in the history, or not at all. The steps of a
 * file, put together, are all its statements.
 */
export type Step =
  | (StepRange & {
      kind: 'transaction'
      /** Without the BEGIN and COMMIT that the file writes: the runner sends its own. They can be all there is. */
      statements: Statement[]
    })
  /** PostgreSQL refuses it in a transaction block. */
  | (StepRange & { kind: 'outside'; statements: [Statement] })
  /**
   * CALL, or DO whose code may commit, in a file with `transaction none`: tried in a transaction, and outside of one
   * where PostgreSQL then says that it commits by itself (2D000).
   */
  | (StepRange & { kind: 'may-commit'; statements: [Statement] })

interface StepRange {
  /** 1-based numbers of its first and last statement in the file, the BEGIN and COMMIT around it counted. */
  first: number
  last: number
  /** `statementHash` of each of `first` to `last`, BEGIN and COMMIT among them: what the history's row keeps. */
  hashes: string[]
}
