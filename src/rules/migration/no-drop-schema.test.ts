import { describe, expect, test } from 'vitest'
import { history, judgeExample } from '../../../test/contract/examples.ts'
import rule from './no-drop-schema.ts'

const hows = ['text', 'trace'] as const
const messages = async (how: 'text' | 'trace', ...texts: string[]) =>
  (await judgeExample(rule, history(...texts), 17, how)).findings.map(({ severity, message }) => [severity, message])

describe.each(hows)('by the %s', (how) => {
  test.each([
    ['a schema of the same file', 'CREATE SCHEMA s; CREATE TABLE s.t (a int); DROP SCHEMA s CASCADE;'],
    ['IF EXISTS of what is not there', 'DROP SCHEMA IF EXISTS s CASCADE;'],
  ])('finds nothing in %s', async (_, sql) => {
    expect(await messages(how, 'SELECT 1;', sql)).toEqual([])
  })

  test('names the tables that go', async () => {
    const tables = [1, 2, 3, 4, 5, 6, 7].map((n) => `CREATE TABLE s.t${n} (a int);`).join(' ')
    expect(await messages(how, `CREATE SCHEMA s; ${tables}`, 'DROP SCHEMA s CASCADE;')).toEqual([
      [
        'error',
        'DROP SCHEMA … CASCADE destroys s with everything in it: s.t1, s.t2, s.t3, s.t4, s.t5 and 2 more tables',
      ],
    ])
  })

  test('warns of a drop that refuses while anything is in it', async () => {
    expect(await messages(how, 'CREATE SCHEMA s;', 'DROP SCHEMA IF EXISTS s;')).toEqual([
      ['warning', 'DROP SCHEMA takes s away, if it is empty: what names it or has it in its search_path fails'],
    ])
  })
})

test('a database', async () => {
  expect(await messages('text', 'SELECT 1;', 'DROP DATABASE IF EXISTS shop;')).toEqual([
    ['error', 'DROP DATABASE destroys shop with everything in it'],
  ])
})
