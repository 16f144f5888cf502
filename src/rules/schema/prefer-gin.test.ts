import { expect, test } from 'vitest'
import { applyFix, history, judgeExample } from '../../../test/contract/examples.ts'
import rule from './prefer-gin.ts'

const find = (how: 'text' | 'trace', ...texts: string[]) => judgeExample(rule, history(...texts), 17, how)

test.each([
  ['a unique index', 'CREATE TABLE t (d jsonb); CREATE UNIQUE INDEX ON t (d);'],
  ['a unique constraint', 'CREATE TABLE t (d jsonb UNIQUE);'],
  ['an expression', "CREATE TABLE t (d jsonb); CREATE INDEX ON t ((d ->> 'a'));"],
  ['an included column', 'CREATE TABLE t (a int, d jsonb); CREATE INDEX ON t (a) INCLUDE (d);'],
  ['another method', 'CREATE TABLE t (d int[]); CREATE INDEX ON t USING gin (d);'],
  ['another type', 'CREATE TABLE t (d text); CREATE INDEX ON t (d);'],
  ['a column whose type was changed', 'CREATE TABLE t (d jsonb); CREATE INDEX ON t (d); ALTER TABLE t ALTER d TYPE text;'],
])('%s is passed over', async (_, sql) => {
  expect((await find('text', sql)).findings).toEqual([])
  expect((await find('trace', sql)).findings).toEqual([])
})

test('the column’s type comes from the trace where the text does not show it', async () => {
  const sql = "CREATE TABLE t AS SELECT '{}'::jsonb AS d; CREATE INDEX i ON t (d);"
  expect(await find('text', sql)).toMatchObject({ findings: [], unknown: ['the type of t.d'] })
  expect(await find('trace', sql)).toMatchObject({ findings: [{ message: expect.stringContaining('(jsonb)') as string }], unknown: [] })
})

test('an index that only a DO block shows is placed at that block', async () => {
  const { findings } = await find('trace', "CREATE TABLE t (d int[]);\nDO $$ BEGIN EXECUTE 'CREATE INDEX i ON t (d)'; END $$;")
  expect(findings).toMatchObject([{ location: { line: 2 } }])
})

test('partitions are judged through their parent, mixed-case names as they are', async () => {
  const sql = 'CREATE TABLE "T" (a int, "Data" jsonb) PARTITION BY LIST (a); CREATE TABLE p PARTITION OF "T" FOR VALUES IN (1); CREATE INDEX ON "T" ("Data");'
  const [text, trace] = [await find('text', sql), await find('trace', sql)]
  expect(text.findings).toHaveLength(1)
  expect(trace.findings).toHaveLength(1)
  expect(trace.findings[0]?.next).toContain('USING gin ("Data" jsonb_path_ops)')
})

test('of a released index new migrations build GIN, drop the B-tree, and can be taken back', async () => {
  const files = history('CREATE TABLE t (d jsonb); CREATE INDEX t_d_idx ON t (d);', 'SELECT 1;')
  const { findings } = await judgeExample(rule, files, 17, 'trace')
  const [fix, ...others] = findings.flatMap((finding) => finding.fixes)
  expect(others).toEqual([])
  if (fix === undefined) throw new Error('there is no fix')
  expect(fix.edits).toEqual([])
  expect(fix.newFiles.filter(({ file }) => !file.endsWith('.down.sql')).map(({ text }) => text)).toEqual([
    'CREATE INDEX CONCURRENTLY t_d_idx_gin ON t USING gin (d jsonb_path_ops);\n',
    'DROP INDEX CONCURRENTLY t_d_idx;\n',
  ])
  const after = await judgeExample(rule, applyFix(files, fix), 17, 'trace')
  expect(after.findings).toEqual([])
  expect(after.traced?.catalog.indexes.map(({ name, method }) => `${name} ${method}`)).toEqual(['public.t_d_idx_gin gin'])
})

test.each([
  ['several columns', 'CREATE TABLE t (a int, d jsonb); CREATE INDEX i ON t (a, d);'],
  ['a condition', 'CREATE TABLE t (a int, d jsonb); CREATE INDEX i ON t (d) WHERE a > 0;'],
  ['storage parameters', 'CREATE TABLE t (d jsonb); CREATE INDEX i ON t (d) WITH (fillfactor = 70);'],
  ['no name', 'CREATE TABLE t (d jsonb); CREATE INDEX ON t (d);'],
])('an index with %s is told without a fix', async (_, sql) => {
  expect((await find('text', sql)).findings).toMatchObject([{ fixes: [] }])
})
