import type { RangeVar } from '@pgsql/types'
import type { Client } from 'pg'
import { quoteIdentifier } from '../../sql/identifier.ts'

/** A relation as the catalog has it. */
export interface Relation {
  oid: string
  schema: string
  name: string
  /** `pg_class.relkind`: `r` table, `p` partitioned table, `m` materialized view, `i` index, `I` partitioned index … */
  kind: string
}

/** The name as it is written, for `regclass`. */
export function writtenName({ catalogname, schemaname, relname }: RangeVar): string {
  return [catalogname, schemaname, relname].flatMap((part) => (part ? [quoteIdentifier(part)] : [])).join('.')
}

/** The name with its schema, as SQL. */
export function qualifiedName({ schema, name }: { schema: string; name: string }): string {
  return `${quoteIdentifier(schema)}.${quoteIdentifier(name)}`
}

const relationByOid = `SELECT c.oid::pg_catalog.text AS oid, n.nspname AS schema, c.relname AS name, c.relkind::pg_catalog.text AS kind
  FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace`

/**
 * The relation that the session finds under the name as it is written.
 * @throws PostgreSQL's error 42P01 where there is none.
 */
export async function findRelation(client: Client, written: string): Promise<Relation> {
  const { rows } = await client.query<Relation>(
    `${relationByOid} WHERE c.oid = $1::pg_catalog.regclass::pg_catalog.oid`,
    [written],
  )
  const [relation] = rows
  if (relation === undefined) throw new Error(`pg_class has no row for ${written}`)
  return relation
}

/** The same; undefined where there is none. */
export async function findRelationIfAny(client: Client, written: string): Promise<Relation | undefined> {
  const { rows } = await client.query<Relation>(
    `${relationByOid} WHERE c.oid = pg_catalog.to_regclass($1)::pg_catalog.oid`,
    [written],
  )
  return rows[0]
}
