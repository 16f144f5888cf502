import type { Client } from 'pg'
import { nodeOf, statementOf } from '../../sql/statement.ts'
import type { OutsideKind } from './outside-kind.ts'
import { findRelation, findRelationIfAny, qualifiedName, writtenName } from './relation.ts'

export interface DetachPartitionBefore {
  kind: 'detach-partition'
  /**
   * Oids. `pending`: a detachment that was begun earlier stands open, and PostgreSQL refuses this one. Null where the
   * one is no partition of the other, which it refuses too.
   */
  attached: { table: string; partition: string; pending: boolean } | null
  /** ALTER TABLE IF EXISTS has no table to alter. */
  nothing: boolean
}

/**
 * ALTER TABLE … DETACH PARTITION … CONCURRENTLY: done when the partition has its parent no more. One that stopped
 * between its two transactions is pending and can only go forward: FINALIZE.
 */
export const detachPartition: OutsideKind<DetachPartitionBefore> = {
  async before(client, statement) {
    const alter = statementOf(statement, 'AlterTableStmt')
    const command = nodeOf(alter?.cmds?.[0], 'AlterTableCmd')
    const partitionName = nodeOf(command?.def, 'PartitionCmd')?.name
    if (alter?.relation === undefined || partitionName === undefined) throw new Error('DETACH names no partition')
    const find = alter.missing_ok === true ? findRelationIfAny : findRelation
    const table = await find(client, writtenName(alter.relation))
    if (table === undefined) return { kind: 'detach-partition', attached: null, nothing: true }
    const partition = await findRelation(client, writtenName(partitionName))
    const found = await attachment(client, table.oid, partition.oid)
    const attached = found === undefined ? null : { table: table.oid, partition: partition.oid, pending: found.pending }
    return { kind: 'detach-partition', attached, nothing: false }
  },

  async clear(client, { attached }) {
    if (attached === null || attached.pending) return
    const found = await attachment(client, attached.table, attached.partition)
    if (found?.pending !== true) return
    const table = qualifiedName({ schema: found.schema, name: found.name })
    const partition = qualifiedName({ schema: found.partition_schema, name: found.partition_name })
    await client.query(`ALTER TABLE ${table} DETACH PARTITION ${partition} FINALIZE`)
  },

  async decide(client, { attached, nothing }) {
    if (attached === null) return nothing ? 'done' : 'not-done'
    return (await attachment(client, attached.table, attached.partition)) === undefined ? 'done' : 'not-done'
  },
}

interface Attachment {
  pending: boolean
  schema: string
  name: string
  partition_schema: string
  partition_name: string
}

async function attachment(client: Client, table: string, partition: string): Promise<Attachment | undefined> {
  const { rows } = await client.query<Attachment>(
    `SELECT i.inhdetachpending AS pending, tn.nspname AS schema, t.relname AS name, pn.nspname AS partition_schema,
        p.relname AS partition_name
      FROM pg_catalog.pg_inherits i
      JOIN pg_catalog.pg_class t ON t.oid = i.inhparent JOIN pg_catalog.pg_namespace tn ON tn.oid = t.relnamespace
      JOIN pg_catalog.pg_class p ON p.oid = i.inhrelid JOIN pg_catalog.pg_namespace pn ON pn.oid = p.relnamespace
      WHERE i.inhparent = $1::pg_catalog.oid AND i.inhrelid = $2::pg_catalog.oid`,
    [table, partition],
  )
  return rows[0]
}
