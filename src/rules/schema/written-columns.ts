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
}

/** Several rules ask for those of the same statement. */
const known = new WeakMap<StatementSubject, readonly WrittenColumn[]>()

/** The columns that a statement makes, those of temporary tables left out. */
export function writtenColumns(subject: StatementSubject): readonly WrittenColumn[] {
  let columns = known.get(subject)
  if (columns === undefined) known.set(subject, (columns = readColumns(subject)))
  return columns
}

function readColumns(subject: StatementSubject): WrittenColumn[] {
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
    return [{ name: `${table}.${definition.colname}`, type: typeNameOf(definition.typeName), definition }]
  })
}

/** The first word of a column's type in the file; in code the statement around it. */
export function placeOfType(subject: StatementSubject, { definition: { typeName } }: WrittenColumn): Place {
  const { statement, migration, within } = subject
  if (within !== undefined || typeName?.location === undefined) return placeOfStatement(subject)
  const start = skipSpace(migration.text, statement.offsetOf(typeName.location))
  return { file: migration.file, text: migration.text, span: { start, end: tokenEnd(migration.text, start) } }
}
