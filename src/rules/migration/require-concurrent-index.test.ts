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

  test.each<[Runner, string, string]>([
    [
      { layout: 'atlas', mode: 'transaction' },
      'CREATE INDEX i ON t (a);',
      '-- atlas:txmode none\n\nCREATE INDEX CONCURRENTLY i ON t (a);\n',
    ],
    [
      { layout: 'sqlx', mode: 'transaction-query' },
      'CREATE INDEX i ON t (a);',
      '-- no-transaction\nCREATE INDEX CONCURRENTLY i ON t (a);\n',
    ],
    [
      { layout: 'dbmate', mode: 'transaction-query' },
      '-- migrate:up\nCREATE INDEX i ON t (a);',
      '-- migrate:up transaction:false\nCREATE INDEX CONCURRENTLY i ON t (a);\n',
    ],
    [{ layout: 'flyway', mode: 'transaction' }, 'CREATE INDEX i ON t (a);', 'CREATE INDEX CONCURRENTLY i ON t (a);\n'],
  ])('a file of one statement says so itself: %j', async (runner, before, after) => {
    const migrations = history(table, before)
    const { findings } = await judgeExample(rule, migrations, 17, 'text', runner)
    const [fix] = findings[0]?.fixes ?? []
    expect(fix && applyFix(migrations, fix)[1]?.text).toBe(after)
    expect(findings[0]?.next.includes('postgresql.transactional.lock=false')).toBe(runner.layout === 'flyway')
  })

  test('golang-migrate sends a file of one statement outside a transaction, a longer one inside', async () => {
    const alone = await byText([table, 'CREATE INDEX i ON t (a);'], golangMigrate)
    expect(alone.findings[0]?.fixes).toMatchObject([{ safety: 'safe', newFiles: [] }])
    const together = await byText([table, 'ALTER TABLE t ADD c int; CREATE INDEX i ON t (a);'], golangMigrate)
    expect(together.findings[0]?.fixes).toMatchObject([{ safety: 'review', newFiles: [{}, {}] }])
  })

  test('in a file of its own its table is found without the search_path of this one', async () => {
    const migrations = history(
      'CREATE SCHEMA app; CREATE TABLE app.t (a int);',
      'SET search_path TO app;\nBEGIN;\nCREATE INDEX i ON ONLY t (a);\nCOMMIT;',
    )
    const { findings } = await judgeExample(rule, migrations, 17, 'text')
    expect(findings[0]?.fixes[0]?.newFiles.map(({ text }) => text)).toEqual([
      'CREATE INDEX CONCURRENTLY i ON ONLY app.t (a);\n',
      'DROP INDEX CONCURRENTLY app.i;\n',
    ])
  })

  test('IF NOT EXISTS is left out; kei’s runner looks what a failed attempt left, others are told to', async () => {
    const texts = [table, 'CREATE INDEX IF NOT EXISTS i ON t (a);']
    expect((await byText(texts)).findings[0]?.fixes[0]?.edits[0]?.text).toBe('CREATE INDEX CONCURRENTLY i ON t (a);')
    expect((await byText(texts, goose)).findings[0]?.fixes[0]?.edits.at(-1)?.text).toBe(
      'DROP INDEX CONCURRENTLY IF EXISTS i;\nCREATE INDEX CONCURRENTLY i ON t (a);',
    )
  })

  test('a released file is not edited', async () => {
    const { findings } = await byText([table, 'CREATE INDEX i ON t (a);', 'SELECT 1;'])
    expect(findings).toMatchObject([{ fixes: [] }])
  })

  test('a partitioned table gets the whole recipe with its own names', async () => {
    const parent = 'CREATE TABLE t (a int) PARTITION BY LIST (a); CREATE TABLE "P" PARTITION OF t FOR VALUES IN (1);'
    const { findings } = await byText([parent, 'CREATE UNIQUE INDEX i ON t USING btree (a);'])
    expect(findings[0]?.fixes).toHaveLength(1)
    expect(findings[0]?.next.split('\n').slice(1)).toEqual([
      '  CREATE UNIQUE INDEX i ON ONLY t USING btree (a);',
      '  CREATE UNIQUE INDEX CONCURRENTLY "P_a_idx" ON "P" USING btree (a);',
      '  ALTER INDEX i ATTACH PARTITION "P_a_idx";',
    ])
  })

  test('partitions at every depth are indexed and attached from the deepest up', async () => {
    const parent =
      'CREATE TABLE t (a int, b int) PARTITION BY LIST (a);\n' +
      'CREATE TABLE p PARTITION OF t FOR VALUES IN (1) PARTITION BY LIST (b);\n' +
      'CREATE TABLE p1 PARTITION OF p FOR VALUES IN (1);\n' +
      'CREATE TABLE q PARTITION OF t FOR VALUES IN (2); CREATE INDEX q_own ON q (b);'
    const migrations = history(parent, 'CREATE INDEX ON public.t (b);')
    const { findings } = await judgeExample(rule, migrations, 17, 'text')
    expect(findings[0]?.next.split('\n').slice(1)).toEqual([
      '  CREATE INDEX t_b_idx ON ONLY public.t (b);',
      '  CREATE INDEX p_b_idx ON ONLY p (b);',
      '  CREATE INDEX CONCURRENTLY p1_b_idx ON p1 (b);',
      '  ALTER INDEX t_b_idx ATTACH PARTITION q_own;',
      '  ALTER INDEX p_b_idx ATTACH PARTITION p1_b_idx;',
      '  ALTER INDEX t_b_idx ATTACH PARTITION p_b_idx;',
    ])
    const [fix] = findings[0]?.fixes ?? []
    const fixed = fix && (await judgeExample(rule, applyFix(migrations, fix), 17, 'trace'))
    expect(fixed?.findings).toEqual([])
    expect(fixed?.traced?.catalog.indexes.every(({ valid }) => valid)).toBe(true)
  })

  test('its statements are files of their own where a file is sent as one string', async () => {
    const parent = 'CREATE TABLE t (a int) PARTITION BY LIST (a); CREATE TABLE p PARTITION OF t FOR VALUES IN (1);'
    const { findings } = await byText([parent, 'CREATE INDEX i ON t (a);'], golangMigrate)
    expect(findings[0]?.fixes[0]?.newFiles).toEqual([
      { file: 'migrations/0003_create_p_a_idx.up.sql', text: 'CREATE INDEX CONCURRENTLY p_a_idx ON p (a);\n' },
      { file: 'migrations/0004_attach_i.up.sql', text: 'ALTER INDEX i ATTACH PARTITION p_a_idx;\n' },
    ])
  })

  test('CONCURRENTLY on a partitioned table is refused, which is found before it is run, and after', async () => {
    const migrations = history(
      'CREATE TABLE t (a int) PARTITION BY LIST (a); CREATE TABLE p PARTITION OF t FOR VALUES IN (1);',
      'CREATE INDEX CONCURRENTLY i ON t (a);',
    )
    for (const how of ['text', 'trace'] as const) {
      const fails = how === 'trace' ? '0A000' : undefined
      const { findings } = await judgeExample(rule, migrations, 17, how, undefined, fails)
      expect(findings).toMatchObject([{ severity: 'error', message: expect.stringContaining('0A000') as string }])
      const [fix] = findings[0]?.fixes ?? []
      expect(fix && (await judgeExample(rule, applyFix(migrations, fix), 17, 'trace')).findings).toEqual([])
    }
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

  test('CREATE TABLE IF NOT EXISTS does not make an old table new', async () => {
    const texts = [table, 'CREATE TABLE IF NOT EXISTS t (a int, b int); CREATE INDEX i ON t (a);']
    expect((await byText(texts)).findings).toHaveLength(1)
    expect((await byTrace(texts)).findings).toHaveLength(1)
  })
})

