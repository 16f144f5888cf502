import { describe, expect, test } from 'vitest'
import { applyFix, history, judgeExample } from '../../../test/contract/examples.ts'
import { withDatabase } from '../../../test/postgres.ts'
import type { Finding } from '../../findings/finding.ts'
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
      'UPDATE t SET c = n WHERE ((n > 0 OR n < 0) AND c IS DISTINCT FROM n) AND id >= first_key AND id <= last_key;',
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

  test('a new column filled by one statement says that nothing is overwritten', async () => {
    const last = 'ALTER TABLE pairs ADD c int;\nUPDATE pairs SET c = 1;'
    const migrations = history(tables, last)
    const { findings } = await judgeExample(rule, migrations, 17, 'text')
    const [fix] = findings[0]?.fixes ?? []
    if (fix === undefined) throw new Error('no fix')
    const after = await judgeExample(rule, applyFix(migrations, fix), 17, 'trace')
    expect([...after.findings, ...after.others.filter(isInNewFile)]).toEqual([])
  })
})

function isInNewFile({ location, severity }: Finding): boolean {
  return severity !== 'note' && location.kind === 'file' && location.file > 'migrations/0003'
}

const a =
  'CREATE TABLE a (id int PRIMARY KEY, n int, pos int UNIQUE DEFERRABLE INITIALLY DEFERRED, name text, at timestamptz, ' +
  'price numeric, token uuid, parent int REFERENCES a, is_done boolean); ' +
  'CREATE UNIQUE INDEX a_lower ON a (lower(name)); CREATE TABLE other (x int PRIMARY KEY);'

describe('batches are declined', () => {
  test.each([
    ['the key itself', 'UPDATE a SET id = id + 1000000', 'it sets id, which a_pkey keeps unique'],
    ['a deferrable key', 'UPDATE a SET pos = pos + 1', 'it sets pos, which a_pos_key keeps unique'],
    ['an expression of a unique index', "UPDATE a SET name = 'x' || id", 'it sets name, which a_lower keeps unique'],
    ['its own rows in a sub-select', 'UPDATE a SET n = n - (SELECT min(n) FROM a)', 'its sub-select would see'],
    [
      'a sub-select in the condition',
      'UPDATE a SET n = 1 WHERE id > (SELECT avg(id) FROM a)',
      'its sub-select would see',
    ],
    ['another table', 'UPDATE a SET n = x FROM other WHERE x = a.id', 'WITH, FROM, USING or RETURNING'],
    ['the old value', 'UPDATE a SET n = n + 1 WHERE n > 5', 'a new value is made of the old n'],
    ['two columns that change places', 'UPDATE a SET n = parent, parent = n', 'a new value is made of the old parent'],
    ['the whole row', 'UPDATE a SET token = md5(a::text)::uuid', 'a new value is made of the old token'],
    ['a function of its own', 'UPDATE a SET n = next_n()', 'next_n() may read or write rows of other batches'],
    ['the time', 'UPDATE a SET at = now()', 'at would get the time of each batch'],
    ['the time by its word', "UPDATE a SET at = 'now'", 'at would get the time of each batch'],
    ['a value for each row, without an end', 'UPDATE a SET token = gen_random_uuid()', 'gen_random_uuid() gives a row'],
    ['chance', 'UPDATE a SET n = 1 WHERE random() < 0.5', 'random() in its condition'],
    ['DEFAULT', 'UPDATE a SET n = DEFAULT', 'DEFAULT may be another value'],
    ['rows that reference each other', 'DELETE FROM a WHERE n > 5', 'rows of a reference each other'],
  ])('where an UPDATE or DELETE touches %s', async (_, change, reason) => {
    const { findings } = await judgeExample(rule, history(a, `ALTER TABLE other ADD k int;\n${change};`), 17, 'text')
    expect(findings).toMatchObject([
      { next: expect.stringContaining(`would not be the same, because ${reason}`) as string },
    ])
    expect(findings[0]?.next).not.toContain('LOOP')
  })
})

describe('batches on 25,000 rows', () => {
  const rows =
    `${a.replace('parent int REFERENCES a, ', '')} INSERT INTO a (id, n, pos, name, price) ` +
    "SELECT g, g % 7, g, 'Name ' || g, g FROM generate_series(1, 25000) g;"

  test.each([
    ['a constant', 'UPDATE a SET n = 6 WHERE n > 3'],
    ['a column', 'UPDATE a SET n = id'],
    ['two columns', 'UPDATE a SET n = 1, is_done = true WHERE id % 2 = 0'],
    ['coalesce', 'UPDATE a SET is_done = coalesce(is_done, false)'],
    ['what has no type to compare by', 'UPDATE a SET price = 1.00'],
    ['a condition with an end of its own', 'UPDATE a SET n = n + 1, is_done = true WHERE is_done IS NULL'],
    ['rows that go', 'DELETE FROM a WHERE n > 3'],
  ])('leave what the statement leaves with %s, and again when run twice', async (_, change) => {
    const migrations = history(rows, `ALTER TABLE other ADD k int;\n${change};`)
    const { findings } = await judgeExample(rule, migrations, 17, 'text')
    const [fix] = findings[0]?.fixes ?? []
    const batches = fix?.newFiles[0]?.text ?? ''
    expect(batches).toContain('LOOP')
    const sum = "SELECT count(*)::int AS count, md5(string_agg(a::text, ',' ORDER BY id)) AS sum FROM a"
    const left: unknown[] = []
    for (const runs of [[change], [batches], [batches, batches]]) {
      await withDatabase(17, async (client) => {
        await client.query(rows)
        for (const text of runs) await client.query(text)
        left.push((await client.query(sum)).rows)
      })
    }
    expect(left[1]).toEqual(left[0])
    expect(left[2]).toEqual(left[0])
  })
})

