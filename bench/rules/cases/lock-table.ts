import type { LockShape } from '../../../src/rules/lock-table/lock-shape.ts'
import { lockTable } from '../../../src/rules/lock-table/lock-table.ts'
import { statementsOf } from '../case-run.ts'
import type { RuleCase } from '../case.ts'

/** Rows that the server works through in several transactions: what was locked while it read cannot be told. */
const severalTransactions = ['REINDEX TABLE CONCURRENTLY, partitioned table']

/**
 * A case for each row of kei's lock table. It is about failing where the row says that it fails, about other tables
 * where it says that the referenced one is taken for itself and nothing is read, else about tables being read or
 * written anew meanwhile. Nothing is expected: the row says what is locked and read, and the server measures it again.
 */
export function lockTableCases(): readonly RuleCase[] {
  const used = new Map<string, number>()
  return Object.entries<LockShape>(lockTable).map(([name, shape]): RuleCase => {
    const words = name
      .toLowerCase()
      .replace(/[^a-z0-9]+/g, ' ')
      .trim()
      .replaceAll(' ', '-')
    const count = (used.get(words) ?? 0) + 1
    used.set(words, count)
    const isWork = shape.rewrite || shape.scan
    const stalls = !isWork && shape.locks['public.r'] === 'ACCESS EXCLUSIVE'
    const fails = shape.fails !== undefined || severalTransactions.includes(name)
    return {
      id: `row-${words}${count === 1 ? '' : `-${count}`}`,
      sources: [`lock table ${name}`],
      kind: fails ? 'fails' : stalls ? 'stalls' : 'blocks',
      setup: shape.setup,
      sql: [...settingsIn(shape.setup), shape.statement].join('; '),
      // Several statements of a row are in one transaction.
      ...(statementsOf(shape.statement).length > 1 && { runner: 'transaction' }),
      ...(shape.majors && !shape.majors.includes(17) && { major: shape.majors[0] ?? 18 }),
    }
  })
}

/** The settings that a row's setup leaves to its session; a migration begins without. */
function settingsIn(setup: string): string[] {
  return statementsOf(setup).flatMap(({ tag, text }) => (tag === 'VariableSetStmt' ? [text] : []))
}
