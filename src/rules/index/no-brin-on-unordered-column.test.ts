import { expect, test } from 'vitest'
import { history, judgeExample } from '../../../test/contract/examples.ts'
import { findInDatabase } from '../../../test/contract/live.ts'
import rule from './no-brin-on-unordered-column.ts'

const find = (how: 'text' | 'trace', ...texts: string[]) => judgeExample(rule, history(...texts), 17, how)

const silent = {
  'an identity': 'CREATE TABLE t (id bigint GENERATED ALWAYS AS IDENTITY); CREATE INDEX ON t USING brin (id);',
  'a serial': 'CREATE TABLE t (id bigserial); CREATE INDEX ON t USING brin (id);',
  'a sequence by DEFAULT':
    "CREATE SEQUENCE s; CREATE TABLE t (n bigint DEFAULT nextval('s')); CREATE INDEX ON t USING brin (n);",
  'a time': 'CREATE TABLE t (at timestamptz, day date); CREATE INDEX ON t USING brin (at, day);',
  'a number that is named for what grows':
    'CREATE TABLE t (block_number bigint); CREATE INDEX ON t USING brin (block_number);',
  'a foreign key, which may grow with what it references':
    'CREATE TABLE o (id bigint PRIMARY KEY); CREATE TABLE t (o bigint REFERENCES o); CREATE INDEX ON t USING brin (o);',
  'a bloom operator class': 'CREATE TABLE t (a uuid); CREATE INDEX ON t USING brin (a uuid_bloom_ops);',
  'a minmax-multi operator class': 'CREATE TABLE t (a int); CREATE INDEX ON t USING brin (a int4_minmax_multi_ops);',
  'another method': 'CREATE TABLE t (a uuid); CREATE INDEX ON t (a);',
  'a trigger that sets another column':
    'CREATE TABLE t (at timestamptz, b timestamptz); CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS ' +
    '$$ BEGIN NEW.b := now(); RETURN NEW; END $$; CREATE TRIGGER f BEFORE UPDATE ON t FOR EACH ROW EXECUTE FUNCTION f(); ' +
    'CREATE INDEX ON t USING brin (at);',
  'a trigger on INSERT':
    'CREATE TABLE t (at timestamptz); CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS ' +
    '$$ BEGIN NEW.at := now(); RETURN NEW; END $$; CREATE TRIGGER f BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION f(); ' +
    'CREATE INDEX ON t USING brin (at);',
}

test.each(Object.entries(silent))('%s is passed over, by the text and with a trace', async (_, sql) => {
  for (const how of ['text', 'trace'] as const) {
    expect((await find(how, sql)).findings.map(({ message }) => message)).toEqual([])
  }
})

const found = {
  'random values by DEFAULT': ['a uuid DEFAULT gen_random_uuid()', 'a', 'warning'],
  'uuids of the application’s': ['a uuid', 'a', 'note'],
  'a text': ['a text', 'a', 'warning'],
  'an amount': ['a numeric(10, 2)', 'a', 'note'],
} as const

test.each(Object.entries(found))('%s is found, by the text and with a trace', async (_, [column, name, severity]) => {
  const sql = `CREATE TABLE t (id int, ${column});\nCREATE INDEX i ON t USING brin (${name});`
  for (const how of ['text', 'trace'] as const) {
    expect((await find(how, sql)).findings).toMatchObject([{ severity, location: { line: 2 } }])
  }
})

test('an UPDATE of the column in a later migration is a note', async () => {
  const create = 'CREATE TABLE t (at timestamptz); CREATE INDEX i ON t USING brin (at);'
  expect((await find('text', create, 'UPDATE t SET at = now() WHERE at IS NULL;')).findings).toMatchObject([
    { severity: 'note', message: 'i is a BRIN index, and t.at is set anew by an UPDATE in migrations/0002_step.sql' },
  ])
  expect(
    (
      await find(
        'text',
        'CREATE TABLE t (at timestamptz);',
        'UPDATE t SET at = now(); CREATE INDEX i ON t USING brin (at);',
      )
    ).findings,
  ).toEqual([])
})

test('where a B-tree is there already the BRIN index is only dropped', async () => {
  const sql = 'CREATE TABLE t (a uuid PRIMARY KEY); CREATE INDEX i ON t USING brin (a);'
  const [finding] = (await find('text', sql, 'SELECT 1;')).findings
  expect(finding?.fixes[0]?.newFiles[0]?.text).toBe('DROP INDEX CONCURRENTLY i;\n')
})

const live = { title: '', bad: '', at: '', good: '' }
const rows = (value: string) =>
  `INSERT INTO t SELECT n, ${value}, repeat('x', 100) FROM generate_series(1, 40000) n ORDER BY n; ` +
  'CREATE INDEX i ON t USING brin (a); ANALYZE t;'

test('in a live database the correlation decides, with its numbers in the message', async () => {
  const table = 'CREATE TABLE t (id int, a int, filler text);'
  const [finding, ...others] = await findInDatabase(rule, live, `${table} ${rows('(n * 7919) % 40009')}`, 17)
  expect(others).toEqual([])
  expect(finding?.message).toMatch(
    /^i is a BRIN index, and t\.a has a correlation of -?0\.\d\d with the order of the rows \(BRIN wants 0\.95\), in 5\.\d MB with 0/,
  )
  expect(finding).toMatchObject({ severity: 'note', evidence: [{ kind: 'catalog' }, { kind: 'statistics' }] })
  expect(await findInDatabase(rule, live, `${table} ${rows('n')}`, 17)).toEqual([])
})

test('what ANALYZE saw in order is no finding, whatever its type is', async () => {
  const table = 'CREATE TABLE t (id int, a text, filler text);'
  expect(await findInDatabase(rule, live, `${table} ${rows("to_char(n, 'FM000000')")}`, 17)).toEqual([])
})

test('an order that updates and deletes undo is a note', async () => {
  const table = 'CREATE TABLE t (id int, a int, filler text);'
  const [finding] = await findInDatabase(
    rule,
    live,
    `${table} ${rows('n')} DELETE FROM t WHERE id % 10 = 0; ANALYZE t;`,
    17,
  )
  expect(finding?.message).toMatch(
    /is still in order \(correlation 1\.00\), but 4,000 \(10 % of inserts\) updates and deletes undo that$/,
  )
})
