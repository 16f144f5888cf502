import { expect, test } from 'vitest'
import { judgeExample } from '../../../test/contract/examples.ts'
import type { ExampleMigration } from '../../../test/contract/examples.ts'
import rule from './no-contract-with-expand.ts'

const before = 'CREATE TABLE t (id int PRIMARY KEY, a int, b int); CREATE TABLE u (id int PRIMARY KEY, a int);'

function release(texts: readonly string[], { released = true } = {}): ExampleMigration[] {
  return [before, ...texts].map((text, index) => ({
    file: `migrations/000${index + 1}_step.sql`,
    text: `${text}\n`,
    released: released && index === 0,
  }))
}

const found = async (texts: string[], options = {}) => {
  const { findings } = await judgeExample(rule, release(texts, options), 17, 'text')
  return findings.map(({ message }) => message.replace(/:.*/, ''))
}

test.each([
  ['a column dropped with nothing added', ['ALTER TABLE t DROP COLUMN a;']],
  ['another table gains a column', ['ALTER TABLE u ADD c int;', 'ALTER TABLE t DROP COLUMN a;']],
  ['what the release itself made', ['ALTER TABLE t ADD c int, ADD e int;', 'ALTER TABLE t DROP COLUMN c;']],
  ['a column made anew', ['ALTER TABLE t DROP COLUMN a;', 'ALTER TABLE t ADD a text;']],
  ['an unrelated table', ['CREATE TABLE w (id int);', 'DROP TABLE u;']],
  [
    'a view in place of the table',
    ['CREATE TABLE w AS SELECT * FROM u;', 'DROP TABLE u;', 'CREATE VIEW u AS SELECT * FROM w;'],
  ],
  [
    'a copy of other columns',
    ['CREATE TABLE w (x int); INSERT INTO w SELECT b FROM t;', 'ALTER TABLE t DROP COLUMN a;'],
  ],
  ['an index and a constraint', ['ALTER TABLE t ADD c int;', 'ALTER TABLE t DROP CONSTRAINT t_pkey;']],
])('%s: passed over', async (_, texts) => {
  expect(await found(texts)).toEqual([])
})

test('where nothing is released there is no old code', async () => {
  expect(await found(['ALTER TABLE t ADD c int;', 'ALTER TABLE t DROP COLUMN a;'], { released: false })).toEqual([])
})

test.each([
  [
    'a column for another',
    ['ALTER TABLE t ADD c int;', 'ALTER TABLE t DROP COLUMN a;'],
    't.a is dropped in the release that adds t.c',
  ],
  [
    'dropped first',
    ['ALTER TABLE t DROP COLUMN a;', 'ALTER TABLE t ADD c int;'],
    't.a is dropped in the release that adds t.c',
  ],
  [
    'in code',
    ['ALTER TABLE t ADD c int;', 'DO $$ BEGIN ALTER TABLE t DROP COLUMN a; END $$;'],
    't.a is dropped in the release that adds t.c',
  ],
  [
    'a table copied',
    ['CREATE TABLE w AS SELECT * FROM u;', 'DROP TABLE u;'],
    'u is dropped in the release that adds w',
  ],
  [
    'a column moved',
    ['CREATE TABLE w (x int); INSERT INTO w SELECT a FROM t;', 'ALTER TABLE t DROP a;'],
    't.a is dropped in the release that adds w',
  ],
])('%s: found', async (_, texts, expected) => {
  expect(await found(texts)).toEqual([expected])
})
