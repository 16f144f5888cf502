import type { DropStmt } from '@pgsql/types'
import { resolveName } from '../../sql/schema-draft.ts'
import type { SchemaDraft } from '../../sql/schema-draft.ts'
import { namesOf, nodeOf, statementOf } from '../../sql/statement.ts'
import { isUnused, lossOf } from '../drops.ts'
import type { DroppedKind } from '../drops.ts'
import type { StatementSubject } from '../subject.ts'

/** A statement whose text drops something with CASCADE. */
export interface CascadedDrop {
  /** Its words before the name: `DROP TABLE`. */
  verb: string
  /** The foreign keys of other tables that the text shows to depend on what is dropped, in words. */
  foreignKeys: string[]
}

/**
 * The statement as one that may take along what it does not name; undefined where nobody else can depend on what it
 * drops, `unclear` where the text does not show whether there is something to drop.
 */
export function cascadedDrop(subject: StatementSubject): CascadedDrop | 'unclear' | undefined {
  const drop = statementOf(subject.statement, 'DropStmt')
  if (drop) return drop.behavior === 'DROP_CASCADE' ? cascadedObjects(subject, drop) : undefined
  const alter = statementOf(subject.statement, 'AlterTableStmt')
  const commands = (alter?.cmds ?? []).flatMap((each) => nodeOf(each, 'AlterTableCmd') ?? [])
  const cascaded = commands.filter(({ behavior }) => behavior === 'DROP_CASCADE')
  if (cascaded.length === 0 || alter?.relation?.relname === undefined) return undefined
  if (cascaded.some(({ subtype }) => subtype === 'AT_DropColumn')) {
    const loss = lossOf(subject, 'column')
    return loss && (loss.kind === 'unknown' ? 'unclear' : { verb: 'DROP COLUMN', foreignKeys: [] })
  }
  const draft = subject.migration.history.before(subject)
  const table = resolveName(draft, alter.relation.schemaname, alter.relation.relname)
  const constraints = cascaded.flatMap(({ subtype, name }) => (subtype === 'AT_DropConstraint' && name ? [name] : []))
  if (isUnused(subject, table) || constraints.every((name) => hasNoDependents(draft, table, name))) return undefined
  return { verb: 'DROP CONSTRAINT', foreignKeys: [] }
}

/** Only a key can have a foreign key, or a view that groups by it, depend on it. */
function hasNoDependents(draft: SchemaDraft, table: string, constraint: string): boolean {
  const { foreignKeys = [], checks = [] } = draft.tables.get(table) ?? {}
  return [...foreignKeys, ...checks].some(({ name }) => name === constraint)
}

function cascadedObjects(subject: StatementSubject, drop: DropStmt): CascadedDrop | 'unclear' | undefined {
  const type = drop.removeType ?? ''
  if (withoutDependents.has(type)) return undefined
  const verb = type.replace('OBJECT_', 'DROP ').replace('MATVIEW', 'MATERIALIZED VIEW').replaceAll('_', ' ')
  const kind = kinds[type]
  if (kind) {
    const loss = lossOf(subject, kind)
    if (loss?.kind !== 'lost') return loss && 'unclear'
    return { verb, foreignKeys: kind === 'table' ? foreignKeysTo(subject, loss.names) : [] }
  }
  const draft = subject.migration.history.before(subject)
  if (drop.missing_ok && (drop.objects ?? []).every((object) => isAbsent(draft, type, namesOf(object)))) {
    return draft.opaque.length > 0 ? 'unclear' : undefined
  }
  return { verb, foreignKeys: [] }
}

const withoutDependents: ReadonlySet<string> = new Set(['OBJECT_TRIGGER', 'OBJECT_POLICY', 'OBJECT_RULE'])

const kinds: Readonly<Record<string, DroppedKind>> = {
  OBJECT_TABLE: 'table',
  OBJECT_FOREIGN_TABLE: 'table',
  OBJECT_MATVIEW: 'table',
  OBJECT_SCHEMA: 'schema',
  OBJECT_TYPE: 'type',
  OBJECT_DOMAIN: 'type',
}

/** Whether the text shows no view or function of that name, where it would. */
function isAbsent(draft: SchemaDraft, type: string, names: readonly string[]): boolean {
  const [name = '', schema] = names.toReversed()
  if (type === 'OBJECT_VIEW') return !draft.tables.has(resolveName(draft, schema, name))
  const isRoutine = type === 'OBJECT_FUNCTION' || type === 'OBJECT_PROCEDURE' || type === 'OBJECT_ROUTINE'
  return isRoutine && !draft.routines.has(name)
}

function foreignKeysTo(subject: StatementSubject, tables: readonly string[]): string[] {
  const others = [...subject.migration.history.before(subject).tables.values()]
  return others
    .filter(({ name }) => !tables.includes(name))
    .flatMap((table) => table.foreignKeys.filter((key) => tables.includes(key.referencedTable)))
    .map((key) => `foreign key ${key.name} of ${key.table}`)
}
