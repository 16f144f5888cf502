import { describe, expect, test } from 'vitest'
import { applyFix, history, judgeExample } from '../../../test/contract/examples.ts'
import type { Runner } from '../../../test/contract/examples.ts'
import { diffCatalogs } from '../../postgres/catalog/diff.ts'
import type { Major } from '../rule.ts'
import rule from './no-rewriting-column.ts'

const table = 'CREATE TABLE t (a int PRIMARY KEY, b text); INSERT INTO t SELECT g, g FROM generate_series(1, 3) g;'
const byText = (texts: string[], runner?: Runner) => judgeExample(rule, history(...texts), 17, 'text', runner)
const byTrace = (texts: string[], major: Major = 17) => judgeExample(rule, history(...texts), major, 'trace')
const returning = (language: string, volatility: string, code: string) =>
  `${table} CREATE FUNCTION f() RETURNS int LANGUAGE ${language} ${volatility} AS $$ ${code} $$;`
const positive = `${table} CREATE DOMAIN positive AS int CHECK (VALUE > 0);`

const harmless: Record<string, string[]> = {
  'a constant': [table, 'ALTER TABLE t ADD c int NOT NULL DEFAULT 7, ADD d text;'],
  'an expression of constants': [
    table,
    "ALTER TABLE t ADD c text DEFAULT upper('a') || md5('b'), ADD d int[] DEFAULT '{}';",
  ],
  'now()': [table, 'ALTER TABLE t ADD c timestamptz NOT NULL DEFAULT now();'],
  CURRENT_TIMESTAMP: [table, "ALTER TABLE t ADD c timestamptz DEFAULT CURRENT_TIMESTAMP + interval '1 day';"],
  current_user: [table, 'ALTER TABLE t ADD c text DEFAULT current_user;'],
  'now() by its full name': [table, 'ALTER TABLE t ADD c timestamptz DEFAULT pg_catalog.now();'],
  'a stable function of the history': [
    returning('plpgsql', 'STABLE', 'BEGIN RETURN 1; END'),
    'ALTER TABLE t ADD c int DEFAULT f();',
  ],
  'an immutable one': [
    returning('plpgsql', 'IMMUTABLE', 'BEGIN RETURN 1; END'),
    'ALTER TABLE t ADD c int DEFAULT f();',
  ],
  'a stable one in SQL': [returning('sql', 'STABLE', 'SELECT 1'), 'ALTER TABLE t ADD c int DEFAULT f();'],
  'a domain without a constraint': [`${table} CREATE DOMAIN d AS int DEFAULT 1;`, 'ALTER TABLE t ADD c d;'],
  'an array of a domain with one': [positive, "ALTER TABLE t ADD c positive[] DEFAULT '{1}';"],
  'an enum': [`${table} CREATE TYPE mood AS ENUM ('ok');`, "ALTER TABLE t ADD c mood NOT NULL DEFAULT 'ok';"],
  'a composite type': [`${table} CREATE TYPE pair AS (x int, y int);`, 'ALTER TABLE t ADD c pair;'],
  'a default that is only for new rows': [table, 'ALTER TABLE t ADD c uuid, ALTER c SET DEFAULT gen_random_uuid();'],
  'a column that is there': [table, 'ALTER TABLE t ADD COLUMN IF NOT EXISTS b text DEFAULT random();'],
  'a table of the same file': [table, 'CREATE TABLE u (a int); ALTER TABLE u ADD b uuid DEFAULT gen_random_uuid();'],
  'a temporary table': [table, 'CREATE TEMP TABLE u (a int); ALTER TABLE u ADD b bigserial;'],
  'a partitioned table without a partition': [
    'CREATE TABLE t (a int) PARTITION BY LIST (a);',
    'ALTER TABLE t ADD c uuid DEFAULT gen_random_uuid();',
  ],
}

test.each(Object.entries(harmless))('%s is passed over, by the text and with a trace', async (_, texts) => {
  expect(await byText(texts)).toMatchObject({ findings: [], unknown: [] })
  expect(await byTrace(texts)).toMatchObject({ findings: [], unknown: [] })
})

test('a VIRTUAL generated column is passed over on 18', async () => {
  const texts = [
    table,
    'ALTER TABLE t ADD c int GENERATED ALWAYS AS (a + 1) VIRTUAL, ADD d int GENERATED ALWAYS AS (a);',
  ]
  expect((await judgeExample(rule, history(...texts), 18, 'text')).findings).toEqual([])
  expect((await byTrace(texts, 18)).findings).toEqual([])
})

