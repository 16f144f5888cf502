import { unqualified } from '../../sql/schema-draft.ts'
import { nodeOf, statementOf } from '../../sql/statement.ts'
import { subjectsBefore } from '../domain.ts'
import { changedName, createdName } from '../search-path.ts'
import type { StatementSubject } from '../subject.ts'

/** How a table is stored, as far as the statements before one show it. */
export interface Storage {
  /** Undefined where its creation is not seen. */
  unlogged: boolean | undefined
  /** Undefined: the database's own, where its creation is seen. */
  tablespace: string | undefined
  accessMethod: string
}

/** Of a table or materialized view as a `SchemaText` names it. What a rename did is not followed. */
export function storageOf(table: string, subject: StatementSubject): Storage {
  const storage: Storage = { unlogged: undefined, tablespace: undefined, accessMethod: 'heap' }
  for (const each of subjectsBefore(subject)) {
    const { statement } = each
    const create = statementOf(statement, 'CreateStmt')
    const into = statementOf(statement, 'CreateTableAsStmt')?.into
    const relation = create?.relation ?? into?.rel ?? statementOf(statement, 'AlterTableStmt')?.relation
    if (relation?.relname === undefined || unqualified(table) !== relation.relname) continue
    const isSame = (name: string) => name === table
    const name =
      create || into
        ? createdName(each, relation.schemaname, relation.relname)
        : changedName(each, relation.schemaname, relation.relname, isSame)
    if (name !== table) continue
    if (create || into) {
      storage.unlogged = relation.relpersistence === 'u'
      storage.tablespace = create?.tablespacename ?? into?.tableSpaceName
      storage.accessMethod = create?.accessMethod ?? into?.accessMethod ?? 'heap'
    }
    for (const node of statementOf(statement, 'AlterTableStmt')?.cmds ?? []) {
      const command = nodeOf(node, 'AlterTableCmd')
      if (command?.subtype === 'AT_SetLogged') storage.unlogged = false
      else if (command?.subtype === 'AT_SetUnLogged') storage.unlogged = true
      else if (command?.subtype === 'AT_SetTableSpace') storage.tablespace = command.name
      else if (command?.subtype === 'AT_SetAccessMethod') storage.accessMethod = command.name ?? 'heap'
    }
  }
  return storage
}
