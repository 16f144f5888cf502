import type { Evidence } from '../findings/evidence.ts'
import type { Observation } from '../findings/observation.ts'
import { textNameOf } from '../sql/identifier.ts'
import { resolveName } from '../sql/schema-draft.ts'
import type { SchemaDraft } from '../sql/schema-draft.ts'
import { namesOf, nodeOf } from '../sql/statement.ts'
import type { Statement } from '../sql/statement.ts'
import { isInText, isNewObject } from './new-objects.ts'
import type { ObjectKind } from './new-objects.ts'
import { isNewTable } from './new-tables.ts'
import { observationOf, traceEvidence } from './observed.ts'
import type { Major } from './rule.ts'
import { changedName } from './search-path.ts'
import type { StatementSubject } from './subject.ts'

/** Kinds of objects whose loss a rule speaks of; `table` is everything that holds rows. */
export type DroppedKind = 'table' | ObjectKind

/** An object that a statement's text drops by its name. */
interface DropTarget {
  /** As in a `SchemaText`; a column's with its table's and a dot before it. */
  name: string
  /** IF EXISTS. */
  missingOk: boolean
}

/**
 * Objects of one kind that a statement drops by their names: what was there before its file, and is not temporary.
 * `names` are as PostgreSQL prints them where it was traced, else as a `SchemaText` has them.
 */
export type Loss =
  | { kind: 'lost'; names: [string, ...string[]]; observation?: Observation }
  /** With IF EXISTS, and the text does not show whether there is such an object. */
  | { kind: 'unknown'; names: [string, ...string[]] }

/** As `pg_event_trigger_dropped_objects()` names them. */
const objectTypes: Record<DroppedKind, readonly string[]> = {
  table: ['table', 'foreign table', 'materialized view'],
  column: ['table column', 'foreign table column', 'composite type column'],
  schema: ['schema'],
  type: ['type'],
}

/** What of a kind a statement drops, or its code as it was traced; undefined when that is nothing. */
export function lossOf(subject: StatementSubject, kind: DroppedKind): Loss | undefined {
  const observation = observationOf(subject.within ?? subject)
  const targets = dropTargets(subject, kind)
  if (observation !== undefined && subject.within === undefined) {
    // Nothing but its owner decides what that takes.
    if (subject.statement.tag === 'DropOwnedStmt') return undefined
    const inner = targets.length > 0 ? [] : innerTargets(subject, kind)
    const names = droppedNames(observation, kind).filter((name) => {
      const text = dropName(kind, name)
      return !isOwn(subject, kind, text) && !inner.some((target) => target.name === text)
    })
    // As it is written; what goes with that, like the columns of child tables, behind it.
    const rank = (printed: string) => targets.findIndex(({ name }) => name === dropName(kind, printed)) >>> 0
    return lost(
      names.sort((a, b) => rank(a) - rank(b)),
      observation,
    )
  }
  if (targets.length === 0) return undefined
  const others = targets.filter(({ name }) => !isOwn(subject, kind, name))
  if (observation !== undefined) return lossInCode(subject, kind, others, observation)
  const there = others.filter(({ name, missingOk }) => !missingOk || isShown(subject, kind, name) === 'yes')
  if (there.length > 0) return lost(there.map(({ name }) => name))
  const [first, ...rest] = others.filter(({ name }) => isShown(subject, kind, name) === 'unclear')
  return first && { kind: 'unknown', names: [first.name, ...rest.map(({ name }) => name)] }
}

/** How a loss is known. */
export function lossEvidence(
  { statement }: StatementSubject,
  { names, observation }: Loss & { kind: 'lost' },
  major: Major,
): Evidence {
  if (observation === undefined) return { kind: 'source', text: statement.text }
  return traceEvidence(major, observation, { dropped: names.join(', ') })
}

/** What of the kind went as a part of what was named: partitions with their table. */
export function partsLost({ dropped }: Observation, kind: DroppedKind): string[] {
  return dropped
    .filter((each) => each.cascaded && !each.dependent && objectTypes[kind].includes(each.objectType))
    .map(({ name }) => name)
}

/**
 * By what all of the code was seen to drop. A branch that did not run on the shadow may run elsewhere: what the text
 * shows to be there counts too.
 */
function lossInCode(
  subject: StatementSubject,
  kind: DroppedKind,
  targets: readonly DropTarget[],
  observation: Observation,
): Loss | undefined {
  const seen = droppedNames(observation, kind)
  const run = seen.filter((printed) => targets.some(({ name }) => name === dropName(kind, printed)))
  if (run.length > 0) return lost(run, observation)
  return lost(targets.flatMap(({ name }) => (isShown(subject, kind, name) === 'yes' ? [name] : [])))
}

function lost(names: readonly string[], observation?: Observation): Loss | undefined {
  const [first, ...rest] = names
  if (first === undefined) return undefined
  return { kind: 'lost', names: [first, ...rest], ...(observation && { observation }) }
}

