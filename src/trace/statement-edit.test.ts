import { expect, test } from 'vitest'
import { loadParser } from '../sql/parse.ts'
import { planExtensions } from './extensions.ts'
import { editStatement } from './statement-edit.ts'

const parser = await loadParser()

function edit(sql: string, before = '') {
  const parsed = parser.parse(`${before};${sql}`)
  if (parsed.kind !== 'parsed') throw new Error(parsed.message)
  const [last] = parsed.statements.slice(-1)
  if (last === undefined) throw new Error('no statement')
  const edited = editStatement(last, planExtensions(parsed.statements))
  return edited.kind === 'run' ? edited.text : `skip: ${edited.cause}`
}

test.each([
  ['alter table "triggér all" disable trigger all', 'alter table "triggér all" disable trigger USER'],
  ['do $$ begin alter table a enable trigger ALL; end $$', 'do $$ begin alter table a enable trigger USER; end $$'],
  ['create role replication superuser login bypassrls', 'create role replication  login '],
  ['alter role "superuser" nosuperuser noinherit', 'alter role "superuser"  noinherit'],
])('%s runs with its locks and without what needs a superuser', (sql, expected) => {
  expect(edit(sql, "select 'é'")).toBe(expected)
})

test.each([
  'create table a (x int)',
  "update a set note = 'pg_class'",
  'update public.pg_index set x = 1',
  "insert into a values ('update pg_class set x')",
  'alter table a disable trigger own',
  'create index on a using gin (x)',
  "comment on table a is 'x'",
  'create extension pg_trgm',
  'grant select on a to b',
])('%s runs as it is', (sql) => {
  expect(edit(sql)).toBe(sql)
})

test.each([
  ["copy a from program 'id'", /program/],
  ["copy a to '/tmp/x'", /file/],
  ['copy a from stdin', /client/],
  ['alter system reset all', /whole server/],
  ["load 'x'", /library/],
  ['update pg_catalog.pg_index set indisvalid = true', /system catalog/],
  ['delete from pg_enum', /system catalog/],
  ["do $$ begin update pg_enum set enumlabel = 'x'; end $$", /system catalog/],
  ['create database x', /no database but its own/],
  ["create tablespace t location '/x'", /tablespaces/],
  ["create subscription s connection 'x' publication p", /another server/],
  ['create server s foreign data wrapper w', /foreign servers/],
  ["comment on extension plpgsql is 'x'", /extension/],
  ['grant pg_read_all_data to me', /predefined role/],
  ['create extension dblink', /dblink is not available/],
])('%s is never run', (sql, cause) => {
  expect(edit(sql)).toMatch(cause)
  expect(edit(sql)).toMatch(/^skip: /)
})

test('type modifiers are taken off stub types that have none, and off no others', () => {
  const sql = 'create table a (at geometry(Point, 4326), e vector(3), n numeric(10, 2), g public.geography (Point))'
  expect(edit(sql, 'create extension postgis; create extension vector')).toBe(
    'create table a (at geometry, e vector(3), n numeric(10, 2), g public.geography )',
  )
  expect(edit(sql)).toBe(sql)
})

test('calls of functions of an extension that only has stubs are left out', () => {
  expect(edit("select create_hypertable('a', 'at')", 'create extension timescaledb')).toMatch(
    /^skip: create_hypertable/,
  )
  expect(edit("select create_hypertable('a', 'at')")).not.toMatch(/^skip/)
})
