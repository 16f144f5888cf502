import type { LockShape } from './lock-shape.ts'

const rows = 'INSERT INTO t SELECT g, g FROM generate_series(1, 100) g; '
const table = `CREATE TABLE t (a int PRIMARY KEY, b int); ${rows}`
const partitioned =
  'CREATE TABLE t (a int, b int) PARTITION BY RANGE (a); ' +
  `CREATE TABLE p PARTITION OF t FOR VALUES FROM (MINVALUE) TO (MAXVALUE); ${rows}`

/** VACUUM, ANALYZE and CLUSTER. */
export const maintenanceShapes = {
  VACUUM: {
    setup: table,
    statement: 'VACUUM t',
    locks: { 'public.t': 'SHARE UPDATE EXCLUSIVE' },
    rewrite: false,
    scan: false,
  },
  'VACUUM FREEZE': {
    setup: table,
    statement: 'VACUUM (FREEZE) t',
    locks: { 'public.t': 'SHARE UPDATE EXCLUSIVE' },
    rewrite: false,
    scan: false,
  },
  'VACUUM ANALYZE': {
    setup: table,
    statement: 'VACUUM (ANALYZE) t',
    locks: { 'public.t': 'SHARE UPDATE EXCLUSIVE' },
    rewrite: false,
    scan: false,
  },
  'VACUUM FULL': {
    setup: table,
    statement: 'VACUUM (FULL) t',
    locks: { 'public.t': 'ACCESS EXCLUSIVE' },
    rewrite: true,
    scan: true,
  },
  'VACUUM, partitioned table': {
    setup: partitioned,
    statement: 'VACUUM t',
    locks: { 'public.t': 'SHARE UPDATE EXCLUSIVE', 'public.p': 'SHARE UPDATE EXCLUSIVE' },
    rewrite: false,
    scan: false,
  },
  'VACUUM FULL, partitioned table': {
    setup: partitioned,
    statement: 'VACUUM FULL t',
    locks: { 'public.t': 'ACCESS EXCLUSIVE', 'public.p': 'ACCESS EXCLUSIVE' },
    rewrite: true,
    scan: true,
  },
  ANALYZE: {
    setup: table,
    statement: 'ANALYZE t',
    locks: { 'public.t': 'SHARE UPDATE EXCLUSIVE' },
    rewrite: false,
    scan: false,
  },
  'ANALYZE, partitioned table': {
    setup: partitioned,
    statement: 'ANALYZE t',
    locks: { 'public.t': 'SHARE UPDATE EXCLUSIVE', 'public.p': 'SHARE UPDATE EXCLUSIVE' },
    rewrite: false,
    scan: false,
  },
  'ANALYZE, with inheritors before 18': {
    setup: `CREATE TABLE t (a int, b int); CREATE TABLE s () INHERITS (t); ${rows}INSERT INTO s SELECT 1, 1;`,
    statement: 'ANALYZE t',
    majors: [16, 17],
    locks: { 'public.t': 'SHARE UPDATE EXCLUSIVE', 'public.s': 'ACCESS SHARE' },
    rewrite: false,
    scan: false,
  },
  'ANALYZE, with inheritors': {
    setup: `CREATE TABLE t (a int, b int); CREATE TABLE s () INHERITS (t); ${rows}INSERT INTO s SELECT 1, 1;`,
    statement: 'ANALYZE t',
    majors: [18],
    locks: { 'public.t': 'SHARE UPDATE EXCLUSIVE', 'public.s': 'SHARE UPDATE EXCLUSIVE' },
    rewrite: false,
    scan: false,
  },
  'ANALYZE ONLY, partitioned table': {
    setup: partitioned,
    statement: 'ANALYZE ONLY t',
    majors: [18],
    locks: { 'public.t': 'SHARE UPDATE EXCLUSIVE', 'public.p': 'ACCESS SHARE' },
    rewrite: false,
    scan: false,
  },
  'CLUSTER … USING': {
    setup: table,
    statement: 'CLUSTER t USING t_pkey',
    locks: { 'public.t': 'ACCESS EXCLUSIVE' },
    rewrite: true,
    scan: true,
  },
  CLUSTER: {
    setup: `${table}ALTER TABLE t CLUSTER ON t_pkey;`,
    statement: 'CLUSTER t',
    locks: { 'public.t': 'ACCESS EXCLUSIVE' },
    rewrite: true,
    scan: true,
  },
  'CLUSTER … USING, partitioned table': {
    setup: `${partitioned}CREATE INDEX i ON t (a);`,
    statement: 'CLUSTER t USING i',
    locks: { 'public.t': 'ACCESS EXCLUSIVE', 'public.p': 'ACCESS EXCLUSIVE' },
    rewrite: true,
    scan: true,
  },
} as const satisfies Record<string, LockShape>
