import type {
  AlterTableCmd,
  AlterTableStmt,
  CreateStmt,
  DropStmt,
  IndexStmt,
  Node,
  RangeVar,
  RenameStmt,
} from '@pgsql/types'
import { declareColumn, declareConstraint, modifiersOf, notNullPredicate, typeNameOf } from './declarations.ts'
import type { DraftTable, SchemaDraft } from './schema-draft.ts'
import {
  createTable,
  dropColumn,
  dropConstraint,
  dropSchema,
  dropTable,
  isPartitionOf,
  newName,
  noteOwner,
  ownerOfIndex,
  renameColumn,
  renameSchema,
  renameTable,
  resolveName,
  tableOf,
  textName,
  unqualified,
} from './schema-draft.ts'
import type { MigrationText, Site, TextRelationKind } from './schema-text.ts'
import type { NodeOf, NodeTag, Statement } from './statement.ts'
import { namesOf, nodeOf } from './statement.ts'
import { findNodes } from './walk.ts'

/** The statement being folded and what a declaration in it needs for its site. */
export interface FoldContext {
  statement: Statement
  migration: MigrationText
  /** The whole statement's site. */
  site: Site
}

/** Applies one statement to the draft, as far as its text shows what it does. */
export function foldStatement(draft: SchemaDraft, statement: Statement, migration: MigrationText): void {
  const site: Site = {
    file: migration.file,
    fileText: migration.text,
    span: { start: statement.start, end: statement.end },
    statement: statement.index,
    released: migration.released,
  }
  const certain = statement.tag === 'DoStmt' ? migration.certain?.(statement) : undefined
  if (certain === undefined) return foldNode(draft, statement.node, { statement, migration, site })
  for (const inner of certain) {
    const own: Site = { ...site, span: { start: inner.start, end: inner.end }, inCode: true }
    foldNode(draft, inner.node, { statement: inner, migration, site: own })
  }
}

function foldNode(draft: SchemaDraft, node: Node, context: FoldContext): void {
  // A switch on the one key: asking for each kind in turn is dear for thousands of nodes.
  const [tag] = Object.keys(node) as NodeTag[]
  switch (tag) {
    case 'CreateStmt':
      return foldCreate(draft, nodeOf(node, tag), context)
    case 'CreateForeignTableStmt':
      return foldCreate(draft, nodeOf(node, tag)?.base, context, 'foreign table')
    case 'AlterTableStmt':
      return foldAlter(draft, nodeOf(node, tag), context)
    case 'IndexStmt':
      return foldIndex(draft, nodeOf(node, tag), context)
    case 'DropStmt':
      return foldDrop(draft, nodeOf(node, tag))
    case 'RenameStmt':
      return foldRename(draft, nodeOf(node, tag))
    case 'AlterObjectSchemaStmt':
      return foldMove(draft, nodeOf(node, tag))
    case 'CreateTableAsStmt': {
      const create = nodeOf(node, tag)
      const kind = create?.objtype === 'OBJECT_MATVIEW' ? 'materialized view' : undefined
      return foldQueryTable(draft, create?.into?.rel, kind, context)
    }
    case 'ViewStmt':
      return foldQueryTable(draft, nodeOf(node, tag)?.view, 'view', context)
    case 'SelectStmt': {
      const into = nodeOf(node, tag)?.intoClause
      if (into) return foldQueryTable(draft, into.rel, undefined, context)
      if (draft.routines.size > 0 && callsOwnRoutine(draft, node)) draft.opaque.push(context.site)
      return
    }
    case 'CreateSchemaStmt':
      return foldCreateSchema(draft, nodeOf(node, tag), context)
    case 'VariableSetStmt': {
      const set = nodeOf(node, tag)
      if (set?.name !== 'search_path') return
      draft.searchPath = set.kind === 'VAR_SET_VALUE' ? searchPathOf(set.args ?? []) : ['public']
      return
    }
    case 'CreateFunctionStmt': {
      const name = lastString(nodeOf(node, tag)?.funcname)
      if (name !== undefined) draft.routines.add(name)
      return
    }
    case 'CreateDomainStmt': {
      const create = nodeOf(node, tag)
      const [name, schema] = namesOf({ List: { items: create?.domainname ?? [] } }).toReversed()
      if (name === undefined) return
      draft.domains.set(textName(schema ?? 'public', name), {
        base: typeNameOf(create?.typeName),
        modifiers: modifiersOf(create?.typeName),
        constrained: (create?.constraints ?? []).some((each) => {
          const type = nodeOf(each, 'Constraint')?.contype
          return type === 'CONSTR_CHECK' || type === 'CONSTR_NOTNULL'
        }),
      })
      return
    }
    case 'AlterDomainStmt': {
      const alter = nodeOf(node, tag)
      const [name, schema] = namesOf({ List: { items: alter?.typeName ?? [] } }).toReversed()
      const domain = draft.domains.get(textName(schema ?? 'public', name ?? ''))
      // C adds a constraint, O sets NOT NULL; which of several a DROP takes away is not followed.
      if (domain && (alter?.subtype === 'C' || alter?.subtype === 'O')) domain.constrained = true
      return
    }
    case 'DoStmt':
    case 'CallStmt':
    case 'CreateExtensionStmt':
    case 'ExecuteStmt':
      draft.opaque.push(context.site)
      return
    default:
  }
}

