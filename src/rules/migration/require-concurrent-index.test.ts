import { describe, expect, test } from 'vitest'
import { applyFix, history, judgeExample } from '../../../test/contract/examples.ts'
import type { Runner } from '../../../test/contract/examples.ts'
import rule from './require-concurrent-index.ts'

const table = 'CREATE TABLE t (a int, b int);'
const goose: Runner = { layout: 'goose', mode: 'transaction' }
const golangMigrate: Runner = { layout: 'golang-migrate', mode: 'simple-query' }
const byText = (texts: string[], runner?: Runner) => judgeExample(rule, history(...texts), 17, 'text', runner)
const byTrace = (texts: string[], runner?: Runner) => judgeExample(rule, history(...texts), 17, 'trace', runner)

describe('the way out in each layout', () => {
  test('kei sends a concurrent statement alone, so CONCURRENTLY is enough', async () => {
    const migrations = history(table, 'ALTER TABLE t ADD c int;\nCREATE UNIQUE INDEX i ON t (a);')
    const { findings } = await judgeExample(rule, migrations, 17, 'text')
    expect(findings[0]?.fixes).toMatchObject([{ safety: 'safe', newFiles: [] }])
    expect(findings[0]?.next).toContain('CREATE UNIQUE INDEX CONCURRENTLY i ON t (a);')
    const [fix] = findings[0]?.fixes ?? []
    expect(fix && applyFix(migrations, fix)[1]?.text).toBe(
      'ALTER TABLE t ADD c int;\nCREATE UNIQUE INDEX CONCURRENTLY i ON t (a);\n',
    )
  })

  test('between BEGIN and COMMIT it is refused, so the statement moves to a migration of its own', async () => {
    const migrations = history(table, 'BEGIN;\nCREATE INDEX i ON t (a);\nCOMMIT;')
    const { findings } = await judgeExample(rule, migrations, 17, 'text')
    const [fix] = findings[0]?.fixes ?? []
    expect(fix).toMatchObject({ safety: 'review' })
    expect(fix?.newFiles).toMatchObject([
      { file: 'migrations/0003_create_i.sql', text: 'CREATE INDEX CONCURRENTLY i ON t (a);\n' },
      { file: 'migrations/0003_create_i.down.sql', text: 'DROP INDEX CONCURRENTLY i;\n' },
    ])
    expect(fix && applyFix(migrations, fix)[1]?.text).toBe('BEGIN;\n\nCOMMIT;\n')
  })

  test('a goose file of one statement gets the annotation', async () => {
    const migrations = history(table, '-- +goose Up\nCREATE INDEX i ON t (a);')
    const { findings } = await judgeExample(rule, migrations, 17, 'text', goose)
    const [fix] = findings[0]?.fixes ?? []
    expect(fix).toMatchObject({ safety: 'safe' })
    expect(fix && applyFix(migrations, fix)[1]?.text).toBe(
      '-- +goose NO TRANSACTION\n-- +goose Up\nCREATE INDEX CONCURRENTLY i ON t (a);\n',
    )
  })

  test('a goose file of several statements loses the index to a file without a transaction', async () => {
    const { findings } = await byText([table, 'ALTER TABLE t ADD c int;\nCREATE INDEX i ON t (a);'], goose)
    expect(findings[0]?.next).toContain(
      '-- +goose NO TRANSACTION\n  -- +goose Up\n  CREATE INDEX CONCURRENTLY i ON t (a);',
    )
    expect(findings[0]?.fixes).toMatchObject([{ safety: 'review' }])
  })

  test('golang-migrate sends a file of one statement outside a transaction, a longer one inside', async () => {
    const alone = await byText([table, 'CREATE INDEX i ON t (a);'], golangMigrate)
    expect(alone.findings[0]?.fixes).toMatchObject([{ safety: 'safe', newFiles: [] }])
    const together = await byText([table, 'ALTER TABLE t ADD c int; CREATE INDEX i ON t (a);'], golangMigrate)
    expect(together.findings[0]?.fixes).toMatchObject([{ safety: 'review', newFiles: [{}, {}] }])
  })

  test('a released file is not edited', async () => {
    const { findings } = await byText([table, 'CREATE INDEX i ON t (a);', 'SELECT 1;'])
    expect(findings).toMatchObject([{ fixes: [] }])
  })

  test('a partitioned table gets the whole recipe with its own names', async () => {
    const parent = 'CREATE TABLE t (a int) PARTITION BY LIST (a); CREATE TABLE "P" PARTITION OF t FOR VALUES IN (1);'
    const { findings } = await byText([parent, 'CREATE UNIQUE INDEX i ON t USING btree (a);'])
    expect(findings[0]?.fixes).toEqual([])
    expect(findings[0]?.next.split('\n').slice(1)).toEqual([
      'CREATE UNIQUE INDEX i ON ONLY t USING btree (a);',
      'CREATE UNIQUE INDEX CONCURRENTLY "P_i" ON "P" USING btree (a);',
      'ALTER INDEX i ATTACH PARTITION "P_i";',
    ])
  })
})

