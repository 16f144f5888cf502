import type { Client } from 'pg'
import type { SnapshotExclusions } from './snapshot.ts'

/**
 * Who owns an object and what is granted on it, or what default privileges say. Grants that PostgreSQL gives of its own
 * accord (to the owner, to PUBLIC) are among them, so that an ACL that says so and none at all are the same.
 */
export interface Privilege {
  /** `table`, `column`, `sequence`, `function`, `schema`, `type`, `default privileges` … */
  objectType: string
  /** Qualified and quoted as PostgreSQL prints it; of default privileges the schema and the kind of object. */
  name: string
  /** Bare name of the role; of default privileges the one whose new objects they are for. */
  owner: string
  /** In the order of grantee and privilege. */
  grants: { grantee: string; privilege: string; grantable: boolean }[]
}

/**
 * Owners and grants of the objects that `readCatalog` tells, in one query. A grantee is a bare name, `PUBLIC` for all;
 * who granted is left out.
 *
 * The session must have `search_path = pg_catalog`.
 */
export async function readPrivileges(client: Client, exclude: SnapshotExclusions): Promise<Privilege[]> {
  const { rows } = await client.query<{ privileges: RawPrivilege[] }>({
    text: privilegesQuery,
    values: [exclude.schemas, exclude.names],
  })
  return (rows[0]?.privileges ?? []).map(([objectType, name, owner, grants]) => ({
    objectType,
    name,
    owner,
    grants: (grants ?? []).map(([grantee, privilege, grantable]) => ({ grantee, privilege, grantable })),
  }))
}

// The order is that of the query below.
type RawPrivilege = [
  objectType: string,
  name: string,
  owner: string,
  grants: [grantee: string, privilege: string, grantable: boolean][] | null,
]

const privilegesQuery = `
with space as materialized (
  select oid, quote_ident(nspname) as name, nspowner, nspacl from pg_namespace
  where nspname !~ '^pg_' and nspname <> 'information_schema' and nspname <> all ($1::text[])
), member as materialized (
  select classid, objid from pg_depend where deptype = 'e'
), rel as materialized (
  select c.oid, c.relkind, s.name || '.' || quote_ident(c.relname) as name, c.relowner, c.relacl
  from pg_class c join space s on s.oid = c.relnamespace
  where c.relkind in ('r', 'p', 'v', 'm', 'f', 'S') and s.name || '.' || quote_ident(c.relname) <> all ($2::text[])
    and (1259, c.oid) not in (select classid::int8, objid from member)
), object(type, name, owner, acl) as (
  select case relkind when 'p' then 'table' when 'r' then 'table' when 'v' then 'view' when 'm' then 'materialized view'
      when 'f' then 'foreign table' else 'sequence' end, name, relowner,
    coalesce(relacl, acldefault(case relkind when 'S' then 's' else 'r' end::"char", relowner))
  from rel
  union all
  select 'column', r.name || '.' || quote_ident(a.attname), r.relowner, a.attacl
  from rel r join pg_attribute a on a.attrelid = r.oid
  where a.attnum > 0 and not a.attisdropped and a.attacl is not null and a.attacl <> '{}'
  union all
  select case p.prokind when 'p' then 'procedure' when 'a' then 'aggregate' else 'function' end,
    s.name || '.' || quote_ident(p.proname) || '(' || pg_get_function_identity_arguments(p.oid) || ')', p.proowner,
    coalesce(p.proacl, acldefault('f', p.proowner))
  from pg_proc p join space s on s.oid = p.pronamespace
  where (1255, p.oid) not in (select classid::int8, objid from member)
    and not exists (select from pg_depend d where d.classid = 1255 and d.objid = p.oid and d.deptype = 'i')
  union all
  select 'type', s.name || '.' || quote_ident(t.typname), t.typowner, coalesce(t.typacl, acldefault('T', t.typowner))
  from pg_type t join space s on s.oid = t.typnamespace left join pg_class c on c.oid = t.typrelid
  where (t.typtype in ('e', 'd', 'r') or t.typtype = 'c' and c.relkind = 'c')
    and (1247, t.oid) not in (select classid::int8, objid from member)
    and s.name || '.' || quote_ident(t.typname) <> all ($2::text[])
  union all
  select 'schema', s.name, s.nspowner, coalesce(s.nspacl, acldefault('n', s.nspowner))
  from space s where (2615, s.oid) not in (select classid::int8, objid from member)
  union all
  select 'default privileges', coalesce('schema ' || s.name, 'any schema') || ', ' ||
      case d.defaclobjtype when 'r' then 'tables' when 'S' then 'sequences' when 'f' then 'functions' when 'T' then 'types'
        when 'n' then 'schemas' else d.defaclobjtype::text end, d.defaclrole, d.defaclacl
  from pg_default_acl d left join space s on s.oid = d.defaclnamespace
  where d.defaclnamespace = 0 or s.oid is not null
)
select coalesce(json_agg(json_build_array(o.type, o.name, pg_get_userbyid(o.owner),
    (select json_agg(json_build_array(g.grantee, g.privilege, g.grantable) order by g.grantee, g.privilege)
      from (select case x.grantee when 0 then 'PUBLIC' else pg_get_userbyid(x.grantee)::text end as grantee,
          x.privilege_type as privilege, bool_or(x.is_grantable) as grantable
        from aclexplode(o.acl) x group by 1, 2) g)
  ) order by o.type, o.name), '[]') as privileges
from object o`
