import type { Client } from 'pg'

/** What a provider put into a database, which no migration makes. */
export interface ProviderObjects {
  /** Bare names. */
  schemas: string[]
  /** Extensions, as the catalog prints them. */
  extensions: string[]
}

/** Roles that Supabase keeps to itself. Source: its image (supabase/postgres, migrations/db). */
export const supabaseOwnRoles: readonly string[] = [
  'supabase_admin',
  'supabase_auth_admin',
  'supabase_storage_admin',
  'supabase_functions_admin',
  'supabase_realtime_admin',
  'supabase_replication_admin',
  'pgbouncer',
]

/**
 * Roles that a provider keeps to itself: what they own is not the customer's.
 * Sources: Amazon RDS, Cloud SQL and AlloyDB, Azure Database for
 * PostgreSQL and Neon, each by its documentation of default roles.
 */
const providerRoles = [
  ...supabaseOwnRoles,
  'rdsadmin',
  'cloudsqladmin',
  'alloydbadmin',
  'azuresu',
  'azure_superuser',
  'cloud_admin',
]

/** Schemas with a provider's name or a product's in theirs: nobody else would use it. */
const providerSchemas =
  '^(supabase_.*|pgsodium(_masks)?|_timescaledb_.*|timescaledb_.*|google_.*|rds_.*|azure|azure_.*|aws_.*|neon_auth|_?heroku(_ext)?)$'

/**
 * Schemas that Supabase lets the customer own or that have anybody's words for names; they are its own only where its
 * roles are.
 */
const supabaseSchemas = [
  'auth',
  'storage',
  'realtime',
  '_realtime',
  '_analytics',
  'extensions',
  'graphql',
  'graphql_public',
  'vault',
  'net',
  'cron',
  'pgbouncer',
  'pgtle',
]

/** The session must have `search_path = pg_catalog`. */
export async function readProviderObjects(client: Client): Promise<ProviderObjects> {
  const { rows } = await client.query<{ schemas: string[]; extensions: string[] }>({
    text: providerQuery,
    values: [providerRoles, providerSchemas, supabaseSchemas],
  })
  return rows[0] ?? { schemas: [], extensions: [] }
}

const providerQuery = `
select array(select nspname::text from pg_namespace
    -- Whoever owns public, what is in it is the customer's.
    where nspname <> 'public' and (pg_get_userbyid(nspowner)::text = any ($1) or nspname ~ $2
      or nspname::text = any ($3) and exists (select from pg_roles where rolname = 'supabase_admin'))) as schemas,
  array(select quote_ident(extname) from pg_extension
    where extname = 'plpgsql' or pg_get_userbyid(extowner)::text = any ($1)) as extensions`
