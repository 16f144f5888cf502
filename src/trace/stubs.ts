import { supabaseOwnRoles } from '../postgres/catalog/providers.ts'
import { statementOf } from '../sql/statement.ts'
import type { NodeTag, Statement } from '../sql/statement.ts'
import { findNodes } from '../sql/walk.ts'
import { planExtensions, stubTypeNames } from './extensions.ts'
import type { ExtensionPlan } from './extensions.ts'
import { runnerTable } from './runner-table.ts'
import type { RunnerTable } from './runner-table.ts'

/** Changes with everything below that decides what a history finds when it starts; part of every cache key. */
export const stubVersion = 2

/** What a history needs besides its own statements, read off its text. */
export interface StubPlan {
  extensions: ExtensionPlan
  /** Roles that it names and does not create: made without login, membership given to the role that runs it. */
  roles: string[]
  /** Schemas of a provider, with the SQL that the database's owner makes them by. */
  schemas: { name: string; sql: string }[]
  runnerTable: RunnerTable | undefined
  /** In force when the target's is not known. */
  searchPath: string | undefined
  /** Whether it creates, alters or drops roles, which are the whole cluster's. */
  touchesRoles: boolean
  /** What a snapshot of the catalog leaves out. */
  exclude: { schemas: string[]; names: string[] }
  /** For the report, once each. */
  notices: string[]
}