function foldCreateSchema(
  draft: SchemaDraft,
  create: NodeOf<'CreateSchemaStmt'> | undefined,
  context: FoldContext,
): void {
  const outer = draft.searchPath
  if (create?.schemaname !== undefined) draft.searchPath = [create.schemaname, ...outer]
  for (const element of create?.schemaElts ?? []) foldNode(draft, element, context)
  draft.searchPath = outer
}

function foldMove(draft: SchemaDraft, move: NodeOf<'AlterObjectSchemaStmt'> | undefined): void {
  if (move?.relation === undefined || move.newschema === undefined) return
  const name = resolveName(draft, move.relation.schemaname, move.relation.relname ?? '')
  renameTable(draft, name, textName(move.newschema, unqualified(name)))
}

function foldCreate(
  draft: SchemaDraft,
  create: CreateStmt | undefined,
  context: FoldContext,
  kind?: TextRelationKind,
): void {
  const relation = create?.relation
  if (create === undefined || relation === undefined) return
  const name = newName(draft, relation)
  if (create.if_not_exists && draft.tables.has(name)) return
  const table = createTable(draft, {
    name,
    kind:
      kind ?? (create.partspec ? 'partitioned table' : relation.relpersistence === 't' ? 'temporary table' : 'table'),
    columnsKnown: create.ofTypename === undefined,
    site: context.site,
  })
  for (const parent of create.inhRelations ?? []) {
    const range = nodeOf(parent, 'RangeVar')
    if (range === undefined) continue
    const above = resolveName(draft, range.schemaname, range.relname ?? '')
    if (create.partbound && !isPartitionOf(draft, above, table.name)) {
      table.partitionOf = above
      if (create.partbound.is_default) table.defaultPartition = true
    }
    copyColumns(draft, range, table)
  }
  for (const element of create.tableElts ?? []) {
    const column = nodeOf(element, 'ColumnDef')
    const constraint = nodeOf(element, 'Constraint')
    const like = nodeOf(element, 'TableLikeClause')
    if (column) declareColumn(draft, table, column, context)
    else if (constraint) declareConstraint(draft, table, constraint, undefined, context)
    else if (like?.relation) {
      copyColumns(draft, like.relation, table)
      if (((like.options ?? 0) & likeIndexes) !== 0) copyIndexes(draft, like.relation, table, context.site)
    }
  }
}

/** CREATE_TABLE_LIKE_INDEXES of the server's `TableLikeOption`. */
const likeIndexes = 1 << 6

