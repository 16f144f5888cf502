import type { Client } from 'pg'
import { failure } from '../../errors.ts'
import { printable } from '../../sql/printable.ts'
import { statementOf } from '../../sql/statement.ts'
import type { Statement } from '../../sql/statement.ts'
import { readOnly } from '../../postgres/read-only.ts'
import { expectedIndex } from './expected-index.ts'
import { indexDifferences, readIndex, readIndexesOf } from './index-definition.ts'
import type { CatalogIndex, IndexDefinition } from './index-definition.ts'
import { dropConcurrently, refuseBuiltElsewhere } from './invalid-index.ts'
import type { OutsideKind } from './outside-kind.ts'
import { refusePartitionedTable } from './partitioned-index.ts'
import { findRelation, findRelationIfAny, qualifiedName, writtenName } from './relation.ts'

export interface CreateIndexBefore {
  kind: 'create-index'
  /** Oid of the table. */
  table: string
  /** Absent where PostgreSQL chooses it. */
  name?: string
  /** Oids of the table's indexes. */
  existing: string[]
  /** The one of that name, where it is INVALID and otherwise as expected: it makes way. */
  leftover?: string
  /** The one of that name, where it is valid and as expected and IF NOT EXISTS lets it stay. */
  standing?: string
  expected: IndexDefinition
  notice?: string
}

/** CREATE INDEX CONCURRENTLY: done with a new, valid index of that name and the expected definition. */
export const createIndex: OutsideKind<CreateIndexBefore> = {
  async before(client, statement) {
    const index = statementOf(statement, 'IndexStmt')
    if (index?.relation === undefined) throw new Error('CREATE INDEX names no relation')
    const table = await findRelation(client, writtenName(index.relation))
    if (table.kind === 'p') await refusePartitionedTable(client, statement, index, table)
    const expected = await expectedIndex(client, statement, index, table)
    const indexes = await readIndexesOf(client, [table.oid])
    const name = index.idxname
    const existing = indexes.map(({ oid }) => oid)
    const before = { kind: 'create-index', table: table.oid, existing, expected } as const
    if (name === undefined) return before
    const namesake = indexes.find((found) => found.name === name)
    if (namesake === undefined) {
      await refuseTakenName(client, table.schema, name)
      return { ...before, name }
    }
    refuseDifferent(namesake, expected)
    if (!namesake.valid) {
      await refuseBuiltElsewhere(client, namesake)
      return { ...before, name, leftover: namesake.oid }
    }
    if (index.if_not_exists !== true) throw alreadyThere(namesake, statement)
    const notice = `The index ${printable(qualifiedName(namesake))} exists already, valid and as expected: it stays.`
    return { ...before, name, standing: namesake.oid, notice }
  },

  async clear(client, before) {
    for (const index of await readOnly(client, () => candidates(client, before))) {
      if (index.valid) continue
      const isOwn = !before.existing.includes(index.oid) || index.oid === before.leftover
      if (before.name === undefined && (!isOwn || indexDifferences(before.expected, index.definition).length > 0))
        continue
      refuseDifferent(index, before.expected)
      await refuseBuiltElsewhere(client, index)
      await dropConcurrently(client, index)
    }
  },

  async decide(client, before) {
    const { existing, expected, standing } = before
    for (const index of await candidates(client, before)) {
      const isNew = !existing.includes(index.oid) || index.oid === standing
      const differs = indexDifferences(expected, index.definition).length > 0
      if (before.name === undefined && (differs || !isNew)) continue
      refuseDifferent(index, expected)
      if (index.valid && isNew) return 'done'
    }
    return 'not-done'
  },
}

/** The INVALID index that a failed build left; undefined where there is none. */
export async function leftoverOf(client: Client, before: CreateIndexBefore): Promise<CatalogIndex | undefined> {
  const indexes = await candidates(client, before)
  return indexes.find(({ oid, valid }) => !valid && !before.existing.includes(oid))
}

/** The table's index of that name; all of its indexes where the statement names none. */
async function candidates(client: Client, { table, name }: CreateIndexBefore): Promise<CatalogIndex[]> {
  const indexes = await readIndexesOf(client, [table])
  return name === undefined ? indexes : indexes.filter((index) => index.name === name)
}

/** IF NOT EXISTS would pass over whatever has the name; without it PostgreSQL says much the same. */
async function refuseTakenName(client: Client, schema: string, name: string): Promise<void> {
  const taken = await findRelationIfAny(client, qualifiedName({ schema, name }))
  if (taken === undefined) return
  const index = await readIndex(client, taken.oid)
  throw failure({
    code: 'name-taken',
    message: `The index cannot be called ${printable(name)}: ${
      index === undefined ? 'another relation' : 'an index of another table'
    } in the schema ${printable(schema)} has that name.`,
    hint: 'Give the index another name in the migration, or rename the other one.',
  })
}

function refuseDifferent(index: CatalogIndex, expected: IndexDefinition): void {
  const differences = indexDifferences(expected, index.definition)
  if (differences.length === 0) return
  const name = printable(qualifiedName(index))
  throw failure({
    code: index.valid ? 'index-differs' : 'invalid-index-differs',
    message: `The ${index.valid ? '' : 'INVALID '}index ${name} exists and is not the one that the migration makes; it differs in its ${differences.join(
      ', ',
    )}. It is: ${printable(index.text)}`,
    hint: index.valid
      ? 'Give the new index another name, or drop or rename the old one in a migration before this one.'
      : `kei did not make it. If nobody needs it: DROP INDEX CONCURRENTLY ${name}; then run the command again.`,
  })
}

function alreadyThere(index: CatalogIndex, statement: Statement): Error {
  return failure({
    code: 'index-exists',
    message: `The index ${printable(qualifiedName(index))} exists already, valid and with the definition of: ${printable(
      statement.text.split('\n')[0] ?? '',
    )}`,
    hint: 'Where it may stay, write CREATE INDEX CONCURRENTLY IF NOT EXISTS; else give the new one another name.',
  })
}