export function planStubs(layout: string, texts: readonly string[], statements: readonly Statement[]): StubPlan {
  const whole = texts.join('\n')
  const extensions = planExtensions(statements)
  const roles = rolesNamedOnly(statements)
  const schemas = supabaseSchemas.filter(
    ({ name }) =>
      new RegExp(`\\b${name}\\s*\\.\\s*["a-z_]|schema\\s+${name}\\b`, 'i').test(whole) &&
      !createsSchema(statements, name),
  )
  // `auth.` and `storage.` are anybody's words: only with a role of Supabase's do they mean its schemas.
  const supabase = roles.some((role) => supabaseRoles.has(role)) || /\bauth\s*\.\s*(?:uid|role|jwt)\s*\(/i.test(whole)
  const stubbed = supabase ? schemas : []
  const table = runnerTable(layout)
  const named = table !== undefined && new RegExp(`\\b${table.name}\\b`, 'i').test(whole)
  return {
    extensions,
    roles,
    schemas: stubbed,
    runnerTable: named ? table : undefined,
    searchPath: stubbed.some(({ name }) => name === 'extensions') ? '"$user", public, extensions' : undefined,
    touchesRoles: statements.some(touchesRoles),
    exclude: {
      schemas: [...stubbed.map(({ name }) => name), ...extensions.stubbed.flatMap(({ stub }) => stub.schemas)],
      names: [...stubTypeNames(extensions), ...(named ? [`public.${table.name}`] : [])],
    },
    notices: [
      ...(roles.length > 0 ? [`Roles that no migration creates were made up: ${roles.join(', ')}.`] : []),
      ...(stubbed.length > 0 ? [`Stubs stood in for the schemas ${stubbed.map(({ name }) => name).join(', ')}.`] : []),
      ...extensions.stubbed.map(({ name }) => `Stubs stood in for the extension ${name}, which the shadow has not.`),
    ],
  }
}

const roleStatements: ReadonlySet<NodeTag> = new Set<NodeTag>([
  'CreateRoleStmt',
  'AlterRoleStmt',
  'AlterRoleSetStmt',
  'DropRoleStmt',
  'GrantRoleStmt',
])

/** Statements in whose tree a role may stand. */
const namingStatements: ReadonlySet<NodeTag> = new Set<NodeTag>([
  ...roleStatements,
  'GrantStmt',
  'AlterOwnerStmt',
  'AlterTableStmt',
  'CreatePolicyStmt',
  'AlterPolicyStmt',
  'AlterDefaultPrivilegesStmt',
  'CreateSchemaStmt',
  'ReassignOwnedStmt',
  'DropOwnedStmt',
])

function touchesRoles(statement: Statement): boolean {
  if (roleStatements.has(statement.tag)) return true
  if (statement.tag !== 'DoStmt' && statement.tag !== 'CreateFunctionStmt') return false
  return /\b(?:create|alter|drop)\s+(?:role|user(?!\s+mapping)|group)\b/i.test(statement.text)
}

function rolesNamedOnly(statements: readonly Statement[]): string[] {
  const named = new Set<string>()
  const created = new Set<string>()
  for (const statement of statements) {
    if (statement.tag === 'DoStmt' || statement.tag === 'CreateFunctionStmt') {
      for (const match of statement.text.matchAll(/\bcreate\s+(?:role|user|group)\s+(?:"([^"]+)"|([\w$]+))/gi)) {
        created.add(match[1] ?? match[2]?.toLowerCase() ?? '')
      }
      for (const match of statement.text.matchAll(/\b(?:to|role|by)\s+"?([a-z_][a-z0-9_]*)/gi)) {
        const name = match[1]?.toLowerCase() ?? ''
        if (supabaseRoles.has(name) || providerRoles.has(name)) named.add(name)
      }
      continue
    }
    if (!namingStatements.has(statement.tag)) continue
    if (statement.tag === 'AlterTableStmt' && !/\bowner\b/i.test(statement.text)) continue
    const role = statementOf(statement, 'CreateRoleStmt')?.role
    if (role !== undefined) created.add(role)
    for (const spec of roleSpecs(statement.node)) named.add(spec)
    for (const grant of findNodes(statement.node, 'AccessPriv')) {
      if (statement.tag === 'GrantRoleStmt' && grant.priv_name !== undefined) named.add(grant.priv_name)
    }
  }
  return [...named].filter((name) => !created.has(name) && !name.startsWith('pg_') && name !== 'public').sort()
}

/** The tree holds roles as tagged nodes and as plain fields. */
function roleSpecs(value: unknown): string[] {
  if (Array.isArray(value)) return value.flatMap(roleSpecs)
  if (value === null || typeof value !== 'object') return []
  const own =
    'roletype' in value && value.roletype === 'ROLESPEC_CSTRING' && 'rolename' in value ? [String(value.rolename)] : []
  return [...own, ...Object.values(value).flatMap(roleSpecs)]
}

function createsSchema(statements: readonly Statement[], name: string): boolean {
  return statements.some((statement) => {
    const create = statementOf(statement, 'CreateSchemaStmt')
    return create?.schemaname === name && create.if_not_exists !== true
  })
}

const providerRoles: ReadonlySet<string> = new Set([
  'postgres',
  'rds_superuser',
  'rdsadmin',
  'rds_iam',
  'cloudsqlsuperuser',
  'cloudsqladmin',
  'azure_pg_admin',
  'neon_superuser',
])

const supabaseRoles: ReadonlySet<string> = new Set([
  ...supabaseOwnRoles,
  'anon',
  'authenticated',
  'service_role',
  'authenticator',
  'supabase_read_only_user',
  'dashboard_user',
])

/** What migrations of Supabase projects use of its schemas; columns as far as migrations refer to them. */
const supabaseSchemas: readonly { name: string; sql: string }[] = [
  {
    name: 'auth',
    sql: `create schema if not exists auth;
create table auth.users (instance_id uuid, id uuid primary key, aud varchar(255), role varchar(255), email varchar(255),
  encrypted_password varchar(255), email_confirmed_at timestamptz, invited_at timestamptz, last_sign_in_at timestamptz,
  raw_app_meta_data jsonb, raw_user_meta_data jsonb, is_super_admin boolean, created_at timestamptz,
  updated_at timestamptz, phone text unique, phone_confirmed_at timestamptz, confirmed_at timestamptz,
  banned_until timestamptz, deleted_at timestamptz, is_anonymous boolean not null default false);
create table auth.identities (id uuid primary key default gen_random_uuid(), provider_id text not null,
  user_id uuid not null references auth.users on delete cascade, identity_data jsonb not null, provider text not null,
  last_sign_in_at timestamptz, created_at timestamptz, updated_at timestamptz, email text);
create table auth.sessions (id uuid primary key, user_id uuid not null references auth.users on delete cascade,
  created_at timestamptz, updated_at timestamptz);
create function auth.uid() returns uuid language sql stable
  as $$ select nullif(current_setting('request.jwt.claim.sub', true), '')::uuid $$;
create function auth.role() returns text language sql stable
  as $$ select nullif(current_setting('request.jwt.claim.role', true), '') $$;
create function auth.email() returns text language sql stable
  as $$ select nullif(current_setting('request.jwt.claim.email', true), '') $$;
create function auth.jwt() returns jsonb language sql stable
  as $$ select nullif(current_setting('request.jwt.claims', true), '')::jsonb $$;`,
  },
  {
    name: 'storage',
    sql: `create schema if not exists storage;
create table storage.buckets (id text primary key, name text not null unique, owner uuid, created_at timestamptz
  default now(), updated_at timestamptz default now(), public boolean default false, avif_autodetection boolean default
  false, file_size_limit bigint, allowed_mime_types text[], owner_id text);
create table storage.objects (id uuid primary key default gen_random_uuid(), bucket_id text references storage.buckets,
  name text, owner uuid, created_at timestamptz default now(), updated_at timestamptz default now(), last_accessed_at
  timestamptz default now(), metadata jsonb, path_tokens text[] generated always as (string_to_array(name, '/')) stored,
  version text, owner_id text, user_metadata jsonb);
create function storage.foldername(name text) returns text[] language sql immutable
  as $$ select (string_to_array(name, '/'))[:cardinality(string_to_array(name, '/')) - 1] $$;
create function storage.filename(name text) returns text language sql immutable
  as $$ select (string_to_array(name, '/'))[cardinality(string_to_array(name, '/'))] $$;
create function storage.extension(name text) returns text language sql immutable
  as $$ select reverse(split_part(reverse(storage.filename(name)), '.', 1)) $$;`,
  },
  { name: 'extensions', sql: 'create schema if not exists extensions;' },
  {
    name: 'vault',
    sql: `create schema if not exists vault;
create table vault.secrets (id uuid primary key default gen_random_uuid(), name text, description text not null
  default '', secret text not null, created_at timestamptz default now(), updated_at timestamptz default now());
create view vault.decrypted_secrets as select *, secret as decrypted_secret from vault.secrets;
create function vault.create_secret(new_secret text, new_name text default null, new_description text default '')
  returns uuid language sql as $$ select gen_random_uuid() $$;`,
  },
  {
    name: 'realtime',
    sql: `create schema if not exists realtime;
create table realtime.messages (id uuid not null default gen_random_uuid() primary key, topic text not null,
  extension text not null, payload jsonb, event text, private boolean default false, updated_at timestamp default now(),
  inserted_at timestamp default now());
create function realtime.topic() returns text language sql stable
  as $$ select nullif(current_setting('realtime.topic', true), '') $$;
create function realtime.send(payload jsonb, event text, topic text, private boolean default true) returns void
  language sql as '';`,
  },
  { name: 'graphql_public', sql: 'create schema if not exists graphql_public;' },
]
