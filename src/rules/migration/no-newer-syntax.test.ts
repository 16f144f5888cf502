import { expect, test } from 'vitest'
import { history, judgeExample } from '../../../test/contract/examples.ts'
import type { Major } from '../rule.ts'
import rule from './no-newer-syntax.ts'

const table = 'CREATE TABLE t (a int PRIMARY KEY);'
const byText = (major: Major, ...texts: string[]) => judgeExample(rule, history(...texts), major, 'text')

test.each([
  'ALTER TABLE t ADD b int GENERATED ALWAYS AS (a) VIRTUAL, ADD CHECK (a > 0) NOT ENFORCED;',
  'ALTER TABLE t ADD b int, ADD NOT NULL b NOT VALID;',
  'SELECT uuidv7();',
])('on PostgreSQL 18 nothing is newer: %s', async (statement) => {
  expect(await byText(18, table, statement)).toMatchObject({ findings: [], unknown: [] })
  expect(await judgeExample(rule, history(table, statement), 18, 'trace')).toMatchObject({ findings: [], unknown: [] })
})

test('what 17 brought is found on 16 alone', async () => {
  const texts = [table, 'ALTER TABLE t ALTER a SET STATISTICS DEFAULT;']
  expect((await byText(16, ...texts)).findings).toHaveLength(1)
  expect((await byText(17, ...texts)).findings).toEqual([])
})

test('each newer thing of a statement is found once', async () => {
  const { findings } = await byText(
    17,
    table,
    'ALTER TABLE t ADD b int GENERATED ALWAYS AS (a), ADD c int GENERATED ALWAYS AS (a) VIRTUAL, ADD CHECK (a > 0) NOT ENFORCED;',
  )
  expect(findings.map(({ message }) => message)).toEqual([
    expect.stringContaining('VIRTUAL'),
    expect.stringContaining('ENFORCED'),
  ])
})

test('a function that an extension may bring is unknown without a trace', async () => {
  const texts = [
    "DO $$ BEGIN EXECUTE 'CREATE FUNCTION uuidv7() RETURNS uuid LANGUAGE sql AS ''SELECT gen_random_uuid()'''; END $$;",
    'SELECT uuidv7();',
  ]
  expect(await byText(17, ...texts)).toMatchObject({ findings: [], unknown: ['a trace'] })
  expect(await judgeExample(rule, history(...texts), 17, 'trace')).toMatchObject({ findings: [], unknown: [] })
})

test('a function of another schema is another function', async () => {
  expect((await byText(17, table, 'SELECT app.uuidv7();')).findings).toEqual([])
})
