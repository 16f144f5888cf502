import { describe, expect, test } from 'vitest'
import { applyFix, history, judgeExample } from '../../../test/contract/examples.ts'
import type { Runner } from '../../../test/contract/examples.ts'
import { diffCatalogs } from '../../postgres/catalog/diff.ts'
import rule from './no-rewriting-type-change.ts'

const byText = (texts: string[], runner?: Runner) => judgeExample(rule, history(...texts), 17, 'text', runner)
const byTrace = (texts: string[]) => judgeExample(rule, history(...texts), 17, 'trace')
const column = (type: string, more = '') => `CREATE TABLE t (a ${type}, b int PRIMARY KEY); ${more}`
const to = (type: string) => `ALTER TABLE t ALTER COLUMN a TYPE ${type};`
const index = 'CREATE INDEX i ON t (a);'
const positive = 'CREATE DOMAIN positive AS int CHECK (VALUE > 0); '

const harmless: Record<string, string[]> = {
  'a longer varchar, indexed': [column('varchar(50)', index), to('varchar(100)')],
  'varchar without a length': [column('varchar(50)', index), to('varchar')],
  'varchar to text, indexed': [column('varchar(50)', index), to('text')],
  'varchar to text, a key': [column('varchar(50) UNIQUE'), to('text')],
  'text to varchar': [column('text', index), to('varchar')],
  'more digits before the point': [column('numeric(10,2)', index), to('numeric(12,2)')],
  'numeric without a limit': [column('numeric(10,2)'), to('numeric')],
  'more precision of a time': [column('timestamptz(3)', index), to('timestamptz')],
  'a longer varbit': [column('varbit(8)', index), to('varbit(16)')],
  'cidr to inet': [column('cidr', index), to('inet')],
  'the same type': [column('int', index), to('integer')],
  'USING the column itself': [column('varchar(50)'), to('text USING a::text')],
  'another collation of a column without an index': [column('text'), to('text COLLATE "C"')],
  'a domain without a constraint': [`CREATE DOMAIN plain AS int; ${column('int', index)}`, to('plain')],
  'a domain’s base type': [`${positive}${column('positive', index)}`, to('int')],
  'a partial index on another column': [column('varchar(50)', 'CREATE INDEX i ON t (b) WHERE b > 1;'), to('text')],
  'a column beside an index’s own': [column('varchar(50)', 'CREATE INDEX i ON t (b) INCLUDE (a);'), to('text')],
  'a CHECK that is NOT VALID': [column('varchar(50)', "ALTER TABLE t ADD CHECK (a <> '') NOT VALID;"), to('text')],
  'a CHECK of another column': [column('varchar(50)', 'ALTER TABLE t ADD CHECK (b > 0);'), to('text')],
  'timestamp to timestamptz under UTC': [column('timestamp'), `SET LOCAL TimeZone = 'UTC'; ${to('timestamptz')}`],
  'TIME ZONE 0': [column('timestamp'), `SET TIME ZONE 0; ${to('timestamptz')}`],
  set_config: [column('timestamp'), `SELECT set_config('timezone', 'Etc/UTC', true); ${to('timestamptz')}`],
  'a cast to it in USING, under UTC': [
    column('timestamp'),
    `SET timezone = 'UTC'; ${to('timestamptz USING a::timestamptz')}`,
  ],
  'a table of the same file': ['SELECT 1;', `${column('int')} ${to('bigint')}`],
  'a temporary table': ['SELECT 1;', `CREATE TEMP TABLE t (a int); ${to('bigint')}`],
}

test.each(Object.entries(harmless))('%s is passed over, by the text and with a trace', async (_, texts) => {
  expect(await byText(texts)).toMatchObject({ findings: [], unknown: [] })
  expect(await byTrace(texts)).toMatchObject({ findings: [], unknown: [] })
})

