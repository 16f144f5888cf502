import type { LockShape } from './lock-shape.ts'

const table = 'CREATE TABLE t (a int PRIMARY KEY, b text); INSERT INTO t SELECT g, g FROM generate_series(1, 100) g;'
const partitioned =
  'CREATE TABLE t (a int) PARTITION BY RANGE (a); ' +
  'CREATE TABLE p PARTITION OF t FOR VALUES FROM (MINVALUE) TO (MAXVALUE); ' +
  'INSERT INTO t SELECT generate_series(1, 100);'
const numbered = `${table} ALTER TABLE t ALTER COLUMN a ADD GENERATED ALWAYS AS IDENTITY;`
const stored = `${table} ALTER TABLE t ADD COLUMN c int GENERATED ALWAYS AS (a + 1) STORED;`
const virtual = `${table} ALTER TABLE t ADD COLUMN c int GENERATED ALWAYS AS (a + 1) VIRTUAL;`
const positive = 'CREATE DOMAIN positive AS int CHECK (VALUE > 0);'

// What a statement does to t: nothing to its rows, look at them, write them anew.
const brief = { locks: { 'public.t': 'ACCESS EXCLUSIVE' }, rewrite: false, scan: false } as const
const scanned = { locks: { 'public.t': 'ACCESS EXCLUSIVE' }, rewrite: false, scan: true } as const
const rewritten = { locks: { 'public.t': 'ACCESS EXCLUSIVE' }, rewrite: true, scan: true } as const
const harmless = { locks: { 'public.t': 'SHARE UPDATE EXCLUSIVE' }, rewrite: false, scan: false } as const
const refused = (sqlstate: string) => ({ locks: {}, rewrite: false, scan: false, fails: sqlstate }) as const

const returning = (language: string, volatility: string, code: string) =>
  `${table} CREATE FUNCTION f() RETURNS int LANGUAGE ${language} ${volatility} AS $$ ${code} $$;`

