import { randomBytes } from 'node:crypto'
import type { Client } from 'pg'

/** Changes with everything below that decides what is recorded; part of every cache key. */
export const recorderVersion = 4

/** The schema of the recorder's functions. It belongs to the superuser; whoever runs the statements may only call. */
export const recorderSchema = 'kei_trace'

/** The call that reads what the open transaction holds; see `readReading`. */
export function readingQuery(newestConstraint: number): string {
  return `select ${recorderSchema}.reading(${newestConstraint})`
}

/** One lock, one relation and what is new on it, as the recorder's function tells them. */
export interface Reading {
  relations: LockedRelation[]
  constraints: ReadConstraint[]
}

/** A relation on which the transaction holds a lock, at the time of reading. Only oid and modes once it is dropped. */
export interface LockedRelation {
  oid: number
  /** As pg_locks prints them: `AccessExclusiveLock`. */
  modes: string[]
  name: string | null
  /** `pg_class.relkind`. */
  kind: string | null
  file: number
  /** For an index: oid of its table. */
  indexOf: number | null
  /** Scans begun since the session's counters were last flushed. */
  scans: number
}

/** A constraint on a locked relation that is newer than the newest one known. */
export interface ReadConstraint {
  oid: number
  relation: string
  name: string
  type: string
  definition: string
  validated: boolean
  /** For a foreign key. */
  referenced: string | null
}

type RawReading = {
  r: [number, string[], string | null, string | null, number | null, number | null, number | null][] | null
  c: [number, string, string, string, string, boolean, string | null][] | null
}

/**
 * Makes the session hand its scan counters over once it is idle, so that the next reading does not count what a
 * statement without one did.
 */
export const flushQuery = 'select pg_catalog.pg_stat_force_next_flush()'

/**
 * All user relations with their storage, and the newest constraint: what a ledger starts from, 1 ms for a hundred
 * tables. For the superuser's session or the recorded one, between transactions.
 */
export const relationsQuery = `
select coalesce(json_agg(json_build_array(c.oid::int8,
    pg_catalog.quote_ident(n.nspname) operator(pg_catalog.||) '.'
      operator(pg_catalog.||) pg_catalog.quote_ident(c.relname),
    c.relkind, c.relfilenode::int8)), '[]') as relations,
  (select coalesce(max(k.oid::int8), 0) from pg_catalog.pg_constraint k) as newest,
  pg_catalog.pg_stat_force_next_flush()
from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
where c.oid >= 16384 and c.relkind in ('r', 'm', 'i', 'p', 'v', 'I', 'f') and n.nspname <> 'pg_toast'`

/** Decodes what `readingQuery` returned. */
export function decodeReading(text: string): Reading {
  const raw = JSON.parse(text) as RawReading
  return {
    relations: (raw.r ?? []).map(([oid, modes, name, kind, file, scans, indexOf]) => {
      return { oid, modes, name, kind, file: file ?? 0, scans: scans ?? 0, indexOf }
    }),
    constraints: (raw.c ?? []).map(([oid, relation, name, type, definition, validated, referenced]) => {
      return { oid, relation, name, type, definition, validated, referenced }
    }),
  }
}

/** The table that a statement outside a transaction works on. */
export interface TableBehind {
  oid: number
  name: string
  kind: string
  /** Scans begun on it so far, those of the session included. */
  scans: number
}

/** The table that a relation, named as `$1` in the session's own search_path, is or belongs to; null when none is. */
export const tableBehindQuery = `select ${recorderSchema}.table_behind(pg_catalog.to_regclass($1)) as found`

export function decodeTableBehind(text: string | null): TableBehind | undefined {
  if (text === null) return undefined
  const [oid, name, kind, scans] = JSON.parse(text) as [number, string, string, number]
  return { oid, name, kind, scans }
}

/** Scans begun on a table so far, and the storage of it and its indexes; between transactions. */
export interface TableStorage {
  scans: number
  relations: [oid: number, name: string, kind: string, file: number][]
}

export const tableStorageQuery = `select ${recorderSchema}.storage_of($1) as found`

