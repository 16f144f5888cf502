import { describe, expect, test } from 'vitest'
import { applyFix, history, judgeExample } from '../../../test/contract/examples.ts'
import type { Runner } from '../../../test/contract/examples.ts'
import rule from './require-lock-timeout.ts'

const table = 'CREATE TABLE t (id int PRIMARY KEY, a int);'
const goose: Runner = { layout: 'goose', mode: 'transaction' }
const gooseAlone: Runner = { layout: 'goose', mode: 'statement' }
const golangMigrate: Runner = { layout: 'golang-migrate', mode: 'simple-query' }
const prisma: Runner = { layout: 'prisma', mode: 'simple-query' }
const found = async (last: string, runner?: Runner) =>
  (await judgeExample(rule, history(table, last), 17, 'text', runner)).findings

describe('in a layout whose runner sets none', () => {
  test.each([
    [goose, "SET LOCAL lock_timeout = '1s';"],
    [golangMigrate, "SET LOCAL lock_timeout = '1s';"],
    [gooseAlone, "SET lock_timeout = '1s';"],
    [prisma, "SET lock_timeout = '1s';"],
  ] as const)('the first strong lock is found, once, and the fix fits the transaction (%#)', async (runner, set) => {
    const migrations = history(table, 'SELECT 1;\nALTER TABLE t ADD b int;\nALTER TABLE t ADD c int;')
    const { findings } = await judgeExample(rule, migrations, 17, 'text', runner)
    expect(findings).toMatchObject([{ severity: 'note', location: { line: 2 } }])
    const [fix] = findings[0]?.fixes ?? []
    const after = fix ? applyFix(migrations, fix) : []
    expect(after[1]?.text).toBe(`SELECT 1;\n${set}\nALTER TABLE t ADD b int;\nALTER TABLE t ADD c int;\n`)
    expect((await judgeExample(rule, after, 17, 'text', runner)).findings).toEqual([])
  })

  test('a file of one statement gets it too, although it becomes a string of two', async () => {
    const migrations = history(table, 'ALTER TABLE t ADD b int;')
    const { findings } = await judgeExample(rule, migrations, 17, 'trace', golangMigrate)
    expect(findings).toMatchObject([{ evidence: [{ kind: 'source' }, { kind: 'trace' }] }])
    const [fix] = findings[0]?.fixes ?? []
    const after = fix ? applyFix(migrations, fix) : []
    expect((await judgeExample(rule, after, 17, 'trace', golangMigrate)).findings).toEqual([])
  })

  test.each([
    ['set before', 'SET lock_timeout TO 2000; ALTER TABLE t ADD b int;'],
    ['set in the transaction', "BEGIN; SET LOCAL lock_timeout = '0.5min'; ALTER TABLE t ADD b int; COMMIT;"],
    ['set by a function', "SELECT pg_catalog.set_config('lock_timeout', '1s', true); ALTER TABLE t ADD b int;"],
    ['a new table', 'CREATE TABLE u (a int); ALTER TABLE u ADD b int;'],
    ['a weak lock', 'ALTER TABLE t VALIDATE CONSTRAINT x; ANALYZE t; UPDATE t SET a = 1;'],
    ['an index built concurrently', 'CREATE INDEX CONCURRENTLY ON t (a);'],
  ])('%s: passed over', async (_, last) => {
    expect(await found(last, golangMigrate)).toEqual([])
  })

  test('a setting that ended with its transaction, or comes too late, is none', async () => {
    const ended = "BEGIN; SET LOCAL lock_timeout = '1s'; COMMIT;\nALTER TABLE t ADD b int;"
    expect(await found(ended, golangMigrate)).toMatchObject([{ location: { line: 2 } }])
    expect(await found("ALTER TABLE t ADD b int;\nSET lock_timeout = '1s';", goose)).toHaveLength(1)
  })
})

describe('in a folder of kei’s', () => {
  test.each([
    'ALTER TABLE t ADD b int;',
    "SET LOCAL lock_timeout = '30s'; ALTER TABLE t ADD b int;",
    'SET LOCAL lock_timeout = 0;',
  ])('%s is passed over', async (last) => {
    expect(await found(last)).toEqual([])
  })

  test.each(["'31s'", "'1h'", "'0'", 'DEFAULT', '60000'])('lock_timeout = %s is found', async (value) => {
    expect(await found(`SET lock_timeout = ${value};\nALTER TABLE t ADD b int;`)).toMatchObject([
      { location: { line: 1 } },
    ])
  })

  test('one setting is one finding', async () => {
    expect(await found('SET LOCAL lock_timeout = 0;\nALTER TABLE t ADD b int;\nALTER TABLE t ADD c int;')).toHaveLength(
      1,
    )
  })
})