/** Adding, changing and dropping columns, types left out. */
export const columnShapes = {
  'ALTER TABLE … ADD COLUMN': { setup: table, statement: 'ALTER TABLE t ADD COLUMN c int', ...brief },
  'ALTER TABLE … ADD COLUMN, partitioned table': {
    setup: partitioned,
    statement: 'ALTER TABLE t ADD COLUMN c int DEFAULT 1',
    locks: { 'public.t': 'ACCESS EXCLUSIVE', 'public.p': 'ACCESS EXCLUSIVE' },
    rewrite: false,
    scan: false,
  },
  'ALTER TABLE … ADD COLUMN IF NOT EXISTS, column exists': {
    setup: table,
    statement: 'ALTER TABLE t ADD COLUMN IF NOT EXISTS b text DEFAULT random()',
    ...brief,
  },
  'ALTER TABLE … ADD COLUMN … DEFAULT constant': {
    setup: table,
    statement: 'ALTER TABLE t ADD COLUMN c int DEFAULT 1',
    ...brief,
  },
  'ALTER TABLE … ADD COLUMN … DEFAULT array': {
    setup: table,
    statement: 'ALTER TABLE t ADD COLUMN c int[] DEFAULT ARRAY[1, 2]',
    ...brief,
  },
  'ALTER TABLE … ADD COLUMN … DEFAULT now()': {
    setup: table,
    statement: 'ALTER TABLE t ADD COLUMN c timestamptz DEFAULT now()',
    ...brief,
  },
  'ALTER TABLE … ADD COLUMN … DEFAULT CURRENT_TIMESTAMP': {
    setup: table,
    statement: "ALTER TABLE t ADD COLUMN c timestamptz DEFAULT CURRENT_TIMESTAMP + interval '1 day'",
    ...brief,
  },
  'ALTER TABLE … ADD COLUMN … DEFAULT current_user': {
    setup: table,
    statement: 'ALTER TABLE t ADD COLUMN c text DEFAULT current_user',
    ...brief,
  },
  'ALTER TABLE … ADD COLUMN … DEFAULT clock_timestamp()': {
    setup: table,
    statement: 'ALTER TABLE t ADD COLUMN c timestamptz DEFAULT clock_timestamp()',
    ...rewritten,
  },
  'ALTER TABLE … ADD COLUMN … DEFAULT gen_random_uuid()': {
    setup: table,
    statement: 'ALTER TABLE t ADD COLUMN c uuid DEFAULT gen_random_uuid()',
    ...rewritten,
  },
  'ALTER TABLE … ADD COLUMN … DEFAULT uuidv7()': {
    setup: table,
    statement: 'ALTER TABLE t ADD COLUMN c uuid DEFAULT uuidv7()',
    majors: [18],
    ...rewritten,
  },
  'ALTER TABLE … ADD COLUMN … DEFAULT random()': {
    setup: table,
    statement: 'ALTER TABLE t ADD COLUMN c float8 DEFAULT random()',
    ...rewritten,
  },
  'ALTER TABLE … ADD COLUMN … DEFAULT random(), partitioned table': {
    setup: partitioned,
    statement: 'ALTER TABLE t ADD COLUMN c float8 DEFAULT random()',
    locks: { 'public.t': 'ACCESS EXCLUSIVE', 'public.p': 'ACCESS EXCLUSIVE' },
    rewrite: true,
    scan: true,
  },
  'ALTER TABLE … ADD COLUMN … DEFAULT nextval()': {
    setup: `${table} CREATE SEQUENCE s;`,
    statement: "ALTER TABLE t ADD COLUMN c bigint DEFAULT nextval('s')",
    locks: { 'public.t': 'ACCESS EXCLUSIVE', 'public.s': 'ROW EXCLUSIVE' },
    rewrite: true,
    scan: true,
  },
  'ALTER TABLE … ADD COLUMN … DEFAULT volatile function': {
    setup: returning('plpgsql', 'VOLATILE', 'BEGIN RETURN 1; END'),
    statement: 'ALTER TABLE t ADD COLUMN c int DEFAULT f()',
    ...rewritten,
  },
  'ALTER TABLE … ADD COLUMN … DEFAULT stable function': {
    setup: returning('plpgsql', 'STABLE', 'BEGIN RETURN 1; END'),
    statement: 'ALTER TABLE t ADD COLUMN c int DEFAULT f()',
    ...brief,
  },
  'ALTER TABLE … ADD COLUMN … DEFAULT volatile SQL function that inlines to a constant': {
    setup: returning('sql', 'VOLATILE', 'SELECT 1'),
    statement: 'ALTER TABLE t ADD COLUMN c int DEFAULT f()',
    ...brief,
  },
  'ALTER TABLE … ADD COLUMN … DEFAULT volatile SQL function that inlines to random()': {
    setup: returning('sql', 'VOLATILE', 'SELECT random()::int'),
    statement: 'ALTER TABLE t ADD COLUMN c int DEFAULT f()',
    ...rewritten,
  },
  'ALTER TABLE … ADD COLUMN … serial': {
    setup: table,
    statement: 'ALTER TABLE t ADD COLUMN c bigserial',
    ...rewritten,
  },
  'ALTER TABLE … ADD COLUMN … GENERATED AS IDENTITY': {
    setup: table,
    statement: 'ALTER TABLE t ADD COLUMN c bigint GENERATED ALWAYS AS IDENTITY',
    ...rewritten,
  },
  'ALTER TABLE … ADD COLUMN … GENERATED AS IDENTITY, partitioned table': {
    setup: partitioned,
    statement: 'ALTER TABLE t ADD COLUMN c bigint GENERATED ALWAYS AS IDENTITY',
    majors: [17, 18],
    locks: { 'public.t': 'ACCESS EXCLUSIVE', 'public.p': 'ACCESS EXCLUSIVE' },
    rewrite: true,
    scan: true,
  },
  'ALTER TABLE … ADD COLUMN … GENERATED AS IDENTITY, partitioned table on 16': {
    setup: partitioned,
    statement: 'ALTER TABLE t ADD COLUMN c bigint GENERATED ALWAYS AS IDENTITY',
    majors: [16],
    ...refused('42P16'),
  },
  'ALTER TABLE … ADD COLUMN … GENERATED STORED': {
    setup: table,
    statement: 'ALTER TABLE t ADD COLUMN c int GENERATED ALWAYS AS (a + 1) STORED',
    ...rewritten,
  },
  'ALTER TABLE … ADD COLUMN … GENERATED VIRTUAL': {
    setup: table,
    statement: 'ALTER TABLE t ADD COLUMN c int GENERATED ALWAYS AS (a + 1) VIRTUAL',
    majors: [18],
    ...brief,
  },
  'ALTER TABLE … ADD COLUMN … GENERATED VIRTUAL NOT NULL': {
    setup: table,
    statement: 'ALTER TABLE t ADD COLUMN c int GENERATED ALWAYS AS (a + 1) VIRTUAL NOT NULL',
    majors: [18],
    ...scanned,
  },
  'ALTER TABLE … ADD COLUMN … domain': {
    setup: `${table} CREATE DOMAIN plain AS int;`,
    statement: 'ALTER TABLE t ADD COLUMN c plain DEFAULT 1',
    ...brief,
  },
  'ALTER TABLE … ADD COLUMN … domain with a volatile DEFAULT': {
    setup: `${table} CREATE DOMAIN drawn AS float8 DEFAULT random();`,
    statement: 'ALTER TABLE t ADD COLUMN c drawn',
    ...rewritten,
  },
  'ALTER TABLE … ADD COLUMN … domain with CHECK': {
    setup: `${table} ${positive}`,
    statement: 'ALTER TABLE t ADD COLUMN c positive',
    ...rewritten,
  },
  'ALTER TABLE … ADD COLUMN … domain with CHECK, DEFAULT constant': {
    setup: `${table} ${positive}`,
    statement: 'ALTER TABLE t ADD COLUMN c positive DEFAULT 1',
    ...rewritten,
  },
  'ALTER TABLE … ADD COLUMN … domain over a domain with CHECK': {
    setup: `${table} ${positive} CREATE DOMAIN small AS positive;`,
    statement: 'ALTER TABLE t ADD COLUMN c small',
    ...rewritten,
  },
  'ALTER TABLE … ADD COLUMN … domain with NOT NULL': {
    setup: `${table} CREATE DOMAIN given AS int NOT NULL;`,
    statement: 'ALTER TABLE t ADD COLUMN c given',
    ...refused('23502'),
  },
  'ALTER TABLE … ADD COLUMN … domain with NOT NULL, DEFAULT constant': {
    setup: `${table} CREATE DOMAIN given AS int NOT NULL;`,
    statement: 'ALTER TABLE t ADD COLUMN c given DEFAULT 1',
    ...rewritten,
  },
  'ALTER TABLE … ADD COLUMN … array of a domain with CHECK': {
    setup: `${table} ${positive}`,
    statement: 'ALTER TABLE t ADD COLUMN c positive[]',
    ...brief,
  },
  'ALTER TABLE … ADD COLUMN … composite type with such a domain': {
    setup: `${table} ${positive} CREATE TYPE pair AS (x positive, y int);`,
    statement: 'ALTER TABLE t ADD COLUMN c pair',
    ...brief,
  },
  'ALTER TABLE … ADD COLUMN … NOT NULL DEFAULT constant': {
    setup: table,
    statement: 'ALTER TABLE t ADD COLUMN c int NOT NULL DEFAULT 1',
    ...brief,
  },
  'ALTER TABLE … ADD COLUMN … NOT NULL': {
    setup: table,
    statement: 'ALTER TABLE t ADD COLUMN c int NOT NULL',
    ...refused('23502'),
  },
  'ALTER TABLE … ADD COLUMN … NOT NULL, empty table': {
    setup: `${table} TRUNCATE t;`,
    statement: 'ALTER TABLE t ADD COLUMN c int NOT NULL',
    ...scanned,
  },
  'ALTER TABLE … ADD COLUMN … PRIMARY KEY': {
    setup: `${table} ALTER TABLE t DROP CONSTRAINT t_pkey;`,
    statement: 'ALTER TABLE t ADD COLUMN c int PRIMARY KEY',
    ...refused('23502'),
  },
  'ALTER TABLE … DROP COLUMN': {
    setup: `${table} CREATE INDEX i ON t (b);`,
    statement: 'ALTER TABLE t DROP COLUMN b',
    locks: { 'public.t': 'ACCESS EXCLUSIVE', 'public.i': 'ACCESS EXCLUSIVE' },
    rewrite: false,
    scan: false,
  },
  'ALTER TABLE … RENAME COLUMN': { setup: table, statement: 'ALTER TABLE t RENAME COLUMN b TO c', ...brief },
  'ALTER TABLE … SET DEFAULT': { setup: table, statement: 'ALTER TABLE t ALTER COLUMN b SET DEFAULT 1', ...brief },
  'ALTER TABLE … DROP DEFAULT': { setup: table, statement: 'ALTER TABLE t ALTER COLUMN b DROP DEFAULT', ...brief },
  'ALTER TABLE … SET STATISTICS': {
    setup: table,
    statement: 'ALTER TABLE t ALTER COLUMN b SET STATISTICS 500',
    ...harmless,
  },
  'ALTER TABLE … ALTER COLUMN SET (n_distinct)': {
    setup: table,
    statement: 'ALTER TABLE t ALTER COLUMN b SET (n_distinct = 5)',
    ...harmless,
  },
  'ALTER TABLE … SET STORAGE': {
    setup: `${table} CREATE INDEX i ON t (b);`,
    statement: 'ALTER TABLE t ALTER COLUMN b SET STORAGE EXTERNAL',
    ...brief,
  },
  'ALTER TABLE … SET COMPRESSION': {
    setup: `${table} CREATE INDEX i ON t (b);`,
    statement: 'ALTER TABLE t ALTER COLUMN b SET COMPRESSION pglz',
    ...brief,
  },
  'ALTER TABLE … DROP EXPRESSION': {
    setup: stored,
    statement: 'ALTER TABLE t ALTER COLUMN c DROP EXPRESSION',
    ...brief,
  },
  'ALTER TABLE … SET EXPRESSION, stored': {
    setup: stored,
    statement: 'ALTER TABLE t ALTER COLUMN c SET EXPRESSION AS (a + 2)',
    majors: [17, 18],
    ...rewritten,
  },
  'ALTER TABLE … SET EXPRESSION, virtual': {
    setup: virtual,
    statement: 'ALTER TABLE t ALTER COLUMN c SET EXPRESSION AS (a + 2)',
    majors: [18],
    ...brief,
  },
  'ALTER TABLE … SET EXPRESSION, virtual NOT NULL': {
    setup: `${virtual} ALTER TABLE t ALTER COLUMN c SET NOT NULL;`,
    statement: 'ALTER TABLE t ALTER COLUMN c SET EXPRESSION AS (a + 2)',
    majors: [18],
    ...scanned,
  },
  'ALTER TABLE … SET EXPRESSION, virtual, table with a CHECK': {
    setup: `${virtual} ALTER TABLE t ADD CHECK (c > 0);`,
    statement: 'ALTER TABLE t ALTER COLUMN c SET EXPRESSION AS (a + 2)',
    majors: [18],
    ...refused('0A000'),
  },
  'ALTER TABLE … ADD GENERATED AS IDENTITY': {
    setup: table,
    statement: 'ALTER TABLE t ALTER COLUMN a ADD GENERATED ALWAYS AS IDENTITY',
    ...brief,
  },
  'ALTER TABLE … SET GENERATED': {
    setup: numbered,
    statement: 'ALTER TABLE t ALTER COLUMN a SET GENERATED BY DEFAULT',
    locks: { 'public.t': 'ACCESS EXCLUSIVE', 'public.t_a_seq': 'SHARE ROW EXCLUSIVE' },
    rewrite: false,
    scan: false,
  },
  'ALTER TABLE … DROP IDENTITY': {
    setup: numbered,
    statement: 'ALTER TABLE t ALTER COLUMN a DROP IDENTITY',
    locks: { 'public.t': 'ACCESS EXCLUSIVE', 'public.t_a_seq': 'ACCESS EXCLUSIVE' },
    rewrite: false,
    scan: false,
  },
} as const satisfies Record<string, LockShape>