const found: Record<string, [string[], string]> = {
  'a volatile function of the history': [
    [returning('plpgsql', '', 'BEGIN RETURN 1; END'), 'ALTER TABLE t ADD c int DEFAULT f();'],
    'DEFAULT f()',
  ],
  'a volatile call inside an expression': [
    [table, "ALTER TABLE t ADD c text DEFAULT 'x' || lower(md5(random()::text));"],
    'DEFAULT random()',
  ],
  'nextval()': [
    [`${table} CREATE SEQUENCE s;`, "ALTER TABLE t ADD c bigint DEFAULT nextval('s');"],
    'DEFAULT nextval()',
  ],
  'a smallserial': [[table, 'ALTER TABLE t ADD c smallserial;'], 'serial'],
  'a domain over one with a CHECK': [
    [`${positive} CREATE DOMAIN small AS positive;`, 'ALTER TABLE t ADD c small;'],
    'domain small',
  ],
  'a domain with a volatile default': [
    [`${table} CREATE DOMAIN d AS float8 DEFAULT random();`, 'ALTER TABLE t ADD c d;'],
    'DEFAULT random()',
  ],
  'a domain that is NOT NULL, with a default': [
    [`${table} CREATE DOMAIN d AS int NOT NULL;`, 'ALTER TABLE t ADD c d DEFAULT 1;'],
    'domain d',
  ],
  'a partitioned table': [
    [
      'CREATE TABLE t (a int) PARTITION BY LIST (a); CREATE TABLE p PARTITION OF t DEFAULT;',
      'ALTER TABLE t ADD c uuid DEFAULT gen_random_uuid();',
    ],
    'DEFAULT gen_random_uuid()',
  ],
}

test.each(Object.entries(found))('%s is found, by the text and with a trace', async (_, [texts, words]) => {
  const message = expect.stringContaining(words) as string
  expect((await byText(texts)).findings).toMatchObject([
    { severity: 'error', message, evidence: [{ kind: 'measured' }] },
  ])
  expect((await byTrace(texts)).findings).toMatchObject([{ severity: 'error', message, evidence: [{ kind: 'trace' }] }])
})

describe('what the text cannot decide', () => {
  const inlined = [returning('sql', '', 'SELECT 1'), 'ALTER TABLE t ADD c int DEFAULT f();']
  const random = [returning('sql', '', 'SELECT random()::int'), 'ALTER TABLE t ADD c int DEFAULT f();']

  test.each([inlined, random])('a volatile function in SQL: %s', async (...texts) => {
    expect(await byText(texts)).toMatchObject({ findings: [], unknown: ['a trace'] })
  })

  test('is decided by the server', async () => {
    expect(await byTrace(inlined)).toMatchObject({ findings: [], unknown: [] })
    expect((await byTrace(random)).findings).toHaveLength(1)
  })

  test('a function and a type that no statement makes need a trace', async () => {
    expect((await byText([table, 'ALTER TABLE t ADD c int DEFAULT app.f();'])).unknown).toEqual(['a trace'])
    expect((await byText([table, 'ALTER TABLE t ADD c app.thing;'])).unknown).toEqual(['a trace'])
  })

  test('a domain that was altered needs one too', async () => {
    const texts = [`${positive} ALTER DOMAIN positive DROP CONSTRAINT positive_check;`, 'ALTER TABLE t ADD c positive;']
    expect((await byText(texts)).unknown).toEqual(['a trace'])
    expect((await byTrace(texts)).findings).toEqual([])
  })
})

