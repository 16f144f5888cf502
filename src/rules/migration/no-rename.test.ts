import { expect, test } from 'vitest'
import { history, judgeExample } from '../../../test/contract/examples.ts'
import type { Runner } from '../../../test/contract/examples.ts'
import rule from './no-rename.ts'

const before =
  'CREATE SCHEMA s; CREATE TABLE t (id serial PRIMARY KEY, a int, b int); CREATE TABLE t_new (id int); CREATE VIEW v AS SELECT a FROM t; ' +
  "CREATE MATERIALIZED VIEW m AS SELECT a FROM t; CREATE TYPE mood AS ENUM ('ok'); CREATE DOMAIN d AS int; " +
  'CREATE TYPE pair AS (x int, y int); CREATE FUNCTION f(int) RETURNS int LANGUAGE sql AS $$ SELECT 1 $$; ' +
  'CREATE INDEX i ON t (a); CREATE TRIGGER g BEFORE UPDATE ON t FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger();'

async function both(last: string, runner?: Runner): Promise<string[]> {
  const text = await judgeExample(rule, history(before, last), 17, 'text', runner)
  const trace = await judgeExample(rule, history(before, last), 17, 'trace', runner)
  const shown = (judged: typeof text) =>
    judged.findings.map(({ message }) => message.replace(/ breaks all.*/, '').replaceAll('public.', ''))
  expect(shown(trace)).toEqual(shown(text))
  return shown(text)
}

test.each([
  ['indexes', 'ALTER INDEX i RENAME TO j; ALTER TABLE j RENAME TO k;'],
  ['constraints', 'ALTER TABLE t RENAME CONSTRAINT t_pkey TO t_key;'],
  ['sequences', 'ALTER SEQUENCE t_id_seq RENAME TO s2;'],
  ['triggers', 'ALTER TRIGGER g ON t RENAME TO h;'],
  [
    'a table of the same file',
    'CREATE TABLE w (a int); ALTER TABLE w RENAME TO x; ALTER TABLE x RENAME COLUMN a TO b;',
  ],
  ['a column of the same file', 'ALTER TABLE t ADD c int; ALTER TABLE t RENAME COLUMN c TO e;'],
  [
    'a type of the same file',
    "CREATE TYPE n AS ENUM ('a'); ALTER TYPE n RENAME VALUE 'a' TO 'b'; ALTER TYPE n RENAME TO o;",
  ],
  [
    'a function of the same file',
    'CREATE FUNCTION h() RETURNS int LANGUAGE sql AS $$ SELECT 1 $$; ALTER FUNCTION h RENAME TO j;',
  ],
  ['a temporary table', 'CREATE TEMP TABLE w (a int); ALTER TABLE w RENAME TO x;'],
  ['what is not there', 'ALTER TABLE IF EXISTS nowhere RENAME TO x;'],
  ['a table that another takes the place of', 'ALTER TABLE t RENAME TO t_old; ALTER TABLE t_new RENAME TO t;'],
  [
    'a column that takes the place of a dropped one',
    'ALTER TABLE t DROP COLUMN b; ALTER TABLE t RENAME COLUMN a TO b;',
  ],
  ['a view under the old name', 'BEGIN; ALTER TABLE t RENAME TO u; CREATE VIEW t AS SELECT * FROM u; COMMIT;'],
])('%s: passed over, by the text and with a trace', async (_, last) => {
  expect(await both(last)).toEqual([])
})

test.each([
  ['ALTER TABLE t RENAME TO u;', 'Renaming the table t to u'],
  ['ALTER TABLE t RENAME COLUMN a TO z;', 'Renaming the column a of t to z'],
  ['ALTER TABLE t RENAME a TO z;', 'Renaming the column a of t to z'],
  ['ALTER VIEW v RENAME TO w;', 'Renaming the view v to w'],
  ['ALTER TABLE v RENAME TO w;', 'Renaming the view v to w'],
  ['ALTER MATERIALIZED VIEW m RENAME TO w;', 'Renaming the materialized view m to w'],
  ['ALTER TYPE mood RENAME TO w;', 'Renaming the type mood to w'],
  ['ALTER DOMAIN d RENAME TO w;', 'Renaming the domain d to w'],
  ['ALTER FUNCTION f(int) RENAME TO w;', 'Renaming the function f to w'],
  ['ALTER SCHEMA s RENAME TO w;', 'Renaming the schema s to w'],
  ["ALTER TYPE mood RENAME VALUE 'ok' TO 'good';", 'Renaming the value ok of mood to good'],
  ['DO $$ BEGIN ALTER TABLE t RENAME TO u; END $$;', 'Renaming the table t to u'],
  ['ALTER TABLE t RENAME TO u; COMMIT; BEGIN; CREATE VIEW t AS SELECT * FROM u;', 'Renaming the table t to u'],
])('%s is found, by the text and with a trace', async (last, expected) => {
  expect(await both(last)).toEqual([expected])
})

test('a column that nobody could write twice is only described', async () => {
  const { findings } = await judgeExample(rule, history(before, 'ALTER TABLE t RENAME COLUMN id TO key;'), 17, 'text')
  expect(findings).toMatchObject([{ fixes: [], next: expect.stringContaining('Add the column key') as string }])
})
