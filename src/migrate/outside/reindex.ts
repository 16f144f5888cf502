import type { Client } from 'pg'
import { isOptionOn } from '../../sql/transactions.ts'
import { statementOf } from '../../sql/statement.ts'
import { dropConcurrently, refuseBuiltElsewhere } from './invalid-index.ts'
import { readIndex } from './index-definition.ts'
import type { OutsideKind } from './outside-kind.ts'
import { readOnly } from '../../postgres/read-only.ts'
import { findRelation, writtenName } from './relation.ts'

export interface ReindexBefore {
  kind: 'reindex'
  /** Oids of the indexes that get new ones; absent where that cannot be listed, for a schema or a database. */
  indexes?: string[]
  /** Oids of the tables whose leftovers are kei's, TOAST tables too; absent for all of the database. */
  tables?: string[]
  /** Oids of the INVALID `_ccnew` and `_ccold` indexes that were there. */
  leftovers: string[]
}

/**
 * REINDEX … CONCURRENTLY, and REINDEX of a schema or database. PostgreSQL builds `NAME_ccnew` beside each index, swaps
 * the two, and drops what is then `NAME_ccold`: done when none of the old oids is left.
 * Source: PostgreSQL manual, REINDEX, "Rebuilding Indexes Concurrently".
 */
export const reindex: OutsideKind<ReindexBefore> = {
  async before(client, statement) {
    const { kind, relation, params } = statementOf(statement, 'ReindexStmt') ?? {}
    const leftovers = (await twins(client)).map(({ oid }) => oid)
    if (relation === undefined || !isOptionOn(params, 'concurrently', false)) return { kind: 'reindex', leftovers }
    const named = await findRelation(client, writtenName(relation))
    const scope =
      kind === 'REINDEX_OBJECT_INDEX' ? await scopeOfIndex(client, named.oid) : await scopeOfTable(client, named.oid)
    return { kind: 'reindex', ...scope, leftovers }
  },

  async clear(client, before) {
    for (const { oid, table } of await twins(client)) {
      if (before.leftovers.includes(oid) || before.tables?.includes(table) === false) continue
      const index = await readOnly(client, () => readIndex(client, oid))
      if (index === undefined) continue
      await refuseBuiltElsewhere(client, index)
      await dropConcurrently(client, index)
    }
  },

  async decide(client, { indexes }) {
    if (indexes === undefined || indexes.length === 0) return 'repeat'
    const { rows } = await client.query(
      'SELECT FROM pg_catalog.pg_index WHERE indexrelid = ANY ($1::pg_catalog.oid[])',
      [indexes],
    )
    return rows.length === 0 ? 'done' : 'not-done'
  },
}

/** INVALID indexes with the names that REINDEX CONCURRENTLY gives; a number is added where the name is taken. */
async function twins(client: Client): Promise<{ oid: string; table: string }[]> {
  const { rows } = await client.query<{ oid: string; table: string }>(
    `SELECT i.indexrelid::pg_catalog.text AS oid, i.indrelid::pg_catalog.text AS table
      FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
      WHERE NOT i.indisvalid AND c.relkind = 'i' AND c.relname ~ '_cc(new|old)[0-9]*$' ORDER BY i.indexrelid`,
  )
  return rows
}

type Scope = Required<Pick<ReindexBefore, 'indexes' | 'tables'>>

/** A partitioned index stands for those of its partitions. */
async function scopeOfIndex(client: Client, oid: string): Promise<Scope> {
  const { rows } = await client.query<{ oid: string; table: string }>(
    `SELECT i.indexrelid::pg_catalog.text AS oid, i.indrelid::pg_catalog.text AS table
      FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
      WHERE c.relkind = 'i' AND (i.indexrelid = $1::pg_catalog.oid
        OR i.indexrelid IN (SELECT relid::pg_catalog.oid FROM pg_catalog.pg_partition_tree($1::pg_catalog.oid)))`,
    [oid],
  )
  return { indexes: rows.map((row) => row.oid), tables: [...new Set(rows.map(({ table }) => table))] }
}

/**
 * Of a table REINDEX CONCURRENTLY leaves out INVALID indexes and those of exclusion constraints, with a warning; a
 * partitioned table stands for its partitions.
 */
async function scopeOfTable(client: Client, oid: string): Promise<Scope> {
  const { rows } = await client.query<{ table: string; index: string | null }>(
    `WITH leaf AS (
        SELECT $1::pg_catalog.oid AS oid
        UNION SELECT relid::pg_catalog.oid FROM pg_catalog.pg_partition_tree($1::pg_catalog.oid) WHERE isleaf
      ), member AS (
        SELECT oid FROM leaf
        UNION SELECT c.reltoastrelid FROM pg_catalog.pg_class c JOIN leaf ON c.oid = leaf.oid
          WHERE c.reltoastrelid <> '0'::pg_catalog.oid
      )
      SELECT m.oid::pg_catalog.text AS table, i.indexrelid::pg_catalog.text AS index
      FROM member m LEFT JOIN (pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
          AND c.relkind = 'i' AND i.indisvalid AND NOT i.indisexclusion) ON i.indrelid = m.oid`,
    [oid],
  )
  return {
    indexes: rows.flatMap(({ index }) => index ?? []),
    tables: [...new Set(rows.map(({ table }) => table))],
  }
}
