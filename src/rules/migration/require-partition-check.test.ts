import { describe, expect, test } from 'vitest'
import { history, judgeExample } from '../../../test/contract/examples.ts'
import rule from './require-partition-check.ts'

const byText = (...texts: string[]) => judgeExample(rule, history(...texts), 17, 'text')
const byTrace = (...texts: string[]) => judgeExample(rule, history(...texts), 17, 'trace')

const range = 'CREATE TABLE t (a int, b int) PARTITION BY RANGE (a);'
const attach = 'ALTER TABLE t ATTACH PARTITION n FOR VALUES FROM (1) TO (9);'

const proven = {
  'a CHECK with IS NOT NULL': [
    `${range} CREATE TABLE n (a int, b int, CHECK (a IS NOT NULL AND a >= 1 AND a < 9));`,
    attach,
  ],
  'a CHECK of a NOT NULL column': [
    `${range} CREATE TABLE n (a int NOT NULL, b int, CHECK (a BETWEEN 1 AND 8));`,
    attach,
  ],
  'a CHECK validated in another file': [
    `${range} CREATE TABLE n (a int NOT NULL, b int);`,
    'ALTER TABLE n ADD CONSTRAINT c CHECK (a >= 1 AND a < 9) NOT VALID;',
    'ALTER TABLE n VALIDATE CONSTRAINT c;',
    attach,
  ],
  'a partition of the same file': [range, `CREATE TABLE n (LIKE t); ${attach}`],
  'the first partition of all as DEFAULT': [
    `${range} CREATE TABLE n (a int, b int);`,
    'ALTER TABLE t ATTACH PARTITION n DEFAULT;',
  ],
  'a list that takes nulls': [
    'CREATE TABLE t (a text) PARTITION BY LIST (a); CREATE TABLE n (a text, CHECK (a IS NULL));',
    'ALTER TABLE t ATTACH PARTITION n FOR VALUES IN (NULL);',
  ],
  'a DEFAULT partition with a CHECK': [
    `${range} CREATE TABLE d PARTITION OF t DEFAULT; ALTER TABLE d ADD CHECK (a < 1 OR a >= 9);`,
    `CREATE TABLE n (a int, b int); ${attach}`,
  ],
  'a partitioned table without partitions': [`${range} CREATE TABLE n (a int, b int) PARTITION BY LIST (b);`, attach],
  'an index attached to an index': [
    `${range} CREATE TABLE n PARTITION OF t FOR VALUES FROM (1) TO (9); CREATE INDEX i ON ONLY t (b); CREATE INDEX j ON n (b);`,
    'ALTER INDEX i ATTACH PARTITION j;',
  ],
}

test.each(Object.entries(proven))('%s is passed over, by the text and with a trace', async (_, texts) => {
  expect((await byText(...texts)).findings).toEqual([])
  expect((await byTrace(...texts)).findings).toEqual([])
})

const read: Record<string, { texts: string[]; message: string }> = {
  'no CHECK': { texts: [`${range} CREATE TABLE n (a int, b int);`, attach], message: 'reads all of n while' },
  'a CHECK of another column': {
    texts: [`${range} CREATE TABLE n (a int NOT NULL, b int, CHECK (b > 0));`, attach],
    message: 'reads all of n while',
  },
  'a CHECK without IS NOT NULL': {
    texts: [`${range} CREATE TABLE n (a int, b int, CHECK (a >= 1 AND a < 9));`, attach],
    message: 'reads all of n while',
  },
  'a CHECK that is NOT VALID': {
    texts: [
      `${range} CREATE TABLE n (a int NOT NULL, b int); ALTER TABLE n ADD CHECK (a >= 1 AND a < 9) NOT VALID;`,
      attach,
    ],
    message: 'reads all of n while',
  },
  'both, where a DEFAULT partition is there': {
    texts: [`${range} CREATE TABLE d PARTITION OF t DEFAULT; CREATE TABLE n (a int, b int);`, attach],
    message: 'reads all of n and of the DEFAULT partition d while every read and write of them waits',
  },
  'an index to be built': {
    texts: [
      `${range} CREATE INDEX ON t (b); CREATE TABLE n (a int NOT NULL, b int, CHECK (a >= 1 AND a < 9));`,
      attach,
    ],
    message: 'builds the indexes that n lacks while',
  },
  'a DEFAULT beside other partitions': {
    texts: [
      `${range} CREATE TABLE p PARTITION OF t FOR VALUES FROM (1) TO (9); CREATE TABLE n (a int, b int);`,
      'ALTER TABLE t ATTACH PARTITION n DEFAULT;',
    ],
    message: 'reads all of n while',
  },
  'a table made from a query': {
    texts: [`${range} CREATE TABLE n AS SELECT 1 AS a, 2 AS b;`, attach],
    message: 'reads all of n while',
  },
}

test.each(Object.entries(read))('%s is found, by the text and with a trace', async (_, { texts, message }) => {
  expect((await byText(...texts)).findings.map((finding) => finding.message)).toEqual([
    expect.stringContaining(message) as string,
  ])
  const traced = message
    .replaceAll(/\b([nd])\b(?! waits)/g, 'public.$1')
    .replace('DEFAULT partition public.d', 'DEFAULT partition d')
  expect((await byTrace(...texts)).findings.map((finding) => finding.message)).toEqual([
    expect.stringContaining(traced) as string,
  ])
})

