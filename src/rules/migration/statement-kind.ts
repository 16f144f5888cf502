import type { AlterTableCmd } from '@pgsql/types'
import type { Statement } from '../../sql/statement.ts'
import { nodeOf, statementOf } from '../../sql/statement.ts'

/** How a statement stands to the schema: it changes it, only accompanies a change, or does neither. */
export type StatementRole = 'change' | 'companion' | 'other'

const changes = new Set<string>([
  'AlterDomainStmt',
  'AlterEnumStmt',
  'AlterFunctionStmt',
  'AlterObjectSchemaStmt',
  'AlterPolicyStmt',
  'AlterSeqStmt',
  'AlterTableStmt',
  'AlterTypeStmt',
  'CompositeTypeStmt',
  'CreateCastStmt',
  'CreateDomainStmt',
  'CreateEnumStmt',
  'CreateForeignTableStmt',
  'CreateFunctionStmt',
  'CreatePolicyStmt',
  'CreateRangeStmt',
  'CreateSchemaStmt',
  'CreateSeqStmt',
  'CreateStatsStmt',
  'CreateStmt',
  'CreateTableAsStmt',
  'CreateTrigStmt',
  'DefineStmt',
  'DropStmt',
  'IndexStmt',
  'RenameStmt',
  'RuleStmt',
  'ViewStmt',
])
const companions = new Set<string>(['AlterOwnerStmt', 'CommentStmt', 'GrantStmt'])

export function roleOf(statement: Statement): StatementRole {
  if (changes.has(statement.tag)) return 'change'
  return companions.has(statement.tag) ? 'companion' : 'other'
}

/**
 * What a statement does, without what it does it to: two groups whose statements are of the same kinds are one change
 * made in many places (`deleted_at` for six tables, row security everywhere, missing indexes, a clean-up). Undefined for
 * what makes something new of its own; two of those are two changes.
 */
export function kindOf(statement: Statement): string | undefined {
  const alter = statementOf(statement, 'AlterTableStmt')
  if (alter) {
    return (alter.cmds ?? [])
      .map((each) => commandKind(nodeOf(each, 'AlterTableCmd')))
      .sort()
      .join(' + ')
  }
  const drop = statementOf(statement, 'DropStmt')
  if (drop) return `drop ${drop.removeType ?? ''}`
  const rename = statementOf(statement, 'RenameStmt')
  if (rename) return `rename ${rename.renameType ?? ''}`
  const trigger = statementOf(statement, 'CreateTrigStmt')
  if (trigger) return `trigger ${JSON.stringify(trigger.funcname)}`
  // Replacing what is there is maintenance; text cannot tell whether the replaced ones belong together.
  if (statementOf(statement, 'CreateFunctionStmt')?.replace) return 'replace function'
  if (statementOf(statement, 'ViewStmt')?.replace) return 'replace view'
  switch (statement.tag) {
    case 'IndexStmt':
    case 'AlterFunctionStmt':
    case 'CreatePolicyStmt':
    case 'AlterPolicyStmt':
    case 'AlterObjectSchemaStmt':
    case 'AlterEnumStmt':
    case 'AlterSeqStmt':
    case 'CreateStatsStmt':
      return statement.tag
    default:
      return undefined
  }
}

function commandKind(command: AlterTableCmd | undefined): string {
  const column = nodeOf(command?.def, 'ColumnDef')
  const type = JSON.stringify((column?.typeName?.names ?? []).map((name) => nodeOf(name, 'String')?.sval))
  switch (command?.subtype) {
    case 'AT_AddColumn':
      return `add ${column?.colname ?? ''} ${type}`
    case 'AT_AlterColumnType':
      return `type ${type}`
    case 'AT_AddConstraint':
      return `add ${nodeOf(command.def, 'Constraint')?.contype ?? ''}`
    default:
      return command?.subtype ?? ''
  }
}
