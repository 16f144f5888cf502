import { nodeOf, statementOf } from '../../src/sql/statement.ts'
import type { Statement } from '../../src/sql/statement.ts'

/** Fields of the parse tree that name a table which the statement only refers to. */
const referring = new Set(['pktable', 'inhRelations'])

/**
 * The tables that a statement is about, without their schemas: all that it names but those that it references or is to
 * be a partition of, and those of the indexes that it names.
 */
export function namedTables(statement: Statement): string[] {
  return [...new Set([...rangeVars(statement.node), ...droppedFrom(statement)])]
}

function rangeVars(node: unknown): string[] {
  if (typeof node !== 'object' || node === null) return []
  const own = 'relname' in node && typeof node.relname === 'string' ? [node.relname] : []
  return [...own, ...Object.entries(node).flatMap(([field, value]) => (referring.has(field) ? [] : rangeVars(value)))]
}

/** DROP names its objects in lists of strings; of a trigger, policy or rule the last is its own name. */
function droppedFrom(statement: Statement): string[] {
  const drop = statementOf(statement, 'DropStmt')
  const ofTable = ['OBJECT_TRIGGER', 'OBJECT_POLICY', 'OBJECT_RULE'].includes(drop?.removeType ?? '')
  const itself = ['OBJECT_TABLE', 'OBJECT_MATVIEW', 'OBJECT_VIEW'].includes(drop?.removeType ?? '')
  if (drop === undefined || (!ofTable && !itself)) return []
  return (drop.objects ?? []).flatMap((object) => {
    const names = (nodeOf(object, 'List')?.items ?? []).map((item) => nodeOf(item, 'String')?.sval ?? '')
    return names.at(ofTable ? -2 : -1) ?? []
  })
}
