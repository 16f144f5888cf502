import type { RangeVar } from '@pgsql/types'
import { tableWritten } from './relation-left.ts'
import { textNameOf } from '../sql/identifier.ts'
import { namedObjects } from '../sql/named-objects.ts'
import { schemaOfTextName, textName, unqualified } from '../sql/schema-draft.ts'
import type { Statement } from '../sql/statement.ts'
import { nodeOf, statementOf } from '../sql/statement.ts'
import { observationOf } from './observed.ts'
import { changedName, createdName } from './search-path.ts'
import type { MigrationSubject, StatementSubject } from './subject.ts'

const known = new WeakMap<MigrationSubject, Map<string, number>>()

/**
 * Whether the file itself creates the table before its statement number `before`: nobody uses it yet. A table that code
 * creates is new for all of that code, unless the code names it earlier: DROP TABLE t, CREATE TABLE t.
 */
export function isNewTable(migration: MigrationSubject, table: string, before: number): boolean {
  let created = known.get(migration)
  if (created === undefined) known.set(migration, (created = newTables(migration)))
  const at = created.get(table)
  return at !== undefined && at < before
}

/** The tables a file creates, by the 0-based statement that gives them their name. */
function newTables(migration: MigrationSubject): Map<string, number> {
  const created = new Map<string, number>()
  for (const subject of migration.statements) {
    const all = [subject, ...subject.inner]
    const names =
      observationOf(subject)?.created.flatMap(({ objectType, name }) =>
        objectType === 'table' || objectType === 'materialized view' ? [textNameOf(name)] : [],
      ) ?? all.flatMap((each) => createdByText(each) ?? [])
    const { index } = subject.statement
    const naming = firstNamings(subject)
    for (const name of names) {
      const first = naming.get(name)
      // What no statement of the code names, SQL that it makes has created.
      const isNewInCode = first === undefined ? subject.dynamic.length > 0 : createdByText(first) === name
      created.set(name, isNewInCode ? index - 1 : index)
    }
    for (const each of all) {
      const rename = renamedByText(each, (name) => created.has(name))
      if (rename && created.has(rename.from)) created.set(rename.to, index)
    }
  }
  return created
}

/** Of each name in the code the first statement that has it. */
function firstNamings({ inner }: StatementSubject): Map<string, StatementSubject> {
  const first = new Map<string, StatementSubject>()
  for (const subject of inner) {
    const { subjects, mentions } = namedObjects(subject.statement)
    for (const name of [...subjects, ...mentions]) if (!first.has(name)) first.set(name, subject)
  }
  return first
}

function createdByText(subject: StatementSubject): string | undefined {
  const { migration, statement, within } = subject
  const { relation, ifNotExists } = creationIn(statement)
  if (relation?.relname === undefined) return undefined
  const name = createdName(subject, relation.schemaname, relation.relname)
  if (within === undefined && !ifNotExists) return name
  // IF NOT EXISTS creates nothing when an earlier file did; code may ask in its own way.
  const site = tableWritten(migration.history, name)?.site
  return site === undefined || site.file === migration.file ? name : undefined
}

function creationIn({ tag, node }: Statement): { relation?: RangeVar | undefined; ifNotExists?: boolean | undefined } {
  switch (tag) {
    case 'CreateStmt': {
      const create = nodeOf(node, tag)
      return { relation: create?.relation, ifNotExists: create?.if_not_exists }
    }
    case 'CreateTableAsStmt': {
      const create = nodeOf(node, tag)
      return { relation: create?.into?.rel, ifNotExists: create?.if_not_exists }
    }
    case 'SelectStmt':
      return { relation: nodeOf(node, tag)?.intoClause?.rel }
    default:
      return {}
  }
}

function renamedByText(
  subject: StatementSubject,
  isNew: (name: string) => boolean,
): { from: string; to: string } | undefined {
  const { statement } = subject
  const rename = statementOf(statement, 'RenameStmt')
  const move = statementOf(statement, 'AlterObjectSchemaStmt')
  const relation = rename?.renameType === 'OBJECT_TABLE' ? rename.relation : move?.relation
  if (relation?.relname === undefined) return undefined
  const from = changedName(subject, relation.schemaname, relation.relname, isNew)
  if (rename?.newname !== undefined) return { from, to: textName(schemaOfTextName(from), rename.newname) }
  return move?.newschema === undefined ? undefined : { from, to: textName(move.newschema, unqualified(from)) }
}