function copyColumns(draft: SchemaDraft, from: RangeVar, to: DraftTable): void {
  const source = draft.tables.get(resolveName(draft, from.schemaname, from.relname ?? ''))
  if (source === undefined || !source.columnsKnown) to.columnsKnown = false
  for (const column of source?.columns ?? []) {
    if (to.columns.some((known) => known.name === column.name)) continue
    // The copy has the type; the serial's declaration stays with the original, which alone can be mended.
    const { numbering: _, ...copy } = column
    to.columns.push(copy)
  }
}

function copyIndexes(draft: SchemaDraft, from: RangeVar, to: DraftTable, site: Site): void {
  const source = draft.tables.get(resolveName(draft, from.schemaname, from.relname ?? ''))
  for (const index of source?.indexes ?? []) to.indexes.push({ ...index, name: undefined, table: to.name, site })
  for (const key of source?.keys ?? []) {
    const name = key.name.replace(unqualified(key.table), unqualified(to.name))
    to.keys.push({ ...key, name, table: to.name, site })
    noteOwner(draft, name, to)
  }
}

function foldQueryTable(
  draft: SchemaDraft,
  relation: RangeVar | undefined,
  kind: TextRelationKind | undefined,
  context: FoldContext,
): void {
  if (relation === undefined) return
  const name = newName(draft, relation)
  if (draft.tables.has(name)) return
  const ownKind = relation.relpersistence === 't' ? 'temporary table' : 'table'
  createTable(draft, { name, kind: kind ?? ownKind, columnsKnown: false, site: context.site })
}

function foldAlter(draft: SchemaDraft, alter: AlterTableStmt | undefined, context: FoldContext): void {
  if (alter?.relation === undefined || alter.objtype !== 'OBJECT_TABLE') return
  const name = resolveName(draft, alter.relation.schemaname, alter.relation.relname ?? '')
  if (alter.missing_ok && !draft.tables.has(name)) return
  const table = tableOf(draft, alter.relation, context.site)
  for (const node of alter.cmds ?? []) {
    const command = nodeOf(node, 'AlterTableCmd')
    if (command) foldAlterCommand(draft, table, command, context)
  }
}

function foldAlterCommand(draft: SchemaDraft, table: DraftTable, command: AlterTableCmd, context: FoldContext): void {
  const column = table.columns.find((each) => each.name === command.name)
  const definition = nodeOf(command.def, 'ColumnDef')
  switch (command.subtype) {
    case 'AT_AddColumn':
      if (definition === undefined) return
      if (command.missing_ok && table.columns.some((each) => each.name === definition.colname)) return
      declareColumn(draft, table, definition, context)
      return
    case 'AT_DropColumn':
      if (command.name !== undefined) dropColumn(table, command.name)
      return
    case 'AT_AlterColumnType':
      if (column) {
        column.type = typeNameOf(definition?.typeName)
        column.modifiers = modifiersOf(definition?.typeName)
      }
      return
    case 'AT_SetNotNull':
      if (column) column.notNull = 'yes'
      return
    case 'AT_DropNotNull':
      if (column) column.notNull = 'no'
      return
    case 'AT_DropExpression':
      if (column) delete column.generated
      return
    case 'AT_ValidateConstraint':
      for (const part of [...table.foreignKeys, ...table.checks]) {
        if (part.name === command.name) part.validated = true
      }
      return
    case 'AT_AddIdentity':
      if (column) column.numbering = 'identity'
      return
    case 'AT_DropIdentity':
      if (column) delete column.numbering
      return
    case 'AT_ColumnDefault':
      if (column) {
        delete column.numbering
        column.hasDefault = command.def !== undefined
      }
      return
    case 'AT_AddConstraint': {
      const constraint = nodeOf(command.def, 'Constraint')
      if (constraint) declareConstraint(draft, table, constraint, undefined, context)
      return
    }
    case 'AT_DropConstraint':
      if (command.name !== undefined) dropConstraint(table, command.name)
      return
    case 'AT_AttachPartition':
    case 'AT_DetachPartition': {
      const attach = nodeOf(command.def, 'PartitionCmd')
      if (attach?.name === undefined) return
      const partition = tableOf(draft, attach.name, context.site)
      delete partition.partitionOf
      delete partition.defaultPartition
      if (command.subtype === 'AT_AttachPartition' && !isPartitionOf(draft, table.name, partition.name)) {
        partition.partitionOf = table.name
        if (attach.bound?.is_default) partition.defaultPartition = true
      }
      return
    }
    default:
  }
}

