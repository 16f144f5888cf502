import type { Client } from 'pg'

/** A database between two migrations, as far as the verdicts need it. */
export interface Snapshot {
  /** Those that cases make; others may come and go. */
  databases: Set<string>
  /** Relations that hold data or show it, by oid. */
  relations: Map<string, Relation>
  /** Schemas and types, by oid, with their names. */
  others: Map<string, string>
  /** What reads each name that there is: a query for each column, enum label and function. */
  reads: Map<string, string>
}

export interface Relation {
  name: string
  kind: string
  rows: number
  /** By attribute number: name, type, and a hash of all values. */
  columns: Map<number, { name: string; type: string; values: string }>
}

interface ColumnRow {
  oid: string
  relation: string
  kind: string
  number: number | null
  name: string | null
  type: string | null
}

const columnsOfRelations = `
  SELECT c.oid::text, c.oid::regclass::text AS relation, c.relkind AS kind, a.attnum AS number, a.attname AS name,
    format_type(a.atttypid, a.atttypmod) AS type
  FROM pg_class c LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
  WHERE c.oid >= 16384 AND c.relkind IN ('r', 'p', 'm', 'v') AND c.relnamespace::regnamespace::text !~ '^pg_'
  ORDER BY c.oid, a.attnum`

const schemasAndTypes = `
  SELECT oid::text, nspname AS name FROM pg_namespace WHERE oid >= 16384 AND nspname !~ '^pg_'
  UNION ALL
  SELECT t.oid::text, t.oid::regtype::text FROM pg_type t
  WHERE t.oid >= 16384 AND t.typtype IN ('e', 'd') OR t.oid >= 16384 AND t.typtype = 'c' AND t.typrelid = 0`

const otherReads = `
  SELECT format('the label %L of %s', e.enumlabel, e.enumtypid::regtype) AS name,
    format('SELECT %L::%s', e.enumlabel, e.enumtypid::regtype) AS query
  FROM pg_enum e
  UNION ALL
  SELECT format('the type %s', t.oid::regtype), format('SELECT NULL::%s', t.oid::regtype)
  FROM pg_type t WHERE t.oid >= 16384 AND t.typtype IN ('e', 'd')
  UNION ALL
  SELECT format('the function %s', p.oid::regprocedure), format('SELECT %L::regprocedure', p.oid::regprocedure::text)
  FROM pg_proc p WHERE p.oid >= 16384`

/** Reads a database. The session's search_path decides how names are written. */
export async function readSnapshot(client: Client): Promise<Snapshot> {
  const { rows: databases } = await client.query<{ name: string }>(
    `SELECT datname AS name FROM pg_database WHERE datname ~ '^kei_bench_'`,
  )
  const { rows: columns } = await client.query<ColumnRow>(columnsOfRelations)
  const { rows: others } = await client.query<{ oid: string; name: string }>(schemasAndTypes)
  const { rows: reads } = await client.query<{ name: string; query: string }>(otherReads)
  const relations = new Map<string, Relation>()
  for (const { oid, relation: name, kind } of columns) {
    if (!relations.has(oid)) relations.set(oid, { name, kind, rows: 0, columns: new Map() })
  }
  for (const { oid, number, name, type } of columns) {
    if (number !== null) relations.get(oid)?.columns.set(number, { name: name ?? '', type: type ?? '', values: '' })
  }
  for (const relation of relations.values()) {
    if (relation.kind !== 'v') await readRows(client, relation)
    for (const { name } of relation.columns.values()) {
      const query = `SELECT ${quote(name)} FROM ${relation.name} LIMIT 0`
      reads.push({ name: `${relation.name}.${name}`, query })
    }
  }
  return {
    databases: new Set(databases.map(({ name }) => name)),
    relations,
    others: new Map(others.map(({ oid, name }) => [oid, name])),
    reads: new Map(reads.map(({ name, query }) => [name, query])),
  }
}

/** How many rows a relation has, and a hash of each column's values, as values of the type that is given for it. */
async function readRows(client: Client, relation: Relation): Promise<void> {
  const columns = [...relation.columns.values()]
  const hashes = columns.map(({ name, type }) => `, ${hashOf(name, type)}`).join('')
  const { rows } = await client.query<(string | null)[]>({
    text: `SELECT count(*)${hashes} FROM ${relation.name}`,
    rowMode: 'array',
  })
  const [count, ...values] = rows[0] ?? []
  relation.rows = Number(count)
  columns.forEach((column, index) => (column.values = values[index] ?? ''))
}

function hashOf(column: string, type: string): string {
  const text = `${quote(column)}::${type}::text`
  return `md5(string_agg(${text}, ',' ORDER BY ${text}))`
}

/** The hash of a column's values once they are values of their old type again; undefined where they cannot be. */
export async function valuesAs(
  client: Client,
  relation: string,
  column: string,
  type: string,
): Promise<string | undefined> {
  try {
    const { rows } = await client.query<{ values: string | null }>(
      `SELECT ${hashOf(column, type)} AS values FROM ${relation}`,
    )
    return rows[0]?.values ?? ''
  } catch {
    return undefined
  }
}

/** A name in double quotes. */
export function quote(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}
