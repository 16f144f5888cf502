import { describe, expect, test } from 'vitest'
import { applyFix, history, judgeExample } from '../../../test/contract/examples.ts'
import type { Runner } from '../../../test/contract/examples.ts'
import rule from './require-concurrent-index-drop.ts'

const table = 'CREATE TABLE t (a int, b int); CREATE INDEX i ON t (a); CREATE INDEX j ON t (b);'
const golangMigrate: Runner = { layout: 'golang-migrate', mode: 'simple-query' }
const goose: Runner = { layout: 'goose', mode: 'transaction' }
const byText = (texts: string[], runner?: Runner) => judgeExample(rule, history(...texts), 17, 'text', runner)
const byTrace = (texts: string[], runner?: Runner) => judgeExample(rule, history(...texts), 17, 'trace', runner)

const harmless = {
  'an index of a table of the same file': [
    table,
    'CREATE TABLE u (a int); CREATE INDEX k ON u (a); ALTER TABLE u RENAME TO v; DROP INDEX k;',
  ],
  'an index that the same file makes': [table, 'CREATE INDEX k ON t (a); DROP INDEX k;'],
  'an index of a temporary table': [table, 'CREATE TEMP TABLE u (a int); CREATE INDEX k ON u (a); DROP INDEX k;'],
  CONCURRENTLY: [table, 'DROP INDEX CONCURRENTLY IF EXISTS i;'],
  'something else dropped': [`${table} CREATE VIEW w AS SELECT 1 AS a;`, 'DROP VIEW w;'],
}

test.each(Object.entries(harmless))('%s is passed over, by the text and with a trace', async (_, texts) => {
  expect((await byText(texts)).findings).toEqual([])
  expect((await byTrace(texts)).findings).toEqual([])
})

test('IF EXISTS of an index that the text does not show is for a trace to decide', async () => {
  const texts = [table, 'DROP INDEX IF EXISTS k;']
  expect(await byText(texts)).toMatchObject({ findings: [], unknown: ['a trace'] })
  expect(await byTrace(texts)).toMatchObject({ findings: [], unknown: [] })
})

test('an index that code made is found by the text without its table, and by a trace with it', async () => {
  const texts = [`${table} DO $$ BEGIN EXECUTE format('CREATE INDEX %I ON t (a)', 'k'); END $$;`, 'DROP INDEX k;']
  expect((await byText(texts)).findings[0]?.message).toContain('every read and write of its table')
  expect((await byTrace(texts)).findings[0]?.message).toContain('every read and write of public.t')
})

test('an index is found in its schema', async () => {
  const texts = ['CREATE SCHEMA s; CREATE TABLE s."T" (a int); CREATE INDEX "I" ON s."T" (a);', 'DROP INDEX s."I";']
  expect((await byText(texts)).findings[0]?.message).toContain('of s.T waiting')
  expect((await byTrace(texts)).findings[0]?.message).toContain('of s."T" waiting')
})

test('a lock that the transaction holds already is found all the same', async () => {
  const { findings } = await byTrace([table, 'ALTER TABLE t ADD c int; DROP INDEX i;'])
  expect(findings).toMatchObject([{ message: expect.stringContaining('public.t') as string }])
})

describe('the way out', () => {
  test('keeps what is written around the index', async () => {
    const migrations = history(table, 'DROP INDEX IF EXISTS /* why */ public.i RESTRICT;')
    const { findings } = await judgeExample(rule, migrations, 17, 'text')
    const [fix] = findings[0]?.fixes ?? []
    expect(fix).toMatchObject({ safety: 'safe', newFiles: [] })
    expect(fix && applyFix(migrations, fix)[1]?.text).toBe(
      'DROP INDEX CONCURRENTLY IF EXISTS /* why */ public.i RESTRICT;\n',
    )
  })

  test('is a migration for each index where a file is sent as one string', async () => {
    const { findings } = await byText([table, 'DROP INDEX i, public.j;'], golangMigrate)
    expect(findings[0]?.fixes[0]?.edits).toMatchObject([{ text: 'DROP INDEX CONCURRENTLY i;' }])
    expect(findings[0]?.fixes[0]?.newFiles).toEqual([
      { file: 'migrations/0003_drop_j.up.sql', text: 'DROP INDEX CONCURRENTLY public.j;\n' },
      { file: 'migrations/0003_drop_j.down.sql', text: 'CREATE INDEX CONCURRENTLY j ON t (b);\n' },
    ])
  })

  test('is one word in a golang-migrate file of one statement', async () => {
    const { findings } = await byText([table, 'DROP INDEX i;'], golangMigrate)
    expect(findings[0]?.fixes).toMatchObject([{ safety: 'safe', newFiles: [] }])
  })

  test('is the annotation in a goose file of one statement', async () => {
    const migrations = history(table, '-- +goose Up\nDROP INDEX i;')
    const { findings } = await judgeExample(rule, migrations, 17, 'text', goose)
    const [fix] = findings[0]?.fixes ?? []
    expect(fix && applyFix(migrations, fix)[1]?.text).toBe(
      '-- +goose NO TRANSACTION\n-- +goose Up\nDROP INDEX CONCURRENTLY i;\n',
    )
  })

  test('in a file of its own the index is found without the search_path of this one', async () => {
    const { findings } = await byText([
      'CREATE SCHEMA app; CREATE TABLE app.t (a int); CREATE INDEX i ON app.t (a);',
      'SET search_path TO app; BEGIN; DROP INDEX i; COMMIT;',
    ])
    expect(findings[0]?.fixes[0]?.newFiles.map(({ text }) => text)).toEqual([
      'DROP INDEX CONCURRENTLY app.i;\n',
      'CREATE INDEX CONCURRENTLY i ON app.t (a);\n',
    ])
  })

  test('with CASCADE onto a foreign key is told, not made', async () => {
    const texts = [
      'CREATE TABLE t (a int NOT NULL); CREATE UNIQUE INDEX i ON t (a); CREATE TABLE u (a int REFERENCES t (a));',
      'DROP INDEX i CASCADE;',
    ]
    for (const { findings } of [await byText(texts), await byTrace(texts)]) {
      expect(findings).toMatchObject([{ fixes: [], next: expect.stringContaining('drop the foreign keys') as string }])
    }
  })

  test('does not exist for the index of a partitioned table, which is a note', async () => {
    const texts = [
      'CREATE TABLE t (a int) PARTITION BY LIST (a); CREATE TABLE p PARTITION OF t FOR VALUES IN (1); CREATE INDEX i ON t (a);',
      'DROP INDEX i;',
    ]
    for (const { findings } of [await byText(texts), await byTrace(texts)]) {
      expect(findings).toMatchObject([
        { severity: 'note', fixes: [], next: expect.stringContaining('no other way') as string },
      ])
    }
  })
})
