import type { Client } from 'pg'
import type { ColumnStatistics } from '../../findings/database.ts'

export interface KeyColumns {
  /** By `relation.column`, as PostgreSQL prints them. */
  columns: Map<string, ColumnStatistics>
  /** Whether there are columns of which the role may not know what ANALYZE saw. */
  denied: boolean
}

/** In smaller tables no index makes a difference. */
const fewestRows = 1000

/** Only so many of the most common values' shares are read. */
const shownShares = 10

/**
 * What ANALYZE saw in the columns that are keys of indexes of larger tables: shares and orders, and never a value. The session must have
 * `search_path = pg_catalog`.
 */
export async function readKeyColumns(client: Client): Promise<KeyColumns> {
  const { rows } = await client.query<ColumnRow>({ text: columnsQuery, values: [shownShares, fewestRows] })
  const columns = new Map<string, ColumnStatistics>()
  let denied = false
  for (const { name, null_share, distinct_values, shares, correlation, readable } of rows) {
    denied ||= !readable
    if (null_share === null || distinct_values === null) continue
    columns.set(name, {
      nullShare: null_share,
      distinct: distinct_values,
      commonShares: shares ?? [],
      ...(correlation !== null && { correlation }),
    })
  }
  return { columns, denied }
}

interface ColumnRow {
  name: string
  null_share: number | null
  distinct_values: number | null
  shares: number[] | null
  correlation: number | null
  readable: boolean
}

// float4 is printed short, and so is what JavaScript makes of it. OFFSET keeps the planner from reading the view whole,
// with a question about rights for each column of the database.
const columnsQuery = `
WITH key AS (
  SELECT DISTINCT c.oid, c.relname, c.relkind, n.nspname, k.number
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_index i ON i.indrelid = c.oid
    CROSS JOIN LATERAL unnest(i.indkey::int2[]) k(number)
  WHERE c.reltuples >= $2 AND k.number > 0 AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
)
SELECT quote_ident(key.nspname) || '.' || quote_ident(key.relname) || '.' || quote_ident(a.attname) AS name,
  s.null_frac AS null_share, s.n_distinct AS distinct_values, to_json(s.most_common_freqs[1:$1]) AS shares,
  s.correlation, has_column_privilege(key.oid, a.attnum, 'SELECT') AND NOT row_security_active(key.oid) AS readable
FROM key JOIN pg_attribute a ON a.attrelid = key.oid AND a.attnum = key.number
  LEFT JOIN LATERAL (
    SELECT * FROM pg_stats s
    WHERE s.schemaname = key.nspname AND s.tablename = key.relname AND s.attname = a.attname
      -- A partitioned table has what is true of all its partitions.
      AND s.inherited = (key.relkind = 'p')
    OFFSET 0
  ) s ON true`
