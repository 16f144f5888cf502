import type { LockShape } from './lock-shape.ts'

const partitioned =
  'CREATE TABLE t (a int, b int) PARTITION BY RANGE (a); ' +
  'CREATE TABLE p PARTITION OF t FOR VALUES FROM (0) TO (1000); ' +
  'INSERT INTO t SELECT g, g FROM generate_series(1, 100) g; '
const withDefault = `${partitioned}CREATE TABLE d PARTITION OF t DEFAULT; INSERT INTO t VALUES (5000, 1); `
const defaultProof = 'ALTER TABLE d ADD CHECK (NOT (a IS NOT NULL AND a >= 1000 AND a < 2000)); '
const table = 'CREATE TABLE n (a int, b int); INSERT INTO n SELECT g, g FROM generate_series(1000, 1100) g; '
const proof = 'ALTER TABLE n ADD CHECK (a IS NOT NULL AND a >= 1000 AND a < 2000); '
const attach = 'ALTER TABLE t ATTACH PARTITION n FOR VALUES FROM (1000) TO (2000)'
const partitionOf = 'CREATE TABLE n PARTITION OF t FOR VALUES FROM (1000) TO (2000)'

// What an interrupted DETACH PARTITION … CONCURRENTLY leaves; no statement alone does.
const interruptedDetach =
  'SET allow_system_table_mods = on; ' +
  "UPDATE pg_inherits SET inhdetachpending = true WHERE inhrelid = 'p'::regclass; " +
  'RESET allow_system_table_mods;'

