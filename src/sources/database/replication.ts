import type { Client } from 'pg'
import type { ReplicationSlot } from '../../findings/database.ts'

/**
 * The server's replication slots, without those of one session and those that a standby only keeps in step with its
 * primary's, which nothing reads there.
 */
export async function readReplicationSlots(client: Client): Promise<ReplicationSlot[]> {
  const { rows } = await client.query<SlotRow>(`
SELECT s.slot_name AS name, s.slot_type AS type, s.database, s.active, s.wal_status,
  to_jsonb(s) ->> 'inactive_since' AS inactive_since,
  pg_wal_lsn_diff(CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END,
    s.restart_lsn)::float8 AS retained
FROM pg_replication_slots s
-- Columns of 17 and later.
WHERE NOT s.temporary AND coalesce(to_jsonb(s) ->> 'synced', 'false') = 'false'
ORDER BY s.slot_name`)
  return rows.map(({ name, type, database, active, wal_status, inactive_since, retained }) => ({
    name,
    type,
    ...(database !== null && { database }),
    active,
    ...(inactive_since !== null && { inactiveSince: inactive_since }),
    ...(retained !== null && { retainedBytes: Math.max(0, retained) }),
    ...(wal_status !== null && { walStatus: wal_status }),
  }))
}

interface SlotRow {
  name: string
  type: ReplicationSlot['type']
  database: string | null
  active: boolean
  wal_status: NonNullable<ReplicationSlot['walStatus']> | null
  inactive_since: string | null
  retained: number | null
}

/** How many standbys stream from the server. Who may not see their state sees that they are there. */
export async function countStandbys(client: Client): Promise<number> {
  const { rows } = await client.query<{ count: number }>(`
SELECT count(*)::int4 AS count FROM pg_stat_replication r
WHERE coalesce(r.state, 'streaming') IN ('streaming', 'catchup')
  AND NOT EXISTS (SELECT FROM pg_replication_slots s WHERE s.active_pid = r.pid AND s.slot_type = 'logical')`)
  return rows[0]?.count ?? 0
}
