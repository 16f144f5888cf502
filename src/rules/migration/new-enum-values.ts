import type { Node } from '@pgsql/types'
import { typeNameOf } from '../../sql/declarations.ts'
import { resolveName } from '../../sql/schema-draft.ts'
import type { SchemaDraft } from '../../sql/schema-draft.ts'
import { namesOf, nodeOf, statementOf } from '../../sql/statement.ts'
import { findNodes } from '../../sql/walk.ts'
import type { Major } from '../rule.ts'
import type { MigrationSubject, StatementSubject } from '../subject.ts'

/** A statement that uses an enum value which its own transaction added. */
export interface EarlyUse {
  subject: StatementSubject
  addedBy: StatementSubject
  value: string
  /** As the type is written, without its schema. */
  type: string
}

/**
 * The statements that PostgreSQL refuses because an enum value in them is not committed yet (55P04): those it refused
 * on the shadow, else those whose text casts the value to the type, or says it of a table with a column of the type.
 * From 17 on the values of a type that is as new can be used.
 */
export function earlyUses(migration: MigrationSubject, major: Major): EarlyUse[] {
  return migration.groups.flatMap((group) => {
    if (group.kind === 'alone') return []
    const added: Omit<EarlyUse, 'subject'>[] = []
    const made = new Set<string>()
    return group.statements.flatMap(({ index }): EarlyUse[] => {
      const subject = migration.statements[index]
      if (subject === undefined) return []
      const create = statementOf(subject.statement, 'CreateEnumStmt')
      if (create && major >= 17) made.add(lastOf(create.typeName))
      const alter = statementOf(subject.statement, 'AlterEnumStmt')
      if (alter !== undefined) {
        const type = lastOf(alter.typeName)
        const isNew = alter.newVal !== undefined && alter.oldVal === undefined && !made.has(type)
        if (isNew && alter.newVal !== undefined) added.push({ addedBy: subject, value: alter.newVal, type })
        return []
      }
      const used = added.find((each) => isRefused(subject, each.type, each.value))
      return used ? [{ subject, ...used }] : []
    })
  })
}

/** unsafe_new_enum_value_usage */
const unsafeUse = '55P04'

function isRefused(subject: StatementSubject, type: string, value: string): boolean {
  if (subject.trace?.status === 'traced') return false
  if (subject.trace?.status === 'failed') return subject.trace.sqlstate === unsafeUse
  return [subject, ...subject.inner].some((each) => usesValue(each, type, value))
}

function usesValue(subject: StatementSubject, type: string, value: string): boolean {
  const { tag, node } = subject.statement
  if (tag === 'CommentStmt' || tag === 'CreateFunctionStmt' || tag === 'DoStmt') return false
  if (!findNodes(node, 'A_Const').some((constant) => constant.sval?.sval === value)) return false
  const isCast = findNodes(node, 'TypeCast').some(
    ({ arg, typeName }) => nodeOf(arg, 'A_Const')?.sval?.sval === value && isType(typeNameOf(typeName), type),
  )
  if (isCast) return true
  const columns = findNodes(node, 'ColumnDef').map((column) => typeNameOf(column.typeName))
  return [...columns, ...columnTypesOf(subject.migration.history.before(subject), node)].some((each) =>
    isType(each, type),
  )
}

/** The types of all columns of the tables that a statement names. */
function columnTypesOf(draft: SchemaDraft, node: Node): string[] {
  const own = Object.values(node)[0] as { relation?: { schemaname?: string; relname?: string } } | undefined
  const relations = [...findNodes(node, 'RangeVar'), ...(own?.relation ? [own.relation] : [])]
  return relations.flatMap(({ schemaname, relname }) => {
    const table = draft.tables.get(resolveName(draft, schemaname, relname ?? ''))
    return (table?.columns ?? []).map(({ type }) => type)
  })
}

function isType(written: string, type: string): boolean {
  return written.replace(/\[\]$/, '').replace(/^.*\./, '') === type
}

function lastOf(names: readonly Node[] | undefined): string {
  return namesOf({ List: { items: [...(names ?? [])] } }).at(-1) ?? ''
}
