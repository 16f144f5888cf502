import type { OutsideKind } from './outside-kind.ts'

export interface MayCommitBefore {
  kind: 'may-commit'
}

/** CALL, and DO whose code commits: how far it came only a person can say. */
export const mayCommit: OutsideKind<MayCommitBefore> = {
  before: async () => ({ kind: 'may-commit' }),
  clear: async () => {},
  decide: async () => 'unknown',
}
