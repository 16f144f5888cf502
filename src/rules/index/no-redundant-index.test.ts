import { expect, test } from 'vitest'
import { findInDatabase } from '../../../test/contract/live.ts'
import { applyFix, history, judgeExample } from '../../../test/contract/examples.ts'
import rule from './no-redundant-index.ts'

const find = (how: 'text' | 'trace', ...texts: string[]) => judgeExample(rule, history(...texts), 17, how)
const table = 'CREATE TABLE t (id bigint PRIMARY KEY, a int, b int, c text);'

const silent = {
  'another method': 'CREATE INDEX ON t (a); CREATE INDEX ON t USING hash (a);',
  'another operator class': 'CREATE INDEX ON t (c); CREATE INDEX ON t (c text_pattern_ops);',
  'another collation': 'CREATE INDEX ON t (c); CREATE INDEX ON t (c COLLATE "C");',
  'another condition': 'CREATE INDEX ON t (a) WHERE b = 1; CREATE INDEX ON t (a) WHERE b = 2;',
  'a partial one beside a full one': 'CREATE INDEX ON t (a) WHERE b = 1; CREATE INDEX ON t (a);',
  'a column that is only included': 'CREATE INDEX ON t (a) INCLUDE (b); CREATE INDEX ON t (a, c);',
  'directions that are neither the same nor opposite': 'CREATE INDEX ON t (a, b); CREATE INDEX ON t (a, b DESC);',
  'NULLS at the other end': 'CREATE INDEX ON t (a); CREATE INDEX ON t (a NULLS FIRST);',
  'a unique index beside a wider one': 'CREATE UNIQUE INDEX ON t (a); CREATE INDEX ON t (a, b);',
  'a unique index beside one with NULLS NOT DISTINCT':
    'CREATE UNIQUE INDEX ON t (a); CREATE UNIQUE INDEX ON t (a) NULLS NOT DISTINCT;',
  'another expression': 'CREATE INDEX ON t (lower(c)); CREATE INDEX ON t (upper(c));',
  'a GIN index on fewer columns':
    'CREATE TABLE d (x int[], y int[]); CREATE INDEX ON d USING gin (x); CREATE INDEX ON d USING gin (x, y);',
  'one of each partition beside their parent’s':
    'CREATE TABLE p (a int) PARTITION BY LIST (a); CREATE TABLE p1 PARTITION OF p FOR VALUES IN (1); CREATE INDEX ON p (a);',
  'one that is dropped again': 'CREATE INDEX i ON t (a); CREATE INDEX j ON t (a, b); DROP INDEX i;',
  'an exclusion constraint':
    'CREATE TABLE r (during tsrange, EXCLUDE USING gist (during WITH &&)); CREATE INDEX ON r (during);',
}

test.each(Object.entries(silent))('%s is passed over, by the text and with a trace', async (_, sql) => {
  for (const how of ['text', 'trace'] as const) {
    const { findings } = await find(how, table, sql)
    expect(findings.map(({ message }) => message)).toEqual([])
  }
})

const found = {
  'the same columns by another name': 'CREATE INDEX i ON t (a, b); CREATE INDEX j ON t (a, b);',
  'the same read backwards': 'CREATE INDEX i ON t (a); CREATE INDEX j ON t (a DESC);',
  'the same expression': 'CREATE INDEX i ON t (lower(c)); CREATE INDEX j ON t (lower( c ));',
  'the same condition': 'CREATE INDEX i ON t (a) WHERE b = 1; CREATE INDEX j ON t (a) WHERE (b = 1);',
  'one that includes more': 'CREATE INDEX j ON t (a) INCLUDE (b); CREATE INDEX i ON t (a);',
  'a column of the primary key': 'CREATE TABLE o (a int, b int, PRIMARY KEY (a, b)); CREATE INDEX j ON o (a);',
  'a plain one beside a unique one': 'CREATE INDEX i ON t (c); CREATE UNIQUE INDEX j ON t (c);',
}

test.each(Object.entries(found))('%s is found, alike by the text and with a trace', async (_, sql) => {
  const text = await find('text', table, sql)
  const trace = await find('trace', table, sql)
  expect(text.findings).toHaveLength(1)
  // An expression is shown by PostgreSQL’s print of it only.
  const same = trace.findings.map(({ location, fingerprint, severity }) => ({ location, fingerprint, severity }))
  expect(text.findings).toMatchObject(same)
})

test('the needless one is dropped in a new migration where it is released, and its way back makes it again', async () => {
  const [finding] = (
    await find('text', `${table} CREATE INDEX i ON t (a);`, 'CREATE INDEX CONCURRENTLY j ON t (a, b);')
  ).findings
  expect(finding).toMatchObject({ severity: 'note', location: { file: 'migrations/0002_step.sql' } })
  expect(finding?.fixes[0]?.newFiles.map(({ text }) => text.trim())).toEqual([
    'DROP INDEX CONCURRENTLY i;',
    'CREATE INDEX CONCURRENTLY i ON t (a);',
  ])
})

test('it is taken out of a file that can still be changed', async () => {
  const sql = 'CREATE INDEX i ON t (a);\nCREATE INDEX j ON t (a);'
  const [fix] = (await find('text', table, sql)).findings[0]?.fixes ?? []
  expect(fix && applyFix(history(table, sql), fix).at(-1)?.text.trim()).toBe('CREATE INDEX i ON t (a);')
})

test('a live database’s small and busy index beside a large one is left alone', async () => {
  const example = { title: '', setup: table, bad: '', at: '', good: '' }
  const rows = 'INSERT INTO t SELECT n, n % 10, n, repeat(md5(n::text), 3) FROM generate_series(1, 20000) n;'
  const indexes = 'CREATE INDEX narrow ON t (a); CREATE INDEX wide ON t (a, c); VACUUM ANALYZE t;'
  const read = 'SET enable_seqscan = off; SELECT count(*) FROM t WHERE a = 3;'
  const idle = await findInDatabase(rule, example, `${rows} ${indexes}`, 17)
  expect(idle).toMatchObject([{ severity: 'note', location: { kind: 'object', name: 'public.narrow' } }])
  expect(idle[0]?.evidence.at(-1)).toMatchObject({ kind: 'statistics', facts: { 'scans of narrow': '0' } })
  expect(await findInDatabase(rule, example, `${rows} ${indexes} ${read}`, 17)).toEqual([])
})
