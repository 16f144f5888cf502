import type { A_Const, FuncCall, Node, RangeVar, TypeName } from '@pgsql/types'
import { textName } from './schema-draft.ts'
import type { Statement } from './statement.ts'
import { nodeOf } from './statement.ts'

/**
 * The objects a statement names, as far as its text shows: relations by their name in a `SchemaText`; types, functions
 * and schemas as `type:NAME`, `function:NAME`, `schema:NAME`, without their schema.
 */
export interface NamedObjects {
  /** What it creates, alters, renames or drops. */
  subjects: string[]
  /** What else it names: a foreign key's other table, a view's sources, a trigger's function, a column's type. */
  mentions: string[]
  /** Code that may name anything: a function's body, a DO block. */
  code: string[]
}

/** The `subjects` of a statement alone, which are quick to read. */
export function changedObjects(statement: Statement): readonly string[] {
  const found: NamedObjects = { subjects: [], mentions: [], code: [] }
  readSubjects(statement.node, found)
  return found.subjects
}

/** Reads the objects off the statement's tree. */
export function namedObjects(statement: Statement): NamedObjects {
  const found: NamedObjects = { subjects: [], mentions: [], code: [] }
  readSubjects(statement.node, found)
  readMentions(statement.node, found)
  return found
}

/**
 * The tree leaves a node's tag out where the grammar knows its kind, so nodes are told by their fields here. With a
 * stack of its own, since an expression may be nested deeper than JavaScript's stack is.
 */
function readMentions(root: Node, found: NamedObjects): void {
  const waiting: unknown[] = [root]
  while (waiting.length > 0) {
    const value = waiting.pop()
    if (value === null || typeof value !== 'object') continue
    if (Array.isArray(value)) {
      for (let index = value.length - 1; index >= 0; index--) waiting.push(value[index])
      continue
    }
    if ('relname' in value) found.mentions.push(...relationObjects(value as RangeVar))
    else if ('names' in value && 'typemod' in value) found.mentions.push(...typeObjects(value as TypeName))
    else if ('funcname' in value) found.mentions.push(...lastAs('function', (value as FuncCall).funcname))
    // nextval('orders_id_seq') and 'orders'::regclass name a relation in a string.
    const constant = (value as A_Const).sval?.sval
    if (constant !== undefined) found.mentions.push(constant)
    for (const field in value) {
      // The rows of an INSERT are data, and may be many.
      if (field !== 'valuesLists') waiting.push(value[field as keyof typeof value])
    }
  }
}

/** The relations that a tree names where a relation is named, not those in strings. */
export function relationsIn(root: Node): RangeVar[] {
  const found: RangeVar[] = []
  const waiting: unknown[] = [root]
  while (waiting.length > 0) {
    const value = waiting.pop()
    if (value === null || typeof value !== 'object') continue
    if ('relname' in value) found.push(value as RangeVar)
    for (const [field, child] of Object.entries(value)) if (field !== 'valuesLists') waiting.push(child)
  }
  return found
}

