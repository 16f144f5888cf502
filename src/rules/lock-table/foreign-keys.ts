import type { LockShape } from './lock-shape.ts'

const rows = 'INSERT INTO t SELECT g, g FROM generate_series(1, 100) g;'
const plain = `CREATE TABLE t (a int, b int); ${rows}`
const referenced = 'CREATE TABLE r (a int PRIMARY KEY); INSERT INTO r SELECT generate_series(1, 100);'
const partitions = 'CREATE TABLE p PARTITION OF t FOR VALUES FROM (MINVALUE) TO (MAXVALUE);'
const partitioned = `${referenced} CREATE TABLE t (a int, b int) PARTITION BY RANGE (a); ${partitions} ${rows}`

/** Adding and validating foreign keys. */
export const foreignKeyShapes = {
  'ALTER TABLE … ADD FOREIGN KEY': {
    setup: `${referenced} ${plain}`,
    statement: 'ALTER TABLE t ADD FOREIGN KEY (a) REFERENCES r',
    locks: { 'public.t': 'SHARE ROW EXCLUSIVE', 'public.r': 'SHARE ROW EXCLUSIVE' },
    rewrite: false,
    scan: true,
  },
  'ALTER TABLE … ADD FOREIGN KEY … NOT VALID': {
    setup: `${referenced} ${plain}`,
    statement: 'ALTER TABLE t ADD FOREIGN KEY (a) REFERENCES r NOT VALID',
    locks: { 'public.t': 'SHARE ROW EXCLUSIVE', 'public.r': 'SHARE ROW EXCLUSIVE' },
    rewrite: false,
    scan: false,
  },
  'ALTER TABLE … ADD FOREIGN KEY … NOT ENFORCED': {
    setup: `${referenced} ${plain}`,
    statement: 'ALTER TABLE t ADD FOREIGN KEY (a) REFERENCES r NOT ENFORCED',
    majors: [18],
    locks: { 'public.t': 'SHARE ROW EXCLUSIVE', 'public.r': 'SHARE ROW EXCLUSIVE' },
    rewrite: false,
    scan: false,
  },
  'ALTER TABLE … VALIDATE CONSTRAINT, foreign key': {
    setup: `${referenced} ${plain} ALTER TABLE t ADD CONSTRAINT f FOREIGN KEY (a) REFERENCES r NOT VALID;`,
    statement: 'ALTER TABLE t VALIDATE CONSTRAINT f',
    locks: { 'public.t': 'SHARE UPDATE EXCLUSIVE', 'public.r': 'ROW SHARE' },
    rewrite: false,
    scan: true,
  },
  'ALTER TABLE … ADD FOREIGN KEY, partitioned table': {
    setup: partitioned,
    statement: 'ALTER TABLE t ADD FOREIGN KEY (a) REFERENCES r',
    locks: {
      'public.t': 'SHARE ROW EXCLUSIVE',
      'public.p': 'SHARE ROW EXCLUSIVE',
      'public.r': 'SHARE ROW EXCLUSIVE',
    },
    rewrite: false,
    scan: true,
  },
  'ALTER TABLE … ADD FOREIGN KEY, partitioned table whose partitions have it': {
    setup: `${partitioned} ALTER TABLE p ADD FOREIGN KEY (a) REFERENCES r;`,
    statement: 'ALTER TABLE t ADD FOREIGN KEY (a) REFERENCES r',
    locks: {
      'public.t': 'SHARE ROW EXCLUSIVE',
      'public.p': 'SHARE ROW EXCLUSIVE',
      'public.r': 'ACCESS EXCLUSIVE',
    },
    rewrite: false,
    scan: false,
  },
  'ALTER TABLE … ADD FOREIGN KEY … NOT VALID, partitioned table': {
    setup: partitioned,
    statement: 'ALTER TABLE t ADD FOREIGN KEY (a) REFERENCES r NOT VALID',
    majors: [18],
    locks: {
      'public.t': 'SHARE ROW EXCLUSIVE',
      'public.p': 'SHARE ROW EXCLUSIVE',
      'public.r': 'SHARE ROW EXCLUSIVE',
    },
    rewrite: false,
    scan: false,
  },
  'ALTER TABLE … ADD FOREIGN KEY … NOT VALID, partitioned table before 18': {
    setup: partitioned,
    statement: 'ALTER TABLE t ADD FOREIGN KEY (a) REFERENCES r NOT VALID',
    majors: [16, 17],
    locks: {},
    rewrite: false,
    scan: false,
    fails: '42809',
  },
  'ALTER TABLE … ADD COLUMN … REFERENCES': {
    setup: `${referenced} ${plain}`,
    statement: 'ALTER TABLE t ADD COLUMN c int REFERENCES r',
    locks: { 'public.t': 'ACCESS EXCLUSIVE', 'public.r': 'SHARE ROW EXCLUSIVE' },
    rewrite: false,
    scan: false,
  },
  'ALTER TABLE … ADD COLUMN … DEFAULT … REFERENCES': {
    setup: `${referenced} ${plain}`,
    statement: 'ALTER TABLE t ADD COLUMN c int DEFAULT 1 REFERENCES r',
    locks: { 'public.t': 'ACCESS EXCLUSIVE', 'public.r': 'SHARE ROW EXCLUSIVE' },
    rewrite: false,
    scan: true,
  },
  'CREATE TABLE … REFERENCES': {
    setup: referenced,
    statement: 'CREATE TABLE t (a int REFERENCES r)',
    locks: { 'public.r': 'SHARE ROW EXCLUSIVE' },
    rewrite: false,
    scan: false,
  },
} as const satisfies Record<string, LockShape>
