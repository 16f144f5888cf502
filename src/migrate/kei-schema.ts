import { setTimeout as delay } from 'node:timers/promises'
import { escapeIdentifier } from 'pg'
import type { Client } from 'pg'
import { failure } from '../errors.ts'
import type { KeiError } from '../errors.ts'
import { accessRefusal, creationRefusal, readOnlyRefusal, sqlStateOf } from './database-refusal.ts'

/** Number of the tables' form; `fence.format` holds it. A later kei that changes them raises it. */
const format = 1

/** What kei makes in its schema. */
const relations = ['history', 'fence', 'lease', 'schema_version']

/**
 * The definitions. `history` only grows. `fence` holds the newest token and `lease` who has it: they are two tables
 * because a migration's transaction locks the fence's row for as long as it lasts, and the heartbeat must not wait for
 * it. All that others may read is the view.
 */
function definitions(schema: string, makeSchema: boolean): string {
  const place = escapeIdentifier(schema)
  return `
    SET LOCAL search_path TO pg_catalog, pg_temp;
    ${makeSchema ? `CREATE SCHEMA ${place}; GRANT USAGE ON SCHEMA ${place} TO PUBLIC;` : ''}
    CREATE TABLE ${place}.history (
      id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
      at timestamptz NOT NULL DEFAULT clock_timestamp(),
      by_role text NOT NULL DEFAULT session_user,
      event text NOT NULL CHECK (event IN ('ran', 'intent', 'withdrawn', 'baseline', 'edit')),
      direction text NOT NULL CHECK (direction IN ('up', 'down')),
      version text NOT NULL CHECK (version ~ '^[0-9]+$'),
      name text NOT NULL,
      first integer NOT NULL,
      last integer NOT NULL,
      hashes text[] NOT NULL,
      complete boolean NOT NULL,
      checksum text NOT NULL,
      milliseconds float8 NOT NULL DEFAULT EXTRACT(epoch FROM clock_timestamp() - now()) * 1000,
      kei text NOT NULL,
      token bigint NOT NULL,
      reason text,
      intent jsonb,
      text text
    );
    REVOKE UPDATE, DELETE, TRUNCATE ON ${place}.history FROM CURRENT_USER;
    CREATE TABLE ${place}.fence (
      one boolean PRIMARY KEY DEFAULT true CHECK (one),
      token bigint NOT NULL,
      format integer NOT NULL
    );
    INSERT INTO ${place}.fence (token, format) VALUES (0, ${format});
    CREATE TABLE ${place}.lease (
      one boolean PRIMARY KEY DEFAULT true CHECK (one),
      token bigint NOT NULL,
      holder text NOT NULL,
      pid integer,
      backend_start timestamptz,
      acquired_at timestamptz NOT NULL,
      heartbeat_at timestamptz NOT NULL,
      expires_at timestamptz NOT NULL,
      released_at timestamptz,
      system_identifier text,
      database_oid oid NOT NULL,
      database_name text NOT NULL,
      failure jsonb
    );
    INSERT INTO ${place}.lease (token, holder, acquired_at, heartbeat_at, expires_at, released_at, database_oid, database_name)
      SELECT 0, '', now(), now(), now(), now(), oid, datname FROM pg_database WHERE datname = current_database();
    CREATE VIEW ${place}.schema_version AS
      SELECT version, name, at AS applied_at
      FROM (
        SELECT DISTINCT ON (version::numeric) version, name, at, direction, complete
        FROM ${place}.history
        WHERE event IN ('ran', 'baseline')
        ORDER BY version::numeric, id DESC
      ) AS newest
      WHERE direction = 'up' AND complete;
    GRANT SELECT ON ${place}.schema_version TO PUBLIC;
    COMMENT ON TABLE ${place}.history IS 'What kei migrate did, and when. Rows are only ever added.';
    COMMENT ON TABLE ${place}.fence IS 'The newest token of a run of kei migrate.';
    COMMENT ON TABLE ${place}.lease IS 'Which run of kei migrate is at work; kei migrate lock shows it.';
    COMMENT ON VIEW ${place}.schema_version IS 'Each migration that is applied now.';`
}

/** What two that create the tables at the same time may be told. */
const raced: ReadonlySet<string> = new Set(['23505', '42P06', '42P07', '42710', '40P01', '40001', '55P03'])

/** Many starters at once need a few rounds; a real obstacle stays. */
const attempts = 30

/**
 * Makes the schema with its tables and its view, in one transaction, and nothing when they are there. They belong to
 * the role that logs in, whatever role the migrations run as. In a schema that somebody else made, PUBLIC is given
 * nothing but the view: whether others may look into that schema is its owner's to say.
 * @throws KeiError `history-not-permitted`, `read-only-server`, and those of `keiSchemaExists`
 */
