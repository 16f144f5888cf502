import { expect, test } from 'vitest'
import { history, judgeExample } from '../../../test/contract/examples.ts'
import rule from './no-lock-table.ts'

const before = 'CREATE TABLE t (id int); CREATE TABLE u (id int); CREATE VIEW v AS SELECT id FROM u;'

async function both(last: string): Promise<string[]> {
  const text = await judgeExample(rule, history(before, last), 17, 'text')
  const trace = await judgeExample(rule, history(before, last), 17, 'trace')
  const shown = (judged: typeof text) => judged.findings.map(({ message }) => message.replaceAll('public.', ''))
  expect(shown(trace)).toEqual(shown(text))
  return shown(text)
}

test.each([
  'LOCK TABLE t IN ACCESS SHARE MODE;',
  'LOCK TABLE t IN ROW EXCLUSIVE MODE;',
  'LOCK TABLE t IN SHARE UPDATE EXCLUSIVE MODE;',
  'CREATE TABLE w (id int); LOCK TABLE w;',
  'CREATE TEMP TABLE w (id int); LOCK TABLE w;',
])('%s is passed over, by the text and with a trace', async (last) => {
  expect(await both(last)).toEqual([])
})

test.each([
  ['LOCK t;', 'LOCK TABLE makes every read and write to t wait until the transaction ends (ACCESS EXCLUSIVE)'],
  [
    'LOCK TABLE t, u IN EXCLUSIVE MODE NOWAIT;',
    'LOCK TABLE makes every write to t and 1 more wait until the transaction ends (EXCLUSIVE)',
  ],
  [
    'DO $$ BEGIN LOCK TABLE t IN SHARE MODE; END $$;',
    'LOCK TABLE makes every write to t wait until the transaction ends (SHARE)',
  ],
])('%s is found, by the text and with a trace', async (last, expected) => {
  expect(await both(last)).toEqual([expected])
})
