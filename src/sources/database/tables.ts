import type { Client } from 'pg'
import type { TableStatistics } from '../../findings/database.ts'

/** Below this many pages nobody asks whether a table is bloated. */
const fewPages = 1000

/**
 * What is counted of tables, partitioned tables and materialized views, by qualified name. Sizes are those of pg_class,
 * so that no table is opened: one that a migration holds is waited for by nobody. The session must have
 * `search_path = pg_catalog`.
 */
export async function readTables(client: Client): Promise<Map<string, TableStatistics>> {
  const { rows } = await client.query<TableRow>(tablesQuery)
  const packed = await readPackedBytes(client)
  return new Map(
    rows.map(({ name, rows, last_vacuum, last_analyze, age, multixact_age, ...counted }) => {
      const packedBytes = packed.get(name)
      return [
        name,
        {
          ...counted,
          ...(rows !== null && { rows }),
          ...(last_vacuum !== null && { lastVacuum: last_vacuum }),
          ...(last_analyze !== null && { lastAnalyze: last_analyze }),
          ...(age !== null && { age }),
          ...(multixact_age !== null && { multixactAge: multixact_age }),
          ...(packedBytes !== undefined && { packedBytes }),
        },
      ]
    }),
  )
}

/** The columns that are called as in `TableStatistics` go there as they are. */
interface TableRow extends Omit<
  TableStatistics,
  'rows' | 'lastVacuum' | 'lastAnalyze' | 'age' | 'multixactAge' | 'packedBytes'
> {
  name: string
  rows: number | null
  last_vacuum: string | null
  last_analyze: string | null
  age: number | null
  multixact_age: number | null
}

const tablesQuery = `
SELECT quote_ident(n.nspname) || '.' || quote_ident(c.relname) AS name,
  nullif(c.reltuples, -1)::float8 AS rows,
  greatest(c.relpages, 0) * current_setting('block_size')::float8 AS bytes,
  pg_stat_get_live_tuples(c.oid)::float8 AS "liveRows",
  pg_stat_get_dead_tuples(c.oid)::float8 AS "deadRows",
  pg_stat_get_numscans(c.oid)::float8 AS "sequentialScans",
  pg_stat_get_tuples_returned(c.oid)::float8 AS "sequentialRows",
  coalesce((SELECT sum(pg_stat_get_numscans(i.indexrelid)) FROM pg_index i WHERE i.indrelid = c.oid), 0)::float8
    AS "indexScans",
  pg_stat_get_tuples_inserted(c.oid)::float8 AS inserts,
  pg_stat_get_tuples_updated(c.oid)::float8 AS updates,
  pg_stat_get_tuples_hot_updated(c.oid)::float8 AS "hotUpdates",
  pg_stat_get_tuples_deleted(c.oid)::float8 AS deletes,
  to_json(greatest(pg_stat_get_last_vacuum_time(c.oid), pg_stat_get_last_autovacuum_time(c.oid))) #>> '{}'
    AS last_vacuum,
  to_json(greatest(pg_stat_get_last_analyze_time(c.oid), pg_stat_get_last_autoanalyze_time(c.oid))) #>> '{}'
    AS last_analyze,
  -- Neither a partitioned table nor a table without TOAST has an age of that.
  greatest(age(nullif(c.relfrozenxid::text, '0')::xid), age(nullif(t.relfrozenxid::text, '0')::xid)) AS age,
  greatest(mxid_age(nullif(c.relminmxid::text, '0')::xid), mxid_age(nullif(t.relminmxid::text, '0')::xid))
    AS multixact_age,
  coalesce((SELECT NOT option_value::bool FROM pg_options_to_table(c.reloptions)
    WHERE option_name = 'autovacuum_enabled'), false) AS "autovacuumDisabled"
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace LEFT JOIN pg_class t ON t.oid = c.reltoastrelid
WHERE c.relkind IN ('r', 'p', 'm') AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'`

/**
 * How many bytes the rows of larger tables would take if they were packed, where ANALYZE has seen every column and the
 * role may read all of them: rows divided by the rows that a page has room for. A row takes its header of 23 bytes, a bit
 * for each column where there are NULLs, that rounded up to 8, the columns' average widths each rounded up to its
 * alignment, all rounded up to 8, and a line pointer of 4 bytes; a page has a header of 24 bytes and keeps what its
 * fillfactor leaves free. Padding before a wider column is not counted, which made a table of short fixed columns an
 * eighth too small.
 * Source: PostgreSQL manual, "Database Page Layout".
 */
async function readPackedBytes(client: Client): Promise<Map<string, number>> {
  const { rows } = await client.query<{ name: string; bytes: number }>({ text: packedQuery, values: [fewPages] })
  return new Map(rows.map(({ name, bytes }) => [name, bytes]))
}

const packedQuery = `
WITH large AS MATERIALIZED (
  SELECT c.oid, n.nspname, c.relname, c.reltuples::float8 AS rows, current_setting('block_size')::float8 AS page,
    coalesce((SELECT option_value::float8 FROM pg_options_to_table(c.reloptions) WHERE option_name = 'fillfactor'),
      100) / 100 AS fill
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE c.relkind IN ('r', 'm') AND c.relpages >= $1 AND c.reltuples > 0 AND n.nspname !~ '^pg_'
    AND n.nspname <> 'information_schema'
), width AS (
  SELECT l.oid, count(*) AS columns, count(s.attname) AS known, bool_or(s.null_frac > 0) AS nulls,
    sum((1 - s.null_frac) * ceil(s.avg_width::float8 / w.boundary) * w.boundary) AS bytes
  FROM large l JOIN pg_attribute a ON a.attrelid = l.oid AND a.attnum > 0 AND NOT a.attisdropped
    CROSS JOIN LATERAL (SELECT CASE a.attalign WHEN 'd' THEN 8 WHEN 'i' THEN 4 WHEN 's' THEN 2 ELSE 1 END AS boundary) w
    LEFT JOIN pg_stats s ON s.schemaname = l.nspname AND s.tablename = l.relname AND s.attname = a.attname
      AND NOT s.inherited
  GROUP BY l.oid
), size AS (
  SELECT oid, ceil((23 + CASE WHEN nulls THEN ceil(columns / 8.0) ELSE 0 END) / 8.0) * 8 + ceil(bytes / 8) * 8 + 4 AS bytes
  FROM width WHERE known = columns
)
SELECT quote_ident(nspname) || '.' || quote_ident(relname) AS name,
  ceil(rows / greatest(1, floor((page * fill - 24) / size.bytes))) * page AS bytes
FROM large JOIN size USING (oid)`
