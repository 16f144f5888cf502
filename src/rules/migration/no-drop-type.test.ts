import { describe, expect, test } from 'vitest'
import { history, judgeExample } from '../../../test/contract/examples.ts'
import rule from './no-drop-type.ts'

const hows = ['text', 'trace'] as const
const messages = async (how: 'text' | 'trace', ...texts: string[]) =>
  (await judgeExample(rule, history(...texts), 17, how)).findings.map(({ severity, message }) => [severity, message])
const mood = "CREATE TYPE mood AS ENUM ('good', 'bad');"

describe.each(hows)('by the %s', (how) => {
  const p = how === 'trace' ? 'public.' : ''

  test.each([
    ['a type of the same file', `${mood.replace('mood', 'm')} DROP TYPE m; CREATE TYPE c AS (a int); DROP TYPE c;`],
    ['a domain of the same file', 'CREATE DOMAIN d AS int; DROP DOMAIN d;'],
    ['a range of the same file', 'CREATE TYPE r AS RANGE (SUBTYPE = int); DROP TYPE r;'],
    ['IF EXISTS of what is not there', 'DROP TYPE IF EXISTS m; DROP DOMAIN IF EXISTS d CASCADE;'],
    ['an enum in the place of another', `ALTER TYPE mood RENAME TO mood_old; ${mood} DROP TYPE mood_old;`],
    ['a table, whose row type goes with it', 'CREATE TABLE u (a int); DROP TABLE u;'],
  ])('finds nothing in %s', async (_, sql) => {
    expect(await messages(how, mood, sql)).toEqual([])
  })

  test('names the columns that go with the type', async () => {
    const setup = `${mood} CREATE TABLE t (a int, m mood, n mood[]);`
    const [[severity, message = ''] = []] = await messages(how, setup, 'DROP TYPE mood CASCADE;')
    expect(severity).toBe('error')
    expect(message).toContain(`DROP … CASCADE of the type ${p}mood destroys every column of it: ${p}t.`)
    expect(message).toContain(`${p}t.m`)
    expect(message).toContain(`${p}t.n`)
  })

  test('warns of a drop that is refused while a column has the type', async () => {
    expect(await messages(how, mood, 'DROP TYPE IF EXISTS mood;')).toEqual([
      ['warning', `DROP takes the type ${p}mood away: code that still names it fails at once`],
    ])
  })
})

test('CASCADE that took no column along is a warning once it was traced', async () => {
  expect((await messages('trace', mood, 'DROP TYPE mood CASCADE;'))[0]?.[0]).toBe('warning')
  expect((await messages('text', mood, 'DROP TYPE mood CASCADE;'))[0]?.[0]).toBe('error')
})
