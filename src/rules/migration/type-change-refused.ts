import { columnsIn } from '../../sql/declarations.ts'
import { resolveName } from '../../sql/schema-draft.ts'
import type { DraftTable, SchemaDraft, TextAttachment } from '../../sql/schema-draft.ts'
import { namesOf, nodeOf, statementOf } from '../../sql/statement.ts'
import type { Statement } from '../../sql/statement.ts'
import type { Node } from '@pgsql/types'
import { findNodes } from '../../sql/walk.ts'
import { alterCommands } from '../alter-command.ts'
import type { StatementSubject } from '../subject.ts'
import type { UsedTable } from '../used-table.ts'
import { lineOf } from '../used-table.ts'
import { statementAt } from './type-change-definitions.ts'

/**
 * Why PostgreSQL refuses to change a column's type (0A000, 42P16), as far as the text shows it: `the view w uses n`.
 * Source: ATPrepAlterColumnType and RememberAllDependentForRebuilding of the server; the rule's claims measure it.
 */
export function refusals(subject: StatementSubject, table: UsedTable, column: string): string[] {
  const { declared, draft } = table
  if (declared === undefined) return []
  const dropped = alterCommands(subject.statement).flatMap(({ node }) =>
    node.subtype === 'AT_DropColumn' || node.subtype === 'AT_DropExpression' ? (node.name ?? '') : [],
  )
  const found: string[] = []
  for (const { name, computedFrom } of declared.columns) {
    if (computedFrom?.includes(column) && !dropped.includes(name)) {
      found.push(`the generated column ${name} is computed from ${column}`)
    }
  }
  for (const view of viewsOf(draft, table.name, column, subject)) found.push(`the view ${view} uses ${column}`)
  for (const each of lineOf(table)) {
    for (const { kind, name, node } of each.attachments) {
      if (attachmentRefuses(kind, node, column)) found.push(`the ${kind} ${name} names ${column}`)
    }
  }
  if (isPartitionKey(declared, column, subject)) found.push(`${column} is part of the partition key`)
  if (declared.partitionOf !== undefined) found.push(`${column} belongs to ${declared.partitionOf}`)
  return found
}

function attachmentRefuses(kind: TextAttachment['kind'], node: Node, column: string): boolean {
  const trigger = nodeOf(node, 'CreateTrigStmt')
  if (trigger) {
    const named = namesOf({ List: { items: trigger.columns ?? [] } })
    return (
      named.includes(column) || (trigger.whenClause !== undefined && columnsIn(trigger.whenClause).includes(column))
    )
  }
  // What a rule's actions do with NEW and OLD is theirs.
  return kind === 'policy' && columnsIn(node).includes(column)
}

function isPartitionKey(declared: DraftTable, column: string, subject: StatementSubject): boolean {
  if (declared.kind !== 'partitioned table') return false
  const statement = statementAt(declared.site, subject)
  const created = statement && statementOf(statement, 'CreateStmt')
  return (created?.partspec?.partParams ?? []).some((each) => {
    const element = nodeOf(each, 'PartitionElem')
    return element?.name === column || (element?.expr !== undefined && columnsIn(element.expr).includes(column))
  })
}

interface Query {
  relations: { schema: string | undefined; name: string; alias: string }[]
  /** Columns by name with what stands before them; `*` is one. */
  columns: { name: string; qualifier: string | undefined }[]
}

const read = new WeakMap<Statement, Query>()

/** Views of which the text shows that they read the column. */
function viewsOf(draft: SchemaDraft, table: string, column: string, subject: StatementSubject): string[] {
  const found: string[] = []
  const own = draft.tables.get(table)
  const declared = own?.columns.find(({ name }) => name === column)
  // A view's star stands for the columns that there were when it was made.
  const isFirst = declared?.site.file === own?.site.file && declared?.site.statement === own?.site.statement
  for (const view of draft.tables.values()) {
    if (view.kind !== 'view' && view.kind !== 'materialized view') continue
    const statement = statementAt(view.site, subject)
    if (statement !== undefined && reads(draft, queryOf(statement), table, isFirst ? [column, '*'] : [column]))
      found.push(view.name)
  }
  return found
}

function queryOf(statement: Statement): Query {
  let query = read.get(statement)
  if (query === undefined) {
    const target = statementOf(statement, 'ViewStmt')?.query ?? statementOf(statement, 'CreateTableAsStmt')?.query
    query = {
      relations: findNodes(target, 'RangeVar').map(({ schemaname, relname = '', alias }) => {
        return { schema: schemaname, name: relname, alias: alias?.aliasname ?? relname }
      }),
      columns: findNodes(target, 'ColumnRef').map(({ fields = [] }) => {
        const [name = '*', qualifier] = namesOf({ List: { items: fields } }).toReversed()
        const isStar = nodeOf(fields.at(-1), 'A_Star') !== undefined
        return isStar ? { name: '*', qualifier: name === '*' ? undefined : name } : { name, qualifier }
      }),
    }
    read.set(statement, query)
  }
  return query
}

function reads(draft: SchemaDraft, { relations, columns }: Query, table: string, names: readonly string[]): boolean {
  const [column] = names
  const own = relations.filter(({ schema, name }) => resolveName(draft, schema, name) === table)
  if (own.length === 0) return false
  const isOthers = relations.some((each) => {
    if (own.includes(each)) return false
    const other = draft.tables.get(resolveName(draft, each.schema, each.name))
    return !other?.columnsKnown || other.columns.some(({ name }) => name === column)
  })
  return columns.some(({ name, qualifier }) => {
    if (!names.includes(name)) return false
    if (qualifier === undefined) return name === '*' || !isOthers
    return own.some(({ alias }) => alias === qualifier)
  })
}
