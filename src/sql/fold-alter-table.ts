import type { AlterTableCmd, AlterTableStmt } from '@pgsql/types'
import { declareColumn, declareConstraint, modifiersOf, typeNameOf } from './declarations.ts'
import type { FoldContext } from './fold-context.ts'
import type { DraftTable, SchemaDraft, TextAttachment } from './schema-draft.ts'
import { dropColumn, dropConstraint, isPartitionOf, resolveName, tableOf } from './schema-draft.ts'
import { nodeOf } from './statement.ts'

/** Applies an ALTER TABLE to the draft; those of other relations change nothing in it. */
export function foldAlter(draft: SchemaDraft, alter: AlterTableStmt | undefined, context: FoldContext): void {
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
  const column = command.name === undefined ? undefined : table.columns.find((each) => each.name === command.name)
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
      if (column) {
        delete column.generated
        delete column.computedFrom
      }
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
        delete column.defaultSite
        column.hasDefault = command.def !== undefined
        if (column.hasDefault) column.defaultSite = context.site
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
    case 'AT_DisableTrig':
    case 'AT_DisableTrigAll':
    case 'AT_DisableTrigUser':
      return setFiring(table, command.name, 'disabled')
    case 'AT_EnableTrig':
    case 'AT_EnableTrigAll':
    case 'AT_EnableTrigUser':
      return setFiring(table, command.name, undefined)
    case 'AT_EnableAlwaysTrig':
      return setFiring(table, command.name, 'always')
    case 'AT_EnableReplicaTrig':
      return setFiring(table, command.name, 'replica')
    case 'AT_AddInherit': {
      const parent = nodeOf(command.def, 'RangeVar')
      if (parent === undefined) return
      table.madeFrom = 'inherits'
      draft.inherited.add(resolveName(draft, parent.schemaname, parent.relname ?? ''))
      return
    }
    case 'AT_AttachPartition':
    case 'AT_DetachPartition': {
      const attach = nodeOf(command.def, 'PartitionCmd')
      if (attach?.name === undefined) return
      const partition = tableOf(draft, attach.name, context.site)
      delete partition.partitionOf
      delete partition.defaultPartition
      if (command.subtype === 'AT_AttachPartition' && !isPartitionOf(draft, table.name, partition.name)) {
        partition.partitionOf = table.name
        draft.partitioned.add(table.name)
        if (attach.bound?.is_default) partition.defaultPartition = true
      }
      return
    }
    default:
  }
}

/** Of the trigger of that name, or of all. */
function setFiring(table: DraftTable, name: string | undefined, firing: TextAttachment['firing']): void {
  for (const each of table.attachments) {
    if (each.kind !== 'trigger' || (name !== undefined && each.name !== name)) continue
    if (firing === undefined) delete each.firing
    else each.firing = firing
  }
}
