import type { ColumnDef } from '@pgsql/types'
import { typeNameOf } from '../../sql/declarations.ts'
import { skipSpace } from '../../sql/blank.ts'
import { resolveName } from '../../sql/schema-draft.ts'
import { nodeOf, statementOf } from '../../sql/statement.ts'
import { tokenEnd } from '../../sql/token.ts'
import { placeOfStatement } from '../place.ts'
import type { Place } from '../rule.ts'
import type { StatementSubject } from '../subject.ts'

/** A column as CREATE TABLE or ADD COLUMN writes it. */
export interface WrittenColumn {
  /** With its table: `orders.total`. */
  name: string
  /** As the parser names it: `int4`, `bpchar`; an array has `[]`. */
  type: string
  definition: ColumnDef
  /** Its type, in the file. */
  at: Place
}

/** The columns that a statement makes, those of temporary tables left out. */
export function writtenColumns(subject: StatementSubject): WrittenColumn[] {
  const create = statementOf(subject.statement, 'CreateStmt')
  const alter = statementOf(subject.statement, 'AlterTableStmt')
  const relation = create?.relation ?? (alter?.objtype === 'OBJECT_TABLE' ? alter.relation : undefined)
  if (relation?.relname === undefined || relation.relpersistence === 't') return []
  const table = resolveName(subject.migration.history.before(subject), relation.schemaname, relation.relname)
  const elements =
    create?.tableElts ??
    (alter?.cmds ?? []).flatMap((each) => {
      const command = nodeOf(each, 'AlterTableCmd')
      return command?.subtype === 'AT_AddColumn' && command.def ? [command.def] : []
    })
  return elements.flatMap((element) => {
    const definition = nodeOf(element, 'ColumnDef')
    if (definition?.colname === undefined) return []
    const type = typeNameOf(definition.typeName)
    return [{ name: `${table}.${definition.colname}`, type, definition, at: placeOfType(subject, definition) }]
  })
}

/** The first word of the type; in code the statement around it. */
function placeOfType(subject: StatementSubject, { typeName }: ColumnDef): Place {
  const { statement, migration, within } = subject
  if (within !== undefined || typeName?.location === undefined) return placeOfStatement(subject)
  const start = skipSpace(migration.text, statement.offsetOf(typeName.location))
  return { file: migration.file, text: migration.text, span: { start, end: tokenEnd(migration.text, start) } }
}
