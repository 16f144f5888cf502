import type { LockShape } from './lock-shape.ts'

/** A table with a column `a` of a type, filled with `value`, in which `g` counts the rows. */
const column = (type: string, value: string, before = '') =>
  `${before}CREATE TABLE t (a ${type}, b int PRIMARY KEY); ` +
  `INSERT INTO t SELECT ${value}, g FROM generate_series(1, 100) g;`
const to = (type: string, using?: string) =>
  `ALTER TABLE t ALTER COLUMN a TYPE ${type}${using === undefined ? '' : ` USING ${using}`}`
const under = (zone: string, setup: string) => `${setup} SET timezone = '${zone}';`

const index = 'CREATE INDEX i ON t (a);'
const check = "ALTER TABLE t ADD CHECK (a <> '');"
const word = column('varchar(50)', 'g')
const time = column('timestamp', 'now()')
const colour = "CREATE TYPE colour AS ENUM ('red'); "
const plain = 'CREATE DOMAIN plain AS int; '
const positive = 'CREATE DOMAIN positive AS int CHECK (VALUE > 0); '
const other = 'CREATE TABLE r (a int PRIMARY KEY); INSERT INTO r SELECT generate_series(1, 100);'

// What a change does to t: nothing to its rows, look at them (an index is built anew, a CHECK proven), write them anew.
const brief = { locks: { 'public.t': 'ACCESS EXCLUSIVE' }, rewrite: false, scan: false } as const
const scanned = { locks: { 'public.t': 'ACCESS EXCLUSIVE' }, rewrite: false, scan: true } as const
const rewritten = { locks: { 'public.t': 'ACCESS EXCLUSIVE' }, rewrite: true, scan: true } as const
const refused = (sqlstate: string) => ({ locks: {}, rewrite: false, scan: false, fails: sqlstate }) as const

