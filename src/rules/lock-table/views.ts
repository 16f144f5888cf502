import type { LockShape } from './lock-shape.ts'

const source = 'CREATE TABLE r (a int); INSERT INTO r SELECT generate_series(1, 100); '
const view = `${source}CREATE VIEW t AS SELECT a FROM r;`
const materializedView = `${source}CREATE MATERIALIZED VIEW t AS SELECT a FROM r;`

/** Views and materialized views; `public.t` is the view, `public.r` the table that it reads. */
export const viewShapes = {
  'CREATE VIEW': {
    setup: source,
    statement: 'CREATE VIEW t AS SELECT a FROM r',
    locks: { 'public.r': 'ACCESS SHARE' },
    rewrite: false,
    scan: false,
  },
  'CREATE OR REPLACE VIEW': {
    setup: view,
    statement: 'CREATE OR REPLACE VIEW t AS SELECT a, 1 AS b FROM r',
    locks: { 'public.t': 'ACCESS EXCLUSIVE', 'public.r': 'ACCESS SHARE' },
    rewrite: false,
    scan: false,
  },
  'CREATE OR REPLACE VIEW, a column less': {
    setup: view,
    statement: 'CREATE OR REPLACE VIEW t AS SELECT 1 AS b FROM r',
    locks: {},
    rewrite: false,
    scan: false,
    fails: '42P16',
  },
  'ALTER VIEW … RENAME TO': {
    setup: view,
    statement: 'ALTER VIEW t RENAME TO v',
    locks: { 'public.t': 'ACCESS EXCLUSIVE' },
    rewrite: false,
    scan: false,
  },
  'ALTER VIEW … SET': {
    setup: view,
    statement: 'ALTER VIEW t SET (security_invoker = true)',
    locks: { 'public.t': 'ACCESS EXCLUSIVE' },
    rewrite: false,
    scan: false,
  },
  'DROP VIEW': {
    setup: view,
    statement: 'DROP VIEW t',
    locks: { 'public.t': 'ACCESS EXCLUSIVE' },
    rewrite: false,
    scan: false,
  },
  'DROP VIEW … CASCADE': {
    setup: `${view}CREATE VIEW v AS SELECT a FROM t;`,
    statement: 'DROP VIEW t CASCADE',
    locks: { 'public.t': 'ACCESS EXCLUSIVE', 'public.v': 'ACCESS EXCLUSIVE' },
    rewrite: false,
    scan: false,
  },
  'CREATE MATERIALIZED VIEW': {
    setup: source,
    statement: 'CREATE MATERIALIZED VIEW t AS SELECT a FROM r',
    locks: { 'public.r': 'ACCESS SHARE' },
    rewrite: false,
    scan: false,
    otherScans: ['public.r'],
  },
  'CREATE MATERIALIZED VIEW … WITH NO DATA': {
    setup: source,
    statement: 'CREATE MATERIALIZED VIEW t AS SELECT a FROM r WITH NO DATA',
    locks: { 'public.r': 'ACCESS SHARE' },
    rewrite: false,
    scan: false,
  },
  'ALTER MATERIALIZED VIEW … RENAME TO': {
    setup: materializedView,
    statement: 'ALTER MATERIALIZED VIEW t RENAME TO m',
    locks: { 'public.t': 'ACCESS EXCLUSIVE' },
    rewrite: false,
    scan: false,
  },
  'DROP MATERIALIZED VIEW': {
    setup: materializedView,
    statement: 'DROP MATERIALIZED VIEW t',
    locks: { 'public.t': 'ACCESS EXCLUSIVE' },
    rewrite: false,
    scan: false,
  },
} as const satisfies Record<string, LockShape>
