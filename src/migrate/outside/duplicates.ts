import type { Client } from 'pg'
import { printable } from '../../sql/printable.ts'
import { readOnly } from '../../postgres/read-only.ts'
import type { CatalogIndex } from './index-definition.ts'
import { qualifiedName } from './relation.ts'

const mostGroups = 10
const longestValue = 80

/**
 * The values that stand in the way of a unique index, most frequent first, as lines; read from the table by the
 * INVALID index's own keys and predicate. Empty where the role may not read the table, or it takes longer than
 * reading may.
 */
export async function duplicatesOf(client: Client, index: CatalogIndex): Promise<string[]> {
  try {
    return await readOnly(client, () => readDuplicates(client, index))
  } catch {
    return []
  }
}

async function readDuplicates(client: Client, { table, definition }: CatalogIndex): Promise<string[]> {
  const { rows: tables } = await client.query<{ schema: string; name: string; owner: string; is_member: boolean }>(
    `SELECT n.nspname AS schema, c.relname AS name, pg_get_userbyid(c.relowner) AS owner,
        pg_has_role(c.relowner, 'MEMBER') AS is_member
      FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = $1::oid`,
    [table],
  )
  const [relation] = tables
  if (relation === undefined) return []
  // As PostgreSQL does when it builds an index: functions in its expressions run with the rights of the table's owner.
  if (relation.is_member) await client.query(`SELECT set_config('role', $1, true)`, [relation.owner])
  const keys = definition.keys.map(({ expression }) => `(${expression})`)
  const conditions = [
    ...(definition.predicate === null ? [] : [`(${definition.predicate})`]),
    ...(definition.nullsNotDistinct ? [] : keys.map((key) => `${key} IS NOT NULL`)),
  ]
  const { rows } = await client.query<{ key: (string | null)[]; rows: string }>(
    `SELECT ARRAY[${keys.map((key) => `${key}::text`).join(', ')}] AS key, count(*)::text AS rows
      FROM ${qualifiedName(relation)}
      ${conditions.length === 0 ? '' : `WHERE ${conditions.join(' AND ')}`}
      GROUP BY ${keys.join(', ')} HAVING count(*) > 1 ORDER BY count(*) DESC, 1 LIMIT ${mostGroups}`,
  )
  const names = definition.keys.map(({ expression = '' }) => printable(expression)).join(', ')
  return rows.map(({ key, rows: count }) => `(${names}) = (${key.map(shown).join(', ')}): ${count} rows`)
}

function shown(value: string | null): string {
  if (value === null) return 'null'
  return printable(value.length > longestValue ? `${value.slice(0, longestValue)}…` : value)
}
