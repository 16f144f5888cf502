/** The objects of a catalog that belong to no extension, as a condition on its alias. */
function noMember(catalog: string, alias: string): string {
  return `${alias}.oid not in (select objid from pg_depend where classid = '${catalog}'::regclass and deptype = 'e')`
}

/** The schemas and relations that a catalog tells of. */
const scope = `
with space as materialized (
  select oid, nspname, quote_ident(nspname) as name from pg_namespace
  where nspname !~ '^pg_' and nspname <> 'information_schema' and nspname <> all ($1::text[])
), rel as materialized (
  select c.oid, s.name || '.' || quote_ident(c.relname) as name, s.nspname, c.relkind, c.relispartition,
    c.relpersistence, c.relreplident, c.reloptions, c.relpartbound
  from pg_class c join space s on s.oid = c.relnamespace
  where c.relkind in ('r', 'p', 'v', 'm', 'f', 'S') and ${noMember('pg_class', 'c')}
    and s.name || '.' || quote_ident(c.relname) <> all ($2::text[])
)`

/**
 * A database's schema as one JSON document, in the shape that `readCatalog` reads.
 * $1: bare names of schemas to leave out; $2: qualified names of single objects.
 */
export const catalogQuery = `${scope}, object as (
  select case relkind when 'v' then 'view' else 'materialized view' end as type, name,
    pg_get_viewdef(oid) as definition
  from rel where relkind in ('v', 'm')
  union all
  select case p.prokind when 'p' then 'procedure' when 'a' then 'aggregate' else 'function' end,
    s.name || '.' || quote_ident(p.proname) || '(' || pg_get_function_identity_arguments(p.oid) || ')',
    case p.prokind when 'a' then concat_ws(' ', pg_get_function_result(p.oid), 'by', g.aggtransfn::regprocedure,
        format_type(g.aggtranstype, null), 'initially ' || quote_literal(g.agginitval),
        'finally ' || nullif(g.aggfinalfn, 0)::regprocedure)
      else pg_get_functiondef(p.oid) end
  from pg_proc p join space s on s.oid = p.pronamespace left join pg_aggregate g on g.aggfnoid = p.oid
  where ${noMember('pg_proc', 'p')}
    and s.name || '.' || quote_ident(p.proname) || '(' || pg_get_function_identity_arguments(p.oid) || ')' <> all ($2)
    -- Made by CREATE TYPE AS RANGE, and told by the type.
    and not exists (select from pg_depend d where d.classid = 'pg_proc'::regclass and d.objid = p.oid
      and d.deptype = 'i')
  union all
  select 'trigger', quote_ident(t.tgname) || ' on ' || r.name,
    pg_get_triggerdef(t.oid) || case t.tgenabled when 'O' then '' else ' [' || t.tgenabled::text || ']' end
  from pg_trigger t join rel r on r.oid = t.tgrelid
  -- A partition's copy goes with its parent's trigger.
  where not t.tgisinternal and t.tgparentid = 0
  union all
  select 'rule', quote_ident(w.rulename) || ' on ' || r.name,
    pg_get_ruledef(w.oid) || case w.ev_enabled when 'O' then '' else ' [' || w.ev_enabled::text || ']' end
  from pg_rewrite w join rel r on r.oid = w.ev_class where w.rulename <> '_RETURN'
  union all
  select 'policy', quote_ident(p.polname) || ' on ' || r.name,
    concat_ws(' ', case when p.polpermissive then 'permissive' else 'restrictive' end, 'for', p.polcmd::text, 'to',
      (select string_agg(case when o = 0 then 'public' else o::regrole::text end, ', ' order by o::regrole::text)
        from unnest(p.polroles) o),
      'using (' || pg_get_expr(p.polqual, p.polrelid) || ')',
      'with check (' || pg_get_expr(p.polwithcheck, p.polrelid) || ')')
  from pg_policy p join rel r on r.oid = p.polrelid
  union all
  select 'partition key', name, pg_get_partkeydef(oid) from rel where relkind = 'p'
  union all
  select 'partition bound', name, pg_get_expr(relpartbound, oid) from rel where relispartition
  union all
  select 'inheritance', r.name, string_agg(p.name, ', ' order by i.inhseqno)
  from rel r join pg_inherits i on i.inhrelid = r.oid join rel p on p.oid = i.inhparent
  where not r.relispartition group by r.name
  union all
  select 'storage parameters', name, (select string_agg(o, ', ' order by o) from unnest(reloptions) o)
  from rel where reloptions is not null
  union all
  select 'persistence', name, 'unlogged' from rel where relpersistence = 'u'
  union all
  select 'row security', name, case when c.relforcerowsecurity then 'forced' else 'enabled' end
  from rel join pg_class c using (oid) where c.relrowsecurity
  union all
  select 'sequence', r.name, concat_ws(' ', format_type(q.seqtypid, null), 'start', q.seqstart, 'increment',
    q.seqincrement, 'min', q.seqmin, 'max', q.seqmax, 'cache', q.seqcache, case when q.seqcycle then 'cycle' end,
    (select 'owned by ' || o.name || '.' || quote_ident(a.attname)
      from pg_depend d join rel o on o.oid = d.refobjid
      join pg_attribute a on a.attrelid = d.refobjid and a.attnum = d.refobjsubid
      where d.classid = 'pg_class'::regclass and d.objid = r.oid and d.deptype = 'a'))
  from rel r join pg_sequence q on q.seqrelid = r.oid
  -- An identity column's sequence is told by the column.
  where not exists (select from pg_depend d where d.classid = 'pg_class'::regclass and d.objid = r.oid
    and d.deptype = 'i')
  union all
  select case t.typtype when 'e' then 'enum' when 'd' then 'domain' when 'r' then 'range' else 'composite type' end,
    s.name || '.' || quote_ident(t.typname),
    case t.typtype
      when 'e' then (select string_agg(quote_literal(e.enumlabel), ', ' order by e.enumsortorder)
        from pg_enum e where e.enumtypid = t.oid)
      when 'd' then concat_ws(' ', format_type(t.typbasetype, t.typtypmod), case when t.typnotnull then 'not null' end,
        'default ' || t.typdefault, (select string_agg(pg_get_constraintdef(k.oid), ' ' order by k.conname)
          from pg_constraint k where k.contypid = t.oid and k.contype = 'c'))
      when 'r' then (select format_type(g.rngsubtype, null) from pg_range g where g.rngtypid = t.oid)
      else (select string_agg(quote_ident(a.attname) || ' ' || format_type(a.atttypid, a.atttypmod), ', '
          order by a.attnum)
        from pg_attribute a where a.attrelid = t.typrelid and a.attnum > 0 and not a.attisdropped)
    end
  from pg_type t join space s on s.oid = t.typnamespace left join pg_class c on c.oid = t.typrelid
  where (t.typtype in ('e', 'd', 'r') or t.typtype = 'c' and c.relkind = 'c') and ${noMember('pg_type', 't')}
    and s.name || '.' || quote_ident(t.typname) <> all ($2::text[])
  union all
  select 'statistics', s.name || '.' || quote_ident(x.stxname), pg_get_statisticsobjdef(x.oid)
  from pg_statistic_ext x join space s on s.oid = x.stxnamespace
  union all
  select 'schema', name, '' from space where ${noMember('pg_namespace', 'space')}
  union all
  select 'extension', quote_ident(extname), '' from pg_extension where extname <> 'plpgsql'
  union all
  select 'publication', quote_ident(p.pubname), concat_ws(' ', case when p.puballtables then 'all tables' end,
    concat_ws('/', case when p.pubinsert then 'insert' end, case when p.pubupdate then 'update' end,
      case when p.pubdelete then 'delete' end, case when p.pubtruncate then 'truncate' end),
    case when p.pubviaroot then 'via root' end,
    (select string_agg('schema ' || s.name, ', ' order by s.name) from pg_publication_namespace m
      join space s on s.oid = m.pnnspid where m.pnpubid = p.oid),
    (select string_agg(r.name, ', ' order by r.name) from pg_publication_rel m join rel r on r.oid = m.prrelid
      where m.prpubid = p.oid))
  from pg_publication p
)
select json_build_object(
  'relations', (select coalesce(json_agg(json_build_array(r.name, r.nspname, r.relkind,
      (select p.name from pg_inherits i join rel p on p.oid = i.inhparent where i.inhrelid = r.oid
        and r.relispartition),
      (select coalesce(json_agg(json_build_array(quote_ident(a.attname), format_type(a.atttypid, a.atttypmod),
          a.attnotnull, pg_get_expr(d.adbin, d.adrelid), a.attidentity, a.attgenerated) order by a.attnum), '[]')
        from pg_attribute a left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
        where a.attrelid = r.oid and a.attnum > 0 and not a.attisdropped)
    ) order by r.name collate "C"), '[]') from rel r where r.relkind <> 'S'),
  'indexes', (select coalesce(json_agg(json_build_array(s.name || '.' || quote_ident(c.relname), r.name, m.amname,
      i.indisunique, i.indisprimary, i.indisvalid,
      (select json_agg(quote_ident(a.attname) order by k.place)
        from unnest(i.indkey::int2[]) with ordinality k(number, place)
        left join pg_attribute a on a.attrelid = i.indrelid and a.attnum = k.number and k.number > 0
        where k.place <= i.indnkeyatts),
      (select json_agg(o.opcname order by k.place) from unnest(i.indclass::oid[]) with ordinality k(class, place)
        join pg_opclass o on o.oid = k.class),
      pg_get_expr(i.indpred, i.indrelid), pg_get_indexdef(i.indexrelid)
    ) order by s.name collate "C", c.relname collate "C"), '[]')
    from pg_index i join rel r on r.oid = i.indrelid join pg_class c on c.oid = i.indexrelid
    join space s on s.oid = c.relnamespace join pg_am m on m.oid = c.relam),
  'constraints', (select coalesce(json_agg(json_build_array(quote_ident(k.conname), r.name, k.contype,
      (select coalesce(json_agg(quote_ident(a.attname) order by x.place), '[]')
        from unnest(k.conkey) with ordinality x(number, place)
        join pg_attribute a on a.attrelid = k.conrelid and a.attnum = x.number),
      f.name,
      (select json_agg(quote_ident(a.attname) order by x.place) from unnest(k.confkey) with ordinality x(number, place)
        join pg_attribute a on a.attrelid = k.confrelid and a.attnum = x.number),
      k.convalidated, pg_get_constraintdef(k.oid)
    ) order by r.name collate "C", k.conname collate "C"), '[]')
    from pg_constraint k join rel r on r.oid = k.conrelid left join rel f on f.oid = k.confrelid
    where (k.contype <> 'n' or not k.convalidated or k.connoinherit)
      -- The copies that a foreign key to a partitioned table keeps for its partitions; how many differs by major. Not an
      -- anti-join, which the planner takes for one that leaves a single row.
      and (select parent.conrelid from pg_constraint parent where parent.oid = k.conparentid)
        is distinct from k.conrelid),
  'objects', (select coalesce(json_agg(json_build_array(type, name, coalesce(definition, ''))
    order by type, name collate "C"), '[]') from object)
)::text as catalog`

