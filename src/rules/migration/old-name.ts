import type { Node, RangeVar } from '@pgsql/types'
import { quoteIdentifier } from '../../sql/identifier.ts'
import { resolveName, textName } from '../../sql/schema-draft.ts'
import type { DraftTable, SchemaDraft } from '../../sql/schema-draft.ts'
import { namesOf, nodeOf, statementOf } from '../../sql/statement.ts'
import type { Statement } from '../../sql/statement.ts'
import type { StatementSubject } from '../subject.ts'
import { nameInSql } from '../search-path.ts'

/** What code names: a table or view, a column (`TABLE.COLUMN`), a type or domain, a function, a schema. */
export type NamedKind = 'relation' | 'column' | 'type' | 'domain' | 'function' | 'schema'

/**
 * Whether other statements of its transaction make up for a name that goes: one gives the old name to something else
 * (a view, a column that takes its place), or the new name is one that they freed.
 */
export function isReplaced(subject: StatementSubject, kind: NamedKind, from: string, to: string): boolean {
  const { migration, statement } = subject
  const group = migration.groups.find(({ statements }) => statements.includes(statement))
  if (group === undefined || group.kind === 'alone') return false
  const draft = migration.history.before(subject)
  const before = group.statements.filter(({ index }) => index < statement.index)
  const after = group.statements.filter(({ index }) => index > statement.index)
  return (
    after.some((each) => namesMade(each, draft).includes(`${kind} ${from}`)) ||
    before.some((each) => namesFreed(each, draft).includes(`${kind} ${to}`))
  )
}

/** Whether the file itself made what has the name, so that no code uses it yet. */
export function isMadeHere(subject: StatementSubject, kind: NamedKind, name: string): boolean {
  const { migration, statement } = subject
  const draft = migration.history.before(subject)
  return migration.statements
    .slice(0, statement.index)
    .some((each) => namesMade(each.statement, draft, { anew: true }).includes(`${kind} ${name}`))
}

/** Names that the statement gives, a rename's included unless only new things are asked for. */
function namesMade(statement: Statement, draft: SchemaDraft, { anew = false } = {}): string[] {
  const relation = (range: RangeVar | undefined) => `relation ${nameOf(draft, range)}`
  switch (statement.tag) {
    case 'CreateStmt': {
      const create = statementOf(statement, 'CreateStmt')
      // With IF NOT EXISTS it may have been there.
      return create?.if_not_exists ? [] : [relation(create?.relation)]
    }
    case 'ViewStmt': {
      const view = statementOf(statement, 'ViewStmt')
      return anew && view?.replace ? [] : [relation(view?.view)]
    }
    case 'CreateTableAsStmt':
      return [relation(statementOf(statement, 'CreateTableAsStmt')?.into?.rel)]
    case 'CreateDomainStmt':
      return [`domain ${typeName(statementOf(statement, 'CreateDomainStmt')?.domainname)}`]
    case 'CreateEnumStmt':
      return [`type ${typeName(statementOf(statement, 'CreateEnumStmt')?.typeName)}`]
    case 'CompositeTypeStmt': {
      const type = statementOf(statement, 'CompositeTypeStmt')?.typevar
      return [`type ${textName(type?.schemaname ?? 'public', type?.relname ?? '')}`]
    }
    case 'CreateFunctionStmt': {
      const create = statementOf(statement, 'CreateFunctionStmt')
      return anew && create?.replace ? [] : [`function ${typeName(create?.funcname)}`]
    }
    case 'CreateSchemaStmt':
      return [`schema ${statementOf(statement, 'CreateSchemaStmt')?.schemaname ?? ''}`]
    case 'AlterTableStmt': {
      const alter = statementOf(statement, 'AlterTableStmt')
      return (alter?.cmds ?? []).flatMap((each) => {
        const command = nodeOf(each, 'AlterTableCmd')
        if (command?.subtype !== 'AT_AddColumn' || (anew && command.missing_ok)) return []
        return [`column ${nameOf(draft, alter?.relation)}.${nodeOf(command.def, 'ColumnDef')?.colname ?? ''}`]
      })
    }
    default: {
      const renaming = anew ? undefined : renamingOf(statement, draft)
      return renaming ? [`${renaming.kind} ${renaming.to}`] : []
    }
  }
}