function droppedNames({ dropped }: Observation, kind: DroppedKind): string[] {
  return dropped.flatMap(({ objectType, name, cascaded }) =>
    cascaded || !objectTypes[kind].includes(objectType) ? [] : [name],
  )
}

/** A printed name as a target has it. */
function dropName(kind: DroppedKind, printed: string): string {
  if (kind !== 'column') return textNameOf(printed)
  const { relation, column } = columnParts(printed)
  return `${textNameOf(relation)}.${column}`
}

/** A column's name as PostgreSQL prints it, split before its last part, which is unquoted. */
function columnParts(printed: string): { relation: string; column: string } {
  const [, relation = '', column = ''] = /^(.*)\.("(?:[^"]|"")*"|[^".]*)$/.exec(printed) ?? []
  return { relation, column: column.startsWith('"') ? column.slice(1, -1).replaceAll('""', '"') : column }
}

/** Made by the same file, or temporary: nobody misses it. */
function isOwn(subject: StatementSubject, kind: DroppedKind, name: string): boolean {
  const { statement, within, migration } = subject
  const before = (within?.statement ?? statement).index
  if (kind === 'table') return isUnused(subject, name)
  if (isNewObject(migration, kind, name, before)) return true
  if (kind !== 'column') return false
  const owner = ownerOf(name)
  return isUnused(subject, owner) || isNewObject(migration, 'type', owner, before)
}

/** Whether nobody but the file's own session uses a table: one that the file creates, or a temporary one. */
export function isUnused(subject: StatementSubject, table: string): boolean {
  const { statement, within, migration } = subject
  const known = migration.history.before(subject).tables.get(table)
  return known?.kind === 'temporary table' || isNewTable(migration, table, (within?.statement ?? statement).index)
}

/** Whether the text shows that the object is there. */
function isShown(subject: StatementSubject, kind: DroppedKind, name: string): 'yes' | 'no' | 'unclear' {
  const { statement, within, migration } = subject
  const draft = migration.history.before(subject)
  // Code and extensions may have made what the text does not show.
  const otherwise = draft.opaque.length > 0 ? 'unclear' : 'no'
  if (kind === 'table') return draft.tables.has(name) ? 'yes' : otherwise
  if (kind !== 'column') {
    return isInText(migration, kind, name, (within?.statement ?? statement).index) ? 'yes' : otherwise
  }
  const table = draft.tables.get(ownerOf(name))
  if (table?.columns.some((column) => column.name === name.slice(ownerOf(name).length + 1))) return 'yes'
  return table?.columnsKnown === false ? 'unclear' : otherwise
}

function ownerOf(column: string): string {
  return column.slice(0, column.lastIndexOf('.'))
}

function innerTargets(subject: StatementSubject, kind: DroppedKind): DropTarget[] {
  return subject.inner.flatMap((inner) => dropTargets(inner, kind))
}

/** What of a kind a statement's text drops. */
function dropTargets(subject: StatementSubject, kind: DroppedKind): DropTarget[] {
  const { statement, migration } = subject
  switch (statement.tag) {
    case 'DropStmt': {
      const drop = nodeOf(statement.node, statement.tag)
      if (kindOf(drop?.removeType) !== kind) return []
      const draft = migration.history.before(subject)
      return (drop?.objects ?? []).map((object) => ({
        name: targetName(subject, draft, kind, namesOf(object)),
        missingOk: drop?.missing_ok ?? false,
      }))
    }
    case 'AlterTableStmt':
      return kind === 'column' ? droppedColumns(statement, migration.history.before(subject)) : []
    default:
      return []
  }
}

function droppedColumns(statement: Statement, draft: SchemaDraft): DropTarget[] {
  const alter = nodeOf(statement.node, 'AlterTableStmt')
  const { relation } = alter ?? {}
  if (relation?.relname === undefined) return []
  const table = resolveName(draft, relation.schemaname, relation.relname)
  return (alter?.cmds ?? []).flatMap((each) => {
    const command = nodeOf(each, 'AlterTableCmd')
    if (command?.subtype !== 'AT_DropColumn') return []
    return [{ name: `${table}.${command.name ?? ''}`, missingOk: Boolean(command.missing_ok || alter?.missing_ok) }]
  })
}

function kindOf(removeType: string | undefined): DroppedKind | undefined {
  switch (removeType) {
    case 'OBJECT_TABLE':
    case 'OBJECT_FOREIGN_TABLE':
    case 'OBJECT_MATVIEW':
      return 'table'
    case 'OBJECT_SCHEMA':
      return 'schema'
    case 'OBJECT_TYPE':
    case 'OBJECT_DOMAIN':
      return 'type'
    default:
      return undefined
  }
}

function targetName(
  subject: StatementSubject,
  draft: SchemaDraft,
  kind: DroppedKind,
  names: readonly string[],
): string {
  const [name = '', schema] = names.toReversed()
  if (kind === 'schema') return name
  if (kind === 'table') return resolveName(draft, schema, name)
  const before = (subject.within ?? subject).statement.index
  return changedName(subject, schema, name, (candidate) => isInText(subject.migration, 'type', candidate, before))
}