const harmless = {
  'a table of the same file': [table, 'CREATE TABLE u (a int); ALTER TABLE u RENAME TO v; CREATE INDEX ON v (a);'],
  'a table copied in the same file': [table, 'CREATE TABLE u AS SELECT * FROM t; CREATE INDEX ON u (a);'],
  'a temporary table': [table, 'CREATE TEMP TABLE u (a int); CREATE INDEX ON u (a);'],
  'a materialized view': [`${table} CREATE MATERIALIZED VIEW m AS SELECT * FROM t;`, 'CREATE INDEX ON m (a);'],
  'ONLY a partitioned table': ['CREATE TABLE t (a int) PARTITION BY LIST (a);', 'CREATE INDEX ON ONLY t (a);'],
}

test.each(Object.entries(harmless))('%s is passed over, by the text and with a trace', async (_, texts) => {
  expect((await byText(texts)).findings).toEqual([])
  expect((await byTrace(texts)).findings).toEqual([])
})

describe('with a trace', () => {
  test('the observed lock is the evidence', async () => {
    const { findings } = await byTrace([table, 'CREATE INDEX i ON t (a);'])
    expect(findings[0]?.evidence).toMatchObject([
      { kind: 'trace', major: 17, locks: [{ relation: 'public.t', mode: 'SHARE' }] },
    ])
  })

  test('an index built while an earlier statement holds a stronger lock is found with that lock', async () => {
    const { findings } = await byTrace([table, 'ALTER TABLE t ADD c int; CREATE INDEX i ON t (a);'])
    expect(findings).toMatchObject([{ message: expect.stringContaining('ACCESS EXCLUSIVE') as string }])
  })

  test('IF NOT EXISTS that finds its index builds nothing: the trace refutes what the text shows', async () => {
    const texts = [`${table} DO $$ BEGIN CREATE INDEX i ON t (a); END $$;`, 'CREATE INDEX IF NOT EXISTS i ON t (a);']
    expect((await byText(texts)).findings).toHaveLength(1)
    expect((await byTrace(texts)).findings).toEqual([])
  })

  test('an index that a DO block builds is found, which the text cannot show', async () => {
    const texts = [table, "DO $$ BEGIN EXECUTE 'CREATE INDEX i ON t (a)'; END $$;"]
    expect((await byText(texts)).findings).toEqual([])
    const { findings } = await byTrace(texts)
    expect(findings).toMatchObject([
      { location: { line: 1, column: 1 }, message: expect.stringContaining('public.t') as string },
    ])
  })

  test('CREATE TABLE IF NOT EXISTS does not make an old table new', async () => {
    const texts = [table, 'CREATE TABLE IF NOT EXISTS t (a int, b int); CREATE INDEX i ON t (a);']
    expect((await byText(texts)).findings).toHaveLength(1)
    expect((await byTrace(texts)).findings).toHaveLength(1)
  })
})

test('says so when an earlier statement of the transaction already keeps reads out', async () => {
  const { findings } = await byTrace([table, 'ALTER TABLE t ADD c int;\nCREATE INDEX i ON t (a);'])
  expect(findings[0]?.message).toBe(
    'CREATE INDEX blocks every read and write to public.t (ACCESS EXCLUSIVE, held by its transaction) until the index is built',
  )
  expect(findings[0]?.evidence).toMatchObject([
    { kind: 'trace', facts: { 'held since an earlier statement': 'ACCESS EXCLUSIVE on public.t' } },
  ])
})
