import { expect, test } from 'vitest'
import { loadParser } from './parse.ts'
import { leftInSession, mayChangeSession, leavesParameter } from './session-state.ts'
import type { Statement } from './statement.ts'

const parser = await loadParser()

function statements(sql: string): Statement[] {
  const parsed = parser.parse(sql)
  if (parsed.kind !== 'parsed') throw new Error(parsed.message)
  return parsed.statements
}

test.each([
  ['SET search_path TO app', 'the setting search_path'],
  ['SET SESSION work_mem = 1000', 'the setting work_mem'],
  ['SET ROLE app', 'the setting role'],
  ['SET SESSION AUTHORIZATION app', 'the setting session_authorization'],
  ['SET TIME ZONE DEFAULT', 'the setting timezone'],
  ['SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY', 'the characteristics of its transactions'],
  ["SELECT set_config('app.tenant', '1', false)", 'the setting app.tenant'],
  ["SELECT pg_catalog.set_config('app.tenant', '1', $1)", 'the setting app.tenant'],
  ['SELECT pg_advisory_lock(1)', 'the lock of pg_advisory_lock'],
  ['CREATE TEMP TABLE t (a int)', 'a temporary relation'],
  ['CREATE TEMP TABLE t ON COMMIT DELETE ROWS AS SELECT 1', 'a temporary relation'],
  ['CREATE TEMPORARY SEQUENCE s', 'a temporary relation'],
  ['DECLARE c CURSOR WITH HOLD FOR SELECT 1', 'a cursor WITH HOLD'],
  ['PREPARE p AS SELECT 1', 'a prepared statement'],
  ['LISTEN news', 'LISTEN'],
  ["LOAD 'auto_explain'", 'a loaded library'],
  ['DO $$ BEGIN PERFORM pg_advisory_lock(1); END $$', 'an advisory lock of the code'],
  ["DO $$ BEGIN PERFORM set_config('app.tenant', '1', false); END $$", 'the setting app.tenant'],
  ['DO $$ BEGIN SET search_path TO app; END $$', 'the setting search_path'],
  ["DO $$ BEGIN IF true THEN EXECUTE 'SET work_mem = 1000'; END IF; END $$", 'the setting work_mem'],
])('%s leaves %s', (sql, left) => {
  const [statement] = statements(sql)
  expect(statement && leftInSession(statement)).toBe(left)
  expect(statement && mayChangeSession(statement)).toBe(true)
})

test.each([
  'DO $$ BEGIN UPDATE t SET a = 1; SET LOCAL work_mem = 1; PERFORM pg_advisory_xact_lock(1); END $$',
  "DO $$ BEGIN PERFORM set_config('app.tenant', '1', true); ALTER TABLE t SET (fillfactor = 50); END $$",
  'SET LOCAL search_path TO app',
  'SET LOCAL ROLE app',
  'SET TRANSACTION READ ONLY',
  "SELECT set_config('app.tenant', '1', true)",
  "SELECT set_config('app.tenant', '1', 'on')",
  'SELECT pg_advisory_xact_lock(1)',
  'CREATE TEMP TABLE t (a int) ON COMMIT DROP',
  'CREATE TABLE t (a int)',
  'DECLARE c CURSOR FOR SELECT 1',
  'NOTIFY news',
  'RESET search_path',
  "CREATE FUNCTION f() RETURNS void LANGUAGE sql AS 'SELECT set_config(''a.b'', ''1'', false)'",
])('%s leaves nothing that its text shows', (sql) => {
  const [statement] = statements(sql)
  expect(statement && leftInSession(statement)).toBeUndefined()
})

test('what calls code may change the session, a change of the schema does not', () => {
  const may = (sql: string) => statements(sql).map(mayChangeSession)
  expect(may('DO $$ BEGIN END $$; SELECT f(); CALL p(); EXECUTE q')).toEqual([true, true, true, true])
  expect(may('CREATE TABLE t (); ALTER TABLE t ADD a int; CREATE INDEX ON t (a); GRANT SELECT ON t TO u')).toEqual([
    false,
    false,
    false,
    false,
  ])
})

test('a parameter counts as left until it is reset, and not when it was set for the transaction', () => {
  const leaves = (sql: string) => leavesParameter(statements(sql), 'lock_timeout')
  expect(leaves("CREATE TABLE t (); SET Lock_Timeout = '5s'")).toBe(true)
  expect(leaves("SELECT set_config('lock_timeout', '5s', false)")).toBe(true)
  expect(leaves("SET LOCAL lock_timeout = '5s'")).toBe(false)
  expect(leaves("SET lock_timeout = '5s'; RESET lock_timeout")).toBe(false)
  expect(leaves("SET lock_timeout = '5s'; RESET ALL")).toBe(false)
  expect(leaves('SET statement_timeout = 5')).toBe(false)
  expect(leavesParameter(statements('SET ROLE app'), 'role')).toBe(true)
})
