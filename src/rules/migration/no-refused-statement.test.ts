import { describe, expect, test } from 'vitest'
import { history, judgeExample } from '../../../test/contract/examples.ts'
import type { Runner } from '../../../test/contract/examples.ts'
import type { Major } from '../rule.ts'
import rule from './no-refused-statement.ts'

const golangMigrate: Runner = { layout: 'golang-migrate', mode: 'simple-query' }
const goose: Runner = { layout: 'goose', mode: 'transaction' }
const mood = "CREATE TYPE mood AS ENUM ('ok'); CREATE TABLE t (id int, mood mood, note text);"
const add = "ALTER TYPE mood ADD VALUE 'good';"
const found = async (last: string, runner?: Runner, major: Major = 17, before = mood) =>
  (await judgeExample(rule, history(before, last), major, 'text', runner)).findings.map(({ message }) => message)
const early =
  'PostgreSQL refuses the new value good of mood here (55P04): the transaction that adds it has not committed'

describe('a new enum value', () => {
  test.each([
    ['inserted', `${add} INSERT INTO t VALUES (1, 'good', '');`],
    ['set', `${add} UPDATE t SET mood = 'good';`],
    ['compared', `${add} DELETE FROM t WHERE mood = 'good';`],
    ['a default', `${add} ALTER TABLE t ALTER COLUMN mood SET DEFAULT 'good';`],
    ['the default of a new column', `${add} ALTER TABLE t ADD COLUMN m2 mood DEFAULT 'good';`],
    ['a cast', `${add} CREATE TABLE u AS SELECT 'good'::mood AS m;`],
  ])('that is %s in the same string or transaction is found', async (_, text) => {
    expect(await found(text, golangMigrate)).toEqual([early])
    expect(await found(text, goose)).toEqual([early])
    expect(await found(`BEGIN; ${text} COMMIT;`)).toEqual([early])
  })

  test('is committed first by kei, and by a COMMIT in the file', async () => {
    expect(await found(`${add} UPDATE t SET mood = 'good';`)).toEqual([])
    expect(await found(`BEGIN; ${add} COMMIT; BEGIN; UPDATE t SET mood = 'good'; COMMIT;`, golangMigrate)).toEqual([])
  })

  test.each([
    ['another value', `${add} UPDATE t SET mood = 'ok';`],
    ['the same text in a table without the type', `CREATE TABLE u (note text); ${add} INSERT INTO u VALUES ('good');`],
    ['the neighbour of another value', `${add} ALTER TYPE mood ADD VALUE 'better' AFTER 'good';`],
    ['a renamed value', "ALTER TYPE mood RENAME VALUE 'ok' TO 'good'; UPDATE t SET mood = 'good';"],
    ['a comment', `${add} COMMENT ON TYPE mood IS 'good';`],
    [
      'the body of a function',
      `${add} CREATE FUNCTION f() RETURNS mood LANGUAGE plpgsql AS $$ BEGIN RETURN 'good'; END $$;`,
    ],
  ])('is not used by %s', async (_, text) => {
    expect(await found(text, golangMigrate)).toEqual([])
  })

  test('of a type that is as new can be used from 17 on', async () => {
    const text = `CREATE TYPE mood AS ENUM ('ok'); ${add} CREATE TABLE u AS SELECT 'good'::mood AS m;`
    expect(await found(text, golangMigrate, 16, 'SELECT 1;')).toEqual([early])
    expect(await found(text, golangMigrate, 17, 'SELECT 1;')).toEqual([])
  })

  test('is moved with all that follows', async () => {
    const last = `${add}\nUPDATE t SET mood = 'good';\nUPDATE t SET note = 'x' WHERE id = 1;`
    const { findings } = await judgeExample(rule, history(mood, last), 17, 'text', golangMigrate)
    expect(findings[0]?.next.split('\n').slice(1)).toEqual([
      'migrations/0003_step_2.up.sql',
      "  UPDATE t SET mood = 'good';",
      "  UPDATE t SET note = 'x' WHERE id = 1;",
    ])
  })
})
