import type { IndexStmt } from '@pgsql/types'
import type { Client } from 'pg'
import { quoteIdentifier } from '../../sql/identifier.ts'
import { nodeOf } from '../../sql/statement.ts'

/** A key column of an index. What is absent is not known, and not compared. */
export interface IndexKey {
  /** Column or expression, as `pg_get_indexdef` prints it with an empty search_path. */
  expression?: string
  /** With its schema. */
  operatorClass?: string
  operatorClassOptions?: string[] | null
  /** With its schema; null where the type has none. */
  collation?: string | null
  /** `pg_index.indoption`: 1 descending, 2 nulls first. */
  options?: number
}

/** What an index is, apart from its name and its table. What is absent is not known, and not compared. */
export interface IndexDefinition {
  method: string
  unique: boolean
  nullsNotDistinct: boolean
  keys: IndexKey[]
  /** Columns of INCLUDE. */
  include: string[]
  /** Null where every row is indexed. */
  predicate?: string | null
  /** Storage parameters, `name=value`, sorted. */
  parameters?: string[]
  tablespace?: string
}

/** An index as the catalog has it. */
export interface CatalogIndex {
  oid: string
  schema: string
  name: string
  /** Oid of its table. */
  table: string
  valid: boolean
  /** As `pg_get_indexdef` prints it. */
  text: string
  definition: Required<IndexDefinition>
}

const catalogIndexes = `SELECT i.indexrelid::pg_catalog.text AS oid, n.nspname AS schema, c.relname AS name,
  i.indrelid::pg_catalog.text AS table, i.indisvalid AS valid, pg_catalog.pg_get_indexdef(i.indexrelid) AS text,
  pg_catalog.json_build_object(
    'method', m.amname,
    'unique', i.indisunique,
    'nullsNotDistinct', i.indnullsnotdistinct,
    'keys', (SELECT pg_catalog.json_agg(pg_catalog.json_build_object(
        'expression', pg_catalog.pg_get_indexdef(i.indexrelid, k, false),
        'operatorClass', (SELECT pg_catalog.concat(on_.nspname, '.', o.opcname)
          FROM pg_catalog.pg_opclass o JOIN pg_catalog.pg_namespace on_ ON on_.oid = o.opcnamespace
          WHERE o.oid = i.indclass[k - 1]),
        'operatorClassOptions', (SELECT a.attoptions FROM pg_catalog.pg_attribute a
          WHERE a.attrelid = i.indexrelid AND a.attnum = k),
        'collation', (SELECT pg_catalog.concat(cn.nspname, '.', l.collname)
          FROM pg_catalog.pg_collation l JOIN pg_catalog.pg_namespace cn ON cn.oid = l.collnamespace
          WHERE l.oid = i.indcollation[k - 1]),
        'options', i.indoption[k - 1]) ORDER BY k)
      FROM pg_catalog.generate_series(1, i.indnkeyatts::int) k),
    'include', (SELECT coalesce(pg_catalog.json_agg(pg_catalog.pg_get_indexdef(i.indexrelid, k, false) ORDER BY k), '[]')
      FROM pg_catalog.generate_series(i.indnkeyatts + 1, i.indnatts::int) k),
    'predicate', pg_catalog.pg_get_expr(i.indpred, i.indrelid, false),
    'parameters', (SELECT coalesce(pg_catalog.json_agg(p ORDER BY p), '[]') FROM pg_catalog.unnest(c.reloptions) p),
    'tablespace', (SELECT s.spcname FROM pg_catalog.pg_tablespace s WHERE s.oid = coalesce(nullif(c.reltablespace, '0'::pg_catalog.oid),
      (SELECT d.dattablespace FROM pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database())))
  ) AS definition
  FROM pg_catalog.pg_index i
  JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  JOIN pg_catalog.pg_am m ON m.oid = c.relam`

/** The index of that oid; to be called within `readOnly`, so that all print alike. */
export async function readIndex(client: Client, oid: string): Promise<CatalogIndex | undefined> {
  const { rows } = await client.query<CatalogIndex>(`${catalogIndexes} WHERE i.indexrelid = $1::pg_catalog.oid`, [oid])
  return rows[0]
}

/** All indexes of the tables of those oids; to be called within `readOnly`, so that all print alike. */
export async function readIndexesOf(client: Client, tables: readonly string[]): Promise<CatalogIndex[]> {
  const where = 'WHERE i.indrelid = ANY ($1::pg_catalog.oid[]) ORDER BY i.indexrelid'
  const { rows } = await client.query<CatalogIndex>(`${catalogIndexes} ${where}`, [tables])
  return rows
}

/** In what an index is not what was expected, in words; empty where it is. */
export function indexDifferences(expected: IndexDefinition, actual: IndexDefinition): string[] {
  const differs = (a: unknown, b: unknown) => a !== undefined && JSON.stringify(a) !== JSON.stringify(b)
  const keyDiffers = (of: (key: IndexKey) => unknown) =>
    expected.keys.some((key, at) => differs(of(key), actual.keys[at] && of(actual.keys[at])))
  const found: [string, boolean][] = [
    ['access method', differs(expected.method, actual.method)],
    ['uniqueness', differs(expected.unique, actual.unique)],
    ['NULLS NOT DISTINCT', differs(expected.nullsNotDistinct, actual.nullsNotDistinct)],
    ['columns', expected.keys.length !== actual.keys.length || keyDiffers((key) => key.expression)],
    [
      'operator class',
      keyDiffers(({ operatorClass, operatorClassOptions: options }) => operatorClass && [operatorClass, options]),
    ],
    ['collation', keyDiffers((key) => key.collation)],
    ['order of the columns', keyDiffers((key) => key.options)],
    ['INCLUDE', differs(expected.include, actual.include)],
    ['predicate', differs(expected.predicate, actual.predicate)],
    ['storage parameters', differs(expected.parameters, actual.parameters)],
    ['tablespace', differs(expected.tablespace, actual.tablespace)],
  ]
  return found.flatMap(([word, different]) => (different ? [word] : []))
}

/**
 * What the statement alone tells of its index: all but expressions, the predicate, and what PostgreSQL fills in from
 * the columns' types.
 */
export function definitionInText(index: IndexStmt): IndexDefinition {
  const method = index.accessMethod ?? 'btree'
  return {
    method,
    unique: index.unique === true,
    nullsNotDistinct: index.nulls_not_distinct === true,
    keys: (index.indexParams ?? []).map((param) => {
      const { name, ordering, nulls_ordering: nulls } = nodeOf(param, 'IndexElem') ?? {}
      const descending = ordering === 'SORTBY_DESC'
      const nullsFirst = nulls === 'SORTBY_NULLS_FIRST' || (descending && nulls !== 'SORTBY_NULLS_LAST')
      return {
        ...(name !== undefined && { expression: quoteIdentifier(name) }),
        options: (descending ? 1 : 0) + (nullsFirst ? 2 : 0),
      }
    }),
    include: (index.indexIncludingParams ?? []).map((param) => quoteIdentifier(nodeOf(param, 'IndexElem')?.name ?? '')),
    ...(index.whereClause === undefined && { predicate: null }),
    ...(index.tableSpace ? { tablespace: index.tableSpace } : {}),
  }
}
