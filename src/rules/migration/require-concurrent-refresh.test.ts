import { expect, test } from 'vitest'
import { history, judgeExample } from '../../../test/contract/examples.ts'
import rule from './require-concurrent-refresh.ts'

const table = 'CREATE TABLE t (a int, b int);'
const view = `${table} CREATE MATERIALIZED VIEW v AS SELECT a, b FROM t;`
const byText = (...texts: string[]) => judgeExample(rule, history(...texts), 17, 'text')
const byTrace = (...texts: string[]) => judgeExample(rule, history(...texts), 17, 'trace')

const harmless = {
  'a view of the same file': [table, 'CREATE MATERIALIZED VIEW w AS SELECT a FROM t; REFRESH MATERIALIZED VIEW w;'],
  'a view that was never filled': [
    `${table} CREATE MATERIALIZED VIEW w AS SELECT a FROM t WITH NO DATA;`,
    'REFRESH MATERIALIZED VIEW w;',
  ],
  'a view that was emptied': [view, 'REFRESH MATERIALIZED VIEW v WITH NO DATA;', 'REFRESH MATERIALIZED VIEW public.v;'],
  'WITH NO DATA': [view, 'REFRESH MATERIALIZED VIEW v WITH NO DATA;'],
}

test.each(Object.entries(harmless))('%s is passed over, by the text and with a trace', async (_, texts) => {
  expect((await byText(...texts)).findings).toEqual([])
  expect((await byTrace(...texts)).findings).toEqual([])
})

test('a view that was filled after it was made without rows is found', async () => {
  const texts = [
    `${table} CREATE MATERIALIZED VIEW w AS SELECT a FROM t WITH NO DATA; REFRESH MATERIALIZED VIEW w;`,
    'REFRESH MATERIALIZED VIEW w;',
  ]
  expect((await byText(...texts)).findings).toHaveLength(1)
  expect((await byTrace(...texts)).findings).toHaveLength(1)
})

test.each([
  ['no index', ''],
  ['an index that is not unique', 'CREATE INDEX ON v (a);'],
  ['one with a WHERE', 'CREATE UNIQUE INDEX ON v (a) WHERE b > 0;'],
  ['one on an expression', 'CREATE UNIQUE INDEX ON v ((a + 1));'],
])('with %s the recipe asks for the columns', async (_, index) => {
  const { findings } = await byText(`${view} ${index}`, 'REFRESH MATERIALIZED VIEW v;')
  expect(findings).toMatchObject([
    { fixes: [], next: expect.stringContaining('CREATE UNIQUE INDEX v_key ON v (…);') as string },
  ])
})

test.each([
  ['SELECT a, count(*) FROM t GROUP BY a', 'a'],
  ['SELECT t.a AS "Key", max(b) FROM t GROUP BY t.a', '"Key"'],
  ['SELECT a AS k, b, count(*) FROM t GROUP BY 2, k', 'b, k'],
  ['SELECT DISTINCT a, b FROM t', 'a, b'],
])('what %s is grouped by tells its rows apart', async (query, columns) => {
  const texts = [`${table} CREATE MATERIALIZED VIEW w AS ${query};`, 'REFRESH MATERIALIZED VIEW w;']
  const { findings } = await byText(...texts)
  expect(findings[0]?.next).toContain(`CREATE UNIQUE INDEX w_key ON w (${columns});`)
  expect(findings[0]?.fixes).toHaveLength(1)
})

test('names that the view gives its columns count', async () => {
  const texts = [
    `${table} CREATE MATERIALIZED VIEW w (k, n) AS SELECT a, count(*) FROM t GROUP BY a;`,
    'REFRESH MATERIALIZED VIEW w;',
  ]
  expect((await byText(...texts)).findings[0]?.next).toContain('ON w (k);')
})

test.each([
  'SELECT a FROM t GROUP BY a, b',
  'SELECT a + 1 AS c FROM t GROUP BY a + 1',
  'SELECT DISTINCT ON (a) a, b FROM t',
  'SELECT t.*, 1 AS one FROM t GROUP BY 1, 2',
  'SELECT a FROM t GROUP BY ROLLUP (a)',
])('what is not shown whole is not guessed: %s', async (query) => {
  const texts = [`${table} CREATE MATERIALIZED VIEW w AS ${query};`, 'REFRESH MATERIALIZED VIEW w;']
  expect((await byText(...texts)).findings[0]?.fixes).toEqual([])
})

test('an index that code made is seen with a trace', async () => {
  const texts = [
    `${view} DO $$ BEGIN EXECUTE format('CREATE UNIQUE INDEX k ON v (%I, b)', 'a'); END $$;`,
    'REFRESH MATERIALIZED VIEW v;',
  ]
  expect((await byTrace(...texts)).findings).toMatchObject([{ fixes: [{ safety: 'safe' }] }])
})
