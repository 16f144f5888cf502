import type { AlterTableCmd, Node } from '@pgsql/types'
import { quoteIdentifier } from '../../sql/identifier.ts'
import { namesOf, nodeOf, statementOf } from '../../sql/statement.ts'
import type { Statement } from '../../sql/statement.ts'
import { alteredTableText } from '../alter-command.ts'

/**
 * The statements that take a file back, last first; undefined where the reverse of one of them is not certain: what it
 * drops or overwrites is not in its text, or it may have found the thing there already.
 */
export function reverseOf(statements: readonly Statement[]): string[] | undefined {
  const reversed: string[] = []
  // What is done to a table that is itself dropped needs no way back.
  const made = new Set<string>()
  for (const statement of statements) {
    const back = reverseOfStatement(statement, made)
    if (back === undefined) return undefined
    reversed.unshift(...back)
  }
  return reversed.length === 0 ? undefined : reversed
}

type Qualified = { schemaname?: string; relname?: string } | undefined

function nameOf(relation: Qualified): string {
  return [relation?.schemaname, relation?.relname]
    .flatMap((part) => (part === undefined ? [] : [quoteIdentifier(part)]))
    .join('.')
}

function listed(names: readonly Node[] | undefined): string {
  return namesOf({ List: { items: [...(names ?? [])] } })
    .map(quoteIdentifier)
    .join('.')
}

function reverseOfStatement(statement: Statement, made: Set<string>): string[] | undefined {
  const { tag, node } = statement
  switch (tag) {
    case 'CreateStmt': {
      const create = nodeOf(node, tag)
      if (create?.if_not_exists || create?.relation?.relpersistence === 't') return undefined
      made.add(nameOf(create?.relation))
      return [`DROP TABLE ${nameOf(create?.relation)};`]
    }
    case 'IndexStmt': {
      const index = nodeOf(node, tag)
      if (index?.if_not_exists) return undefined
      if (made.has(nameOf(index?.relation))) return []
      if (index?.idxname === undefined) return undefined
      const { schemaname } = index.relation ?? {}
      const name = nameOf({ ...(schemaname !== undefined && { schemaname }), relname: index.idxname })
      return [`DROP INDEX ${index.concurrent ? 'CONCURRENTLY ' : ''}${name};`]
    }
    case 'AlterTableStmt': {
      const alter = nodeOf(node, tag)
      if (alter?.objtype !== 'OBJECT_TABLE') return undefined
      if (made.has(nameOf(alter.relation))) return []
      if (alter.missing_ok) return undefined
      const commands = (alter.cmds ?? []).map((each) => reverseOfCommand(nodeOf(each, 'AlterTableCmd')))
      if (commands.some((each) => each === undefined)) return undefined
      return [`ALTER TABLE ${alteredTableText(statement)} ${commands.toReversed().join(', ')};`]
    }
    case 'ViewStmt': {
      const view = nodeOf(node, tag)
      return view?.replace ? undefined : [`DROP VIEW ${nameOf(view?.view)};`]
    }
    case 'CreateTableAsStmt': {
      const create = nodeOf(node, tag)
      if (create?.if_not_exists) return undefined
      made.add(nameOf(create?.into?.rel))
      const kind = create?.objtype === 'OBJECT_MATVIEW' ? 'MATERIALIZED VIEW' : 'TABLE'
      return [`DROP ${kind} ${nameOf(create?.into?.rel)};`]
    }
    case 'CreateEnumStmt':
      return [`DROP TYPE ${listed(nodeOf(node, tag)?.typeName)};`]
    case 'CreateRangeStmt':
      return [`DROP TYPE ${listed(nodeOf(node, tag)?.typeName)};`]
    case 'CompositeTypeStmt':
      return [`DROP TYPE ${nameOf(nodeOf(node, tag)?.typevar)};`]
    case 'CreateDomainStmt':
      return [`DROP DOMAIN ${listed(nodeOf(node, tag)?.domainname)};`]
    case 'CreateSeqStmt': {
      const create = nodeOf(node, tag)
      return create?.if_not_exists ? undefined : [`DROP SEQUENCE ${nameOf(create?.sequence)};`]
    }
    case 'CreateSchemaStmt': {
      const create = nodeOf(node, tag)
      if (create?.if_not_exists || create?.schemaname === undefined || create.schemaElts) return undefined
      return [`DROP SCHEMA ${quoteIdentifier(create.schemaname)};`]
    }
    case 'CreateTrigStmt': {
      const create = nodeOf(node, tag)
      if (made.has(nameOf(create?.relation))) return []
      if (create?.replace || create?.trigname === undefined) return undefined
      return [`DROP TRIGGER ${quoteIdentifier(create.trigname)} ON ${nameOf(create.relation)};`]
    }
    case 'CreatePolicyStmt': {
      const create = nodeOf(node, tag)
      if (made.has(nameOf(create?.table))) return []
      return create?.policy_name === undefined
        ? undefined
        : [`DROP POLICY ${quoteIdentifier(create.policy_name)} ON ${nameOf(create.table)};`]
    }
    case 'RenameStmt':
      return reverseOfRename(statement, made)
    case 'InsertStmt':
    case 'UpdateStmt':
    case 'CommentStmt':
    case 'GrantStmt':
      return isAbout(statement, made) ? [] : undefined
    default:
      return undefined
  }
}