function foldIndex(draft: SchemaDraft, index: IndexStmt | undefined, context: FoldContext): void {
  if (index?.relation === undefined) return
  const table = tableOf(draft, index.relation, context.site)
  if (index.if_not_exists && table.indexes.some((known) => known.name === index.idxname)) return
  if (index.idxname !== undefined) noteOwner(draft, index.idxname, table)
  const predicate = index.whereClause && notNullPredicate(index.whereClause)
  table.indexes.push({
    name: index.idxname,
    table: table.name,
    method: index.accessMethod ?? 'btree',
    unique: index.unique ?? false,
    only: index.relation.inh !== true,
    columns: (index.indexParams ?? []).map((param) => nodeOf(param, 'IndexElem')?.name ?? null),
    ...(predicate && { predicate }),
    site: context.site,
  })
}

function foldDrop(draft: SchemaDraft, drop: DropStmt | undefined): void {
  for (const object of drop?.objects ?? []) {
    const parts = namesOf(object)
    const name = parts.at(-1)
    const schema = parts.at(-2)
    if (name === undefined) continue
    switch (drop?.removeType) {
      case 'OBJECT_TABLE':
      case 'OBJECT_FOREIGN_TABLE':
      case 'OBJECT_VIEW':
      case 'OBJECT_MATVIEW':
        dropTable(draft, resolveName(draft, schema, name))
        break
      case 'OBJECT_INDEX': {
        const owner = ownerOfIndex(draft, schema, name)
        if (owner) owner.indexes = owner.indexes.filter((index) => index.name !== name)
        break
      }
      case 'OBJECT_SCHEMA':
        dropSchema(draft, name)
        break
      default:
    }
  }
}

function foldRename(draft: SchemaDraft, rename: RenameStmt | undefined): void {
  if (rename?.newname === undefined) return
  const { relation, subname, newname } = rename
  if (rename.renameType === 'OBJECT_SCHEMA') {
    if (subname !== undefined) renameSchema(draft, subname, newname)
    return
  }
  if (relation === undefined) return
  const name = resolveName(draft, relation.schemaname, relation.relname ?? '')
  const table = draft.tables.get(name)
  if (rename.renameType === 'OBJECT_INDEX' || table === undefined) {
    const owner = ownerOfIndex(draft, relation.schemaname, relation.relname ?? '')
    if (owner) noteOwner(draft, newname, owner)
    for (const part of owner ? [...owner.indexes, ...owner.keys] : []) {
      if (part.name === relation.relname) part.name = newname
    }
  } else if (rename.renameType === 'OBJECT_COLUMN') {
    if (subname !== undefined) renameColumn(table, subname, newname)
  } else if (rename.renameType === 'OBJECT_TABCONSTRAINT') {
    for (const part of [...table.keys, ...table.foreignKeys, ...table.checks]) {
      if (part.name === subname) part.name = newname
    }
    noteOwner(draft, newname, table)
  } else {
    renameTable(draft, name, textName(name.includes('.') ? name.slice(0, name.indexOf('.')) : 'public', newname))
  }
}

function callsOwnRoutine(draft: SchemaDraft, node: Node): boolean {
  return findNodes(node, 'FuncCall').some((call) => draft.routines.has(lastString(call.funcname) ?? ''))
}

function searchPathOf(args: readonly Node[]): string[] {
  const schemas = args
    .map((argument) => nodeOf(argument, 'A_Const')?.sval?.sval)
    .filter((schema) => schema !== undefined && schema !== '' && schema !== '$user' && schema !== 'pg_catalog')
  return schemas.length === 0 ? ['public'] : (schemas as string[])
}

function lastString(names: readonly Node[] | undefined): string | undefined {
  return nodeOf(names?.at(-1), 'String')?.sval
}