describe('the recipe', () => {
  const recipes: Record<string, string> = {
    'a primary key': 'ALTER TABLE keyless ADD COLUMN id uuid DEFAULT gen_random_uuid() PRIMARY KEY;',
    'a unique column with a name of its own':
      'ALTER TABLE t ADD token uuid CONSTRAINT one_token UNIQUE NOT NULL DEFAULT gen_random_uuid();',
    'an identity': 'ALTER TABLE t ADD COLUMN id int GENERATED BY DEFAULT AS IDENTITY UNIQUE;',
    'a serial, beside others': 'ALTER TABLE t ADD "Id" serial, ADD note text;',
  }

  test.each(Object.entries(recipes))('of %s leaves the same schema, with all rows filled', async (_, statement) => {
    const keyless = 'CREATE TABLE keyless AS SELECT g FROM generate_series(1, 3) g;'
    const migrations = history(`${table} ${keyless}`, statement)
    const before = await judgeExample(rule, migrations, 17, 'trace')
    const [fix] = before.findings[0]?.fixes ?? []
    if (fix === undefined) throw new Error('no fix')
    const after = await judgeExample(rule, applyFix(migrations, fix), 17, 'trace')
    expect(after.findings).toEqual([])
    if (!before.traced || !after.traced) throw new Error('not traced')
    expect(diffCatalogs(before.traced.catalog, after.traced.catalog)).toEqual([])
  })

  test('goes by pages where the table has no key', async () => {
    const migrations = history(
      'CREATE TABLE t AS SELECT g AS a FROM generate_series(1, 3) g;',
      'ALTER TABLE t ADD c bigserial;',
    )
    const { findings } = await judgeExample(rule, migrations, 17, 'trace')
    const [fix] = findings[0]?.fixes ?? []
    expect(fix?.newFiles[0]?.text).toContain("SELECT 't'::regclass::oid")
    // The validation that follows fails where a row was left.
    const after = fix && (await judgeExample(rule, applyFix(migrations, fix), 17, 'trace'))
    expect(after?.findings).toEqual([])
  })

  test('keeps the table’s own triggers from firing for the rows that it fills', async () => {
    const migrations = history(
      'CREATE TABLE t (id int PRIMARY KEY, a int); INSERT INTO t VALUES (1, 1);' +
        'CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RAISE EXCEPTION $_$fired$_$; END$$;' +
        'CREATE TRIGGER z BEFORE UPDATE ON t FOR EACH ROW EXECUTE FUNCTION f();' +
        'CREATE TRIGGER y AFTER UPDATE ON t FOR EACH STATEMENT EXECUTE FUNCTION f();' +
        'CREATE TRIGGER x AFTER DELETE ON t FOR EACH STATEMENT EXECUTE FUNCTION f();' +
        'ALTER TABLE t ENABLE ALWAYS TRIGGER y; CREATE TRIGGER w BEFORE UPDATE OF a ON t FOR EACH ROW EXECUTE FUNCTION f();' +
        'CREATE TRIGGER v BEFORE UPDATE ON t FOR EACH ROW EXECUTE FUNCTION f(); ALTER TABLE t DISABLE TRIGGER v;' +
        'CREATE TRIGGER u BEFORE UPDATE ON t FOR EACH ROW EXECUTE FUNCTION f(); DROP TRIGGER u ON t;',
      'ALTER TABLE t ADD c uuid NOT NULL DEFAULT gen_random_uuid();',
    )
    const { findings } = await judgeExample(rule, migrations, 17, 'trace')
    const [fix] = findings[0]?.fixes ?? []
    expect(findings[0]?.next).toContain('So that the triggers z, y of the table cannot change the old rows')
    expect(fix?.newFiles[0]?.text).toContain('ENABLE TRIGGER z, ENABLE ALWAYS TRIGGER y;')
    // A trigger that fires, or a row that was left, would stop it.
    const after = fix && (await judgeExample(rule, applyFix(migrations, fix), 17, 'trace'))
    expect(after?.findings).toEqual([])
  })

  test('is said in words for a table that others inherit from', async () => {
    for (const child of ['CREATE TABLE u () INHERITS (t);', 'CREATE TABLE u (LIKE t); ALTER TABLE u INHERIT t;']) {
      const { findings } = await byText([`${table} ${child}`, 'ALTER TABLE t ADD c uuid DEFAULT gen_random_uuid();'])
      expect(findings).toMatchObject([{ fixes: [], next: expect.stringContaining('of each table below') as string }])
    }
  })

  test('is shown without a fix for goose, a partitioned table, a CHECK beside it, and code', async () => {
    const goose: Runner = { layout: 'goose', mode: 'transaction' }
    const add = 'ALTER TABLE t ADD c uuid DEFAULT gen_random_uuid()'
    for (const [texts, runner] of [
      [[table, `${add};`], goose],
      [[table, `${add} CHECK (c IS NOT NULL);`]],
      [[table, `DO $$ BEGIN ${add}; END $$;`]],
      [['CREATE TABLE t (a int) PARTITION BY LIST (a); CREATE TABLE p PARTITION OF t DEFAULT;', `${add};`]],
    ] as [string[], Runner?][]) {
      const { findings } = await byText(texts, runner)
      expect(findings).toMatchObject([{ fixes: [] }])
      expect(findings[0]?.next).toContain('batches')
    }
  })
})
