import { expect, test } from 'vitest'
import { majors, withDatabase } from '../../../test/postgres.ts'
import type { Major } from '../../../test/postgres.ts'
import type { Catalog } from '../../findings/catalog.ts'
import { diffCatalogs } from './diff.ts'
import { readCatalog } from './snapshot.ts'

const schema = `
create extension citext;
create schema app;
create type app.mood as enum ('sad', 'it''s ok');
create domain app.percent as int not null default 0 check (value between 0 and 100);
create type app.pair as (a int, b text[]);
create sequence app.counter increment 2 cycle;
create table app."Odd Table" (
  id bigint generated always as identity primary key,
  "Odd Column" citext not null default 'x',
  mood app.mood,
  share app.percent,
  double int generated always as (length('ab')) stored,
  old serial
);
create table app.child (
  odd_id bigint not null references app."Odd Table" on delete cascade,
  amount numeric(10, 2) check (amount > 0),
  during tsrange,
  exclude using gist (during with &&)
);
alter table app.child add constraint later foreign key (odd_id) references app."Odd Table" not valid;
create unique index child_partial on app.child using btree (lower(amount::text) text_pattern_ops, odd_id) include (during)
  where odd_id is not null;
create index child_brin on app.child using brin (odd_id);
create table app.measure (at date not null, value int) partition by range (at);
create table app.measure_2024 partition of app.measure for values from ('2024-01-01') to ('2025-01-01');
create index on app.measure (value);
create view app.odd as select id, mood from app."Odd Table" where mood = 'sad';
create materialized view app.total as select odd_id, sum(amount) as total from app.child group by odd_id;
create function app.touch() returns trigger language plpgsql as 'begin return new; end';
create procedure app.nothing(inout x int) language sql as 'select x';
create aggregate app.product(int) (sfunc = int4mul, stype = int, initcond = '1');
create trigger touch before update on app.child for each row execute function app.touch();
alter table app.child enable row level security;
create policy own on app.child for select to public using (amount > 1);
create statistics app.both (dependencies) on amount, odd_id from app.child;
create table hidden.t (x int);
create table public.bookkeeping (x int);
`

async function catalogOf(major: Major, sql: string): Promise<Catalog> {
  return withDatabase(major, async (client) => {
    await client.query(`create schema hidden; ${sql}`)
    await client.query('set search_path = pg_catalog')
    return readCatalog(client, { schemas: ['hidden'], names: ['public.bookkeeping'] })
  })
}

test('the same schema gives the same catalog on 16, 17 and 18', async () => {
  const on17 = await catalogOf(17, schema)
  for (const major of majors) expect(diffCatalogs(on17, await catalogOf(major, schema))).toEqual([])
})

test('a catalog tells tables, columns, indexes and constraints as PostgreSQL prints them', async () => {
  const catalog = await catalogOf(17, schema)
  expect(catalog.relations.map(({ name, kind, partitionOf }) => [name, kind, partitionOf])).toEqual([
    ['app."Odd Table"', 'table', undefined],
    ['app.child', 'table', undefined],
    ['app.measure', 'partitioned table', undefined],
    ['app.measure_2024', 'table', 'app.measure'],
    ['app.odd', 'view', undefined],
    ['app.total', 'materialized view', undefined],
  ])
  expect(catalog.relations[0]?.columns).toEqual([
    { name: 'id', type: 'bigint', notNull: true, identity: 'always' },
    { name: '"Odd Column"', type: 'public.citext', notNull: true, default: "'x'::public.citext" },
    { name: 'mood', type: 'app.mood', notNull: false },
    { name: 'share', type: 'app.percent', notNull: false },
    { name: 'double', type: 'integer', notNull: false, default: "length('ab'::text)", generated: 'stored' },
    { name: 'old', type: 'integer', notNull: true, default: `nextval('app."Odd Table_old_seq"'::regclass)` },
  ])
  expect(catalog.indexes.find(({ name }) => name === 'app.child_partial')).toEqual({
    name: 'app.child_partial',
    table: 'app.child',
    method: 'btree',
    unique: true,
    primary: false,
    valid: true,
    columns: [null, 'odd_id'],
    operatorClasses: ['text_pattern_ops', 'int8_ops'],
    predicate: '(odd_id IS NOT NULL)',
    definition:
      'CREATE UNIQUE INDEX child_partial ON app.child USING btree (lower((amount)::text) text_pattern_ops, odd_id) INCLUDE (during) WHERE (odd_id IS NOT NULL)',
  })
  expect(catalog.constraints.find(({ name }) => name === 'later')).toEqual({
    name: 'later',
    table: 'app.child',
    type: 'f',
    columns: ['odd_id'],
    referencedTable: 'app."Odd Table"',
    referencedColumns: ['id'],
    validated: false,
    definition: 'FOREIGN KEY (odd_id) REFERENCES app."Odd Table"(id) NOT VALID',
  })
  const types = new Set(catalog.objects.map(({ objectType }) => objectType))
  expect([...types]).toEqual([
    'aggregate',
    'composite type',
    'domain',
    'enum',
    'extension',
    'function',
    'materialized view',
    'policy',
    'procedure',
    'row security',
    'schema',
    'sequence',
    'statistics',
    'trigger',
    'view',
  ])
  expect(catalog.objects.find(({ objectType }) => objectType === 'enum')?.definition).toBe("'sad', 'it''s ok'")
})

test('a diff names what was added, removed and changed', async () => {
  const before = await catalogOf(
    17,
    'create table t (a int, b text); create index i on t (a); create view v as select a from t',
  )
  const after = await catalogOf(
    17,
    'create table t (a bigint, b text); create table u (c int); create view v as select b from t',
  )
  expect(diffCatalogs(before, after).map(({ objectType, name, change }) => `${change} ${objectType} ${name}`)).toEqual([
    'removed index public.i',
    'changed table public.t',
    'added table public.u',
    'changed view public.v',
  ])
  expect(diffCatalogs(before, before)).toEqual([])
})