function readSubjects(node: Node, found: NamedObjects): void {
  if ('CreateStmt' in node) found.subjects.push(...relationObjects(node.CreateStmt.relation))
  else if ('CreateForeignTableStmt' in node)
    found.subjects.push(...relationObjects(node.CreateForeignTableStmt.base?.relation))
  else if ('AlterTableStmt' in node) found.subjects.push(...relationObjects(node.AlterTableStmt.relation))
  else if ('IndexStmt' in node) {
    const { relation, idxname } = node.IndexStmt
    found.subjects.push(...relationObjects(relation))
    if (idxname !== undefined) found.mentions.push(textName(relation?.schemaname ?? 'public', idxname))
  } else if ('ViewStmt' in node) found.subjects.push(...relationObjects(node.ViewStmt.view))
  else if ('CreateTableAsStmt' in node) found.subjects.push(...relationObjects(node.CreateTableAsStmt.into?.rel))
  else if ('CreateSeqStmt' in node) {
    found.subjects.push(...relationObjects(node.CreateSeqStmt.sequence))
    readOwner(node.CreateSeqStmt.options, found)
  } else if ('AlterSeqStmt' in node) {
    found.subjects.push(...relationObjects(node.AlterSeqStmt.sequence))
    readOwner(node.AlterSeqStmt.options, found)
  } else if ('CreateTrigStmt' in node) {
    found.subjects.push(...relationObjects(node.CreateTrigStmt.relation))
    found.mentions.push(...lastAs('function', node.CreateTrigStmt.funcname))
  } else if ('CreatePolicyStmt' in node) found.subjects.push(...relationObjects(node.CreatePolicyStmt.table))
  else if ('AlterPolicyStmt' in node) found.subjects.push(...relationObjects(node.AlterPolicyStmt.table))
  else if ('RuleStmt' in node) found.subjects.push(...relationObjects(node.RuleStmt.relation))
  else if ('CreateFunctionStmt' in node) {
    const { funcname, options } = node.CreateFunctionStmt
    found.subjects.push(...lastAs('function', funcname))
    readCode(options, found)
  } else if ('DoStmt' in node) readCode(node.DoStmt.args, found)
  else if ('CreateEnumStmt' in node) found.subjects.push(...lastAs('type', node.CreateEnumStmt.typeName))
  else if ('CreateRangeStmt' in node) found.subjects.push(...lastAs('type', node.CreateRangeStmt.typeName))
  else if ('CreateDomainStmt' in node) found.subjects.push(...lastAs('type', node.CreateDomainStmt.domainname))
  else if ('CompositeTypeStmt' in node) {
    const name = node.CompositeTypeStmt.typevar?.relname
    if (name !== undefined) found.subjects.push(`type:${name}`)
  } else if ('AlterEnumStmt' in node) found.subjects.push(...lastAs('type', node.AlterEnumStmt.typeName))
  else if ('AlterDomainStmt' in node) found.subjects.push(...lastAs('type', node.AlterDomainStmt.typeName))
  else if ('CreateSchemaStmt' in node) {
    if (node.CreateSchemaStmt.schemaname !== undefined)
      found.subjects.push(`schema:${node.CreateSchemaStmt.schemaname}`)
  } else if ('RenameStmt' in node) {
    const { relation, renameType, newname } = node.RenameStmt
    found.subjects.push(...relationObjects(relation))
    if (renameType === 'OBJECT_TABLE' && newname !== undefined)
      found.subjects.push(textName(relation?.schemaname ?? 'public', newname))
    if (node.RenameStmt.object) readObject(node.RenameStmt.object, renameType ?? '', found)
    if (renameType === 'OBJECT_TYPE' || renameType === 'OBJECT_DOMAIN') found.subjects.push(`type:${newname ?? ''}`)
    else if (renameType === 'OBJECT_FUNCTION') found.subjects.push(`function:${newname ?? ''}`)
  } else if ('AlterObjectSchemaStmt' in node) {
    const { relation, newschema } = node.AlterObjectSchemaStmt
    found.subjects.push(...relationObjects(relation))
    if (relation?.relname !== undefined) found.subjects.push(textName(newschema ?? 'public', relation.relname))
  } else if ('DropStmt' in node) {
    for (const object of node.DropStmt.objects ?? []) readObject(object, node.DropStmt.removeType ?? '', found)
  } else if ('CommentStmt' in node) {
    if (node.CommentStmt.object) readObject(node.CommentStmt.object, node.CommentStmt.objtype ?? '', found)
  } else if ('AlterOwnerStmt' in node) {
    found.subjects.push(...relationObjects(node.AlterOwnerStmt.relation))
    if (node.AlterOwnerStmt.object) readObject(node.AlterOwnerStmt.object, node.AlterOwnerStmt.objectType ?? '', found)
  }
}

/** The object of a DROP, COMMENT or ALTER … OWNER: a name whose meaning depends on the object's type. */
function readObject(object: Node, objectType: string, found: NamedObjects): void {
  const type = nodeOf(object, 'TypeName')
  const routine = nodeOf(object, 'ObjectWithArgs')
  if (type) return void found.subjects.push(...typeObjects(type))
  if (routine) return void found.subjects.push(...lastAs('function', routine.objname))
  const names = (nodeOf(object, 'List')?.items ?? [object]).map((item) => nodeOf(item, 'String')?.sval ?? '')
  if (objectType === 'OBJECT_SCHEMA') return void found.subjects.push(`schema:${names[0] ?? ''}`)
  if (objectType === 'OBJECT_TYPE' || objectType === 'OBJECT_DOMAIN')
    return void found.subjects.push(`type:${names.at(-1) ?? ''}`)
  const isPart = ['OBJECT_COLUMN', 'OBJECT_TABCONSTRAINT', 'OBJECT_TRIGGER', 'OBJECT_POLICY', 'OBJECT_RULE'].includes(
    objectType,
  )
  const relation = isPart ? names.slice(0, -1) : names
  const name = relation.at(-1)
  if (name !== undefined) found.subjects.push(textName(relation.at(-2) ?? 'public', name))
}

function readOwner(options: readonly Node[] | undefined, found: NamedObjects): void {
  for (const option of options ?? []) {
    const { defname, arg } = nodeOf(option, 'DefElem') ?? {}
    if (defname !== 'owned_by' || arg === undefined) continue
    const names = (nodeOf(arg, 'List')?.items ?? []).map((item) => nodeOf(item, 'String')?.sval ?? '').slice(0, -1)
    const name = names.at(-1)
    if (name !== undefined) found.mentions.push(textName(names.at(-2) ?? 'public', name))
  }
}

function readCode(options: readonly Node[] | undefined, found: NamedObjects): void {
  for (const option of options ?? []) {
    const { defname, arg } = nodeOf(option, 'DefElem') ?? {}
    if (defname !== 'as' || arg === undefined) continue
    for (const item of nodeOf(arg, 'List')?.items ?? [arg]) {
      const text = nodeOf(item, 'String')?.sval
      if (text !== undefined) found.code.push(text)
    }
  }
}

function relationObjects(relation: RangeVar | undefined): string[] {
  if (relation?.relname === undefined) return []
  const name = textName(relation.schemaname ?? 'public', relation.relname)
  return relation.schemaname === undefined ? [name] : [name, `schema:${relation.schemaname}`]
}

function typeObjects(type: TypeName): string[] {
  return lastAs('type', type.names)
}

function lastAs(kind: 'type' | 'function', names: readonly Node[] | undefined): string[] {
  const name = nodeOf(names?.at(-1), 'String')?.sval
  return name === undefined ? [] : [`${kind}:${name}`]
}