function reverseOfCommand(command: AlterTableCmd | undefined): string | undefined {
  switch (command?.subtype) {
    case 'AT_AddColumn': {
      const name = nodeOf(command.def, 'ColumnDef')?.colname
      return command.missing_ok || name === undefined ? undefined : `DROP COLUMN ${quoteIdentifier(name)}`
    }
    case 'AT_AddConstraint': {
      const constraint = nodeOf(command.def, 'Constraint')
      // USING INDEX takes an index over, which would have to come back.
      if (constraint?.conname === undefined || constraint.indexname !== undefined) return undefined
      // A primary key leaves its columns NOT NULL.
      if (constraint.contype === 'CONSTR_PRIMARY' || constraint.contype === 'CONSTR_NOTNULL') return undefined
      return `DROP CONSTRAINT ${quoteIdentifier(constraint.conname)}`
    }
    default:
      return undefined
  }
}

function reverseOfRename(statement: Statement, made: Set<string>): string[] | undefined {
  const rename = statementOf(statement, 'RenameStmt')
  const { relation, subname, newname } = rename ?? {}
  if (relation?.relname === undefined || newname === undefined || rename?.missing_ok) return undefined
  const { schemaname } = relation
  const inSchema = (relname: string) => nameOf({ ...(schemaname !== undefined && { schemaname }), relname })
  if (rename?.renameType === 'OBJECT_TABLE') {
    if (made.has(nameOf(relation))) return undefined
    return [`ALTER TABLE ${inSchema(newname)} RENAME TO ${quoteIdentifier(relation.relname)};`]
  }
  if (subname === undefined || made.has(nameOf(relation))) return made.has(nameOf(relation)) ? [] : undefined
  const part = { OBJECT_COLUMN: 'COLUMN', OBJECT_TABCONSTRAINT: 'CONSTRAINT' }[rename?.renameType as string]
  if (part === undefined) return undefined
  return [`ALTER TABLE ${nameOf(relation)} RENAME ${part} ${quoteIdentifier(newname)} TO ${quoteIdentifier(subname)};`]
}

/** Whether a statement only touches a table that goes with the file. */
function isAbout({ tag, node }: Statement, made: ReadonlySet<string>): boolean {
  switch (tag) {
    case 'InsertStmt':
      return made.has(nameOf(nodeOf(node, tag)?.relation))
    case 'UpdateStmt':
      return made.has(nameOf(nodeOf(node, tag)?.relation))
    case 'CommentStmt': {
      const comment = nodeOf(node, tag)
      const names = namesOf(comment?.object)
      const table = comment?.objtype === 'OBJECT_COLUMN' ? names.slice(0, -1) : names
      return ['OBJECT_TABLE', 'OBJECT_COLUMN'].includes(comment?.objtype ?? '')
        ? made.has(table.map(quoteIdentifier).join('.'))
        : false
    }
    case 'GrantStmt': {
      const grant = nodeOf(node, tag)
      const objects = grant?.objects ?? []
      return grant?.objtype === 'OBJECT_TABLE' && objects.every((each) => made.has(nameOf(nodeOf(each, 'RangeVar'))))
    }
    default:
      return false
  }
}
