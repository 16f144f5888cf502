import { describe, expect, test } from 'vitest'
import { history, judgeExample } from '../../../test/contract/examples.ts'
import rule from './no-drop-table.ts'

const hows = ['text', 'trace'] as const
const judged = (how: 'text' | 'trace', ...texts: string[]) => judgeExample(rule, history(...texts), 17, how)
const messages = async (how: 'text' | 'trace', ...texts: string[]) =>
  (await judged(how, ...texts)).findings.map(({ severity, message }) => `${severity}: ${message}`)

describe.each(hows)('no false alarm by the %s', (how) => {
  test.each([
    ['a table of the same file', 'SELECT 1;', 'CREATE TABLE t (a int); DROP TABLE t;'],
    ['one that the file renames', 'SELECT 1;', 'CREATE TABLE t (a int); ALTER TABLE t RENAME TO u; DROP TABLE u;'],
    ['a temporary table', 'CREATE TABLE t (a int);', 'CREATE TEMP TABLE w AS SELECT a FROM t; DROP TABLE w;'],
    ['IF EXISTS of what is not there', 'CREATE TABLE t (a int);', 'DROP TABLE IF EXISTS u;'],
    ['IF EXISTS of what is gone', 'CREATE TABLE t (a int); DROP TABLE t;', 'DROP TABLE IF EXISTS t;'],
    ['a view', 'CREATE TABLE t (a int); CREATE VIEW v AS SELECT a FROM t;', 'DROP VIEW v;'],
    ['an index', 'CREATE TABLE t (a int); CREATE INDEX i ON t (a);', 'DROP INDEX CONCURRENTLY i;'],
    ['a sequence', 'CREATE SEQUENCE s;', 'DROP SEQUENCE s;'],
    ['a rewrite', 'CREATE TABLE t (a int);', 'ALTER TABLE t ALTER COLUMN a TYPE text;'],
    ['code that drops its own table', 'SELECT 1;', 'DO $$ BEGIN CREATE TABLE t (a int); DROP TABLE t; END $$;'],
  ])('%s', async (_, setup, sql) => {
    expect(await judged(how, setup, sql)).toMatchObject({ findings: [], unknown: [] })
  })
})

describe.each(hows)('found by the %s', (how) => {
  const names = how === 'trace' ? 'public.' : ''
  test('each statement on its own, with all its tables', async () => {
    expect(
      await messages(
        how,
        'CREATE TABLE a (x int); CREATE TABLE b (x int); CREATE TABLE "Odd" (x int);',
        'DROP TABLE a, b; DROP TABLE "Odd";',
      ),
    ).toEqual([
      `error: DROP TABLE destroys ${names}a, ${names}b with all rows`,
      `error: DROP TABLE destroys ${names}${how === 'trace' ? '"Odd"' : 'Odd'} with all rows`,
    ])
  })

  test('a new table beside an old one is not named', async () => {
    expect(await messages(how, 'CREATE TABLE a (x int);', 'CREATE TABLE b (x int); DROP TABLE a, b;')).toEqual([
      `error: DROP TABLE destroys ${names}a with all rows`,
    ])
  })

  test('partitions are counted', async () => {
    const setup =
      'CREATE TABLE e (a int) PARTITION BY RANGE (a); CREATE TABLE e1 PARTITION OF e FOR VALUES FROM (0) TO (5); ' +
      'CREATE TABLE e2 PARTITION OF e FOR VALUES FROM (5) TO (9);'
    expect(await messages(how, setup, 'DROP TABLE e;')).toEqual([
      `error: DROP TABLE destroys ${names}e and its 2 partitions with all rows`,
    ])
    expect(await messages(how, setup, 'DROP TABLE e1;')).toEqual([
      `error: DROP TABLE destroys ${names}e1 with all rows`,
    ])
  })

  test('a materialized view is a warning', async () => {
    expect(await messages(how, 'CREATE MATERIALIZED VIEW m AS SELECT 1 AS x;', 'DROP MATERIALIZED VIEW m;')).toEqual([
      `warning: DROP MATERIALIZED VIEW takes away ${names}m: what reads it fails until it is made and filled again`,
    ])
  })

  test('in the code of a DO block, once', async () => {
    const found = await messages(how, 'CREATE TABLE a (x int);', 'DO $$ BEGIN DROP TABLE IF EXISTS a; END $$;')
    expect(found).toEqual([`error: DROP TABLE destroys ${names}a with all rows`])
  })

  test('in a function that is called, once', async () => {
    const made = "CREATE FUNCTION f() RETURNS void LANGUAGE plpgsql AS 'BEGIN DROP TABLE a; END';"
    expect(await messages(how, `CREATE TABLE a (x int); ${made}`, 'SELECT f();')).toHaveLength(1)
  })

  test('the search_path is followed', async () => {
    const setup = 'CREATE SCHEMA app; CREATE TABLE app.t (a int);'
    expect(await messages(how, setup, 'SET search_path = app; DROP TABLE IF EXISTS t;')).toEqual([
      'error: DROP TABLE destroys app.t with all rows',
    ])
  })
})

test('what code makes of text is seen by the trace alone, and named as PostgreSQL does', async () => {
  const sql = `DO $$ DECLARE n text; BEGIN
    SELECT relname INTO n FROM pg_class WHERE relname LIKE 'old%' AND relkind = 'r'; EXECUTE format('DROP TABLE %I', n);
  END $$;`
  expect(await messages('trace', 'CREATE TABLE old_orders (x int);', sql)).toEqual([
    'error: this statement’s code drops public.old_orders with all rows',
  ])
})

test('with IF EXISTS, behind code that the text does not show, only a trace can tell', async () => {
  const texts = ["DO $$ BEGIN EXECUTE lower('CREATE TABLE T (a int)'); END $$;", 'DROP TABLE IF EXISTS t;'] as const
  expect(await judged('text', ...texts)).toMatchObject({ findings: [], unknown: ['a trace'] })
  expect(await messages('trace', ...texts)).toEqual(['error: DROP TABLE destroys public.t with all rows'])
})

test('a branch of code that the shadow did not take counts where the text shows the table', async () => {
  const sql = 'DO $$ BEGIN IF (SELECT count(*) FROM a) > 0 THEN DROP TABLE b; END IF; END $$;'
  expect(await messages('trace', 'CREATE TABLE a (x int); CREATE TABLE b (x int);', sql)).toEqual([
    'error: DROP TABLE destroys b with all rows',
  ])
})

test('a foreign table is a warning', async () => {
  const setup =
    'CREATE FOREIGN DATA WRAPPER w; CREATE SERVER s FOREIGN DATA WRAPPER w; CREATE FOREIGN TABLE f (a int) SERVER s;'
  expect(await messages('text', setup, 'DROP FOREIGN TABLE f;')).toEqual([
    'warning: DROP FOREIGN TABLE takes away f: what reads it fails; the rows stay where they are',
  ])
})

test('says what to do first and which line to write', async () => {
  const [finding] = (await judged('trace', 'CREATE TABLE a (x int);', 'DROP TABLE a;')).findings
  expect(finding?.next).toContain("pg_dump --format=custom --file=before-drop.dump --table='public.a'")
  expect(finding?.next.split('\n').at(-1)).toBe('  -- kei: ignore no-drop-table: REASON')
  expect(finding?.fixes).toEqual([])
})
