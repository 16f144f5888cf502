import { expect, test } from 'vitest'
import { history, judgeExample } from '../../../test/contract/examples.ts'
import type { Runner } from '../../../test/contract/examples.ts'
import rule from './no-concurrent-if-not-exists.ts'

const table = 'CREATE TABLE t (a int);'
const statement = 'CREATE INDEX CONCURRENTLY IF NOT EXISTS i ON t (a);'
const goose: Runner = { layout: 'goose', mode: 'statement' }
const golangMigrate: Runner = { layout: 'golang-migrate', mode: 'simple-query' }
const byText = (texts: string[], runner?: Runner) => judgeExample(rule, history(...texts), 17, 'text', runner)

test('is a note where kei’s runner may run it, and an error elsewhere', async () => {
  expect((await byText([table, statement])).findings).toMatchObject([{ severity: 'note' }])
  expect((await byText([table, statement], goose)).findings).toMatchObject([{ severity: 'error' }])
})

test('a goose file without a transaction gets both statements in its place', async () => {
  const { findings } = await byText([table, statement], goose)
  expect(findings[0]?.fixes).toMatchObject([
    {
      newFiles: [],
      edits: [{ text: 'DROP INDEX CONCURRENTLY IF EXISTS i;\nCREATE INDEX CONCURRENTLY i ON t (a);' }],
    },
  ])
})

test('a golang-migrate file becomes two, since two statements are a transaction', async () => {
  const { findings } = await byText([table, statement], golangMigrate)
  expect(findings[0]?.fixes[0]?.newFiles.map(({ file }) => file)).toEqual([
    'migrations/0003_create_i.up.sql',
    'migrations/0003_create_i.down.sql',
  ])
  expect(findings[0]?.fixes[0]?.edits).toMatchObject([{ text: 'DROP INDEX CONCURRENTLY IF EXISTS i;' }])
})

test.each([
  ['without IF NOT EXISTS', 'CREATE INDEX CONCURRENTLY i ON t (a);'],
  ['without CONCURRENTLY, which leaves nothing behind', 'CREATE INDEX IF NOT EXISTS i ON t (a);'],
  ['on a table of the same file', 'CREATE TABLE u (a int); CREATE INDEX CONCURRENTLY IF NOT EXISTS k ON u (a);'],
])('%s it is passed over', async (_, sql) => {
  expect((await byText([table, sql], goose)).findings).toEqual([])
})
