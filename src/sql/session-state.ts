import type { VariableSetStmt } from '@pgsql/types'
import { nodeOf, statementOf } from './statement.ts'
import type { Statement } from './statement.ts'
import { findNodes } from './walk.ts'

/**
 * Whether a session may differ from a fresh one after the statement, for all that its text shows: so may code that it
 * calls. All other statements only change the database.
 */
export function mayChangeSession({ tag, text }: Statement): boolean {
  switch (tag) {
    case 'AlterDefaultPrivilegesStmt':
    case 'AlterDomainStmt':
    case 'AlterEnumStmt':
    case 'AlterFunctionStmt':
    case 'AlterObjectSchemaStmt':
    case 'AlterOwnerStmt':
    case 'AlterPolicyStmt':
    case 'AlterSeqStmt':
    case 'AlterTableStmt':
    case 'CommentStmt':
    case 'CompositeTypeStmt':
    case 'CreateDomainStmt':
    case 'CreateEnumStmt':
    case 'CreateFunctionStmt':
    case 'CreatePolicyStmt':
    case 'CreateRangeStmt':
    case 'CreateStatsStmt':
    case 'CreateTrigStmt':
    case 'DropStmt':
    case 'GrantStmt':
    case 'IndexStmt':
    case 'RenameStmt':
    case 'RuleStmt':
    case 'TransactionStmt':
    case 'TruncateStmt':
      return false
    case 'CreateSchemaStmt':
    case 'CreateSeqStmt':
    case 'CreateStmt':
    case 'ViewStmt':
      return /\btemp/i.test(text)
    case 'DeleteStmt':
    case 'InsertStmt':
    case 'UpdateStmt':
      return /set_config|advisory/i.test(text)
    default:
      return true
  }
}

/**
 * What the statement is certain to leave in the session, in PostgreSQL's words: behind a pooler the next client finds
 * it. Undefined when its text shows nothing of the kind. Settings that PgBouncer gives back to each client are no
 * exception: other poolers do not.
 */
export function leftInSession(statement: Statement): string | undefined {
  switch (statement.tag) {
    case 'VariableSetStmt':
      return settingLeft(statementOf(statement, 'VariableSetStmt'))
    case 'CreateStmt':
    case 'CreateTableAsStmt':
    case 'CreateSeqStmt':
    case 'ViewStmt':
      return isKeptTemporary(statement) ? 'a temporary relation' : undefined
    case 'DeclareCursorStmt':
      // CURSOR_OPT_HOLD of PostgreSQL's parsenodes.h
      return ((statementOf(statement, 'DeclareCursorStmt')?.options ?? 0) & 0x0020) === 0
        ? undefined
        : 'a cursor WITH HOLD'
    case 'ListenStmt':
      return 'LISTEN'
    case 'LoadStmt':
      return 'a loaded library'
    case 'PrepareStmt':
      return 'a prepared statement'
    case 'DoStmt':
      return leftByCode(statement)
    default:
      return leftByCall(statement)
  }
}

/**
 * Whether the session has a value of the statements' own for the parameter after them; one that is only their
 * transaction's does not count. The role is the parameter `role`, that of SET SESSION AUTHORIZATION
 * `session_authorization`.
 */
export function leavesParameter(statements: readonly Statement[], name: string): boolean {
  let left = false
  for (const statement of statements) {
    const set = statementOf(statement, 'VariableSetStmt')
    if (set?.kind === 'VAR_RESET_ALL' || (set?.kind === 'VAR_RESET' && set.name?.toLowerCase() === name)) left = false
    else if (leftInSession(statement)?.toLowerCase() === `the setting ${name}`) left = true
  }
  return left
}

function settingLeft(set: VariableSetStmt | undefined): string | undefined {
  if (set === undefined || set.is_local === true || set.kind === 'VAR_RESET' || set.kind === 'VAR_RESET_ALL')
    return undefined
  // SET TRANSACTION is of its transaction only; SET SESSION CHARACTERISTICS stays.
  if (set.kind === 'VAR_SET_MULTI')
    return set.name === 'SESSION CHARACTERISTICS' ? 'the characteristics of its transactions' : undefined
  return `the setting ${set.name}`
}

function isKeptTemporary(statement: Statement): boolean {
  const { relation, oncommit } = temporaryCandidate(statement)
  return relation?.relpersistence === 't' && oncommit !== 'ONCOMMIT_DROP'
}

function temporaryCandidate(statement: Statement) {
  const table = statementOf(statement, 'CreateStmt')
  if (table !== undefined) return { relation: table.relation, oncommit: table.oncommit }
  const into = statementOf(statement, 'CreateTableAsStmt')?.into
  if (into !== undefined) return { relation: into.rel, oncommit: into.onCommit }
  return {
    relation: statementOf(statement, 'CreateSeqStmt')?.sequence ?? statementOf(statement, 'ViewStmt')?.view,
    oncommit: undefined,
  }
}

const sessionLocks: ReadonlySet<string> = new Set([
  'pg_advisory_lock',
  'pg_advisory_lock_shared',
  'pg_try_advisory_lock',
  'pg_try_advisory_lock_shared',
])

/** Calls in the statement itself; those in a function's body are not of the session yet. */
function leftByCall(statement: Statement): string | undefined {
  for (const call of findNodes(statement.node, 'FuncCall')) {
    const name = nodeOf(call.funcname?.at(-1), 'String')?.sval ?? ''
    if (sessionLocks.has(name)) return `the lock of ${name}`
    if (name === 'set_config' && !isTrue(call.args?.[2]))
      return `the setting ${textOf(call.args?.[0]) ?? 'of set_config'}`
  }
  return undefined
}

/**
 * What the code of a DO block says that it leaves. It is read by words, because it is in any language; what a function
 * does that it calls is not seen.
 */
function leftByCode(statement: Statement): string | undefined {
  const code = (statementOf(statement, 'DoStmt')?.args ?? [])
    .map((option) => nodeOf(nodeOf(option, 'DefElem')?.arg, 'String')?.sval ?? '')
    .join('\n')
  const lock = /\bpg_(?:try_)?advisory_lock(?:_shared)?\s*\(/i.exec(code)
  if (lock !== null) return 'an advisory lock of the code'
  const setting =
    /\bset_config\s*\(\s*'([\w.]+)'[^;]*,\s*false\s*\)/i.exec(code) ??
    /(?:^|;|\bbegin\b|\bthen\b|\belse\b|\bloop\b|')\s*set\s+(?:session\s+)?(?!local\b|transaction\b|constraints\b|session\b)([\w.]+)\s*(?:=|\bto\b)/i.exec(
      code,
    )
  return setting === null ? undefined : `the setting ${setting[1]}`
}

type Expression = Parameters<typeof nodeOf>[0]

function textOf(node: Expression): string | undefined {
  return nodeOf(node, 'A_Const')?.sval?.sval
}

function isTrue(node: Expression): boolean {
  const constant = nodeOf(nodeOf(node, 'TypeCast')?.arg ?? node, 'A_Const')
  return constant?.boolval?.boolval === true || /^(?:t|true|on|yes|1)$/i.test(constant?.sval?.sval ?? '')
}