/** What has a definition and no rule asks about, in the shape that `readFurtherObjects` reads; parameters as above. */
export const furtherQuery = `${scope}, object(type, name, definition) as (
  select 'replica identity', r.name, case r.relreplident when 'f' then 'full' when 'n' then 'nothing'
    else (select 'index ' || quote_ident(c.relname) from pg_index i join pg_class c on c.oid = i.indexrelid
      where i.indrelid = r.oid and i.indisreplident) end
  from rel r where r.relkind in ('r', 'p', 'm') and r.relreplident <> 'd'
  union all
  select 'column setting', r.name || '.' || quote_ident(a.attname), concat_ws(', ',
    case when a.attcollation <> t.typcollation then 'collation ' || a.attcollation::regcollation end,
    case when a.attstorage <> t.typstorage then 'storage ' || a.attstorage::text end,
    case when a.attcompression <> '' then 'compression ' || a.attcompression::text end,
    case when a.attstattarget >= 0 then 'statistics ' || a.attstattarget end,
    array_to_string(a.attoptions, ', '), array_to_string(a.attfdwoptions, ', '))
  from rel r join pg_attribute a on a.attrelid = r.oid join pg_type t on t.oid = a.atttypid
  where r.relkind <> 'S' and a.attnum > 0 and not a.attisdropped and (a.attcollation <> t.typcollation
    or a.attstorage <> t.typstorage or a.attcompression <> '' or a.attstattarget >= 0
    or a.attoptions is not null or a.attfdwoptions is not null)
  union all
  select 'foreign table', r.name, concat_ws(', ', 'server ' || quote_ident(v.srvname), array_to_string(f.ftoptions, ', '))
  from rel r join pg_foreign_table f on f.ftrelid = r.oid join pg_foreign_server v on v.oid = f.ftserver
  union all
  select 'foreign server', quote_ident(v.srvname), concat_ws(' ', w.fdwname, v.srvtype, v.srvversion)
  from pg_foreign_server v join pg_foreign_data_wrapper w on w.oid = v.srvfdw
  where ${noMember('pg_foreign_server', 'v')}
  union all
  select 'collation', s.name || '.' || quote_ident(l.collname), concat_ws(' ', l.collprovider::text,
    -- Named otherwise on 16, 17 and later.
    coalesce(to_jsonb(l) ->> 'colllocale', to_jsonb(l) ->> 'colliculocale'), l.collcollate, l.collctype,
    case when not l.collisdeterministic then 'nondeterministic' end)
  from pg_collation l join space s on s.oid = l.collnamespace where ${noMember('pg_collation', 'l')}
  union all
  select 'operator', o.oid::regoperator::text, o.oprcode::regprocedure::text
  from pg_operator o join space s on s.oid = o.oprnamespace where ${noMember('pg_operator', 'o')}
  union all
  select 'operator class', s.name || '.' || quote_ident(o.opcname) || ' using ' || m.amname,
    format_type(o.opcintype, null) || case when o.opcdefault then ' default' else '' end
  from pg_opclass o join space s on s.oid = o.opcnamespace join pg_am m on m.oid = o.opcmethod
  where ${noMember('pg_opclass', 'o')}
  union all
  select 'cast', format_type(c.castsource, null) || ' as ' || format_type(c.casttarget, null),
    concat_ws(' ', c.castcontext::text, c.castmethod::text, nullif(c.castfunc, 0)::regprocedure)
  from pg_cast c where c.oid >= 16384 and ${noMember('pg_cast', 'c')}
    -- Made by CREATE TYPE AS RANGE.
    and not exists (select from pg_depend d where d.classid = 'pg_cast'::regclass and d.objid = c.oid
      and d.deptype = 'i')
  union all
  select 'text search dictionary', s.name || '.' || quote_ident(x.dictname),
    concat_ws(' ', (select tmplname from pg_ts_template where oid = x.dicttemplate), x.dictinitoption)
  from pg_ts_dict x join space s on s.oid = x.dictnamespace where ${noMember('pg_ts_dict', 'x')}
  union all
  select 'text search configuration', s.name || '.' || quote_ident(x.cfgname), (select string_agg(
      m.maptokentype || ' ' || m.mapdict::regdictionary, ', ' order by m.maptokentype, m.mapseqno)
    from pg_ts_config_map m where m.mapcfg = x.oid)
  from pg_ts_config x join space s on s.oid = x.cfgnamespace where ${noMember('pg_ts_config', 'x')}
  union all
  select 'event trigger', quote_ident(e.evtname), concat_ws(' ', e.evtevent, e.evtenabled::text, e.evtfoid::regprocedure,
    array_to_string(e.evttags, ', '))
  from pg_event_trigger e join pg_proc p on p.oid = e.evtfoid join space s on s.oid = p.pronamespace
  where ${noMember('pg_event_trigger', 'e')} and ${noMember('pg_proc', 'p')}
  union all
  select 'comment', (pg_identify_object(d.classoid, d.objoid, d.objsubid)).identity, d.description
  from pg_description d
  where case d.classoid
    when 'pg_class'::regclass then d.objoid in (select oid from rel)
      or d.objoid in (select i.indexrelid from pg_index i join rel r on r.oid = i.indrelid)
    when 'pg_constraint'::regclass then d.objoid in (select k.oid from pg_constraint k join rel r on r.oid = k.conrelid)
    when 'pg_trigger'::regclass then d.objoid in (select t.oid from pg_trigger t join rel r on r.oid = t.tgrelid)
    when 'pg_policy'::regclass then d.objoid in (select p.oid from pg_policy p join rel r on r.oid = p.polrelid)
    when 'pg_proc'::regclass then d.objoid in (select p.oid from pg_proc p join space s on s.oid = p.pronamespace
      where ${noMember('pg_proc', 'p')})
    when 'pg_type'::regclass then d.objoid in (select t.oid from pg_type t join space s on s.oid = t.typnamespace
      where ${noMember('pg_type', 't')})
    when 'pg_namespace'::regclass then d.description <> 'standard public schema'
      and d.objoid in (select oid from space where ${noMember('pg_namespace', 'space')})
    else false end
)
select coalesce(json_agg(json_build_array(type, name, coalesce(definition, '')) order by type, name collate "C"), '[]')::text
  as objects
from object`
