import { expect, test } from 'vitest'
import { history, judgeExample } from '../../../test/contract/examples.ts'
import rule from './no-vacuum-full.ts'

const table = 'CREATE TABLE t (a int PRIMARY KEY);'
const byText = (...texts: string[]) => judgeExample(rule, history(...texts), 17, 'text')
const byTrace = (...texts: string[]) => judgeExample(rule, history(...texts), 17, 'trace')

test.each([
  ['VACUUM FULL t;', 'VACUUM FULL writes public.t anew'],
  ['VACUUM (FULL true, VERBOSE) t;', 'VACUUM FULL writes public.t anew'],
  ['CLUSTER t USING t_pkey;', 'CLUSTER writes public.t anew'],
  ['VACUUM FULL;', 'VACUUM FULL writes one table of the database after the other anew'],
])('%s is found by the text and with a trace', async (statement, message) => {
  expect((await byText(table, statement)).findings).toHaveLength(1)
  expect((await byTrace(table, statement)).findings).toMatchObject([
    { message: expect.stringContaining(message) as string },
  ])
})

test.each([
  ['plain VACUUM', 'VACUUM t;'],
  ['FULL turned off', 'VACUUM (FULL off) t;'],
  ['ANALYZE', 'ANALYZE t;'],
  ['the order noted for later', 'ALTER TABLE t CLUSTER ON t_pkey;'],
  ['a table of the same file', 'CREATE TABLE u (a int PRIMARY KEY); CLUSTER u USING u_pkey; VACUUM FULL u;'],
])('%s is passed over, by the text and with a trace', async (_, sql) => {
  expect((await byText(table, sql)).findings).toEqual([])
  expect((await byTrace(table, sql)).findings).toEqual([])
})
