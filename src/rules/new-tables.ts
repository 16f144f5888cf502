import { textNameOf } from '../sql/identifier.ts'
import { textName, unqualified } from '../sql/schema-draft.ts'
import type { Statement } from '../sql/statement.ts'
import { statementOf } from '../sql/statement.ts'
import { observationOf } from './observed.ts'
import type { MigrationSubject } from './subject.ts'

const known = new WeakMap<MigrationSubject, Map<string, number>>()

/** Whether the file itself creates the table before its statement number `before`: nobody uses it yet. */
export function isNewTable(migration: MigrationSubject, table: string, before: number): boolean {
  let created = known.get(migration)
  if (created === undefined) known.set(migration, (created = newTables(migration)))
  const at = created.get(table)
  return at !== undefined && at < before
}

/** The tables a file creates, by the 0-based statement that gives them their name. */
function newTables(migration: MigrationSubject): Map<string, number> {
  const created = new Map<string, number>()
  for (const subject of migration.statements) {
    const { statement } = subject
    const observation = observationOf(subject)
    if (observation) {
      for (const { objectType, name } of observation.created) {
        if (objectType === 'table' || objectType === 'materialized view') created.set(textNameOf(name), statement.index)
      }
    } else {
      const name = createdByText(migration, statement)
      if (name !== undefined) created.set(name, statement.index)
    }
    const rename = renamedByText(statement)
    if (rename && created.has(rename.from)) created.set(rename.to, statement.index)
  }
  return created
}

function createdByText(migration: MigrationSubject, statement: Statement): string | undefined {
  const create = statementOf(statement, 'CreateStmt')
  const createAs = statementOf(statement, 'CreateTableAsStmt')
  const relation = create?.relation ?? createAs?.into?.rel ?? statementOf(statement, 'SelectStmt')?.intoClause?.rel
  if (relation?.relname === undefined) return undefined
  const name = textName(relation.schemaname ?? 'public', relation.relname)
  if (!create?.if_not_exists && !createAs?.if_not_exists) return name
  // IF NOT EXISTS creates nothing when an earlier file did.
  const site = migration.history.schema.tables.find((table) => table.name === name)?.site
  return site === undefined || site.file === migration.file ? name : undefined
}

function renamedByText(statement: Statement): { from: string; to: string } | undefined {
  const rename = statementOf(statement, 'RenameStmt')
  const move = statementOf(statement, 'AlterObjectSchemaStmt')
  const relation = rename?.renameType === 'OBJECT_TABLE' ? rename.relation : move?.relation
  if (relation?.relname === undefined) return undefined
  const schema = relation.schemaname ?? 'public'
  const from = textName(schema, relation.relname)
  if (rename?.newname !== undefined) return { from, to: textName(schema, rename.newname) }
  return move?.newschema === undefined ? undefined : { from, to: textName(move.newschema, unqualified(from)) }
}
