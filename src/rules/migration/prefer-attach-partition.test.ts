import { expect, test } from 'vitest'
import { history, judgeExample } from '../../../test/contract/examples.ts'
import rule from './prefer-attach-partition.ts'

const parent = 'CREATE TABLE t (a int, b int) PARTITION BY RANGE (a);'
const statement = 'CREATE TABLE n PARTITION OF t FOR VALUES FROM (1) TO (9);'
const byText = (...texts: string[]) => judgeExample(rule, history(...texts), 17, 'text')
const byTrace = (...texts: string[]) => judgeExample(rule, history(...texts), 17, 'trace')

const harmless = {
  'a parent of the same file': ['SELECT 1;', `${parent} ${statement}`],
  'a parent that is a new partition': [
    parent,
    'CREATE TABLE p (LIKE t) PARTITION BY LIST (b); ALTER TABLE t ATTACH PARTITION p FOR VALUES FROM (1) TO (9);' +
      'CREATE TABLE n PARTITION OF p FOR VALUES IN (1);',
  ],
  'a partition that is there': [`${parent} ${statement}`, statement.replace('TABLE', 'TABLE IF NOT EXISTS')],
  inheritance: ['CREATE TABLE t (a int);', 'CREATE TABLE n (b int) INHERITS (t);'],
}

test.each(Object.entries(harmless))('%s is passed over, by the text and with a trace', async (_, texts) => {
  expect((await byText(...texts)).findings).toEqual([])
  expect((await byTrace(...texts)).findings).toEqual([])
})

test('is a note, and an error where a DEFAULT partition is read', async () => {
  const rest = `${parent} CREATE TABLE d PARTITION OF t DEFAULT;`
  for (const judged of [byText, byTrace]) {
    expect((await judged(parent, statement)).findings).toMatchObject([{ severity: 'note' }])
    expect((await judged(rest, statement)).findings).toMatchObject([{ severity: 'error' }])
    expect((await judged(`${rest} ALTER TABLE d ADD CHECK (a < 1 OR a >= 9);`, statement)).findings).toMatchObject([
      { severity: 'note' },
    ])
  }
})

test('what is written behind the bound stays', async () => {
  const { findings } = await byText(
    parent,
    'CREATE UNLOGGED TABLE "N" PARTITION OF public.t FOR VALUES FROM (1) TO (9) WITH (fillfactor = 70);',
  )
  expect(findings[0]?.fixes[0]?.edits[0]?.text.split('\n')).toEqual([
    'CREATE UNLOGGED TABLE "N" (LIKE t INCLUDING ALL EXCLUDING COMMENTS EXCLUDING IDENTITY EXCLUDING STATISTICS) WITH (fillfactor = 70);',
    'ALTER TABLE t ATTACH PARTITION "N" FOR VALUES FROM (1) TO (9);',
  ])
})

test('columns with options of their own are left to a person', async () => {
  const { findings } = await byText(parent, 'CREATE TABLE n PARTITION OF t (b DEFAULT 5) FOR VALUES FROM (1) TO (9);')
  expect(findings).toMatchObject([{ fixes: [], next: expect.stringContaining('(LIKE t') as string }])
})

test('a parent that the text does not show is locked all the same', async () => {
  expect((await byText('SELECT 1;', statement)).findings).toHaveLength(1)
})
