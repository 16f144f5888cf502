import type { RuleCase } from '../case.ts'
import { codeCases } from './code.ts'
import { columnCases } from './columns.ts'
import { compatibilityCases } from './compatibility.ts'
import { constraintCases } from './constraints.ts'
import { indexCases } from './indexes.ts'
import { lockTableCases } from './lock-table.ts'
import { lossCases } from './loss.ts'
import { schemaCases } from './schema.ts'
import { transactionCases } from './transactions.ts'

/** Every case, those of the lock table as it is now among them. */
export function allCases(): readonly RuleCase[] {
  return [
    ...indexCases,
    ...constraintCases,
    ...columnCases,
    ...lossCases,
    ...compatibilityCases,
    ...transactionCases,
    ...codeCases,
    ...schemaCases,
    ...lockTableCases(),
  ]
}
