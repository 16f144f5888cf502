import type { Node } from '@pgsql/types'
import { textName } from '../sql/schema-draft.ts'
import { namesOf, nodeOf } from '../sql/statement.ts'
import { observationOf } from './observed.ts'
import { changedName, createdName } from './search-path.ts'
import type { MigrationSubject, StatementSubject } from './subject.ts'

/** What may be new besides a table. */
export type ObjectKind = 'schema' | 'type' | 'column'

const byText = new WeakMap<MigrationSubject, Map<string, number>>()
const observed = new WeakMap<MigrationSubject, Map<string, number>>()

/**
 * Whether the file itself creates the object before its statement number `before`. Names are those of a `SchemaText`, a
 * column's with its table's and a dot before it. A type that the file renames counts: nobody knows it by its new name.
 */
export function isNewObject(migration: MigrationSubject, kind: ObjectKind, name: string, before: number): boolean {
  let created = byText.get(migration)
  if (created === undefined) byText.set(migration, (created = newObjects(migration)))
  const at = created.get(`${kind} ${name}`)
  return at !== undefined && at < before
}

/** Whether the text of an earlier file, or of this one before its statement number `before`, creates the object. */
export function isInText(migration: MigrationSubject, kind: ObjectKind, name: string, before: number): boolean {
  const { migrations } = migration.history
  const earlier = migrations.slice(0, migrations.indexOf(migration))
  return isNewObject(migration, kind, name, before) || earlier.some((each) => isNewObject(each, kind, name, Infinity))
}

/** Whether the shadow showed the file create the object before its statement number `before`, constraints too. */
export function isSeenNew(
  migration: MigrationSubject,
  { objectType, name }: { objectType: string; name: string },
  before: number,
): boolean {
  let created = observed.get(migration)
  if (created === undefined) observed.set(migration, (created = seenNew(migration)))
  const at = created.get(`${objectType} ${name}`)
  return at !== undefined && at < before
}

function seenNew({ statements }: MigrationSubject): Map<string, number> {
  const created = new Map<string, number>()
  for (const subject of statements) {
    const observation = observationOf(subject)
    const { index } = subject.statement
    for (const { objectType, name } of observation?.created ?? []) created.set(`${objectType} ${name}`, index)
    for (const { name, relation } of observation?.constraints ?? []) {
      created.set(`table constraint ${name} on ${relation}`, index)
    }
  }
  return created
}

function newObjects({ statements }: MigrationSubject): Map<string, number> {
  const created = new Map<string, number>()
  for (const subject of statements) {
    for (const each of [subject, ...subject.inner]) {
      for (const key of createdByText(each)) if (!created.has(key)) created.set(key, subject.statement.index)
    }
  }
  return created
}

function createdByText(subject: StatementSubject): string[] {
  const { tag, node } = subject.statement
  // Where a column's type is written without a schema, nothing shows in which one it is.
  const type = (schema: string | undefined, name: string) => [
    ...new Set([`type ${createdName(subject, schema, name)}`, `type ${textName(schema ?? 'public', name)}`]),
  ]
  const typeKeys = (names: readonly Node[] | undefined) => {
    const [name = '', schema] = namesOf({ List: { items: [...(names ?? [])] } }).toReversed()
    return type(schema, name)
  }
  switch (tag) {
    case 'CreateSchemaStmt':
      return [`schema ${nodeOf(node, tag)?.schemaname ?? ''}`]
    case 'CreateEnumStmt':
      return typeKeys(nodeOf(node, tag)?.typeName)
    case 'CreateRangeStmt':
      return typeKeys(nodeOf(node, tag)?.typeName)
    case 'CreateDomainStmt':
      return typeKeys(nodeOf(node, tag)?.domainname)
    case 'CompositeTypeStmt': {
      const { schemaname, relname = '' } = nodeOf(node, tag)?.typevar ?? {}
      return type(schemaname, relname)
    }
    case 'DefineStmt': {
      const define = nodeOf(node, tag)
      return define?.kind === 'OBJECT_TYPE' ? typeKeys(define.defnames) : []
    }
    case 'RenameStmt': {
      const rename = nodeOf(node, tag)
      if (rename?.renameType !== 'OBJECT_TYPE' && rename?.renameType !== 'OBJECT_DOMAIN') return []
      const [, schema] = namesOf(rename.object).toReversed()
      return type(schema, rename.newname ?? '')
    }
    case 'AlterTableStmt': {
      const alter = nodeOf(node, tag)
      const relation = alter?.relation
      const table = changedName(subject, relation?.schemaname, relation?.relname ?? '')
      return (alter?.cmds ?? []).flatMap((each) => {
        const command = nodeOf(each, 'AlterTableCmd')
        // With IF NOT EXISTS it may have been there, with values.
        if (command?.subtype !== 'AT_AddColumn' || command.missing_ok) return []
        return [`column ${table}.${nodeOf(command.def, 'ColumnDef')?.colname ?? ''}`]
      })
    }
    default:
      return []
  }
}