export function decodeTableStorage(text: string): TableStorage {
  const [scans, relations] = JSON.parse(text) as [number, TableStorage['relations'] | null]
  return { scans, relations: relations ?? [] }
}

/** What the event triggers say while a statement runs. */
export type RecorderEvent =
  | { kind: 'ddl'; commands: DdlCommand[] }
  | { kind: 'drop'; objects: DroppedObject[] }
  | { kind: 'rewrite'; oid: number; relation: string }

export interface DdlCommand {
  tag: string
  objectType: string
  /** Null for GRANT and ALTER DEFAULT PRIVILEGES. */
  name: string | null
}

export interface DroppedObject {
  oid: number
  objectType: string
  name: string
  /** Named by the statement. */
  original: boolean
  /** A normal dependency led to it: one that stops a drop without CASCADE. */
  normal: boolean
}

type RawEvent = {
  ddl?: [string, string, string | null][] | null
  drop?: [number, string, string, boolean, boolean][] | null
  rewrite?: [number, string]
}

/** Decodes the DETAIL of a notice whose message is the recorder's mark; undefined when it is not the recorder's. */
export function decodeEvent(detail: string): RecorderEvent | undefined {
  let raw: RawEvent
  try {
    raw = JSON.parse(detail) as RawEvent
  } catch {
    return undefined
  }
  if (raw.ddl !== undefined) {
    const commands = (raw.ddl ?? []).map(([tag, objectType, name]) => ({ tag, objectType, name }))
    return { kind: 'ddl', commands }
  }
  if (raw.drop !== undefined) {
    const objects = (raw.drop ?? []).map(([oid, objectType, name, original, normal]) => {
      return { oid, objectType, name, original, normal }
    })
    return { kind: 'drop', objects }
  }
  if (raw.rewrite !== undefined) return { kind: 'rewrite', oid: raw.rewrite[0], relation: raw.rewrite[1] }
  return undefined
}

/**
 * Puts the recorder into a database in which no stranger's SQL has run yet. The session must be a superuser's.
 * `extensions` are those that CREATE EXTENSION may make there; any other raises 0A000.
 */
export async function installRecorder(superuser: Client, extensions: readonly string[]): Promise<void> {
  const allowed = ['plpgsql', ...extensions].map((name) => `'${name.replaceAll("'", "''")}'`).join(', ')
  await superuser.query(`${installation(allowed)}; ${eventFunctions('')}; ${eventTriggers}`)
}

/**
 * Gives the recorder's notices a new mark, so that statements written before this run cannot speak in its name.
 * Returns the mark: the MESSAGE of every notice that is the recorder's. A forged one is still possible; what is
 * recorded is evidence, not a security boundary.
 */
export async function markRecorder(superuser: Client): Promise<string> {
  const mark = `kei:${randomBytes(12).toString('hex')}`
  await superuser.query(eventFunctions(mark))
  return mark
}

/**
 * SECURITY DEFINER with a fixed search_path: neither the session's search_path nor operators made by a stranger
 * decide what is read. PL/pgSQL because its plan is kept; as LANGUAGE sql it would be planned at each call.
 *
 * Only user relations (from oid 16384) of this database are asked for. The flush makes the scan counters start
 * anew with the next transaction: they count what the session has not flushed, not what the transaction did.
 */