describe('a file that has to stay one transaction', () => {
  test.each([
    [
      'triggers',
      'ALTER TABLE a DISABLE TRIGGER ALL;\nUPDATE a SET n = 1;\nALTER TABLE a ENABLE TRIGGER ALL;',
      'triggers of a are off from line 1 to line 3',
    ],
    ['rules', 'ALTER TABLE a DISABLE RULE r;\nUPDATE a SET n = 1;\nALTER TABLE a ENABLE RULE r;', 'rules of a are off'],
    [
      'row security',
      'ALTER TABLE a NO FORCE ROW LEVEL SECURITY;\nUPDATE a SET n = 1;\nALTER TABLE a FORCE ROW LEVEL SECURITY;',
      'row security of a is not forced',
    ],
    [
      'a constraint',
      'ALTER TABLE a DROP CONSTRAINT a_pos_key;\nUPDATE a SET n = 1;\nALTER TABLE a ADD CONSTRAINT a_pos_key UNIQUE (pos);',
      'a constraint of a is missing',
    ],
    ['an index', 'DROP INDEX a_lower;\nUPDATE a SET n = 1;\nCREATE INDEX a_lower ON a (name);', 'a_lower is missing'],
    [
      'a setting',
      "ALTER TABLE a ADD c int;\nSET session_replication_role = 'replica';\nUPDATE a SET n = 1;\nRESET session_replication_role;",
      'the SET session_replication_role of line 2',
    ],
    ['LOCK TABLE', 'LOCK TABLE a IN ACCESS EXCLUSIVE MODE;\nUPDATE a SET n = 1;', 'the LOCK TABLE of line 1'],
  ])('because of %s is not divided', async (_, last, reason) => {
    const { findings } = await judgeExample(rule, history(a, last), 17, 'text')
    expect(findings).toMatchObject([
      { fixes: [], next: expect.stringContaining(`has to stay one transaction, because ${reason}`) as string },
    ])
    expect(findings[0]?.next).not.toContain('.sql')
  })

  test('a limit of time goes along with every part', async () => {
    const last =
      "SET LOCAL lock_timeout = '2s';\nALTER TABLE a ADD c int;\nUPDATE pairs SET note = '';\nALTER TABLE a ALTER c SET DEFAULT 1;"
    const { findings } = await judgeExample(rule, history(`${tables} ${a}`, last), 17, 'text')
    expect(findings[0]?.fixes[0]?.newFiles.at(-1)?.text).toBe(
      "SET LOCAL lock_timeout = '2s';\nALTER TABLE a ALTER c SET DEFAULT 1;\n",
    )
  })
})

describe('what would not be right by itself is said, not written', () => {
  test('a statement that has a finding of its own', async () => {
    const last = 'ALTER TABLE a ADD c int;\nUPDATE a SET c = 1;\nALTER TABLE a ALTER c SET NOT NULL;'
    const { findings } = await judgeExample(rule, history(a, last), 17, 'text')
    expect(findings).toMatchObject([
      { fixes: [], next: expect.stringContaining('line 3 would have to move') as string },
    ])
  })

  test('a file that others follow', async () => {
    const [setup, ...others] = history(a, `${add.replace('t ', 'a ')}\nUPDATE a SET c = 1;`, 'SELECT 1;')
    const open = [...(setup ? [setup] : []), ...others.map((each) => ({ ...each, released: false }))]
    const { findings } = await judgeExample(rule, open, 17, 'text')
    expect(findings).toMatchObject([
      { fixes: [], next: expect.stringContaining('migrations/0003_step.sql comes after this file') as string },
    ])
  })

  test('new files have ways back where the folder has them', async () => {
    const down = { file: 'migrations/0001_step.down.sql', text: 'DROP TABLE a, other;', released: true }
    const [setup, last] = history(a, 'ALTER TABLE a ADD c int;\nUPDATE a SET n = 1 WHERE n > 3;')
    if (setup === undefined || last === undefined) throw new Error('no migrations')
    const migrations = [setup, down, last]
    const { findings } = await judgeExample(rule, migrations, 17, 'text')
    const [fix] = findings[0]?.fixes ?? []
    if (fix === undefined) throw new Error('no fix')
    const { others } = await judgeExample(rule, applyFix(migrations, fix), 17, 'trace')
    expect(others.filter(isInNewFile)).toEqual([])
  })
})
