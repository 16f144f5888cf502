import { expect, test } from 'vitest'
import { history, judgeExample } from '../../../test/contract/examples.ts'
import rule from './require-concurrent-reindex.ts'

const table = 'CREATE TABLE t (a int PRIMARY KEY); CREATE INDEX i ON t (a);'
const byText = (...texts: string[]) => judgeExample(rule, history(...texts), 17, 'text')
const byTrace = (...texts: string[]) => judgeExample(rule, history(...texts), 17, 'trace')

const harmless = {
  'an index of the same file’s table': [table, 'CREATE TABLE u (a int); CREATE INDEX k ON u (a); REINDEX INDEX k;'],
  'a temporary table': [table, 'CREATE TEMP TABLE u (a int PRIMARY KEY); REINDEX TABLE u;'],
  'the option in parentheses': [table, 'REINDEX (CONCURRENTLY true) TABLE t;'],
}

test.each(Object.entries(harmless))('%s is passed over, by the text and with a trace', async (_, texts) => {
  expect((await byText(...texts)).findings).toEqual([])
  expect((await byTrace(...texts)).findings).toEqual([])
})

test.each([
  ['REINDEX INDEX i;', 'public.t'],
  ['REINDEX TABLE public.t;', 'public.t'],
  ['REINDEX (CONCURRENTLY off) TABLE t;', 'public.t'],
  ['REINDEX SCHEMA public;', 'one table of the schema public after the other'],
  ['REINDEX DATABASE;', 'one table of the database after the other'],
])('%s is found by the text and with a trace', async (statement, whose) => {
  expect((await byText(table, statement)).findings).toHaveLength(1)
  const { findings } = await byTrace(table, statement)
  expect(findings).toMatchObject([{ message: expect.stringContaining(whose) as string }])
})

test('a partitioned table, which PostgreSQL refuses in a transaction, gets the concurrent form', async () => {
  const parent = 'CREATE TABLE t (a int) PARTITION BY LIST (a); CREATE INDEX i ON t (a);'
  const { findings } = await byText(parent, 'REINDEX TABLE t;')
  expect(findings[0]?.next).toContain('REINDEX TABLE CONCURRENTLY t;')
})

test('the index of an exclusion constraint has no concurrent form', async () => {
  const excluded = 'CREATE TABLE t (a int4range, CONSTRAINT i EXCLUDE USING gist (a WITH &&));'
  const { findings } = await byText(excluded, 'REINDEX INDEX i;')
  expect(findings).toMatchObject([{ fixes: [], next: expect.stringContaining('exclusion constraint') as string }])
})

test('an unfitting CONCURRENTLY off stays for a person to take out', async () => {
  const { findings } = await byText(table, 'REINDEX SYSTEM;')
  expect(findings).toMatchObject([{ fixes: [] }])
})
