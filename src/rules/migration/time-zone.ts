import type { Node } from '@pgsql/types'
import { namesOf, nodeOf, statementOf } from '../../sql/statement.ts'
import type { Statement } from '../../sql/statement.ts'
import type { StatementSubject } from '../subject.ts'

/**
 * The TimeZone that the file itself has set when the statement runs, in lower case; undefined where it is the
 * session's own, which the text does not show.
 */
export function timeZoneAt(subject: StatementSubject): string | undefined {
  const { migration } = subject
  const { index } = (subject.within ?? subject).statement
  const group = migration.groups.find(({ statements }) => statements.some((each) => each.index === index))
  let session: string | undefined
  let local: string | undefined
  for (const { statement } of migration.statements) {
    if (statement.index >= index) break
    const setting = settingOf(statement)
    if (setting === undefined) continue
    if (!setting.isLocal) session = local = setting.zone
    else if (group?.kind === 'transaction' && group.statements.includes(statement)) local = setting.zone
  }
  return local ?? session
}

/** Names under which PostgreSQL knows UTC as a zone that is never at another offset. */
const utcNames = new Set([
  'utc',
  'etc/utc',
  'gmt',
  'etc/gmt',
  'uct',
  'etc/uct',
  'zulu',
  'etc/zulu',
  '0',
  '+00',
  '+00:00',
])

/** Whether a zone is one in which changing timestamp to timestamptz leaves the rows as they are. */
export function isUtc(zone: string): boolean {
  return utcNames.has(zone)
}

interface Setting {
  /** Undefined: back to the session's own, or not to be read from the text. */
  zone: string | undefined
  isLocal: boolean
}

function settingOf(statement: Statement): Setting | undefined {
  const set = statementOf(statement, 'VariableSetStmt')
  if (set) {
    const isLocal = set.is_local ?? false
    if (set.kind === 'VAR_RESET_ALL') return { zone: undefined, isLocal: false }
    if (set.name?.toLowerCase() !== 'timezone') return undefined
    return { zone: set.kind === 'VAR_SET_VALUE' ? zoneOf(set.args?.[0]) : undefined, isLocal }
  }
  if (statementOf(statement, 'DiscardStmt')?.target === 'DISCARD_ALL') return { zone: undefined, isLocal: false }
  const target = nodeOf(statementOf(statement, 'SelectStmt')?.targetList?.[0], 'ResTarget')
  const call = nodeOf(target?.val, 'FuncCall')
  if (call === undefined || namesOf({ List: { items: call.funcname ?? [] } }).at(-1) !== 'set_config') return undefined
  const [name, value, isLocal] = call.args ?? []
  if (zoneOf(name) !== 'timezone') return undefined
  return { zone: zoneOf(value), isLocal: nodeOf(isLocal, 'A_Const')?.boolval?.boolval ?? false }
}

function zoneOf(node: Node | undefined): string | undefined {
  const constant = nodeOf(node, 'A_Const')
  if (constant?.sval) return (constant.sval.sval ?? '').toLowerCase()
  if (constant?.ival) return String(constant.ival.ival ?? 0)
  return undefined
}