describe('in code', () => {
  const blocks = {
    'a DO block': 'DO $$ BEGIN CREATE INDEX i ON t (a); END $$;',
    'a branch': "DO $$ BEGIN IF to_regclass('i') IS NULL THEN CREATE INDEX i ON t (a); END IF; END $$;",
    EXECUTE: "DO $$ BEGIN EXECUTE 'CREATE INDEX i ON t (a)'; END $$;",
  }
  test.each(Object.entries(blocks))(
    '%s shows its index in its own place, by the text and with a trace',
    async (_, text) => {
      const column = text.indexOf('CREATE INDEX') + 1
      for (const judged of [await byText([table, text]), await byTrace([table, text])]) {
        expect(judged.findings).toMatchObject([{ location: { line: 1, column, endColumn: column + 23 }, fixes: [] }])
        expect(judged.findings[0]?.next).toContain('CREATE INDEX CONCURRENTLY i ON t (a);')
      }
    },
  )

  test('a function shows its index at the call, and where it is made', async () => {
    const make = 'CREATE FUNCTION f() RETURNS void LANGUAGE sql AS $$ CREATE INDEX i ON t (a) $$;'
    for (const judged of [await byText([table, make, 'SELECT f();']), await byTrace([table, make, 'SELECT f();'])]) {
      expect(judged.findings).toMatchObject([
        {
          location: { file: 'migrations/0003_step.sql', column: 1, endColumn: 11 },
          related: [{ location: { file: 'migrations/0002_step.sql', line: 1 } }],
          fixes: [],
        },
      ])
    }
  })

  test('an index on a table that the code makes is passed over', async () => {
    const text = 'DO $$ BEGIN CREATE TABLE u (a int); CREATE INDEX ON u (a); END $$;'
    expect((await byText([table, text])).findings).toEqual([])
    expect((await byTrace([table, text])).findings).toEqual([])
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
