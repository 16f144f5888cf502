import type { OutsideKind } from './outside-kind.ts'

export interface RepeatableBefore {
  kind: 'repeatable'
}

/**
 * Statements whose second run does no harm, and of which the catalog tells nothing: VACUUM, CLUSTER of all tables,
 * ALTER SYSTEM, ALTER DATABASE … SET TABLESPACE, DISCARD ALL.
 */
export const repeatable: OutsideKind<RepeatableBefore> = {
  before: async () => ({ kind: 'repeatable' }),
  clear: async () => {},
  decide: async () => 'repeat',
}
