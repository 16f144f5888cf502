import type { Node } from '@pgsql/types'
import { nodeOf, statementOf } from '../../sql/statement.ts'
import type { Statement } from '../../sql/statement.ts'

/** What a statement sets lock_timeout to, in milliseconds: 0 is no limit, undefined for a value that it computes. */
export interface LockTimeout {
  milliseconds: number | undefined
  /** Until the end of the transaction only. */
  isLocal: boolean
}

/** Reads SET, RESET and set_config; undefined where the statement leaves lock_timeout alone. */
export function lockTimeoutSet(statement: Statement): LockTimeout | undefined {
  const set = statementOf(statement, 'VariableSetStmt')
  if (set !== undefined) {
    const isOwn = set.name?.toLowerCase() === 'lock_timeout'
    if (!isOwn && set.kind !== 'VAR_RESET_ALL') return undefined
    const milliseconds = set.kind === 'VAR_SET_VALUE' ? millisecondsOf(set.args?.[0]) : 0
    return { milliseconds, isLocal: set.is_local ?? false }
  }
  for (const target of statementOf(statement, 'SelectStmt')?.targetList ?? []) {
    const call = nodeOf(nodeOf(target, 'ResTarget')?.val, 'FuncCall')
    const [name, value, isLocal] = call?.args ?? []
    if (nodeOf(call?.funcname?.at(-1), 'String')?.sval !== 'set_config') continue
    if (nodeOf(name, 'A_Const')?.sval?.sval?.toLowerCase() !== 'lock_timeout') continue
    return { milliseconds: millisecondsOf(value), isLocal: nodeOf(isLocal, 'A_Const')?.boolval?.boolval ?? false }
  }
  return undefined
}

/** The units of PostgreSQL's settings; without one a number is milliseconds. */
const units: Readonly<Record<string, number>> = {
  us: 0.001,
  ms: 1,
  s: 1000,
  min: 60_000,
  h: 3_600_000,
  d: 86_400_000,
}

function millisecondsOf(value: Node | undefined): number | undefined {
  const constant = nodeOf(value, 'A_Const')
  if (constant === undefined) return undefined
  // The tree leaves a zero out.
  if (constant.ival !== undefined) return constant.ival.ival ?? 0
  const written = constant.sval?.sval ?? constant.fval?.fval ?? ''
  const [, number, unit = 'ms'] = /^\s*([\d.]+)\s*([a-z]+)?\s*$/.exec(written) ?? []
  const factor = units[unit]
  return number === undefined || factor === undefined ? undefined : Math.round(Number(number) * factor)
}