const found: Record<string, [string[], string]> = {
  'int to bigint': [[column('int'), to('bigint')], 'bigint writes all of'],
  'json to jsonb': [[column('json'), to('jsonb')], 'jsonb writes all of'],
  'char(n) to text': [[column('char(5)'), to('text')], 'writes all of'],
  'inet to cidr': [[column('inet'), to('cidr')], 'writes all of'],
  'enum to text': [[`CREATE TYPE mood AS ENUM ('ok'); ${column('mood')}`, to('text')], 'writes all of'],
  'text to enum': [[`CREATE TYPE mood AS ENUM ('ok'); ${column('text')}`, to('mood USING a::mood')], 'writes all of'],
  'a domain with a CHECK': [[`${positive}${column('int')}`, to('positive')], 'writes all of'],
  'an expression in USING': [[column('text'), to('text USING lower(a)')], 'writes all of'],
  'AT TIME ZONE in USING': [
    [column('timestamp'), `SET LOCAL timezone = 'UTC'; ${to("timestamptz USING a AT TIME ZONE 'UTC'")}`],
    'writes all of',
  ],
  'timestamptz under another TimeZone': [
    [column('timestamp'), `SET timezone = 'Europe/Paris'; ${to('timestamptz')}`],
    'writes all of',
  ],
  'under UTC with an index': [
    [column('timestamp', index), `SET LOCAL timezone = 'UTC'; ${to('timestamptz')}`],
    'to build',
  ],
  'a partial index': [[column('varchar(5)', 'CREATE INDEX i ON t (a) WHERE b > 1;'), to('text')], 'to build'],
  'an index with an expression': [
    [column('varchar(5)', 'CREATE INDEX i ON t (lower(a));'), to('varchar(9)')],
    'to build',
  ],
  'a condition on the column': [
    [column('varchar(5)', "CREATE INDEX i ON t (b) WHERE a <> '';"), to('text')],
    'to build',
  ],
  'text to bpchar with an index': [[column('text', index), to('bpchar')], 'to build'],
  'a CHECK of the column': [[column("varchar(5) CHECK (a <> '')"), to('text')], 'to prove t_a_check'],
}

test.each(Object.entries(found))('%s is found, by the text and with a trace', async (_, [texts, words]) => {
  const message = expect.stringContaining(words) as string
  expect(await byText(texts)).toMatchObject({ findings: [{ severity: 'error', message }], unknown: [] })
  expect(await byTrace(texts)).toMatchObject({
    findings: [{ severity: 'error', message, evidence: [{ kind: 'trace' }] }],
  })
})

test('the row of the lock table is that of the very types, where there is one', async () => {
  const shape = async (texts: string[]) => (await byText(texts)).findings[0]?.evidence[0]
  expect(await shape([column('json'), to('jsonb')])).toMatchObject({ shape: 'ALTER TABLE … TYPE, json to jsonb' })
  expect(await shape([column('money'), to('numeric')])).toMatchObject({ shape: 'ALTER TABLE … TYPE, stored otherwise' })
})

test('of several changes only those that do harm are found, by the text and with a trace', async () => {
  const texts = [
    'CREATE TABLE t (a int, b varchar(5), c json);',
    'ALTER TABLE t ALTER a TYPE bigint, ALTER b TYPE text, ALTER c TYPE jsonb, ADD d int;',
  ]
  const messages = [expect.stringContaining('COLUMN a TYPE bigint'), expect.stringContaining('COLUMN c TYPE jsonb')]
  for (const { findings } of [await byText(texts), await byTrace(texts)]) {
    expect(findings.map(({ message }) => message)).toEqual(messages)
  }
})

