import { describe, expect, test } from 'vitest'
import { history, judgeExample } from '../../../test/contract/examples.ts'
import rule from './no-drop-column.ts'

const hows = ['text', 'trace'] as const
const judged = (how: 'text' | 'trace', ...texts: string[]) => judgeExample(rule, history(...texts), 17, how)
const table = 'CREATE TABLE t (a int, b int, "C" int);'

describe.each(hows)('by the %s', (how) => {
  const p = how === 'trace' ? 'public.' : ''

  test.each([
    ['a column of the same file', 'ALTER TABLE t ADD COLUMN d int; ALTER TABLE t DROP COLUMN d;'],
    ['a column of a new table', 'CREATE TABLE u (a int, b int); ALTER TABLE u DROP COLUMN b;'],
    ['a column of a temporary table', 'CREATE TEMP TABLE u (a int, b int); ALTER TABLE u DROP COLUMN b;'],
    ['IF EXISTS of what is not there', 'ALTER TABLE t DROP COLUMN IF EXISTS z; ALTER TABLE IF EXISTS u DROP COLUMN a;'],
    ['other changes', 'ALTER TABLE t ALTER COLUMN a DROP DEFAULT, ADD CONSTRAINT k CHECK (a > 0) NOT VALID;'],
    ['a type of the same file', 'CREATE TYPE c AS (x int, y int); ALTER TYPE c DROP ATTRIBUTE y;'],
  ])('finds nothing in %s', async (_, sql) => {
    expect(await judged(how, table, sql)).toMatchObject({ findings: [], unknown: [] })
  })

  test.each([
    ['ALTER TABLE t DROP a', ['t.a']],
    ['ALTER TABLE t DROP COLUMN a, DROP COLUMN IF EXISTS b, DROP COLUMN IF EXISTS z', ['t.a', 't.b']],
    ['ALTER TABLE ONLY public.t DROP COLUMN "C" CASCADE', [how === 'trace' ? 't."C"' : 't.C']],
    ['ALTER TABLE t ADD COLUMN IF NOT EXISTS a int; ALTER TABLE t DROP COLUMN a', ['t.a']],
    ['DO $$ BEGIN ALTER TABLE t DROP COLUMN a; END $$', ['t.a']],
  ])('finds %s', async (sql, columns) => {
    const { findings } = await judged(how, table, sql)
    expect(findings.map(({ message }) => message)).toEqual([
      `DROP COLUMN destroys ${columns.map((name) => p + name).join(', ')} with all values; ` +
        'processes that still name it fail at once',
    ])
  })

  test('finds an attribute of a composite type', async () => {
    const { findings } = await judged(how, 'CREATE TYPE c AS (x int, y int);', 'ALTER TYPE c DROP ATTRIBUTE y;')
    expect(findings[0]?.message).toContain(`${p}c.y`)
  })
})

test('the columns of children go too, as the trace shows', async () => {
  const { findings } = await judged('trace', `${table} CREATE TABLE u () INHERITS (t);`, 'ALTER TABLE t DROP COLUMN b;')
  expect(findings[0]?.message).toContain('public.t.b, public.u.b')
})

test('where the text does not show the columns, IF EXISTS needs a trace', async () => {
  const texts = ['CREATE TABLE u AS SELECT 1 AS a, 2 AS b;', 'ALTER TABLE u DROP COLUMN IF EXISTS b;'] as const
  expect(await judged('text', ...texts)).toMatchObject({ findings: [], unknown: ['a trace'] })
  expect((await judged('trace', ...texts)).findings).toHaveLength(1)
})
