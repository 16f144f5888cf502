import type { HazardKind } from './case.ts'

const userIndexes = `pg_index x JOIN pg_class i ON i.oid = x.indexrelid JOIN pg_class c ON c.oid = x.indrelid
  JOIN pg_am m ON m.oid = i.relam AND c.oid >= 16384 AND c.relnamespace::regnamespace::text !~ '^pg_'`

const keyColumns = `pg_attribute a ON a.attrelid = c.oid AND a.attnum = ANY (x.indkey[0:x.indnkeyatts - 1])`

/** By kind, a query that names what is wrong in a schema. A migration that adds a row to its answer has the hazard. */
export const catalogQueries: Readonly<Partial<Record<HazardKind, string>>> = {
  'invalid-index': `SELECT i.relname AS name FROM ${userIndexes} WHERE NOT x.indisvalid`,

  unvalidated: `SELECT conname AS name FROM pg_constraint WHERE NOT convalidated AND oid >= 16384`,

  // The key's columns, in any order, are the first of a valid index that holds every row which has a key.
  'unindexed-foreign-key': `
    SELECT k.conname AS name FROM pg_constraint k WHERE k.contype = 'f' AND NOT EXISTS (
      SELECT FROM pg_index x
      WHERE x.indrelid = k.conrelid AND x.indisvalid
        AND (x.indkey::int2[])[0:cardinality(k.conkey) - 1] @> k.conkey
        AND (x.indpred IS NULL OR pg_get_expr(x.indpred, x.indrelid) ~ '^\\(\\w+ IS NOT NULL\\)$'))`,

  'mismatched-foreign-key': `
    SELECT k.conname AS name FROM pg_constraint k CROSS JOIN LATERAL unnest(k.conkey, k.confkey) AS pair (here, there)
      JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = pair.here
      JOIN pg_attribute b ON b.attrelid = k.confrelid AND b.attnum = pair.there
    WHERE k.contype = 'f' AND a.atttypid <> b.atttypid`,

  // A sequence that belongs to a column with a default: what serial makes.
  serial: `
    SELECT d.refobjid::regclass || '.' || a.attname AS name
    FROM pg_depend d JOIN pg_class s ON s.oid = d.objid AND s.relkind = 'S'
      JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
    WHERE d.classid = 'pg_class'::regclass AND d.deptype = 'a' AND a.attidentity = '' AND a.atthasdef`,

  // A key of one column of fewer than eight bytes that a sequence fills.
  'small-key': `
    SELECT c.relname || '.' || a.attname AS name FROM ${userIndexes} JOIN ${keyColumns}
    WHERE x.indisprimary AND x.indnkeyatts = 1 AND a.atttypid IN ('int2'::regtype, 'int4'::regtype)
      AND (a.attidentity <> '' OR a.atthasdef)`,

  // What the project's wiki ("Don't Do This") and the manual advise against: char(n), money, timetz, timestamp, json.
  'discouraged-type': `
    SELECT c.relname || '.' || a.attname AS name FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
    WHERE c.oid >= 16384 AND c.relkind IN ('r', 'p') AND a.attnum > 0 AND NOT a.attisdropped
      AND a.atttypid IN ('bpchar'::regtype, 'money'::regtype, 'timetz'::regtype, 'timestamp'::regtype, 'json'::regtype)`,

  'no-primary-key': `
    SELECT c.relname AS name FROM pg_class c
    WHERE c.oid >= 16384 AND c.relkind IN ('r', 'p') AND c.relpersistence <> 't'
      AND NOT EXISTS (SELECT FROM pg_index x WHERE x.indrelid = c.oid AND x.indisprimary)`,

  // pg-index-health's four: a B-tree that finds only whole arrays or documents, two values in a key, a time with more
  // columns after it, a condition that every row meets.
  'unfit-index': `
    SELECT i.relname AS name FROM ${userIndexes} JOIN ${keyColumns}
    WHERE m.amname = 'btree' AND (a.atttypid = 'jsonb'::regtype OR a.atttypid = 'tsvector'::regtype
      OR EXISTS (SELECT FROM pg_type t WHERE t.oid = a.atttypid AND t.typelem <> 0 AND t.typlen = -1))
    UNION
    SELECT i.relname FROM ${userIndexes} JOIN ${keyColumns}
    WHERE x.indpred IS NULL AND x.indnkeyatts = 1 AND a.atttypid = 'bool'::regtype
    UNION
    SELECT i.relname FROM ${userIndexes} JOIN ${keyColumns}
    WHERE m.amname = 'btree' AND a.atttypid IN ('timestamp'::regtype, 'timestamptz'::regtype)
      AND array_position(x.indkey::int2[], a.attnum) BETWEEN 1 AND x.indnkeyatts - 2
    UNION
    SELECT i.relname FROM ${userIndexes} JOIN ${keyColumns}
    WHERE a.attnotnull AND pg_get_expr(x.indpred, x.indrelid) = format('(%I IS NOT NULL)', a.attname)`,

  // The columns of one are the first of another that can do the same; a unique one is needed for itself.
  'duplicate-index': `
    SELECT least(x.indexrelid, y.indexrelid)::regclass || ' and ' || greatest(x.indexrelid, y.indexrelid)::regclass AS name
    FROM pg_index x JOIN pg_index y ON x.indrelid = y.indrelid AND x.indexrelid <> y.indexrelid
      JOIN pg_class i ON i.oid = x.indexrelid JOIN pg_class j ON j.oid = y.indexrelid AND i.relam = j.relam
    WHERE x.indrelid >= 16384 AND NOT x.indisunique AND x.indpred IS NULL AND y.indpred IS NULL
      AND x.indexprs IS NULL AND y.indexprs IS NULL AND x.indnkeyatts <= y.indnkeyatts
      AND (y.indkey::int2[])[0:x.indnkeyatts - 1] = (x.indkey::int2[])[0:x.indnkeyatts - 1]
      AND (y.indclass::oid[])[0:x.indnkeyatts - 1] = (x.indclass::oid[])[0:x.indnkeyatts - 1]`,
}