test('reading a DEFAULT partition is an error, reading the new one a warning', async () => {
  const rest = 'CREATE TABLE d PARTITION OF t DEFAULT;'
  expect((await byText(`${range} CREATE TABLE n (a int, b int);`, attach)).findings).toMatchObject([
    { severity: 'warning' },
  ])
  expect((await byText(`${range}${rest}`, `CREATE TABLE n (a int, b int); ${attach}`)).findings).toMatchObject([
    { severity: 'error' },
  ])
})

test('a partition that the text does not show is for a trace to decide', async () => {
  const texts = [`${range} DO $$ BEGIN EXECUTE format('CREATE TABLE %I (a int, b int)', 'n'); END $$;`, attach]
  expect(await byText(...texts)).toMatchObject({ findings: [], unknown: ['a trace'] })
  expect((await byTrace(...texts)).findings).toHaveLength(1)
})

describe('the CHECK that the recipe writes', () => {
  const cases: [key: string, columns: string, bound: string, condition: string][] = [
    ['RANGE (a)', 'a bigint', 'FROM (-5) TO (MAXVALUE)', 'a IS NOT NULL AND a >= -5'],
    ['RANGE (a)', 'a date', "FROM (MINVALUE) TO ('2026-01-01'::date)", "a IS NOT NULL AND a < '2026-01-01'::date"],
    [
      'RANGE (a, b)',
      'a int, b int',
      'FROM (1, 5) TO (3, 7)',
      'a IS NOT NULL AND b IS NOT NULL AND (a > 1 OR (a = 1 AND b >= 5)) AND (a < 3 OR (a = 3 AND b < 7))',
    ],
    [
      'RANGE (a, b)',
      'a int, b int',
      'FROM (1, 5) TO (1, 7)',
      'a IS NOT NULL AND b IS NOT NULL AND a = 1 AND b >= 5 AND b < 7',
    ],
    [
      'RANGE (a, b)',
      'a int, b int',
      'FROM (1, MINVALUE) TO (3, MAXVALUE)',
      'a IS NOT NULL AND b IS NOT NULL AND a >= 1 AND a <= 3',
    ],
    [
      'RANGE (a, b)',
      'a int, b int',
      'FROM (1, MAXVALUE) TO (3, MINVALUE)',
      'a IS NOT NULL AND b IS NOT NULL AND a > 1 AND a < 3',
    ],
    [
      "RANGE (date_trunc('month', a))",
      'a timestamp',
      "FROM ('2026-01-01') TO ('2026-02-01')",
      "date_trunc('month', a) IS NOT NULL AND date_trunc('month', a) >= '2026-01-01' AND date_trunc('month', a) < '2026-02-01'",
    ],
    ['RANGE ((a + b))', 'a int, b int', 'FROM (1) TO (9)', '(a + b) IS NOT NULL AND (a + b) >= 1 AND (a + b) < 9'],
    [
      'RANGE (a COLLATE "C")',
      'a text',
      "FROM ('a') TO ('n')",
      'a IS NOT NULL AND a COLLATE "C" >= \'a\' AND a COLLATE "C" < \'n\'',
    ],
    ['LIST ("A")', '"A" text', "IN ('x, (y)', 'z')", '"A" IS NOT NULL AND "A" IN (\'x, (y)\', \'z\')'],
    ['LIST (a)', 'a text', "IN ('x', NULL)", "(a IS NULL OR a IN ('x'))"],
    ['LIST (a)', 'a boolean', 'IN (true)', 'a IS NOT NULL AND a IN (true)'],
    [
      'HASH (a, b)',
      'a int, b uuid',
      'WITH (MODULUS 4, REMAINDER 1)',
      "satisfies_hash_partition('t'::regclass, 4, 1, a, b)",
    ],
  ]

  test.each(cases)('by %s of %s for values %s', async (key, columns, bound, condition) => {
    const tables = `CREATE TABLE t (${columns}) PARTITION BY ${key}; CREATE TABLE n (${columns});`
    const sql = `ALTER TABLE t ATTACH PARTITION n FOR VALUES ${bound};`
    const { findings } = await byText(tables, sql)
    expect(findings[0]?.next).toContain(`ADD CONSTRAINT n_bound\n    CHECK (${condition}) NOT VALID;`)
    // With it there, the server reads nothing.
    const rest = key.startsWith('HASH')
      ? ''
      : `CREATE TABLE d PARTITION OF t DEFAULT; ALTER TABLE d ADD CHECK (NOT (${condition}));`
    const checked = `${tables} ALTER TABLE n ADD CHECK (${condition}); ${rest}`
    expect((await byTrace(checked, sql)).findings).toEqual([])
  })

  test.each([
    ['a value of another type', 'RANGE (a)', 'a timestamptz', "FROM ('2026-01-01'::date) TO ('2027-01-01'::date)"],
    ['a value to be computed', 'RANGE (a)', 'a timestamptz', "FROM (now() - interval '1 day') TO (now())"],
    ['an operator class', 'RANGE (a text_pattern_ops)', 'a text', "FROM ('a') TO ('b')"],
    ['the hash of a text', 'HASH (a)', 'a text', 'WITH (MODULUS 2, REMAINDER 0)'],
  ])('is left to a person for %s', async (_, key, columns, bound) => {
    const tables = `CREATE TABLE t (${columns}) PARTITION BY ${key}; CREATE TABLE n (${columns});`
    const { findings } = await byText(tables, `ALTER TABLE t ATTACH PARTITION n FOR VALUES ${bound};`)
    expect(findings).toMatchObject([
      { fixes: [], next: expect.stringContaining('pg_get_partition_constraintdef') as string },
    ])
  })
})