/** Changing a column’s type. */
export const typeShapes = {
  'ALTER TABLE … TYPE, the same': { setup: word, statement: to('varchar(50)', 'a'), ...brief },
  'ALTER TABLE … TYPE … USING an expression': { setup: word, statement: to('text', 'lower(a)'), ...rewritten },
  'ALTER TABLE … TYPE … USING a cast to the same type': { setup: word, statement: to('text', 'a::text'), ...brief },
  'ALTER TABLE … TYPE … USING a cast to another type': {
    setup: word,
    statement: to('varchar(100)', 'a::text'),
    ...rewritten,
  },

  'ALTER TABLE … TYPE, int to bigint': { setup: column('int', 'g'), statement: to('bigint'), ...rewritten },
  'ALTER TABLE … TYPE, bigint to int': { setup: column('bigint', 'g'), statement: to('int'), ...rewritten },
  'ALTER TABLE … TYPE, int to numeric': { setup: column('int', 'g'), statement: to('numeric'), ...rewritten },
  'ALTER TABLE … TYPE, stored otherwise': { setup: column('int', 'g'), statement: to('text'), ...rewritten },
  'ALTER TABLE … TYPE, int to oid': { setup: column('int', 'g'), statement: to('oid'), ...brief },
  'ALTER TABLE … TYPE, int to oid, indexed': {
    setup: `${column('int', 'g')} ${index}`,
    statement: to('oid'),
    ...scanned,
  },
  'ALTER TABLE … TYPE, real to double precision': {
    setup: column('real', 'g'),
    statement: to('double precision'),
    ...rewritten,
  },
  'ALTER TABLE … TYPE, int to bigint, referencing': {
    setup: `${other} ${column('int', 'g')} ALTER TABLE t ADD FOREIGN KEY (a) REFERENCES r;`,
    statement: to('bigint'),
    locks: { 'public.t': 'ACCESS EXCLUSIVE', 'public.r': 'ACCESS EXCLUSIVE' },
    rewrite: true,
    scan: true,
  },
  'ALTER TABLE … TYPE, int to bigint, referenced': {
    setup:
      `${column('int', 'g')} CREATE UNIQUE INDEX i ON t (a); CREATE TABLE r (a int REFERENCES t (a)); ` +
      'INSERT INTO r SELECT generate_series(1, 100);',
    statement: to('bigint'),
    locks: { 'public.t': 'ACCESS EXCLUSIVE', 'public.r': 'ACCESS EXCLUSIVE' },
    rewrite: true,
    scan: true,
    otherScans: ['public.r'],
  },
  'ALTER TABLE … TYPE, int to serial': { setup: column('int', 'g'), statement: to('serial'), ...refused('42704') },

  'ALTER TABLE … TYPE, varchar(50) to varchar(100)': { setup: word, statement: to('varchar(100)'), ...brief },
  'ALTER TABLE … TYPE, varchar(50) to varchar(100), indexed': {
    setup: `${word} ${index}`,
    statement: to('varchar(100)'),
    ...brief,
  },
  'ALTER TABLE … TYPE, varchar(50) to varchar': { setup: word, statement: to('varchar'), ...brief },
  'ALTER TABLE … TYPE, varchar(50) to text': { setup: word, statement: to('text'), ...brief },
  'ALTER TABLE … TYPE, varchar(50) to text, indexed': { setup: `${word} ${index}`, statement: to('text'), ...brief },
  'ALTER TABLE … TYPE, varchar(50) to text, in an index’s expression': {
    setup: `${word} CREATE INDEX i ON t (lower(a));`,
    statement: to('text'),
    ...scanned,
  },
  'ALTER TABLE … TYPE, varchar(50) to text, in a partial index': {
    setup: `${word} CREATE INDEX i ON t (a) WHERE b > 10;`,
    statement: to('text'),
    ...scanned,
  },
  'ALTER TABLE … TYPE, varchar(50) to text, with a CHECK': {
    setup: `${word} ${check}`,
    statement: to('text'),
    ...scanned,
  },
  'ALTER TABLE … TYPE, varchar(50) to text, with a CHECK NOT VALID': {
    setup: `${word} ALTER TABLE t ADD CHECK (a <> '') NOT VALID;`,
    statement: to('text'),
    ...brief,
  },
  'ALTER TABLE … TYPE, varchar(50) to text, referencing': {
    setup:
      `CREATE TABLE r (a varchar(50) PRIMARY KEY); INSERT INTO r SELECT generate_series(1, 100); ` +
      `${word} ALTER TABLE t ADD FOREIGN KEY (a) REFERENCES r;`,
    statement: to('text'),
    locks: { 'public.t': 'ACCESS EXCLUSIVE', 'public.r': 'ACCESS EXCLUSIVE' },
    rewrite: false,
    scan: false,
  },
  'ALTER TABLE … TYPE, varchar(50) to text, used by a view': {
    setup: `${word} CREATE VIEW v AS SELECT a FROM t;`,
    statement: to('text'),
    ...refused('0A000'),
  },
  'ALTER TABLE … TYPE, varchar(50) to text, used by a generated column': {
    setup: `${word} ALTER TABLE t ADD COLUMN c text GENERATED ALWAYS AS (lower(a)) STORED;`,
    statement: to('text'),
    ...refused('0A000'),
  },
  'ALTER TABLE … TYPE, text to varchar': {
    setup: `${column('text', 'g')} ${index}`,
    statement: to('varchar'),
    ...brief,
  },
  'ALTER TABLE … TYPE, varchar(100) to varchar(50)': {
    setup: column('varchar(100)', 'g'),
    statement: to('varchar(50)'),
    ...rewritten,
  },
  'ALTER TABLE … TYPE, text to varchar(50)': { setup: column('text', 'g'), statement: to('varchar(50)'), ...rewritten },
  'ALTER TABLE … TYPE, text to varchar(50), with a CHECK of the length': {
    setup: `${column('text', 'g')} ALTER TABLE t ADD CHECK (length(a) <= 50);`,
    statement: to('varchar(50)'),
    ...rewritten,
  },
  'ALTER TABLE … TYPE, varchar(50)[] to varchar(100)[]': {
    setup: column('varchar(50)[]', 'ARRAY[g]'),
    statement: to('varchar(100)[]'),
    ...rewritten,
  },
  'ALTER TABLE … TYPE, varchar(50)[] to text[]': {
    setup: column('varchar(50)[]', 'ARRAY[g]'),
    statement: to('text[]'),
    ...rewritten,
  },
  'ALTER TABLE … TYPE, char(10) to text': { setup: column('char(10)', 'g'), statement: to('text'), ...rewritten },
  'ALTER TABLE … TYPE, char(10) to char(20)': {
    setup: column('char(10)', 'g'),
    statement: to('char(20)'),
    ...rewritten,
  },
  'ALTER TABLE … TYPE, char(10) to bpchar': { setup: column('char(10)', 'g'), statement: to('bpchar'), ...brief },
  'ALTER TABLE … TYPE, varchar(10) to char(10)': {
    setup: column('varchar(10)', 'g'),
    statement: to('char(10)'),
    ...rewritten,
  },
  'ALTER TABLE … TYPE, text to bpchar, indexed': {
    setup: `${column('text', 'g')} ${index}`,
    statement: to('bpchar'),
    ...scanned,
  },
  'ALTER TABLE … TYPE … COLLATE': { setup: column('text', 'g'), statement: to('text COLLATE "C"'), ...brief },
  'ALTER TABLE … TYPE … COLLATE, indexed': {
    setup: `${column('text', 'g')} ${index}`,
    statement: to('text COLLATE "C"'),
    ...scanned,
  },

  'ALTER TABLE … TYPE, numeric(10,2) to numeric(12,2)': {
    setup: `${column('numeric(10,2)', 'g')} ${index}`,
    statement: to('numeric(12,2)'),
    ...brief,
  },
  'ALTER TABLE … TYPE, numeric(10,2) to numeric': {
    setup: column('numeric(10,2)', 'g'),
    statement: to('numeric'),
    ...brief,
  },
  'ALTER TABLE … TYPE, numeric(10,2) to numeric(12,4)': {
    setup: column('numeric(10,2)', 'g'),
    statement: to('numeric(12,4)'),
    ...rewritten,
  },
  'ALTER TABLE … TYPE, numeric(12,2) to numeric(10,2)': {
    setup: column('numeric(12,2)', 'g'),
    statement: to('numeric(10,2)'),
    ...rewritten,
  },
  'ALTER TABLE … TYPE, numeric to numeric(10,2)': {
    setup: column('numeric', 'g'),
    statement: to('numeric(10,2)'),
    ...rewritten,
  },

  'ALTER TABLE … TYPE, timestamptz to timestamptz(3)': {
    setup: column('timestamptz', 'now()'),
    statement: to('timestamptz(3)'),
    ...rewritten,
  },
  'ALTER TABLE … TYPE, timestamptz to timestamptz(6)': {
    setup: column('timestamptz', 'now()'),
    statement: to('timestamptz(6)'),
    ...brief,
  },
  'ALTER TABLE … TYPE, timestamp(3) to timestamp': {
    setup: `${column('timestamp(3)', 'now()')} ${index}`,
    statement: to('timestamp'),
    ...brief,
  },
  'ALTER TABLE … TYPE, timestamp to timestamptz, TimeZone UTC': {
    setup: under('UTC', time),
    statement: to('timestamptz'),
    ...brief,
  },
  'ALTER TABLE … TYPE, timestamp to timestamptz, TimeZone UTC, indexed': {
    setup: under('UTC', `${time} ${index}`),
    statement: to('timestamptz'),
    ...scanned,
  },
  'ALTER TABLE … TYPE, timestamp to timestamptz, TimeZone Europe/Paris': {
    setup: under('Europe/Paris', time),
    statement: to('timestamptz'),
    ...rewritten,
  },
  'ALTER TABLE … TYPE, timestamp to timestamptz, TimeZone Africa/Abidjan, which is at UTC': {
    setup: under('Africa/Abidjan', time),
    statement: to('timestamptz'),
    ...rewritten,
  },
  "ALTER TABLE … TYPE, timestamp to timestamptz USING … AT TIME ZONE 'UTC', TimeZone UTC": {
    setup: under('UTC', time),
    statement: to('timestamptz', "a AT TIME ZONE 'UTC'"),
    ...rewritten,
  },
  'ALTER TABLE … TYPE, timestamp to timestamptz(3), TimeZone UTC': {
    setup: under('UTC', time),
    statement: to('timestamptz(3)'),
    ...rewritten,
  },
  'ALTER TABLE … TYPE, timestamptz to timestamp, TimeZone UTC': {
    setup: under('UTC', column('timestamptz', 'now()')),
    statement: to('timestamp'),
    ...brief,
  },
  'ALTER TABLE … TYPE, timestamptz to timestamp, TimeZone Europe/Paris': {
    setup: under('Europe/Paris', column('timestamptz', 'now()')),
    statement: to('timestamp'),
    ...rewritten,
  },
  'ALTER TABLE … TYPE, date to timestamp': {
    setup: column('date', "'2026-01-01'::date"),
    statement: to('timestamp'),
    ...rewritten,
  },
  'ALTER TABLE … TYPE, time(3) to time': {
    setup: column('time(3)', "'10:00'::time"),
    statement: to('time'),
    ...brief,
  },
  'ALTER TABLE … TYPE, interval(3) to interval': {
    setup: `${column('interval(3)', "'1 day'::interval")} ${index}`,
    statement: to('interval'),
    ...brief,
  },
  'ALTER TABLE … TYPE, interval to interval(3)': {
    setup: column('interval', "'1 day'::interval"),
    statement: to('interval(3)'),
    ...rewritten,
  },
  'ALTER TABLE … TYPE, interval day to interval': {
    setup: column('interval day', "'1 day'::interval"),
    statement: to('interval'),
    ...brief,
  },

  'ALTER TABLE … TYPE, json to jsonb': { setup: column('json', "'{}'::json"), statement: to('jsonb'), ...rewritten },
  'ALTER TABLE … TYPE, xml to text': { setup: column('xml', "'<a/>'::xml"), statement: to('text'), ...brief },
  'ALTER TABLE … TYPE, inet to cidr': {
    setup: column('inet', "'10.0.0.0/8'::inet"),
    statement: to('cidr'),
    ...rewritten,
  },
  'ALTER TABLE … TYPE, cidr to inet': {
    setup: `${column('cidr', "'10.0.0.0/8'::cidr")} ${index}`,
    statement: to('inet'),
    ...brief,
  },
  'ALTER TABLE … TYPE, bit(8) to bit(16)': {
    setup: column('bit(8)', "B'10101010'"),
    statement: to('bit(16)', 'a::bit(16)'),
    ...rewritten,
  },
  'ALTER TABLE … TYPE, bit(8) to varbit, indexed': {
    setup: `${column('bit(8)', "B'10101010'")} ${index}`,
    statement: to('varbit'),
    ...scanned,
  },
  'ALTER TABLE … TYPE, varbit(8) to varbit(16)': {
    setup: `${column('varbit(8)', "B'1'")} ${index}`,
    statement: to('varbit(16)'),
    ...brief,
  },
  'ALTER TABLE … TYPE, varbit(16) to varbit(8)': {
    setup: column('varbit(16)', "B'1'"),
    statement: to('varbit(8)'),
    ...rewritten,
  },

  'ALTER TABLE … TYPE, int to a domain over it': {
    setup: `${column('int', 'g', plain)} ${index}`,
    statement: to('plain'),
    ...brief,
  },
  'ALTER TABLE … TYPE, int to a domain with CHECK': {
    setup: column('int', 'g', positive),
    statement: to('positive'),
    ...rewritten,
  },
  'ALTER TABLE … TYPE, domain with CHECK to its base type': {
    setup: `${column('positive', 'g', positive)} ${index}`,
    statement: to('int'),
    ...brief,
  },
  'ALTER TABLE … TYPE, enum to text': {
    setup: column('colour', "'red'::colour", colour),
    statement: to('text'),
    ...rewritten,
  },
  'ALTER TABLE … TYPE, text to enum': {
    setup: column('text', "'red'", colour),
    statement: to('colour', 'a::colour'),
    ...rewritten,
  },
  'ALTER TABLE … TYPE, text to enum without USING': {
    setup: column('text', "'red'", colour),
    statement: to('colour'),
    ...refused('42804'),
  },
} as const satisfies Record<string, LockShape>
