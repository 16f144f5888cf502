import type { Client } from 'pg'
import type { IndexStatistics } from '../../findings/database.ts'

/** What is counted of indexes, by qualified name. The session must have `search_path = pg_catalog`. */
export async function readIndexes(client: Client, major: number): Promise<Map<string, IndexStatistics>> {
  const { rows } = await client.query<IndexRow>(indexesQuery(major))
  return new Map(
    rows.map(({ name, bytes, scans, last_scan, part_of, identity }) => [
      name,
      {
        bytes,
        scans,
        ...(last_scan !== null && { lastScan: last_scan }),
        ...(part_of !== null && { partOf: part_of }),
        replicaIdentity: identity,
      },
    ]),
  )
}

interface IndexRow {
  name: string
  bytes: number
  scans: number
  last_scan: string | null
  part_of: string | null
  identity: boolean
}

const indexesQuery = (major: number) => `
SELECT quote_ident(n.nspname) || '.' || quote_ident(c.relname) AS name,
  greatest(c.relpages, 0) * current_setting('block_size')::float8 AS bytes,
  pg_stat_get_numscans(c.oid)::float8 AS scans,
  ${major >= 16 ? "to_json(pg_stat_get_lastscan(c.oid)) #>> '{}'" : 'NULL'} AS last_scan,
  (SELECT quote_ident(pn.nspname) || '.' || quote_ident(p.relname) FROM pg_inherits h
    JOIN pg_class p ON p.oid = h.inhparent JOIN pg_namespace pn ON pn.oid = p.relnamespace
    WHERE c.relispartition AND h.inhrelid = c.oid) AS part_of,
  -- Said of the table: that it is this index, or its primary key.
  CASE t.relreplident WHEN 'i' THEN i.indisreplident WHEN 'd' THEN i.indisprimary ELSE false END AS identity
FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_class t ON t.oid = i.indrelid
  JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'`
