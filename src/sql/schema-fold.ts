import type { CreateStmt, DropStmt, IndexStmt, Node, RangeVar, RenameStmt } from '@pgsql/types'
import { foldAlter } from './fold-alter-table.ts'
import type { FoldContext } from './fold-context.ts'
import { declareColumn, declareConstraint, modifiersOf, notNullPredicate, typeNameOf } from './declarations.ts'
import type { DraftTable, SchemaDraft, TextAttachment } from './schema-draft.ts'
import {
  createTable,
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
import { searchPathsAfter } from './search-path.ts'
import type { NodeOf, NodeTag, Statement } from './statement.ts'
import { namesOf, nodeOf } from './statement.ts'
import { findNodes } from './walk.ts'

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
      foldSearchPath(draft, node)
      const into = nodeOf(node, tag)?.intoClause
      if (into) return foldQueryTable(draft, into.rel, undefined, context)
      if (draft.routines.size > 0 && callsOwnRoutine(draft, node)) draft.opaque.push(context.site)
      return
    }
    case 'CreateSchemaStmt':
      return foldCreateSchema(draft, nodeOf(node, tag), context)
    case 'TransactionStmt':
    case 'VariableSetStmt':
      return foldSearchPath(draft, node)
    case 'CreateFunctionStmt': {
      const name = lastString(nodeOf(node, tag)?.funcname)
      if (name !== undefined) draft.routines.add(name)
      return
    }
    case 'CreateTrigStmt': {
      const create = nodeOf(node, tag)
      return foldAttachment(draft, create?.relation, { kind: 'trigger', name: create?.trigname ?? '', node })
    }
    case 'CreatePolicyStmt': {
      const create = nodeOf(node, tag)
      return foldAttachment(draft, create?.table, { kind: 'policy', name: create?.policy_name ?? '', node })
    }
    case 'RuleStmt': {
      const create = nodeOf(node, tag)
      return foldAttachment(draft, create?.relation, { kind: 'rule', name: create?.rulename ?? '', node })
    }
    case 'CreateStatsStmt': {
      const create = nodeOf(node, tag)
      const name = namesOf({ List: { items: create?.defnames ?? [] } }).at(-1) ?? ''
      return foldAttachment(draft, nodeOf(create?.relations?.[0], 'RangeVar'), { kind: 'statistics', name, node })
    }
    case 'CreateDomainStmt': {
      const create = nodeOf(node, tag)
      const [name, schema] = namesOf({ List: { items: create?.domainname ?? [] } }).toReversed()
      if (name === undefined) return
      const domain = {
        base: typeNameOf(create?.typeName),
        modifiers: modifiersOf(create?.typeName),
        constrained: (create?.constraints ?? []).some((each) => {
          const type = nodeOf(each, 'Constraint')?.contype
          return type === 'CONSTR_CHECK' || type === 'CONSTR_NOTNULL'
        }),
      }
      // A column's type is kept as it is written, which may be without a schema.
      draft.domains.set(textName(schema ?? 'public', name), domain)
      draft.domains.set(textName(schema ?? draft.searchPath[0] ?? 'public', name), domain)
      return
    }
    case 'AlterDomainStmt': {
      const alter = nodeOf(node, tag)
      const [name, schema] = namesOf({ List: { items: alter?.typeName ?? [] } }).toReversed()
      const schemas = schema === undefined ? [...draft.searchPath, 'public'] : [schema]
      const domain = schemas.map((each) => draft.domains.get(textName(each, name ?? ''))).find((each) => each)
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

function foldSearchPath(draft: SchemaDraft, node: Node): void {
  const { now, session } = searchPathsAfter({ now: draft.searchPath, session: draft.sessionPath }, node)
  draft.searchPath = now
  draft.sessionPath = session
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

function foldAttachment(draft: SchemaDraft, relation: RangeVar | undefined, made: TextAttachment): void {
  const table = relation && draft.tables.get(resolveName(draft, relation.schemaname, relation.relname ?? ''))
  if (table === undefined) return
  table.attachments = [...table.attachments.filter((each) => !isSame(each, made)), made]
}

function isSame(one: TextAttachment, other: TextAttachment): boolean {
  return one.kind === other.kind && one.name === other.name
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
      draft.partitioned.add(above)
      if (create.partbound.is_default) table.defaultPartition = true
    } else {
      table.madeFrom = 'inherits'
      draft.inherited.add(above)
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
      table.madeFrom ??= 'like'
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
  const known = draft.tables.get(name)
  // CREATE OR REPLACE VIEW: what it reads is what its last statement says.
  if (known?.kind === 'view') known.site = context.site
  if (known !== undefined) return
  const ownKind = relation.relpersistence === 't' ? 'temporary table' : 'table'
  createTable(draft, { name, kind: kind ?? ownKind, columnsKnown: false, site: context.site })
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

const attachmentKinds = { OBJECT_TRIGGER: 'trigger', OBJECT_POLICY: 'policy', OBJECT_RULE: 'rule' } as const

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
      case 'OBJECT_TRIGGER':
      case 'OBJECT_POLICY':
      case 'OBJECT_RULE': {
        const table = draft.tables.get(resolveName(draft, parts.at(-3), schema ?? ''))
        const kind = attachmentKinds[drop.removeType]
        if (table) table.attachments = table.attachments.filter((each) => each.kind !== kind || each.name !== name)
        break
      }
      case 'OBJECT_STATISTIC_EXT':
        for (const table of draft.tables.values()) {
          if (table.attachments.length === 0) continue
          table.attachments = table.attachments.filter((each) => each.kind !== 'statistics' || each.name !== name)
        }
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
  } else if (rename.renameType === 'OBJECT_TRIGGER' || rename.renameType === 'OBJECT_POLICY') {
    const kind = attachmentKinds[rename.renameType]
    for (const each of table.attachments) if (each.kind === kind && each.name === subname) each.name = newname
  } else if (rename.renameType === 'OBJECT_COLUMN') {
    if (subname !== undefined) renameColumn(table, subname, newname)
  } else if (rename.renameType === 'OBJECT_TABCONSTRAINT') {
    for (const part of [...table.keys, ...table.foreignKeys, ...table.checks]) {
      if (part.name === subname) part.name = newname
    }
    draft.constraintNames.add(newname)
    noteOwner(draft, newname, table)
  } else {
    renameTable(draft, name, textName(name.includes('.') ? name.slice(0, name.indexOf('.')) : 'public', newname))
  }
}

function callsOwnRoutine(draft: SchemaDraft, node: Node): boolean {
  return findNodes(node, 'FuncCall').some((call) => draft.routines.has(lastString(call.funcname) ?? ''))
}

function lastString(names: readonly Node[] | undefined): string | undefined {
  return nodeOf(names?.at(-1), 'String')?.sval
}
