import { expect, test } from 'vitest'
import { loadParser } from '../sql/parse.ts'
import { planStubs } from './stubs.ts'

const parser = await loadParser()

function plan(text: string, layout = 'kei') {
  const parsed = parser.parse(text)
  if (parsed.kind !== 'parsed') throw new Error(parsed.message)
  return planStubs(layout, [text], parsed.statements)
}

test('roles that are named and not created are made up, wherever they stand', () => {
  const named = plan(`grant select on a to "App Reader", public; alter table a owner to app_owner;
create policy p on a to authenticated using (true); alter default privileges for role app_owner grant select on tables to anon;
create schema s authorization someone; do $$ begin grant select on a to service_role; end $$`)
  expect(named.roles).toEqual(['App Reader', 'anon', 'app_owner', 'authenticated', 'service_role', 'someone'])
  expect(named.touchesRoles).toBe(false)
})

test('a role that the history creates is not made up', () => {
  const created = plan(`create role app; grant select on a to app, other;
do $$ begin if not exists (select from pg_roles where rolname = 'other') then create role other; end if; end $$`)
  expect(created.roles).toEqual([])
  expect(created.touchesRoles).toBe(true)
})

test.each([
  'grant a to b',
  'alter role a set search_path = x',
  'drop role a',
  "do $$ begin execute 'create user x'; end $$",
])('%s touches roles', (sql) => expect(plan(sql).touchesRoles).toBe(true))

test.each([
  'grant select on t to a',
  'create user mapping for a server s',
  'do $$ begin create user mapping for a server s; end $$',
])('%s touches no roles', (sql) => expect(plan(sql).touchesRoles).toBe(false))

test('words that Supabase uses mean its schemas only in a history of Supabase', () => {
  expect(plan('create schema auth; create table auth.users (id int)').schemas).toEqual([])
  expect(plan('insert into storage.buckets values (1)').schemas).toEqual([])
  const supabase = plan(
    "create policy p on a to anon using (auth.uid() = x); insert into storage.buckets (id) values ('x')",
  )
  expect(supabase.schemas.map(({ name }) => name)).toEqual(['auth', 'storage'])
  expect(supabase.exclude.schemas).toEqual(['auth', 'storage'])
})

test("a runner's table is made only where the history names it", () => {
  expect(plan('select 1', 'goose').runnerTable).toBeUndefined()
  expect(plan('select * from goose_db_version', 'goose').runnerTable?.note('db/00012_a.sql')).toContain('(00012, true)')
  expect(plan('select * from _prisma_migrations', 'prisma').exclude.names).toEqual(['public._prisma_migrations'])
})
