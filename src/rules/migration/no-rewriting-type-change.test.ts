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
    'a default, a CHECK, a foreign key and indexes': [
      'CREATE TABLE r (id int PRIMARY KEY); INSERT INTO r VALUES (1);' +
        'CREATE TABLE t (a int NOT NULL DEFAULT 1 CHECK (a > 0 AND abs(a) < 9) REFERENCES r ON DELETE CASCADE, b int, UNIQUE (b, a));' +
        'CREATE INDEX i ON t (b DESC, a) WHERE a > 0; CREATE INDEX j ON t (abs(a)) INCLUDE (b); INSERT INTO t VALUES (1, 2);',
      to('bigint'),
      ['index public.i_old', 'index public.j_old', 'table public.t'],
    ],
    'a key that others reference, and the table itself': [
      'CREATE TABLE t (a int PRIMARY KEY, b int REFERENCES t); INSERT INTO t VALUES (1, 1);' +
        'CREATE TABLE r (x int, y int, FOREIGN KEY (x) REFERENCES t ON UPDATE CASCADE DEFERRABLE); ALTER TABLE r ADD CONSTRAINT s FOREIGN KEY (y) REFERENCES t (a) NOT VALID;',
      to('bigint'),
      ['table public.t'],
    ],
    'a default that the statement takes away and sets': [
      "CREATE TYPE e AS ENUM ('x', 'y'); CREATE TABLE t (a text DEFAULT 'x', b int PRIMARY KEY); INSERT INTO t VALUES ('y', 1);",
      "ALTER TABLE t ALTER a DROP DEFAULT, ALTER a TYPE e USING a::e, ALTER a SET DEFAULT 'x';",
      ['table public.t'],
    ],
    'a sequence that the column owns': [
      'CREATE SEQUENCE s; CREATE TABLE t (a int NOT NULL, b int); ALTER SEQUENCE s OWNED BY t.a;' +
        "ALTER TABLE ONLY t ALTER COLUMN a SET DEFAULT nextval('s'::regclass); ALTER TABLE ONLY t ADD CONSTRAINT k PRIMARY KEY (a);",
      to('bigint'),
      ['table public.t'],
    ],
    'a partitioned table': [
      'CREATE TABLE t (a int NOT NULL DEFAULT 3 CHECK (a > 0), b int) PARTITION BY LIST (b); CREATE TABLE p PARTITION OF t DEFAULT; INSERT INTO t VALUES (1, 2);',
      to('bigint'),
      ['partitioned table public.t', 'table public.p'],
    ],
    'json, which has no =': [
      "CREATE TABLE t (a text, b int PRIMARY KEY); INSERT INTO t VALUES ('{}', 1);",
      to('json USING a::json'),
      ['table public.t'],
    ],
    'fewer digits by USING': [
      'CREATE TABLE t (a numeric(9, 4), b int); INSERT INTO t VALUES (1.2345, 1);',
      to('numeric(9, 2) USING a * 1.1'),
      ['table public.t'],
    ],
    'a table with triggers': [
      'CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN NEW.a := NEW.a * 2; RETURN NEW; END$$;' +
        'CREATE TABLE t (a int, b int PRIMARY KEY); INSERT INTO t VALUES (1, 1);' +
        'CREATE TRIGGER z BEFORE INSERT OR UPDATE ON t FOR EACH ROW EXECUTE FUNCTION f();',
      to('bigint'),
      ['table public.t'],
    ],
    'times of a zone that the file sets': [
      'CREATE TABLE t (a timestamp, b int); INSERT INTO t VALUES (now(), 1);',
      `SET LOCAL timezone = 'Europe/Paris'; ${to('timestamptz')}`,
      ['table public.t'],
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
    ['a view', `${column('int')} CREATE VIEW w AS SELECT a FROM t;`, 'the view w uses a'],
    ['a view of all columns', `${column('int')} CREATE VIEW w AS SELECT * FROM t;`, 'the view w uses a'],
    [
      'a generated column',
      'CREATE TABLE t (a int, b int GENERATED ALWAYS AS (a * 2) STORED);',
      'the generated column b is computed from a',
    ],
    ['a policy', `${column('int')} CREATE POLICY p ON t USING (a > 0);`, 'the policy p names a'],
    [
      'a trigger that names the column',
      `${column('int')} CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RETURN NEW; END$$;
       CREATE TRIGGER z BEFORE UPDATE OF a ON t FOR EACH ROW EXECUTE FUNCTION f();`,
      'the trigger z names a',
    ],
  ])('with %s says that PostgreSQL refuses it, and what stands against a recipe', async (_, setup, words) => {
    const migrations = history(setup, to('bigint'))
    const { findings } = await judgeExample(rule, migrations, 17, 'text')
    const refused = {
      message: `PostgreSQL refuses ALTER COLUMN a TYPE (0A000): ${words}`,
      next: expect.stringContaining(words) as string,
      fixes: [],
    }
    expect(findings).toMatchObject([refused])
    const traced = await judgeExample(rule, migrations, 17, 'trace', undefined, '0A000')
    expect(traced.findings).toMatchObject([refused])
  })

  test.each([
    ['a view of another column', `${column('int')} CREATE VIEW w AS SELECT b FROM t;`],
    [
      'a view of another table’s column',
      `${column('int')} CREATE TABLE u (x int, c int); CREATE VIEW w AS SELECT u.c AS a, t.b FROM t JOIN u ON u.x = t.b;`,
    ],
    ['a view that is gone', `${column('int')} CREATE VIEW w AS SELECT a FROM t; DROP VIEW w;`],
    [
      'a star from before the column',
      'CREATE TABLE t (b int); CREATE VIEW w AS SELECT * FROM t; ALTER TABLE t ADD a int;',
    ],
  ])('with %s nothing is refused', async (_, setup) => {
    const { findings } = await byTrace([setup, to('bigint')])
    expect(findings).toMatchObject([{ message: expect.stringContaining('writes all of') as string }])
    expect((await byText([setup, to('bigint')])).findings).toMatchObject([
      { message: expect.stringContaining('writes all of') as string },
    ])
  })

  test.each([
    ['an identity with options', 'CREATE TABLE t (a int GENERATED ALWAYS AS IDENTITY (START 5));', 'has options'],
    ['a generated column', 'CREATE TABLE t (b int, a int GENERATED ALWAYS AS (b) STORED);', 'a is a generated column'],
    ['LIKE', 'CREATE TABLE u (a int CHECK (a > 0)); CREATE TABLE t (LIKE u INCLUDING ALL);', 'made LIKE another'],
    ['a child', `${column('int')} CREATE TABLE u () INHERITS (t);`, 'inheritance tree'],
    ['an exclusion constraint', column('int', 'ALTER TABLE t ADD EXCLUDE (a WITH =);'), 'more than a key'],
    ['a deferrable key', column('int UNIQUE DEFERRABLE'), 'more than a key'],
    [
      'a partitioned table with an index',
      'CREATE TABLE t (a int, b int) PARTITION BY LIST (b); CREATE TABLE p PARTITION OF t DEFAULT; CREATE INDEX i ON t (a);',
      'indexes on a have to be built for each partition',
    ],
    ['a column of the name', column('int', 'ALTER TABLE t ADD a_new int;'), 'there is a column a_new'],
    [
      'a foreign key of a partitioned table',
      `${column('int UNIQUE')} CREATE TABLE r (x int REFERENCES t (a)) PARTITION BY LIST (x);`,
      'the foreign key r_x_fkey of r',
    ],
    [
      'a CHECK from before a rename',
      'CREATE TABLE t (c int CHECK (c > 0), b int); ALTER TABLE t RENAME c TO a;',
      'the constraint t_c_check',
    ],
    [
      'a default in code',
      'CREATE TABLE t (a int, b int); DO $$ BEGIN ALTER TABLE t ALTER a SET DEFAULT 5; END $$;',
      'stands in code',
    ],
  ])('with %s is said in words', async (_, setup, words) => {
    const { findings } = await byText([setup, to('bigint')])
    expect(findings).toMatchObject([{ fixes: [], next: expect.stringContaining(words) as string }])
    expect(findings[0]?.next).not.toContain('RENAME COLUMN')
  })

  test.each([
    [
      'another command about the column',
      'ALTER TABLE t ALTER a TYPE bigint, ADD CHECK (a > 0);',
      'another command about a',
    ],
    ['a USING that may differ each time', 'ALTER TABLE t ALTER a TYPE bigint USING a + random()::int;', 'random()'],
  ])('with %s is said in words', async (_, statement, words) => {
    const { findings } = await byText([column('int'), statement])
    expect(findings).toMatchObject([{ fixes: [], next: expect.stringContaining(words) as string }])
  })
})

