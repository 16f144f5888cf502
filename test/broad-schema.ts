/**
 * A schema with something of nearly everything that the owner of a database can make, in the order in which it has to
 * be made. The schema `hidden` and the table `public.bookkeeping` are there to be left out.
 */
export const broadSchema = `
create extension citext;
create schema app;
comment on schema app is 'the application';
create type app.mood as enum ('sad', 'it''s ok');
create domain app.percent as int not null default 0 check (value between 0 and 100);
create type app.pair as (a int, b text[]);
create type app.span as range (subtype = timestamptz);
create collation app.german (provider = icu, locale = 'de-DE', deterministic = false);
create sequence app.counter increment 2 cycle;
create table app."Odd Table" (
  id bigint generated always as identity primary key,
  "Odd Column" citext not null default 'x',
  mood app.mood,
  share app.percent,
  double int generated always as (length('ab')) stored,
  old serial,
  unique (old, mood)
) with (fillfactor = 70);
comment on table app."Odd Table" is 'it''s odd';
comment on column app."Odd Table".mood is 'how it is';
create table app.child (
  odd_id bigint not null references app."Odd Table" on delete cascade,
  amount numeric(10, 2) check (amount > 0),
  during tsrange,
  label text collate app.german,
  at timestamptz default '2024-01-01 12:00+00',
  pause interval default '1 day 02:00',
  ratio float8 default 0.1,
  raw bytea default '\\xdeadbeef',
  exclude using gist (during with &&)
);
alter table app.child add constraint later foreign key (odd_id) references app."Odd Table" not valid;
alter table app.child alter label set storage external, alter label set statistics 200;
alter table app.child replica identity full;
create unique index child_partial on app.child using btree (lower(amount::text) text_pattern_ops, odd_id) include (during)
  where odd_id is not null;
comment on index app.child_partial is 'partial';
create index child_brin on app.child using brin (odd_id) with (pages_per_range = 16);
create unlogged table app.scratch (x int);
create table app.older (y int) inherits (app.scratch);
create table app.measure (at timestamptz not null, value int, primary key (at)) partition by range (at);
create table app.measure_2024 partition of app.measure for values from ('2024-01-01 00:00+00') to ('2025-01-01 00:00+00');
create table app.measure_rest partition of app.measure default;
create index on app.measure (value);
create table app.of_measure (at timestamptz references app.measure);
create view app.odd with (security_barrier = true) as select id, mood from app."Odd Table" where mood = 'sad';
create materialized view app.total as select odd_id, sum(amount) as total from app.child group by odd_id;
create unique index total_odd on app.total (odd_id);
create function app.reads() returns bigint language sql stable as 'select count(*) from app.child';
create function app.standard(x int) returns int language sql begin atomic select x + (select count(*) from app.child)::int; end;
create function app.touch() returns trigger language plpgsql set search_path = app, public as 'begin return new; end';
create procedure app.nothing(inout x int) language sql as 'select x';
create aggregate app.product(int) (sfunc = int4mul, stype = int, initcond = '1');
create operator app.=== (leftarg = int, rightarg = int, function = int4eq);
create trigger touch before update on app.child for each row execute function app.touch();
create trigger touch after insert on app.measure for each row execute function app.touch();
alter table app.child disable trigger touch;
create rule quiet as on delete to app.scratch do instead nothing;
alter table app.child enable row level security;
create policy own on app.child for select to public using (amount > 1);
create statistics app.both (dependencies) on amount, odd_id from app.child;
create text search configuration app.plain (copy = pg_catalog.simple);
create publication everything for table app.child, app."Odd Table";
comment on function app.reads() is 'reads';
comment on trigger touch on app.child is 'touches';
comment on constraint later on app.child is 'later';
create table public.t (a int, b text);
create table public.bookkeeping (x int);
create schema hidden;
create table hidden.t (x int);
`
