import { describe, expect, test } from 'vitest'
import { applyFix, history, judgeExample } from '../../../test/contract/examples.ts'
import type { Runner } from '../../../test/contract/examples.ts'
import rule from './no-bulk-change.ts'

const tables =
  'CREATE TABLE t (id uuid PRIMARY KEY, n int, email text UNIQUE, at date); ' +
  'CREATE TABLE pairs (a int, b int, note text, PRIMARY KEY (a, b)); CREATE TABLE kinds (name text PRIMARY KEY);'
const add = 'ALTER TABLE t ADD c int;'
const golangMigrate: Runner = { layout: 'golang-migrate', mode: 'simple-query' }

async function both(last: string, runner?: Runner): Promise<string[]> {
  const text = await judgeExample(rule, history(tables, last), 17, 'text', runner)
  const trace = await judgeExample(rule, history(tables, last), 17, 'trace', runner)
  const shown = (judged: typeof text) =>
    judged.findings.map(({ severity, location }) => `${severity} ${location.kind === 'file' ? location.line : ''}`)
  expect(shown(trace)).toEqual(shown(text))
  return shown(text)
}

test.each([
  ['the row of a key', `${add} UPDATE t SET n = 1 WHERE id = gen_random_uuid();`],
  ['the row of a unique column', `${add} DELETE FROM t WHERE email = 'a' AND n > 1;`],
  ['written keys', `${add} UPDATE kinds SET name = 'c' WHERE name IN ('a', 'b');`],
  ['one key or another', `${add} UPDATE kinds SET name = 'c' WHERE name = 'a' OR name = 'b';`],
  ['a key of two columns', `${add} UPDATE pairs SET note = '' WHERE a = 1 AND 2 = b;`],
  ['the key that a subquery finds', `${add} UPDATE t SET n = 1 WHERE id = (SELECT id FROM t LIMIT 1);`],
  ['the first so many', `${add} DELETE FROM t WHERE id IN (SELECT id FROM t LIMIT 100);`],
  ['values', `${add} INSERT INTO kinds VALUES ('a'), ('b') ON CONFLICT DO NOTHING;`],
  ['values from elsewhere', `${add} INSERT INTO kinds SELECT 'k' || g FROM generate_series(1, 3) AS g;`],
  ['a copy of one row', `${add} INSERT INTO kinds SELECT email FROM t WHERE email = 'a';`],
  ['a new table', `${add} CREATE TABLE w AS SELECT 1 AS a; UPDATE w SET a = 2; INSERT INTO w SELECT 3 FROM w;`],
  ['rows of a new table', `${add} CREATE TABLE w AS SELECT '1' AS a; INSERT INTO kinds SELECT a FROM w;`],
  ['a change with no schema change beside it', 'UPDATE t SET n = 1; DELETE FROM pairs;'],
  ['a new table beside it', 'CREATE TABLE w (a int); UPDATE t SET n = 1; CREATE INDEX ON w (a);'],
  ['transactions of their own', `BEGIN; ${add} COMMIT; BEGIN; UPDATE t SET n = 1; COMMIT;`],
])('%s is passed over, by the text and with a trace', async (_, last) => {
  expect(await both(last)).toEqual([])
})

test.each([
  ['without WHERE', `${add}\nUPDATE t SET c = n;`, ['warning 2']],
  ['by another column', `${add}\nDELETE FROM t WHERE at < '2000-01-01';`, ['warning 2']],
  ['by half of a key', `${add}\nUPDATE pairs SET note = '' WHERE a = 1;`, ['warning 2']],
  ['by another table', `${add}\nUPDATE t SET n = 1 FROM kinds WHERE name = email;`, ['warning 2']],
  ['copied', `${add}\nINSERT INTO kinds SELECT email FROM t;`, ['warning 2']],
  ['merged', `${add}\nMERGE INTO kinds USING t ON email = name WHEN MATCHED THEN DELETE;`, ['warning 2']],
  ['under a lock for an index', 'CREATE INDEX ON t (n);\nUPDATE t SET n = 1;', ['warning 2']],
  ['in a DO block', `${add}\nDO $$ BEGIN UPDATE t SET c = n; END $$;`, ['warning 2']],
  ['before the schema change', `UPDATE t SET n = 1;\n${add}`, ['note 1']],
  ['twice', `UPDATE t SET n = 1;\n${add}\nUPDATE t SET n = 2;`, ['note 1', 'warning 3']],
])('rows changed %s are found, by the text and with a trace', async (_, last, expected) => {
  expect(await both(last)).toEqual(expected)
  expect(await both(last, golangMigrate)).toEqual(expected)
})

describe('the way out', () => {
  test('runs in batches of the key, keeps the condition, and what follows comes after it', async () => {
    const migrations = history(
      `${tables} INSERT INTO t SELECT gen_random_uuid(), g, NULL, NULL FROM generate_series(1, 25000) AS g;`,
      `${add}\nUPDATE t SET c = n\n  WHERE n > 0 OR n < 0;\nALTER TABLE t ALTER c SET DEFAULT 0;`,
    )
    const { findings } = await judgeExample(rule, migrations, 17, 'text')
    const [fix] = findings[0]?.fixes ?? []
    const after = fix ? applyFix(migrations, fix) : []
    expect(after.map(({ text }) => text.split('\n')[0]).slice(1)).toEqual([
      add,
      '-- kei: transaction none',
      'ALTER TABLE t ALTER c SET DEFAULT 0;',
    ])
    expect(after[2]?.text).toContain(
      'UPDATE t SET c = n WHERE (n > 0 OR n < 0) AND id >= first_key AND id <= last_key;',
    )
    const undone = {
      file: 'migrations/0009_check.sql',
      text: 'DO $$ BEGIN ASSERT (SELECT count(c) = 25000 AND min(c) = 1 AND bool_and(c = n) FROM t); END $$;',
      released: false,
    }
    const judged = await judgeExample(rule, [...after, undone], 17, 'trace')
    expect(judged.findings).toEqual([])
  })

  test('without a key moves the statement as it is', async () => {
    const { findings } = await judgeExample(rule, history(tables, `${add}\nUPDATE pairs SET note = '';`), 17, 'text')
    expect(findings[0]?.fixes).toMatchObject([
      { newFiles: [{ file: 'migrations/0003_update_pairs.sql', text: "UPDATE pairs SET note = '';\n" }] },
    ])
  })
})
