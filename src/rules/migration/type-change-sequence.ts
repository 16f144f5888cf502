import { resolveName, schemaOfTextName, textName, unqualified } from '../../sql/schema-draft.ts'
import type { DraftTable } from '../../sql/schema-draft.ts'
import type { TextColumn } from '../../sql/schema-text.ts'
import { namesOf, nodeOf, statementOf } from '../../sql/statement.ts'
import { statementsBefore } from '../domain.ts'
import type { StatementSubject } from '../subject.ts'
import type { UsedTable } from '../used-table.ts'

/** `t_n_seq`, unless the column or its table was renamed since. */
export function sequenceOfSerial(column: TextColumn, own: DraftTable): string | undefined {
  const { fileText, span } = column.site
  const declaration = fileText.slice(span.start, span.end)
  const before = own.site.fileText.slice(own.site.span.start, own.site.span.end).toLowerCase()
  const isKept = declaration.replaceAll('"', '').toLowerCase().startsWith(column.name.toLowerCase())
  const isKeptTable = before.slice(0, Math.max(0, before.indexOf('('))).includes(unqualified(own.name).toLowerCase())
  if (!isKept || !isKeptTable) return undefined
  return textName(schemaOfTextName(own.name), `${unqualified(own.name)}_${column.name}_seq`)
}

/** The sequence that CREATE or ALTER SEQUENCE … OWNED BY gave to the column. */
export function sequenceOwnedBy(
  subject: StatementSubject,
  { draft, name: table }: UsedTable,
  column: string,
): string | undefined {
  let owned: string | undefined
  for (const statement of statementsBefore(subject)) {
    const made = statementOf(statement, 'CreateSeqStmt') ?? statementOf(statement, 'AlterSeqStmt')
    for (const option of made?.options ?? []) {
      const element = nodeOf(option, 'DefElem')
      const [last, relation = '', schema] =
        element?.defname === 'owned_by' ? namesOf(element.arg).toReversed() : ['', '', undefined]
      if (last !== column || resolveName(draft, schema, relation) !== table) continue
      owned = textName(made?.sequence?.schemaname ?? schemaOfTextName(table), made?.sequence?.relname ?? '')
    }
  }
  return owned
}