/** Names that the statement takes away. */
function namesFreed(statement: Statement, draft: SchemaDraft): string[] {
  const renaming = renamingOf(statement, draft)
  if (renaming) return [`${renaming.kind} ${renaming.from}`]
  const alter = statementOf(statement, 'AlterTableStmt')
  const drop = statementOf(statement, 'DropStmt')
  const columns = (alter?.cmds ?? []).flatMap((each) => {
    const command = nodeOf(each, 'AlterTableCmd')
    return command?.subtype === 'AT_DropColumn'
      ? [`column ${nameOf(draft, alter?.relation)}.${command.name ?? ''}`]
      : []
  })
  const kinds: Record<string, NamedKind> = {
    OBJECT_TABLE: 'relation',
    OBJECT_VIEW: 'relation',
    OBJECT_MATVIEW: 'relation',
    OBJECT_TYPE: 'type',
    OBJECT_DOMAIN: 'domain',
  }
  const kind = kinds[drop?.removeType ?? '']
  const dropped = (drop?.objects ?? []).flatMap((object) => {
    const [name, schema] = namesOf(object).toReversed()
    if (kind === undefined || name === undefined) return []
    return [`${kind} ${kind === 'relation' ? resolveName(draft, schema, name) : textName(schema ?? 'public', name)}`]
  })
  return [...columns, ...dropped]
}

/** A change of a name, or of the schema, which is part of a name. */
export interface Renaming {
  kind: NamedKind
  from: string
  to: string
  /** For a column, the name of its table. */
  table?: string
}

/** Reads RENAME and SET SCHEMA of what code names; undefined for all else, indexes and constraints among it. */
export function renamingOf(statement: Statement, draft: SchemaDraft): Renaming | undefined {
  const rename = statementOf(statement, 'RenameStmt')
  if (rename?.newname !== undefined) {
    const { newname } = rename
    switch (rename.renameType) {
      case 'OBJECT_TABLE':
      case 'OBJECT_VIEW':
      case 'OBJECT_MATVIEW':
      case 'OBJECT_FOREIGN_TABLE': {
        const from = nameOf(draft, rename.relation)
        return { kind: 'relation', from, to: beside(from, newname) }
      }
      case 'OBJECT_COLUMN': {
        const table = nameOf(draft, rename.relation)
        return { kind: 'column', table, from: `${table}.${rename.subname ?? ''}`, to: `${table}.${newname}` }
      }
      case 'OBJECT_TYPE':
        return ofObject('type', rename.object, newname)
      case 'OBJECT_DOMAIN':
        return ofObject('domain', rename.object, newname)
      case 'OBJECT_FUNCTION':
      case 'OBJECT_PROCEDURE':
      case 'OBJECT_ROUTINE':
        return ofObject('function', rename.object, newname)
      case 'OBJECT_SCHEMA':
        return { kind: 'schema', from: rename.subname ?? '', to: newname }
      default:
        return undefined
    }
  }
  const move = statementOf(statement, 'AlterObjectSchemaStmt')
  if (move?.newschema === undefined) return undefined
  switch (move.objectType) {
    case 'OBJECT_TABLE':
    case 'OBJECT_VIEW':
    case 'OBJECT_MATVIEW':
    case 'OBJECT_FOREIGN_TABLE':
      return {
        kind: 'relation',
        from: nameOf(draft, move.relation),
        to: textName(move.newschema, move.relation?.relname ?? ''),
      }
    case 'OBJECT_TYPE':
    case 'OBJECT_DOMAIN':
    case 'OBJECT_FUNCTION':
    case 'OBJECT_PROCEDURE':
    case 'OBJECT_ROUTINE': {
      const kind = ({ OBJECT_TYPE: 'type', OBJECT_DOMAIN: 'domain' } as const)[move.objectType as string] ?? 'function'
      const from = objectName(move.object)
      return { kind, from, to: textName(move.newschema, from.slice(from.indexOf('.') + 1)) }
    }
    default:
      return undefined
  }
}

function ofObject(kind: 'type' | 'domain' | 'function', object: Node | undefined, newname: string): Renaming {
  const from = objectName(object)
  return { kind, from, to: beside(from, newname) }
}

/** The name in the schema of another. */
function beside(name: string, newname: string): string {
  const dot = name.indexOf('.')
  return dot === -1 ? newname : `${name.slice(0, dot)}.${newname}`
}

function nameOf(draft: SchemaDraft, relation: RangeVar | undefined): string {
  return resolveName(draft, relation?.schemaname, relation?.relname ?? '')
}

function objectName(object: Node | undefined): string {
  const names =
    nodeOf(object, 'ObjectWithArgs')?.objname ?? nodeOf(object, 'TypeName')?.names ?? nodeOf(object, 'List')?.items
  return typeName(names)
}

function typeName(names: readonly Node[] | undefined): string {
  const [name = '', schema = 'public'] = (names ?? []).map((each) => nodeOf(each, 'String')?.sval ?? '').toReversed()
  return textName(schema, name)
}

/** A view that lets code go on using the name `from` for the relation that is now called `to`. */
export function viewUnder(subject: StatementSubject, from: string, to: string, table: DraftTable | undefined): string {
  const columns = table?.columnsKnown ? table.columns.map(({ name }) => quoteIdentifier(name)).join(', ') : '*'
  const view = `CREATE VIEW ${nameInSql(subject, from)} WITH (security_invoker = true)`
  return `${view} AS SELECT ${columns} FROM ${nameInSql(subject, to)};`
}
