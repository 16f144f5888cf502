import { resolveName } from '../../sql/schema-draft.ts'
import type { DraftTable, SchemaDraft } from '../../sql/schema-draft.ts'
import { nodeOf, statementOf } from '../../sql/statement.ts'
import type { StatementSubject } from '../subject.ts'
import { isProvenBy, keyColumnsOf, writtenBound } from './partitions.ts'
import type { WrittenBound } from './partitions.ts'

/** What an ATTACH PARTITION of a table attaches; names are those of a `SchemaText`. */
export interface AttachedPartition {
  /** The schema before the statement; to be read before another subject's is asked for. */
  draft: SchemaDraft
  parent: string
  child: string
  /** Undefined where its text is not understood. */
  bound: WrittenBound | undefined
}

/** Undefined for every other statement, ALTER INDEX … ATTACH PARTITION included. */
export function attachedPartition(subject: StatementSubject): AttachedPartition | undefined {
  const { statement, migration } = subject
  const alter = statementOf(statement, 'AlterTableStmt')
  const command = nodeOf(alter?.cmds?.[0], 'AlterTableCmd')
  const { name, bound: node } = nodeOf(command?.def, 'PartitionCmd') ?? {}
  if (alter?.objtype !== 'OBJECT_TABLE' || command?.subtype !== 'AT_AttachPartition') return undefined
  if (alter.relation?.relname === undefined || name?.relname === undefined || node === undefined) return undefined
  const draft = migration.history.before(subject)
  return {
    draft,
    parent: resolveName(draft, alter.relation.schemaname, alter.relation.relname),
    child: resolveName(draft, name.schemaname, name.relname),
    bound: writtenBound(statement, node),
  }
}

/** The columns of the key, and those of the tables above where it is a partition itself; undefined where unknown. */
export function keyColumns(subject: StatementSubject, { draft, parent }: AttachedPartition): string[] | undefined {
  const columns: string[] = []
  for (let table = draft.tables.get(parent); table; table = draft.tables.get(table.partitionOf ?? '')) {
    const own = keyColumnsOf(subject.migration.history, table)
    if (own === undefined) return undefined
    columns.push(...own)
  }
  return columns.length === 0 ? undefined : columns
}

/** Whether a CHECK of the table may prove that its rows fit the bound. */
export function isFitProven(subject: StatementSubject, attached: AttachedPartition, table: DraftTable): boolean {
  const { bound } = attached
  const takesNull =
    bound === undefined || bound.node.is_default || bound.node.strategy === 'h' || bound.lists[0]?.some(isNull)
  return isProvenBy(table, keyColumns(subject, attached), takesNull !== true)
}

function isNull(value: string): boolean {
  return value.toLowerCase() === 'null'
}