export async function createKeiSchema(client: Client, schema: string): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    if (await keiSchemaExists(client, schema)) return
    const surroundings = await inspect(client, schema)
    refuseCreation(schema, surroundings)
    try {
      // One message is one transaction, which a failure leaves nothing of, not even a session to be rolled back.
      await client.query(definitions(schema, !surroundings.exists))
      return
    } catch (error) {
      const state = sqlStateOf(error)
      if (state === '25006') throw readOnlyRefusal('unknown', error)
      if (state === '42501') throw creationRefusal(schema, surroundings, surroundings.exists, error)
      if (attempt >= attempts || !isRace(error)) throw error
    }
    await delay(5 + Math.random() * 20 * attempt)
  }
}

function isRace(error: unknown): boolean {
  const state = sqlStateOf(error)
  // GRANT on a schema that another transaction changes is an internal error in PostgreSQL.
  if (state === 'XX000') return error instanceof Error && error.message.includes('concurrently')
  return state !== undefined && raced.has(state)
}

/**
 * Whether kei's tables are in the schema: one query when they are.
 * @throws KeiError `schema-not-kei` for tables of another make, `history-of-newer-kei`, `history-not-permitted`
 */
export async function keiSchemaExists(client: Client, schema: string): Promise<boolean> {
  try {
    const { rows } = await client.query<{ format: number }>(`SELECT format FROM ${escapeIdentifier(schema)}.fence`)
    const found = rows[0]?.format
    if (found === undefined) throw damaged(schema, 'fence')
    if (found > format) throw newerFormat(schema)
    return true
  } catch (error) {
    const state = sqlStateOf(error)
    if (state === undefined) throw error
    if (!['42P01', '3F000', '42703', '42501'].includes(state)) throw error
    const { taken, role, made } = await inspect(client, schema)
    if (taken.length === 0) return false
    // Another has made them since.
    if (made && state !== '42501') return keiSchemaExists(client, schema)
    throw state === '42501' ? accessRefusal(schema, role, 'read', error) : foreignTables(schema, taken)
  }
}

interface Surroundings {
  role: string
  database: string
  exists: boolean
  mayUse: boolean
  mayCreate: boolean
  standby: boolean
  readOnly: boolean
  /** Relations that have the names of kei's. */
  taken: string[]
  /** They are kei's. */
  made: boolean
}

async function inspect(client: Client, schema: string): Promise<Surroundings> {
  const { rows } = await client.query<Surroundings>(
    `SELECT current_user AS role, pg_catalog.current_database() AS database, n.oid IS NOT NULL AS exists,
            n.oid IS NULL OR pg_catalog.has_schema_privilege(n.oid, 'USAGE') AS "mayUse",
            CASE WHEN n.oid IS NULL
                 THEN pg_catalog.has_database_privilege(pg_catalog.current_database(), 'CREATE')
                 ELSE pg_catalog.has_schema_privilege(n.oid, 'CREATE') END AS "mayCreate",
            pg_catalog.pg_is_in_recovery() AS standby,
            pg_catalog.current_setting('transaction_read_only')::bool AS "readOnly",
            ARRAY(SELECT c.relname::text FROM pg_catalog.pg_class c
                  WHERE c.relnamespace = n.oid AND c.relname = ANY ($2::text[]) ORDER BY 1) AS taken,
            EXISTS (SELECT FROM pg_catalog.pg_class c JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid
                    WHERE c.relnamespace = n.oid AND c.relname = 'fence' AND a.attname = 'format') AS made
     FROM (VALUES ($1::text)) AS asked (name) LEFT JOIN pg_catalog.pg_namespace n ON n.nspname = asked.name`,
    [schema, relations],
  )
  const found = rows[0]
  if (found === undefined) throw new Error('the server does not say where it is')
  return found
}

function refuseCreation(schema: string, found: Surroundings): void {
  if (found.standby) throw readOnlyRefusal('standby')
  if (found.readOnly) throw readOnlyRefusal('primary')
  if (!found.mayCreate || !found.mayUse) throw creationRefusal(schema, found, found.exists)
}

function foreignTables(schema: string, taken: readonly string[]): KeiError {
  return failure({
    code: 'schema-not-kei',
    message: `The schema ${JSON.stringify(schema)} holds ${taken.map((name) => JSON.stringify(name)).join(', ')}, which kei did not make.`,
    hint: "Name another schema for kei's history, or move what is there: ALTER TABLE … SET SCHEMA ….",
  })
}

function newerFormat(schema: string): KeiError {
  return failure({
    code: 'history-of-newer-kei',
    message: `A newer kei made the tables in the schema ${JSON.stringify(schema)}.`,
    hint: 'Use that version of kei, or a later one: npm install --save-dev kei-postgres@latest',
  })
}

/** The error for a table of kei's whose one row is gone. */
export function damaged(schema: string, table: 'fence' | 'lease'): KeiError {
  return failure({
    code: 'schema-not-kei',
    message: `The table ${table} in the schema ${JSON.stringify(schema)} has lost its row: somebody changed kei's tables.`,
    hint: 'Restore the schema from a backup.',
  })
}