test('tables that a foreign key joins to it are named, by the text and with a trace', async () => {
  const texts = ['CREATE TABLE t (a int PRIMARY KEY); CREATE TABLE r (x int REFERENCES t);', to('bigint')]
  for (const [found, name] of [
    [await byText(texts), 'r'],
    [await byTrace(texts), 'public.r'],
  ] as const) {
    const message = expect.stringContaining(`and so do those of ${name}, by a foreign key`) as string
    expect(found.findings).toMatchObject([{ message }])
  }
})

test('a lock on an index that is built anew is said once', async () => {
  const { findings } = await byTrace(['CREATE TABLE t (a int PRIMARY KEY);', to('bigint')])
  const [evidence] = findings[0]?.evidence ?? []
  const locks = evidence?.kind === 'trace' ? evidence.locks.map(({ mode, relation }) => `${mode} ${relation}`) : []
  expect(new Set(locks).size).toBe(locks.length)
  expect(locks).toContain('ACCESS EXCLUSIVE public.t_pkey')
})

describe('USING … AT TIME ZONE of UTC', () => {
  test.each([
    ['timestamp', "timestamptz USING a AT TIME ZONE 'UTC'"],
    ['timestamptz', "timestamp USING a AT TIME ZONE 'utc'"],
  ])('of a %s becomes the change without it, which writes nothing', async (from, type) => {
    const migrations = history(`${column(from)} INSERT INTO t VALUES (now(), 1);`, to(type))
    for (const major of [16, 17, 18] as const) {
      const { findings } = await judgeExample(rule, migrations, major, 'trace')
      const [fix] = findings[0]?.fixes ?? []
      if (fix === undefined) throw new Error('no fix')
      expect(fix.edits[0]?.text).toMatch(/^SET LOCAL TimeZone = 'UTC';\nALTER TABLE t ALTER COLUMN a TYPE \w+;$/)
      expect((await judgeExample(rule, applyFix(migrations, fix), major, 'trace')).findings).toEqual([])
    }
  })

  test('with an index, a CHECK or of another zone the column is replaced', async () => {
    for (const [setup, zone] of [
      [column('timestamp', index), 'UTC'],
      [column("timestamp CHECK (a > '2000-01-01')"), 'UTC'],
      [column('timestamp'), 'Europe/Paris'],
    ] as const) {
      const { findings } = await byText([setup, to(`timestamptz USING a AT TIME ZONE '${zone}'`)])
      expect(findings[0]?.next).toContain('RENAME COLUMN a_new TO a')
    }
  })
})
