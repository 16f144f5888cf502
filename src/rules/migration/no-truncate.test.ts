import { describe, expect, test } from 'vitest'
import { history, judgeExample } from '../../../test/contract/examples.ts'
import rule from './no-truncate.ts'

const judged = (how: 'text' | 'trace', ...texts: string[]) => judgeExample(rule, history(...texts), 17, how)

describe.each(['text', 'trace'] as const)('by the %s', (how) => {
  const p = how === 'trace' ? 'public.' : ''
  const tables =
    'CREATE TABLE t (a int PRIMARY KEY); CREATE TABLE r (a int PRIMARY KEY REFERENCES t); ' +
    'CREATE TABLE s (a int REFERENCES r); CREATE TABLE other (a int);'

  test.each([
    ['a table of the same file', 'CREATE TABLE u (a int); TRUNCATE u;'],
    ['a temporary table', 'CREATE TEMP TABLE u (a int); TRUNCATE TABLE u;'],
    ['a DELETE', 'DELETE FROM t;'],
  ])('finds nothing in %s', async (_, sql) => {
    expect((await judged(how, tables, sql)).findings).toEqual([])
  })

  test.each([
    ['TRUNCATE other', `TRUNCATE destroys all rows of ${p}other`],
    ['TRUNCATE TABLE ONLY s, other RESTART IDENTITY', `TRUNCATE destroys all rows of ${p}s, ${p}other`],
    ['TRUNCATE t CASCADE', `TRUNCATE destroys all rows of ${p}t and, by CASCADE, of ${p}r, ${p}s`],
    [
      'CREATE TABLE n (a int PRIMARY KEY); ALTER TABLE other ADD FOREIGN KEY (a) REFERENCES n; TRUNCATE n CASCADE',
      `TRUNCATE … CASCADE destroys all rows of ${p}other, which it does not name`,
    ],
    ['DO $$ BEGIN TRUNCATE other; END $$', `TRUNCATE destroys all rows of ${p}other`],
  ])('finds %s', async (sql, message) => {
    expect((await judged(how, tables, sql)).findings.map((finding) => finding.message)).toEqual([message])
  })
})

test('what the text does not show of CASCADE, a trace does', async () => {
  const setup =
    "DO $$ BEGIN EXECUTE lower('CREATE TABLE T (a int PRIMARY KEY)'); EXECUTE lower('CREATE TABLE R (a int REFERENCES t)');" +
    ' END $$;'
  const { findings } = await judged('trace', setup, 'TRUNCATE t CASCADE;')
  expect(findings[0]?.message).toBe('TRUNCATE destroys all rows of public.t and, by CASCADE, of public.r')
})
