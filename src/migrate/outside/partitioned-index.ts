import type { IndexStmt } from '@pgsql/types'
import type { Client } from 'pg'
import { failure } from '../../errors.ts'
import { chosenName, columnsInIndexName } from '../../sql/chosen-name.ts'
import { quoteIdentifier } from '../../sql/identifier.ts'
import { printable } from '../../sql/printable.ts'
import type { Statement } from '../../sql/statement.ts'
import { indexText } from './index-text.ts'
import { qualifiedName } from './relation.ts'
import type { Relation } from './relation.ts'

/** A partition, at any depth; `parent` is an oid. */
export interface Partition extends Relation {
  parent: string
}

/**
 * @throws KeiError `index-on-partitioned-table`, always, with the migration to write instead: PostgreSQL builds no
 * index of a partitioned table concurrently.
 */
export async function refusePartitionedTable(
  client: Client,
  statement: Statement,
  index: IndexStmt,
  table: Relation,
): Promise<never> {
  const { rows: partitions } = await client.query<Partition>(
    `SELECT t.relid::pg_catalog.oid::pg_catalog.text AS oid, n.nspname AS schema, c.relname AS name, c.relkind::pg_catalog.text AS kind,
        t.parentrelid::pg_catalog.oid::pg_catalog.text AS parent
      FROM pg_catalog.pg_partition_tree($1::pg_catalog.oid) t
      JOIN pg_catalog.pg_class c ON c.oid = t.relid::pg_catalog.oid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
      WHERE t.level > 0 ORDER BY t.level, n.nspname, c.relname`,
    [table.oid],
  )
  const { rows: taken } = await client.query<{ schema: string; name: string }>(
    `SELECT n.nspname AS schema, c.relname AS name
      FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace`,
  )
  const names = new Set(taken.map(({ schema, name }) => `${schema}.${name}`))
  const lines = partitionedIndex(statement, index, table, partitions, names)
  throw failure({
    code: 'index-on-partitioned-table',
    message: `${printable(qualifiedName(table))} is partitioned: PostgreSQL creates no index on it concurrently.`,
    hint: `Write this in place of the statement; only the partitions' indexes take long, and none blocks writes:\n\n${lines.join(
      '\n',
    )}\n`,
  })
}

/**
 * The statements that make the index without blocking writes: on the partitioned tables alone, concurrently on each
 * partition that holds rows, then attached from the deepest up, which makes the parents' valid.
 * @param partitions parents before their partitions.
 * @param taken `schema.name` of all relations.
 */
export function partitionedIndex(
  statement: Statement,
  index: IndexStmt,
  table: Relation,
  partitions: readonly Partition[],
  taken: ReadonlySet<string>,
): string[] {
  const used = new Set(taken)
  const top = index.idxname ?? freeName(table, index, used)
  const indexes = new Map([[table.oid, { schema: table.schema, name: top }]])
  const parents = [
    `${indexText(statement, index, { name: quoteIdentifier(top), only: true, relation: qualifiedName(table) })};`,
  ]
  const leaves: string[] = []
  const attachments: string[] = []
  for (const partition of partitions) {
    const parent = indexes.get(partition.parent)
    if (parent === undefined || partition.kind === 'f') continue
    const name = freeName(partition, index, used)
    indexes.set(partition.oid, { schema: partition.schema, name })
    const parts = { name: quoteIdentifier(name), relation: qualifiedName(partition) }
    if (partition.kind === 'p') parents.push(`${indexText(statement, index, { ...parts, only: true })};`)
    else leaves.push(`${indexText(statement, index, { ...parts, concurrently: true })};`)
    const own = qualifiedName({ schema: partition.schema, name })
    attachments.unshift(`ALTER INDEX ${qualifiedName(parent)} ATTACH PARTITION ${own};`)
  }
  return [...parents, ...leaves, ...attachments]
}

/** The name that PostgreSQL would choose, which no relation of the schema has; it has it from now on. */
function freeName(relation: Relation, index: IndexStmt, used: Set<string>): string {
  const isTaken = (name: string) => used.has(`${relation.schema}.${name}`)
  const name = chosenName(relation.name, columnsInIndexName(index), 'idx', isTaken)
  used.add(`${relation.schema}.${name}`)
  return name
}
