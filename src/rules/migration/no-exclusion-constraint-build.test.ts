import { expect, test } from 'vitest'
import { history, judgeExample } from '../../../test/contract/examples.ts'
import type { Major } from '../rule.ts'
import rule from './no-exclusion-constraint-build.ts'

const byText = (texts: string[], major: Major = 17) => judgeExample(rule, history(...texts), major, 'text')
const byTrace = (texts: string[], major: Major = 17) => judgeExample(rule, history(...texts), major, 'trace')

test('a table of the same file is passed over', async () => {
  const texts = ['SELECT 1;', 'CREATE TABLE t (a int); ALTER TABLE t ADD EXCLUDE (a WITH =);']
  expect((await byText(texts)).findings).toEqual([])
  expect((await byTrace(texts)).findings).toEqual([])
})

test('WITHOUT OVERLAPS of 18 is one by another name', async () => {
  const texts = [
    'CREATE TABLE t (room int4range, during tstzrange);',
    'ALTER TABLE t ADD UNIQUE (room, during WITHOUT OVERLAPS);',
  ]
  expect((await byText(texts, 18)).findings).toMatchObject([{ fixes: [] }])
  expect((await byTrace(texts, 18)).findings).toMatchObject([{ evidence: [{ scans: ['public.t'] }] }])
})
