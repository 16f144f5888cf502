import { describe, expect, test } from 'vitest'
import { history, judgeExample } from '../../../test/contract/examples.ts'
import rule from './no-drop-cascade.ts'

const judged = (how: 'text' | 'trace', ...texts: string[]) => judgeExample(rule, history(...texts), 17, how)
const messages = async (how: 'text' | 'trace', ...texts: string[]) =>
  (await judged(how, ...texts)).findings.map(({ severity, message }) => `${severity}: ${message}`)

const table = 'CREATE TABLE t (id serial PRIMARY KEY, up int REFERENCES t, b int CHECK (b > 0)); CREATE INDEX ON t (b);'

describe('what went by CASCADE, as the trace shows', () => {
  test.each([
    ['nothing but the table’s own', table, 'DROP TABLE t CASCADE;', []],
    ['nothing but a serial’s default', 'CREATE TABLE u (id serial, b int);', 'ALTER TABLE u DROP COLUMN id;', []],
    [
      'a default that stays without its sequence',
      table,
      'DROP SEQUENCE t_id_seq CASCADE;',
      ['default value for public.t.id'],
    ],
    [
      'nothing where CASCADE is not written',
      'CREATE TABLE u (x int, y int, z int, CHECK (x > 0 OR y > 0));',
      'ALTER TABLE u DROP COLUMN x, DROP COLUMN y;',
      [],
    ],
    ['nothing but its partitions', partitioned(), 'DROP TABLE e CASCADE;', []],
    ['a view on the same file’s', table, 'CREATE VIEW v AS SELECT b FROM t; DROP TABLE t CASCADE;', []],
    ['a foreign key of the same file', table, 'CREATE TABLE r (x int REFERENCES t); DROP TABLE t CASCADE;', []],
    ['a temporary view', table, 'CREATE TEMP VIEW v AS SELECT b FROM t; DROP TABLE t CASCADE;', []],
    [
      'views, foreign keys and policies of others',
      `${table} CREATE VIEW v AS SELECT b FROM t; CREATE VIEW w AS SELECT b FROM v; CREATE TABLE r (x int REFERENCES t);`,
      'DROP TABLE t CASCADE;',
      ['view public.v', 'view public.w', 'table constraint r_x_fkey on public.r'],
    ],
    [
      'what uses a function',
      `${table} CREATE FUNCTION f(int) RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT 1'; CREATE INDEX i ON t (f(b));`,
      'DROP FUNCTION f CASCADE;',
      ['index public.i'],
    ],
    [
      'columns of an extension’s type',
      'CREATE EXTENSION citext; CREATE TABLE u (a citext, b int);',
      'DROP EXTENSION citext CASCADE;',
      ['table column public.u.a'],
    ],
    [
      'what lies outside a schema; what is in it is no-drop-schema’s',
      'CREATE SCHEMA s; CREATE TABLE s.a (x int PRIMARY KEY); CREATE TABLE r (x int REFERENCES s.a);',
      'DROP SCHEMA s CASCADE;',
      ['table constraint r_x_fkey on public.r'],
    ],
    [
      'columns of a type',
      "CREATE TYPE m AS ENUM ('x'); CREATE TABLE u (a int, m m);",
      'DROP TYPE m CASCADE;',
      ['table column public.u.m'],
    ],
    [
      'what code drops',
      `${table} CREATE VIEW v AS SELECT b FROM t;`,
      'DO $$ BEGIN DROP TABLE t CASCADE; END $$;',
      ['view public.v'],
    ],
  ])('%s', async (_, setup, sql, along) => {
    const { findings } = await judged('trace', setup, sql)
    expect(
      findings.map(({ message }) =>
        message
          .replace(/^.* does not name: /, '')
          .split(', ')
          .sort(),
      ),
    ).toEqual(along.length === 0 ? [] : [[...along].sort()])
  })
})

describe('by the text', () => {
  test.each([
    ['no CASCADE', table, 'DROP TABLE t; DROP VIEW IF EXISTS v RESTRICT;'],
    ['a table of the same file', table, 'CREATE TABLE u (a int); DROP TABLE u CASCADE;'],
    ['IF EXISTS of what is not there', table, 'DROP TABLE IF EXISTS u CASCADE; DROP FUNCTION IF EXISTS f() CASCADE;'],
    ['a view that is not there', table, 'DROP VIEW IF EXISTS v CASCADE; CREATE VIEW v AS SELECT 1 AS x;'],
    [
      'what nothing can depend on',
      table,
      'DROP TRIGGER IF EXISTS g ON t CASCADE; DROP POLICY IF EXISTS p ON t CASCADE;',
    ],
    ['a constraint that is no key', table, 'ALTER TABLE t DROP CONSTRAINT t_b_check CASCADE;'],
    ['a column of the same file', table, 'ALTER TABLE t ADD c int; ALTER TABLE t DROP COLUMN c CASCADE;'],
  ])('finds nothing in %s', async (_, setup, sql) => {
    expect(await judged('text', setup, sql)).toMatchObject({ findings: [], unknown: [] })
  })

  test.each([
    ['DROP TABLE t CASCADE', 'DROP TABLE … CASCADE drops whatever depends on it: what that is is not known'],
    ['ALTER TABLE t DROP COLUMN b CASCADE', 'DROP COLUMN … CASCADE drops whatever depends on it'],
    ['ALTER TABLE t DROP CONSTRAINT t_pkey CASCADE', 'DROP CONSTRAINT … CASCADE drops whatever depends on it'],
    ['DROP FUNCTION f(int) CASCADE', 'DROP FUNCTION … CASCADE drops whatever depends on it'],
  ])('warns of %s', async (sql, message) => {
    expect((await messages('text', table, sql))[0]).toContain(`warning: ${message}`)
  })

  test('names the foreign keys that it shows', async () => {
    const setup = `${table} CREATE TABLE r (x int REFERENCES t);`
    expect(await messages('text', setup, 'DROP TABLE t CASCADE;')).toEqual([
      'warning: DROP TABLE … CASCADE takes along foreign key r_x_fkey of r; what else depends on it is not known ' +
        'without a trace',
    ])
  })
})

describe.each(['text', 'trace'] as const)('DROP OWNED, by the %s', (how) => {
  const role = 'GRANT SELECT ON ALL TABLES IN SCHEMA public TO authenticated;'
  test('is found whatever the history owns', async () => {
    expect(await messages(how, role, 'DROP OWNED BY authenticated;')).toEqual([
      'error: DROP OWNED destroys whatever authenticated owns in this database, tables with all rows among it',
    ])
  })

  test('is none after REASSIGN OWNED', async () => {
    expect(
      await messages(how, role, 'REASSIGN OWNED BY authenticated TO CURRENT_USER; DROP OWNED BY authenticated;'),
    ).toEqual([])
  })
})

function partitioned(): string {
  return 'CREATE TABLE e (a int) PARTITION BY RANGE (a); CREATE TABLE e1 PARTITION OF e FOR VALUES FROM (0) TO (5);'
}