function installation(allowedExtensions: string): string {
  return `
create schema ${recorderSchema};
grant usage on schema ${recorderSchema} to public;
create function ${recorderSchema}.reading(newest oid) returns text
language plpgsql security definer set search_path = pg_catalog, pg_temp as $function$
begin
  perform pg_stat_force_next_flush();
  return (
    with locked as materialized (
      select l.relation as oid, array_agg(l.mode) as modes from pg_locks l
      where l.pid = pg_backend_pid() and l.locktype = 'relation' and l.granted and l.relation >= 16384
        and l.database <> 0
      group by l.relation
    )
    select json_build_object(
      'r', (
        select json_agg(json_build_array(l.oid::int8, l.modes, quote_ident(n.nspname) || '.' || quote_ident(c.relname),
          c.relkind, c.relfilenode::int8, pg_stat_get_xact_numscans(l.oid),
          case when c.relkind in ('i', 'I') then
            (select i.indrelid::int8 from pg_index i where i.indexrelid = l.oid) end))
        from locked l left join pg_class c on c.oid = l.oid left join pg_namespace n on n.oid = c.relnamespace
        where c.relkind is distinct from 't' and n.nspname is distinct from 'pg_toast'
      ),
      'c', (
        select json_agg(json_build_array(k.oid::int8, k.conrelid::regclass, quote_ident(k.conname), k.contype,
          pg_get_constraintdef(k.oid), k.convalidated,
          case when k.confrelid <> 0 then k.confrelid::regclass end) order by k.oid)
        from locked l join pg_constraint k on k.conrelid = l.oid
        where k.oid > newest
      )
    )::text
  );
end
$function$;
create function ${recorderSchema}.foreign_key_ends(relation oid, constraint_name text) returns text[]
language plpgsql stable security definer set search_path = pg_catalog, pg_temp as $function$
begin
  return (select array[conrelid::regclass::text, confrelid::regclass::text] from pg_constraint
    where conrelid = relation and conname = constraint_name and contype = 'f');
end
$function$;
create function ${recorderSchema}.table_behind(relation oid) returns text
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $function$
begin
  return (select json_build_array(c.oid::int8, c.oid::regclass, c.relkind,
      pg_stat_get_numscans(c.oid) + pg_stat_get_xact_numscans(c.oid))
    from pg_class c
    where c.oid = coalesce((select i.indrelid from pg_index i where i.indexrelid = relation), relation));
end
$function$;
create function ${recorderSchema}.storage_of(relation oid) returns text
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $function$
begin
  perform pg_stat_force_next_flush();
  return json_build_array(pg_stat_get_numscans(relation) + pg_stat_get_xact_numscans(relation),
    (select json_agg(json_build_array(c.oid::int8, quote_ident(n.nspname) || '.' || quote_ident(c.relname), c.relkind,
        c.relfilenode::int8))
      from pg_class c join pg_namespace n on n.oid = c.relnamespace
      where c.oid = relation or c.oid in (select i.indexrelid from pg_index i where i.indrelid = relation)));
end
$function$;
create function ${recorderSchema}.allow_extension() returns event_trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $function$
declare
  refused text;
begin
  select extname into refused from pg_extension where extname not in (${allowedExtensions}) limit 1;
  if found then
    raise exception using errcode = '0A000',
      message = 'extension "' || refused || '" is not created on a shadow server';
  end if;
end
$function$`
}

function eventFunctions(mark: string): string {
  return `
create or replace function ${recorderSchema}.ddl_command_end() returns event_trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp set client_min_messages = notice as $function$
begin
  raise notice using message = '${mark}', detail = (
    select json_build_object('ddl', json_agg(json_build_array(command_tag, object_type, object_identity)))
    from pg_event_trigger_ddl_commands() where not in_extension)::text;
end
$function$;
create or replace function ${recorderSchema}.sql_drop() returns event_trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp set client_min_messages = notice as $function$
begin
  raise notice using message = '${mark}', detail = (
    select json_build_object('drop', json_agg(
      json_build_array(case when classid = 'pg_class'::regclass then objid::int8 else 0 end, object_type,
        object_identity, original, normal)))
    from pg_event_trigger_dropped_objects())::text;
end
$function$;
create or replace function ${recorderSchema}.table_rewrite() returns event_trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp set client_min_messages = notice as $function$
declare
  relation oid := pg_event_trigger_table_rewrite_oid();
begin
  raise notice using message = '${mark}',
    detail = json_build_object('rewrite', json_build_array(relation::int8, relation::regclass))::text;
end
$function$`
}

const eventTriggers = `
create event trigger kei_ddl_command_end on ddl_command_end execute function ${recorderSchema}.ddl_command_end();
create event trigger kei_sql_drop on sql_drop execute function ${recorderSchema}.sql_drop();
create event trigger kei_table_rewrite on table_rewrite execute function ${recorderSchema}.table_rewrite();
create event trigger kei_allow_extension on ddl_command_end when tag in ('CREATE EXTENSION')
  execute function ${recorderSchema}.allow_extension();
`
