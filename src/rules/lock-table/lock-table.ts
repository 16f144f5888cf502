import type { MeasuredEvidence } from '../../findings/evidence.ts'
import type { Major } from '../rule.ts'
import { columnShapes } from './columns.ts'
import { constraintShapes } from './constraints.ts'
import { foreignKeyShapes } from './foreign-keys.ts'
import { indexShapes } from './indexes.ts'
import type { LockShape } from './lock-shape.ts'
import { maintenanceShapes } from './maintenance.ts'
import { objectShapes } from './objects.ts'
import { partitionShapes } from './partitions.ts'
import { rowShapes } from './rows.ts'
import { tableShapes } from './tables.ts'
import { transactionShapes } from './transactions.ts'
import { triggerShapes } from './triggers.ts'
import { typeShapes } from './column-types.ts'
import { viewShapes } from './views.ts'

/** kei's lock table: one row for each measured shape of statement. */
export const lockTable = {
  ...indexShapes,
  ...constraintShapes,
  ...foreignKeyShapes,
  ...columnShapes,
  ...typeShapes,
  ...partitionShapes,
  ...tableShapes,
  ...rowShapes,
  ...maintenanceShapes,
  ...viewShapes,
  ...triggerShapes,
  ...objectShapes,
  ...transactionShapes,
}

/** The same rows by what they are about, in the order of the reference page. */
export const lockFamilies: readonly { title: string; shapes: Readonly<Record<string, LockShape>> }[] = [
  { title: 'Columns', shapes: columnShapes },
  { title: 'Column types', shapes: typeShapes },
  { title: 'Constraints', shapes: constraintShapes },
  { title: 'Foreign keys', shapes: foreignKeyShapes },
  { title: 'Indexes', shapes: indexShapes },
  { title: 'Partitions', shapes: partitionShapes },
  { title: 'Tables', shapes: tableShapes },
  { title: 'Rows', shapes: rowShapes },
  { title: 'VACUUM, ANALYZE and CLUSTER', shapes: maintenanceShapes },
  { title: 'Views', shapes: viewShapes },
  { title: 'Triggers, rules and policies', shapes: triggerShapes },
  { title: 'Other objects', shapes: objectShapes },
  { title: 'Several statements in one transaction', shapes: transactionShapes },
]

export type LockShapeName = keyof typeof lockTable

/**
 * A row of the lock table as evidence. `relations` gives the finding's own names for those of the row, without their
 * schema: `{ t: 'public.orders', r: 'public.customers' }`; locks on relations without one are left out.
 */
export function measured(
  shape: LockShapeName,
  major: Major,
  relations: Readonly<Record<string, string>>,
): MeasuredEvidence {
  const row: LockShape = lockTable[shape]
  return {
    kind: 'measured',
    major,
    shape,
    locks: Object.entries(row.locks).flatMap(([name, mode]) => {
      const relation = relations[name.replace(/^public\./, '')]
      return relation === undefined ? [] : [{ relation, mode }]
    }),
    rewrite: row.rewrite,
    scan: row.scan,
    ...(row.fails !== undefined && { fails: row.fails }),
  }
}
