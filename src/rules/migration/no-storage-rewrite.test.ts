import { expect, test } from 'vitest'
import { history, judgeExample } from '../../../test/contract/examples.ts'
import type { Runner } from '../../../test/contract/examples.ts'
import rule from './no-storage-rewrite.ts'

const table = 'CREATE TABLE t (a int PRIMARY KEY, b text);'
const byText = (texts: string[], runner?: Runner) => judgeExample(rule, history(...texts), 17, 'text', runner)
const byTrace = (texts: string[]) => judgeExample(rule, history(...texts), 17, 'trace')

const harmless: Record<string, string[]> = {
  'a table that is logged': [table, 'ALTER TABLE t SET LOGGED;'],
  'one that is unlogged': ['CREATE UNLOGGED TABLE t (a int);', 'ALTER TABLE t SET UNLOGGED;'],
  'one that was made logged again': [
    'CREATE UNLOGGED TABLE t (a int); ALTER TABLE t SET LOGGED;',
    'ALTER TABLE t SET LOGGED;',
  ],
  'the access method that it has': [table, 'ALTER TABLE t SET ACCESS METHOD heap;'],
  'the default one': [table, 'ALTER TABLE t SET ACCESS METHOD DEFAULT;'],
  'the tablespace that it has': [table, 'ALTER TABLE t SET TABLESPACE pg_default;'],
  'storage parameters': [
    table,
    'ALTER TABLE t SET (fillfactor = 70), ALTER b SET STORAGE EXTERNAL, ALTER b SET COMPRESSION pglz;',
  ],
  'a table of the same file': [table, 'CREATE UNLOGGED TABLE u (a int); ALTER TABLE u SET LOGGED;'],
  'DROP EXPRESSION': [
    'CREATE TABLE t (a int, b int GENERATED ALWAYS AS (a) STORED);',
    'ALTER TABLE t ALTER b DROP EXPRESSION;',
  ],
}

test.each(Object.entries(harmless))('%s is passed over, by the text and with a trace', async (_, texts) => {
  expect(await byText(texts)).toMatchObject({ findings: [], unknown: [] })
  expect(await byTrace(texts)).toMatchObject({ findings: [], unknown: [] })
})

test('beside other commands it is found too', async () => {
  const texts = [table, 'ALTER TABLE t ADD c int, SET UNLOGGED;']
  expect((await byText(texts)).findings).toHaveLength(1)
  expect((await byTrace(texts)).findings).toHaveLength(1)
})

// A shadow has no other tablespace and no other access method.
test.each([
  ['ALTER TABLE t SET TABLESPACE fast;', 'pg_repack --table=t --tablespace=fast'],
  ['ALTER TABLE t SET ACCESS METHOD columnar;', 'pg_repack or a new table'],
  ['ALTER MATERIALIZED VIEW m SET TABLESPACE fast;', 'another materialized view'],
])('%s is found by the text', async (statement, words) => {
  const { findings } = await byText([`${table} CREATE MATERIALIZED VIEW m AS SELECT a FROM t;`, statement])
  expect(findings).toMatchObject([{ severity: 'error', next: expect.stringContaining(words) as string, fixes: [] }])
})

test('an index is built anew in the other tablespace, CONCURRENTLY', async () => {
  const texts = [`${table} CREATE INDEX i ON t (b);`, 'ALTER INDEX i SET TABLESPACE fast;']
  const { findings } = await byText(texts)
  expect(findings[0]?.fixes[0]?.edits[0]?.text).toBe('REINDEX (TABLESPACE fast) INDEX CONCURRENTLY i;')
  expect((await byText(texts, { layout: 'goose', mode: 'transaction' })).findings).toMatchObject([{ fixes: [] }])
  expect(
    (await byText([table, 'CREATE TABLE u (a int); CREATE INDEX j ON u (a); ALTER INDEX j SET TABLESPACE fast;']))
      .findings,
  ).toEqual([])
})

test('SET EXPRESSION of a column that the text does not show needs a trace', async () => {
  const setup =
    "DO $$ BEGIN EXECUTE format('CREATE TABLE %I (a int, b int GENERATED ALWAYS AS (a) STORED)', lower('T')); END $$;"
  const texts = [setup, 'ALTER TABLE t ALTER b SET EXPRESSION AS (a + 1);']
  expect(await byText(texts)).toMatchObject({ findings: [], unknown: ['a trace'] })
  expect((await byTrace(texts)).findings).toHaveLength(1)
})
