import { expect, test } from 'vitest'
import { history, judgeExample } from '../../../test/contract/examples.ts'
import type { Runner } from '../../../test/contract/examples.ts'
import rule from './require-concurrent-detach.ts'

const parent =
  'CREATE TABLE t (a int) PARTITION BY RANGE (a); CREATE TABLE p PARTITION OF t FOR VALUES FROM (1) TO (9);'
const detach = 'ALTER TABLE t DETACH PARTITION p;'
const goose: Runner = { layout: 'goose', mode: 'transaction' }
const byText = (texts: string[], runner?: Runner) => judgeExample(rule, history(...texts), 17, 'text', runner)
const byTrace = (texts: string[], runner?: Runner) => judgeExample(rule, history(...texts), 17, 'trace', runner)

const harmless = {
  'a parent of the same file': ['SELECT 1;', `${parent} ${detach}`],
  CONCURRENTLY: [parent, 'ALTER TABLE t DETACH PARTITION p CONCURRENTLY;'],
}

test.each(Object.entries(harmless))('%s is passed over, by the text and with a trace', async (_, texts) => {
  expect((await byText(texts)).findings).toEqual([])
  expect((await byTrace(texts)).findings).toEqual([])
})

test('FINALIZE is passed over', async () => {
  expect((await byText([parent, 'ALTER TABLE t DETACH PARTITION p FINALIZE;'])).findings).toEqual([])
})

test('with a DEFAULT partition nothing better is to be had: a note without a fix', async () => {
  const texts = [`${parent} CREATE TABLE d PARTITION OF t DEFAULT;`, detach]
  for (const { findings } of [await byText(texts), await byTrace(texts)]) {
    expect(findings).toMatchObject([
      { severity: 'note', fixes: [], message: expect.stringContaining('partition d') as string },
    ])
  }
})

test('in a goose transaction it moves to a file without one', async () => {
  const { findings } = await byText([parent, `ALTER TABLE t ADD b int; ${detach}`], goose)
  expect(findings[0]?.next).toContain(
    '-- +goose NO TRANSACTION\n  -- +goose Up\n  ALTER TABLE t DETACH PARTITION p CONCURRENTLY;',
  )
})

test('says how to finish what was cancelled', async () => {
  const { findings } = await byText([parent, detach])
  expect(findings[0]?.next).toContain('ALTER TABLE t DETACH PARTITION p FINALIZE')
})
