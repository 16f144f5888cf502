import type { Statement } from './statement.ts'

/**
 * How one statement stands to a transaction block.
 * - `inside`: runs in one.
 * - `outside`: PostgreSQL refuses it in one (CREATE INDEX CONCURRENTLY, VACUUM …).
 * - `control`: it is one's boundary (BEGIN, COMMIT, SAVEPOINT …).
 * - `may-commit`: CALL or DO, which can commit by themselves.
 */
export type TransactionBehaviour = 'inside' | 'outside' | 'control' | 'may-commit'

/** Statements that commit together, or one that stands alone. */
export interface StatementGroup {
  kind: 'transaction' | 'alone'
  statements: Statement[]
}