describe('a TimeZone that the file does not set', () => {
  test('is asked for, though the shadow’s is UTC and wrote nothing', async () => {
    const texts = [column('timestamp'), to('timestamptz')]
    expect((await byText(texts)).findings).toMatchObject([{ severity: 'warning', evidence: [{ kind: 'measured' }] }])
    expect((await byTrace(texts)).findings).toMatchObject([
      {
        severity: 'warning',
        evidence: [
          { kind: 'trace', rewrites: [] },
          { kind: 'measured', rewrite: true },
        ],
      },
    ])
  })

  test('is asked for again once the transaction that set it has ended, and after RESET', async () => {
    for (const before of ["BEGIN; SET LOCAL timezone = 'UTC'; COMMIT;", "SET timezone = 'UTC'; RESET timezone;"]) {
      expect((await byText([column('timestamp'), `${before} ${to('timestamptz')}`])).findings).toHaveLength(1)
    }
  })

  test('is set in a transaction of its own where the runner opens none', async () => {
    const runner: Runner = { layout: 'goose', mode: 'statement' }
    const { findings } = await byText([column('timestamp'), to('timestamptz')], runner)
    expect(findings[0]?.fixes[0]?.edits[0]?.text).toMatch(
      /^BEGIN;\nSET LOCAL TimeZone = 'UTC';\nALTER TABLE[^]*COMMIT;$/,
    )
  })

  test('with an index the column is replaced', async () => {
    const { findings } = await byText([column('timestamp', index), to('timestamptz')])
    expect(findings[0]?.next).toContain('RENAME COLUMN a_new TO a')
  })
})

test('what the text does not show is decided by a trace', async () => {
  const texts = [
    "DO $$ BEGIN EXECUTE format('CREATE TABLE %I (a int, b varchar(5))', lower('T')); END $$;",
    to('bigint'),
  ]
  expect(await byText(texts)).toMatchObject({ findings: [], unknown: ['a trace'] })
  expect((await byTrace(texts)).findings).toHaveLength(1)
  expect(await byTrace([texts[0] ?? '', 'ALTER TABLE t ALTER b TYPE text;'])).toMatchObject({
    findings: [],
    unknown: [],
  })
})

describe('the recipe', () => {
  const recipes: Record<string, [string, string, string[]]> = {
    'a serial key': [
      'CREATE TABLE t (a serial PRIMARY KEY, b text); INSERT INTO t (b) VALUES (1), (2);',
      to('bigint'),
      ['sequence public.t_a_seq', 'table public.t'],
    ],
    'USING, in another schema, with names to be quoted': [
      'CREATE SCHEMA app; CREATE TABLE app."T" ("A" text UNIQUE NOT NULL, b int PRIMARY KEY); INSERT INTO app."T" VALUES (1, 2);',
      'ALTER TABLE app."T" ALTER COLUMN "A" TYPE int USING "A"::int + "T".b;',
      ['table app."T"'],
    ],
    'a table without a key': [
      'CREATE TABLE t (a int NOT NULL); INSERT INTO t VALUES (1), (2);',
      to('bigint'),
      ['table public.t'],
    ],
  }

  test.each(Object.entries(recipes))('for %s runs, and leaves the schema but for the old column', async (_, each) => {
    const [setup, statement, changed] = each
    const migrations = history(setup, statement)
    const before = await judgeExample(rule, migrations, 17, 'trace')
    const [fix] = before.findings[0]?.fixes ?? []
    if (fix === undefined) throw new Error('no fix')
    const after = await judgeExample(rule, applyFix(migrations, fix), 17, 'trace')
    expect(after.findings).toEqual([])
    if (!before.traced || !after.traced) throw new Error('not traced')
    const changes = diffCatalogs(before.traced.catalog, after.traced.catalog)
    expect(changes.map(({ objectType, name }) => `${objectType} ${name}`)).toEqual(changed)
  })

  test.each([
    ['a foreign key', `CREATE TABLE r (x int PRIMARY KEY); ${column('int REFERENCES r')}`, 'foreign keys'],
    [
      'a key that others reference',
      `${column('int UNIQUE')} CREATE TABLE r (x int REFERENCES t (a));`,
      'foreign keys to it',
    ],
    ['a default', column('int DEFAULT 1'), 'its default'],
    ['an index of two columns', column('int', 'CREATE INDEX ON t (a, b);'), 'its other indexes'],
    ['a CHECK', column('int CHECK (a > 0)'), 'its CHECK constraints'],
  ])('with %s is shown and not made', async (_, setup, words) => {
    const { findings } = await byText([setup, to('bigint')])
    expect(findings).toMatchObject([{ fixes: [], next: expect.stringContaining(words) as string }])
  })
})
