import { expect, test } from 'vitest'
import { history, judgeExample } from '../../../test/contract/examples.ts'
import rule from './no-schema-move.ts'

const before =
  'CREATE SCHEMA s; CREATE TABLE t (id int); CREATE VIEW v AS SELECT id FROM t; CREATE SEQUENCE q; ' +
  'CREATE FUNCTION f() RETURNS int LANGUAGE sql AS $$ SELECT 1 $$; CREATE TABLE s.home (id int);'

async function both(last: string): Promise<string[]> {
  const [text, trace] = await Promise.all(
    (['text', 'trace'] as const).map((how) => judgeExample(rule, history(before, last), 17, how)),
  )
  const shown = (judged: typeof text) =>
    judged?.findings.map(({ message }) => message.replaceAll(/public\.(?=\w+ )/g, ''))
  expect(shown(trace)).toEqual(shown(text))
  return shown(text) ?? []
}

test.each([
  ['a table of the same file', 'CREATE TABLE w (id int); ALTER TABLE w SET SCHEMA s;'],
  ['a sequence', 'ALTER SEQUENCE q SET SCHEMA s;'],
  ['a view left behind', 'ALTER TABLE t SET SCHEMA s; CREATE VIEW t AS SELECT id FROM s.t;'],
  ['the schema that it is in', 'ALTER TABLE s.home SET SCHEMA s;'],
  ['what is not there', 'ALTER TABLE IF EXISTS nowhere SET SCHEMA s;'],
])('%s is passed over, by the text and with a trace', async (_, last) => {
  expect(await both(last)).toEqual([])
})

test.each([
  ['ALTER TABLE t SET SCHEMA s;', 'Moving the table t to the schema s breaks all code that looks for it in public'],
  ['ALTER VIEW v SET SCHEMA s;', 'Moving the view v to the schema s breaks all code that looks for it in public'],
  [
    'ALTER FUNCTION f() SET SCHEMA s;',
    'Moving the function f to the schema s breaks all code that looks for it in public',
  ],
  [
    'ALTER TABLE s.home SET SCHEMA public;',
    'Moving the table s.home to the schema public breaks all code that looks for it in s',
  ],
])('%s is found, by the text and with a trace', async (last, expected) => {
  expect(await both(last)).toEqual([expected])
})