/** Attaching, detaching and making partitions. */
export const partitionShapes = {
  'ALTER TABLE … ATTACH PARTITION': {
    setup: partitioned + table,
    statement: attach,
    locks: { 'public.t': 'SHARE UPDATE EXCLUSIVE', 'public.n': 'ACCESS EXCLUSIVE' },
    rewrite: false,
    scan: false,
    otherScans: ['public.n'],
  },
  'ALTER TABLE … ATTACH PARTITION, validated CHECK': {
    setup: partitioned + table + proof,
    statement: attach,
    locks: { 'public.t': 'SHARE UPDATE EXCLUSIVE', 'public.n': 'ACCESS EXCLUSIVE' },
    rewrite: false,
    scan: false,
  },
  'ALTER TABLE … ATTACH PARTITION, CHECK and NOT NULL': {
    setup: `${partitioned + table}ALTER TABLE n ADD CHECK (a >= 1000 AND a < 2000), ALTER a SET NOT NULL;`,
    statement: attach,
    locks: { 'public.t': 'SHARE UPDATE EXCLUSIVE', 'public.n': 'ACCESS EXCLUSIVE' },
    rewrite: false,
    scan: false,
  },
  'ALTER TABLE … ATTACH PARTITION, CHECK without IS NOT NULL': {
    setup: `${partitioned + table}ALTER TABLE n ADD CHECK (a >= 1000 AND a < 2000);`,
    statement: attach,
    locks: { 'public.t': 'SHARE UPDATE EXCLUSIVE', 'public.n': 'ACCESS EXCLUSIVE' },
    rewrite: false,
    scan: false,
    otherScans: ['public.n'],
  },
  'ALTER TABLE … ATTACH PARTITION, CHECK that is NOT VALID': {
    setup: partitioned + table + proof.replace('; ', ' NOT VALID;'),
    statement: attach,
    locks: { 'public.t': 'SHARE UPDATE EXCLUSIVE', 'public.n': 'ACCESS EXCLUSIVE' },
    rewrite: false,
    scan: false,
    otherScans: ['public.n'],
  },
  'ALTER TABLE … ATTACH PARTITION, with a DEFAULT partition': {
    setup: withDefault + table + proof,
    statement: attach,
    locks: { 'public.t': 'SHARE UPDATE EXCLUSIVE', 'public.n': 'ACCESS EXCLUSIVE', 'public.d': 'ACCESS EXCLUSIVE' },
    rewrite: false,
    scan: true,
    otherScans: ['public.d'],
  },
  'ALTER TABLE … ATTACH PARTITION, with a DEFAULT partition that has a CHECK': {
    setup: withDefault + table + proof + defaultProof,
    statement: attach,
    locks: { 'public.t': 'SHARE UPDATE EXCLUSIVE', 'public.n': 'ACCESS EXCLUSIVE', 'public.d': 'ACCESS EXCLUSIVE' },
    rewrite: false,
    scan: false,
  },
  'ALTER TABLE … ATTACH PARTITION … DEFAULT': {
    setup: partitioned + table,
    statement: 'ALTER TABLE t ATTACH PARTITION n DEFAULT',
    locks: { 'public.t': 'SHARE UPDATE EXCLUSIVE', 'public.n': 'ACCESS EXCLUSIVE' },
    rewrite: false,
    scan: false,
    otherScans: ['public.n'],
  },
  'ALTER TABLE … DETACH PARTITION': {
    setup: partitioned,
    statement: 'ALTER TABLE t DETACH PARTITION p',
    locks: { 'public.t': 'ACCESS EXCLUSIVE', 'public.p': 'ACCESS EXCLUSIVE' },
    rewrite: false,
    scan: false,
  },
  'ALTER TABLE … DETACH PARTITION, with a DEFAULT partition': {
    setup: withDefault,
    statement: 'ALTER TABLE t DETACH PARTITION p',
    locks: { 'public.t': 'ACCESS EXCLUSIVE', 'public.p': 'ACCESS EXCLUSIVE', 'public.d': 'ACCESS EXCLUSIVE' },
    rewrite: false,
    scan: false,
  },
  'ALTER TABLE … DETACH PARTITION CONCURRENTLY': {
    setup: partitioned,
    statement: 'ALTER TABLE t DETACH PARTITION p CONCURRENTLY',
    locks: { 'public.t': 'SHARE UPDATE EXCLUSIVE', 'public.p': 'ACCESS EXCLUSIVE' },
    rewrite: false,
    scan: false,
  },
  'ALTER TABLE … DETACH PARTITION CONCURRENTLY, with a DEFAULT partition': {
    setup: withDefault,
    statement: 'ALTER TABLE t DETACH PARTITION p CONCURRENTLY',
    locks: {},
    rewrite: false,
    scan: false,
    fails: '55000',
  },
  'ALTER TABLE … DETACH PARTITION … FINALIZE': {
    setup: partitioned + interruptedDetach,
    statement: 'ALTER TABLE t DETACH PARTITION p FINALIZE',
    locks: { 'public.t': 'SHARE UPDATE EXCLUSIVE', 'public.p': 'ACCESS EXCLUSIVE' },
    rewrite: false,
    scan: false,
  },
  'CREATE TABLE … PARTITION OF': {
    setup: partitioned,
    statement: partitionOf,
    locks: { 'public.t': 'ACCESS EXCLUSIVE' },
    rewrite: false,
    scan: false,
  },
  'CREATE TABLE … PARTITION OF, with a DEFAULT partition': {
    setup: withDefault,
    statement: partitionOf,
    locks: { 'public.t': 'ACCESS EXCLUSIVE', 'public.d': 'ACCESS EXCLUSIVE' },
    rewrite: false,
    scan: true,
    otherScans: ['public.d'],
  },
  'CREATE TABLE … PARTITION OF, with a DEFAULT partition that has a CHECK': {
    setup: withDefault + defaultProof,
    statement: partitionOf,
    locks: { 'public.t': 'ACCESS EXCLUSIVE', 'public.d': 'ACCESS EXCLUSIVE' },
    rewrite: false,
    scan: false,
  },
  'CREATE TABLE … PARTITION OF … DEFAULT': {
    setup: partitioned,
    statement: 'CREATE TABLE d PARTITION OF t DEFAULT',
    locks: { 'public.t': 'ACCESS EXCLUSIVE' },
    rewrite: false,
    scan: false,
  },
  'CREATE TABLE … LIKE': {
    setup: partitioned,
    statement: 'CREATE TABLE n (LIKE t INCLUDING ALL)',
    locks: { 'public.t': 'ACCESS SHARE' },
    rewrite: false,
    scan: false,
  },
  'DROP TABLE, of a partition': {
    setup: partitioned,
    statement: 'DROP TABLE p',
    locks: { 'public.t': 'ACCESS EXCLUSIVE', 'public.p': 'ACCESS EXCLUSIVE' },
    rewrite: false,
    scan: false,
  },
  'DROP TABLE, of a partition, with a DEFAULT partition': {
    setup: withDefault,
    statement: 'DROP TABLE p',
    locks: { 'public.t': 'ACCESS EXCLUSIVE', 'public.p': 'ACCESS EXCLUSIVE', 'public.d': 'ACCESS EXCLUSIVE' },
    rewrite: false,
    scan: false,
  },
  'TRUNCATE, of a partition': {
    setup: partitioned,
    statement: 'TRUNCATE p',
    locks: { 'public.p': 'ACCESS EXCLUSIVE' },
    rewrite: false,
    scan: false,
  },
} as const satisfies Record<string, LockShape>
