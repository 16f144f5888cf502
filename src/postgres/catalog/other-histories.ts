import type { Client } from 'pg'

/** The table, or the schema, in which another tool keeps what it applied: no migration makes it. */
const tables: Readonly<Record<string, string>> = {
  _prisma_migrations: 'Prisma',
  _sqlx_migrations: 'sqlx',
  atlas_schema_revisions: 'Atlas',
  databasechangelog: 'Liquibase',
  databasechangeloglock: 'Liquibase',
  flyway_schema_history: 'Flyway',
  goose_db_version: 'goose',
  goose_lock: 'goose',
  pgmigrations: 'node-pg-migrate',
  schema_migrations: 'dbmate, golang-migrate or Rails',
}
const schemas: Readonly<Record<string, string>> = {
  atlas_schema_revisions: 'Atlas',
  drizzle: 'Drizzle',
  graphile_migrate: 'graphile-migrate',
  sqitch: 'sqitch',
}

/** What other migration tools left in a database. */
export interface OtherHistories {
  /** Bare names. */
  schemas: string[]
  /** Qualified and quoted: tables, and the sequences that belong to them. */
  names: string[]
  /** One sentence for each table or schema. */
  notices: string[]
}

/** Looks for other tools' tables by their names. The session must have `search_path = pg_catalog`. */
export async function readOtherHistories(client: Client): Promise<OtherHistories> {
  const { rows } = await client.query<{ name: string; bare: string; kind: 'table' | 'sequence' | 'schema' }>({
    text: `WITH found AS (
  SELECT c.oid, c.relname, format('%I.%I', n.nspname, c.relname) AS name
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE c.relkind = 'r' AND c.relname = ANY ($1::text[]) AND n.nspname <> ALL ($2::text[])
)
SELECT name, relname AS bare, 'table' AS kind FROM found
UNION ALL
SELECT format('%I.%I', n.nspname, s.relname), s.relname, 'sequence'
FROM found JOIN pg_depend d ON d.refclassid = 'pg_class'::regclass AND d.refobjid = found.oid AND d.deptype IN ('a', 'i')
  JOIN pg_class s ON d.classid = 'pg_class'::regclass AND s.oid = d.objid AND s.relkind = 'S'
  JOIN pg_namespace n ON n.oid = s.relnamespace
UNION ALL
SELECT nspname, nspname, 'schema' FROM pg_namespace WHERE nspname = ANY ($2::text[])
ORDER BY 1`,
    values: [Object.keys(tables), Object.keys(schemas)],
  })
  return {
    schemas: rows.flatMap(({ bare, kind }) => (kind === 'schema' ? [bare] : [])),
    names: rows.flatMap(({ name, kind }) => (kind === 'schema' ? [] : [name])),
    notices: rows.flatMap(({ name, bare, kind }) => {
      const tool = kind === 'sequence' ? undefined : kind === 'schema' ? schemas[bare] : tables[bare]
      return tool === undefined
        ? []
        : [
            `${kind === 'schema' ? 'The schema' : 'The table'} ${name} is what ${tool} keeps its history in: it is left out.`,
          ]
    }),
  }
}
