import type { LockShape } from './lock-shape.ts'

const rows = 'INSERT INTO t SELECT g, g FROM generate_series(1, 100) g; '
const table = `CREATE TABLE t (a int PRIMARY KEY, b int); ${rows}`
const partitioned =
  `CREATE TABLE t (a int, b int) PARTITION BY RANGE (a); ` +
  `CREATE TABLE p PARTITION OF t FOR VALUES FROM (MINVALUE) TO (MAXVALUE); ${rows}`

/** Locks that are asked for by name, and those that statements of one transaction hold together. */
export const transactionShapes = {
  'LOCK TABLE': {
    setup: 'CREATE TABLE t AS SELECT 1 AS a;',
    statement: 'LOCK TABLE t',
    locks: { 'public.t': 'ACCESS EXCLUSIVE' },
    rewrite: false,
    scan: false,
  },
  'LOCK TABLE … IN EXCLUSIVE MODE': {
    setup: 'CREATE TABLE t AS SELECT 1 AS a;',
    statement: 'LOCK TABLE t IN EXCLUSIVE MODE',
    locks: { 'public.t': 'EXCLUSIVE' },
    rewrite: false,
    scan: false,
  },
  'LOCK TABLE … IN SHARE ROW EXCLUSIVE MODE': {
    setup: 'CREATE TABLE t AS SELECT 1 AS a;',
    statement: 'LOCK TABLE t IN SHARE ROW EXCLUSIVE MODE',
    locks: { 'public.t': 'SHARE ROW EXCLUSIVE' },
    rewrite: false,
    scan: false,
  },
  'LOCK TABLE … IN SHARE MODE': {
    setup: 'CREATE TABLE t AS SELECT 1 AS a;',
    statement: 'LOCK TABLE t IN SHARE MODE',
    locks: { 'public.t': 'SHARE' },
    rewrite: false,
    scan: false,
  },
  'ALTER TABLE, then ALTER TABLE of another table in the same transaction': {
    setup: 'CREATE TABLE t AS SELECT 1 AS a; CREATE TABLE r AS SELECT 1 AS a;',
    statement: 'ALTER TABLE t ADD COLUMN b int; ALTER TABLE r ADD COLUMN b int',
    locks: { 'public.t': 'ACCESS EXCLUSIVE', 'public.r': 'ACCESS EXCLUSIVE' },
    rewrite: false,
    scan: false,
  },
  'ALTER TABLE, then CREATE INDEX in the same transaction': {
    setup: 'CREATE TABLE t AS SELECT 1 AS a;',
    statement: 'ALTER TABLE t ADD COLUMN b int; CREATE INDEX ON t (a)',
    locks: { 'public.t': 'ACCESS EXCLUSIVE' },
    rewrite: false,
    scan: true,
  },
  'ALTER TABLE, then VALIDATE CONSTRAINT in the same transaction': {
    setup: 'CREATE TABLE t AS SELECT 1 AS a; ALTER TABLE t ADD CONSTRAINT c CHECK (a > 0) NOT VALID;',
    statement: 'ALTER TABLE t ADD COLUMN b int; ALTER TABLE t VALIDATE CONSTRAINT c',
    locks: { 'public.t': 'ACCESS EXCLUSIVE' },
    rewrite: false,
    scan: true,
  },
  'ALTER TABLE, then ADD FOREIGN KEY in the same transaction': {
    setup:
      'CREATE TABLE t AS SELECT 1 AS a; CREATE TABLE r (a int PRIMARY KEY); INSERT INTO r VALUES (1); ' +
      'CREATE TABLE u AS SELECT 1 AS a;',
    statement: 'ALTER TABLE t ADD COLUMN b int; ALTER TABLE u ADD FOREIGN KEY (a) REFERENCES r',
    locks: {
      'public.t': 'ACCESS EXCLUSIVE',
      'public.u': 'SHARE ROW EXCLUSIVE',
      'public.r': 'SHARE ROW EXCLUSIVE',
      'public.r_pkey': 'ACCESS SHARE',
    },
    rewrite: false,
    scan: false,
  },
  'ALTER TABLE, then UPDATE in the same transaction': {
    setup: 'CREATE TABLE t AS SELECT 1 AS a;',
    statement: 'ALTER TABLE t ADD COLUMN b int; UPDATE t SET b = a',
    locks: { 'public.t': 'ACCESS EXCLUSIVE' },
    rewrite: false,
    scan: true,
  },
  'UPDATE, then ALTER TABLE in the same transaction': {
    setup: 'CREATE TABLE t AS SELECT 1 AS a;',
    statement: 'UPDATE t SET a = 2; ALTER TABLE t ADD COLUMN b int',
    locks: { 'public.t': 'ACCESS EXCLUSIVE' },
    rewrite: false,
    scan: true,
  },
  'REFRESH MATERIALIZED VIEW, after ALTER TABLE in the same transaction': {
    setup:
      'CREATE TABLE t AS SELECT 1 AS a; CREATE TABLE r AS SELECT 1 AS a; CREATE MATERIALIZED VIEW m AS SELECT a FROM r;',
    statement: 'ALTER TABLE t ADD COLUMN b int; REFRESH MATERIALIZED VIEW m',
    locks: { 'public.t': 'ACCESS EXCLUSIVE', 'public.m': 'ACCESS EXCLUSIVE', 'public.r': 'ACCESS SHARE' },
    rewrite: false,
    scan: false,
  },
  'ALTER TABLE, then CREATE TABLE AS in the same transaction': {
    setup: 'CREATE TABLE t AS SELECT 1 AS a;',
    statement: 'ALTER TABLE t ADD COLUMN b int; CREATE TABLE u AS SELECT * FROM t',
    locks: { 'public.t': 'ACCESS EXCLUSIVE' },
    rewrite: false,
    scan: true,
  },
  'ALTER TABLE, then REINDEX in the same transaction': {
    setup: 'CREATE TABLE t AS SELECT 1 AS a; CREATE INDEX ON t (a);',
    statement: 'ALTER TABLE t ADD COLUMN b int; REINDEX TABLE t',
    locks: { 'public.t': 'ACCESS EXCLUSIVE', 'public.t_a_idx': 'ACCESS EXCLUSIVE' },
    rewrite: false,
    scan: true,
  },
  'LOCK TABLE … IN ACCESS SHARE MODE': {
    setup: table,
    statement: 'LOCK TABLE t IN ACCESS SHARE MODE',
    locks: { 'public.t': 'ACCESS SHARE' },
    rewrite: false,
    scan: false,
  },
  'LOCK TABLE … IN ROW SHARE MODE': {
    setup: table,
    statement: 'LOCK TABLE t IN ROW SHARE MODE',
    locks: { 'public.t': 'ROW SHARE' },
    rewrite: false,
    scan: false,
  },
  'LOCK TABLE … IN ROW EXCLUSIVE MODE': {
    setup: table,
    statement: 'LOCK TABLE t IN ROW EXCLUSIVE MODE',
    locks: { 'public.t': 'ROW EXCLUSIVE' },
    rewrite: false,
    scan: false,
  },
  'LOCK TABLE … IN SHARE UPDATE EXCLUSIVE MODE': {
    setup: table,
    statement: 'LOCK TABLE t IN SHARE UPDATE EXCLUSIVE MODE',
    locks: { 'public.t': 'SHARE UPDATE EXCLUSIVE' },
    rewrite: false,
    scan: false,
  },
  'LOCK TABLE, partitioned table': {
    setup: partitioned,
    statement: 'LOCK TABLE t',
    locks: { 'public.t': 'ACCESS EXCLUSIVE', 'public.p': 'ACCESS EXCLUSIVE' },
    rewrite: false,
    scan: false,
  },
  'LOCK TABLE, view': {
    setup: 'CREATE TABLE r (a int); CREATE VIEW t AS SELECT a FROM r;',
    statement: 'LOCK TABLE t',
    locks: { 'public.t': 'ACCESS EXCLUSIVE', 'public.r': 'ACCESS EXCLUSIVE' },
    rewrite: false,
    scan: false,
  },
  'ALTER TABLE, then CREATE INDEX of another table in the same transaction': {
    setup: 'CREATE TABLE t AS SELECT 1 AS a; CREATE TABLE r AS SELECT 1 AS a;',
    statement: 'ALTER TABLE t ADD COLUMN b int; CREATE INDEX ON r (a)',
    locks: { 'public.t': 'ACCESS EXCLUSIVE', 'public.r': 'SHARE' },
    rewrite: false,
    scan: false,
  },
  'ALTER TABLE, then VALIDATE CONSTRAINT of another table in the same transaction': {
    setup:
      'CREATE TABLE t AS SELECT 1 AS a; CREATE TABLE r AS SELECT 1 AS a; ' +
      'ALTER TABLE r ADD CONSTRAINT c CHECK (a > 0) NOT VALID;',
    statement: 'ALTER TABLE t ADD COLUMN b int; ALTER TABLE r VALIDATE CONSTRAINT c',
    locks: { 'public.t': 'ACCESS EXCLUSIVE', 'public.r': 'SHARE UPDATE EXCLUSIVE' },
    rewrite: false,
    scan: false,
  },
  'ALTER TABLE, then CREATE TABLE AS of another table in the same transaction': {
    setup: 'CREATE TABLE t AS SELECT 1 AS a; CREATE TABLE r AS SELECT 1 AS a;',
    statement: 'ALTER TABLE t ADD COLUMN b int; CREATE TABLE u AS SELECT * FROM r',
    locks: { 'public.t': 'ACCESS EXCLUSIVE', 'public.r': 'ACCESS SHARE' },
    rewrite: false,
    scan: false,
  },
  'ALTER TABLE, then REINDEX of another table in the same transaction': {
    setup: 'CREATE TABLE t AS SELECT 1 AS a; CREATE TABLE r AS SELECT 1 AS a; CREATE INDEX ON r (a);',
    statement: 'ALTER TABLE t ADD COLUMN b int; REINDEX TABLE r',
    locks: { 'public.t': 'ACCESS EXCLUSIVE', 'public.r': 'SHARE', 'public.r_a_idx': 'ACCESS EXCLUSIVE' },
    rewrite: false,
    scan: false,
  },
} as const satisfies Record<string, LockShape>
