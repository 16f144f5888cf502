import { describe, expect, test } from 'vitest'
import { history, judgeExample } from '../../../test/contract/examples.ts'
import rule from './no-unfiltered-change.ts'

const tables = 'CREATE TABLE t (a int, b int); CREATE TABLE r (a int, c int);'
const messages = async (sql: string) => {
  const { findings } = await judgeExample(rule, history(tables, sql), 17, 'text')
  return findings.map(({ severity, message }) => `${severity}: ${message}`)
}

describe('finds nothing in', () => {
  test.each([
    'DELETE FROM t WHERE a = 1',
    'DELETE FROM t WHERE false',
    'DELETE FROM t WHERE 1 = 2',
    'DELETE FROM t WHERE EXISTS (SELECT FROM r WHERE r.a = t.a)',
    'DELETE FROM t WHERE random() < 0.5',
    'DELETE FROM t USING r WHERE t.a = r.a',
    'DELETE FROM t x USING r WHERE x.a = r.a',
    // The text does not show whose column it is.
    'DELETE FROM t USING r WHERE c = b',
    'UPDATE t SET b = 1 WHERE b IS NULL',
    'UPDATE t SET b = r.c FROM r WHERE r.a = t.a',
    'UPDATE t AS x SET b = y.b FROM t AS y WHERE x.a = y.a',
    'WITH moved AS (DELETE FROM t RETURNING *) INSERT INTO r SELECT a, b FROM moved',
    'UPDATE t SET b = b * 100, a = abs(t.a)',
    'UPDATE t x SET b = coalesce(x.b, 0)',
    'CREATE TABLE n (a int); UPDATE n SET a = 1; DELETE FROM n',
    'CREATE TEMP TABLE n AS SELECT a FROM t; DELETE FROM n; UPDATE n SET a = 1',
    'ALTER TABLE t ADD COLUMN d int, ADD COLUMN e int; UPDATE t SET d = a, e = b',
    "CREATE FUNCTION f() RETURNS void LANGUAGE sql AS 'DELETE FROM t'",
    'CREATE RULE q AS ON DELETE TO r DO ALSO DELETE FROM t',
  ])('%s', async (sql) => {
    expect(await messages(sql)).toEqual([])
  })
})

describe('finds', () => {
  test.each([
    ['DELETE FROM t', 'error: DELETE without WHERE destroys every row of t'],
    [
      'DELETE FROM ONLY public.t AS x WHERE 1 = 1',
      'error: DELETE with a WHERE that is always true destroys every row of t',
    ],
    ['DELETE FROM t WHERE a = 1 OR true', 'error: DELETE with a WHERE that is always true destroys every row of t'],
    [
      'DELETE FROM t USING r WHERE r.c = 1',
      'error: DELETE with a WHERE that does not tie it to the other table destroys every row of t',
    ],
    ['WITH x AS (DELETE FROM t) SELECT 1', 'error: DELETE without WHERE destroys every row of t'],
    ['UPDATE t SET a = b, b = b + 1', 'warning: UPDATE without WHERE overwrites a in every row of t'],
    ['UPDATE t SET b = (SELECT max(r.a) FROM r)', 'warning: UPDATE without WHERE overwrites b in every row of t'],
    ['UPDATE t SET (a, b) = (1, 2)', 'warning: UPDATE without WHERE overwrites a, b in every row of t'],
    [
      'ALTER TABLE t ADD d int; UPDATE t SET d = 1, b = 2',
      'warning: UPDATE without WHERE overwrites b in every row of t',
    ],
    [
      'ALTER TABLE t ADD IF NOT EXISTS b int; UPDATE t SET b = 2',
      'warning: UPDATE without WHERE overwrites b in every row of t',
    ],
    [
      'UPDATE t SET b = s.c FROM (SELECT c FROM r) s WHERE s.c > 1',
      'warning: UPDATE with a WHERE that does not tie it to the other table overwrites b in every row of t',
    ],
    ['DO $$ BEGIN DELETE FROM t; END $$', 'error: DELETE without WHERE destroys every row of t'],
  ])('%s', async (sql, message) => {
    expect(await messages(sql)).toEqual([message])
  })
})

test('names are written as pg_dump and PostgreSQL read them', async () => {
  const made = 'CREATE SCHEMA s; CREATE TABLE s."Order" ("odd.name" int);'
  const texts = [made, 'DELETE FROM s."Order";', 'UPDATE s."Order" SET "odd.name" = 1;']
  const { findings } = await judgeExample(rule, history(...texts), 17, 'text')
  expect(findings).toMatchObject([
    { message: 'DELETE without WHERE destroys every row of s."Order"' },
    { message: 'UPDATE without WHERE overwrites "odd.name" in every row of s."Order"' },
  ])
  for (const { next } of findings) expect(next).toContain(`--table='s."Order"'`)
})
