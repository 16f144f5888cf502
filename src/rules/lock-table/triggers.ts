import type { LockShape } from './lock-shape.ts'

const rows = 'INSERT INTO t SELECT g, g FROM generate_series(1, 100) g; '
const table = `CREATE TABLE t (a int PRIMARY KEY, b int); ${rows}`
const partitioned =
  `CREATE TABLE t (a int, b int) PARTITION BY RANGE (a); ` +
  `CREATE TABLE p PARTITION OF t FOR VALUES FROM (MINVALUE) TO (MAXVALUE); ${rows}`
const policy = `${table}CREATE POLICY y ON t USING (true);`
const triggerFunction = 'CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$; '
const trigger = `${table}${triggerFunction}CREATE TRIGGER g BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION f();`
const rule = `${table}CREATE RULE u AS ON DELETE TO t DO INSTEAD NOTHING;`
const source = 'CREATE TABLE r (a int); INSERT INTO r SELECT generate_series(1, 100); '

/** Triggers, their functions, rules and policies. */
export const triggerShapes = {
  'CREATE POLICY': {
    setup: table,
    statement: 'CREATE POLICY y ON t USING (true)',
    locks: { 'public.t': 'ACCESS EXCLUSIVE' },
    rewrite: false,
    scan: false,
  },
  'CREATE POLICY, with a subquery': {
    setup: `${table}${source}`,
    statement: 'CREATE POLICY y ON t USING (EXISTS (SELECT FROM r WHERE r.a = t.a))',
    locks: { 'public.t': 'ACCESS EXCLUSIVE', 'public.r': 'ACCESS SHARE' },
    rewrite: false,
    scan: false,
  },
  'ALTER POLICY': {
    setup: policy,
    statement: 'ALTER POLICY y ON t USING (false)',
    locks: { 'public.t': 'ACCESS EXCLUSIVE' },
    rewrite: false,
    scan: false,
  },
  'ALTER POLICY … RENAME': {
    setup: policy,
    statement: 'ALTER POLICY y ON t RENAME TO z',
    locks: { 'public.t': 'ACCESS EXCLUSIVE' },
    rewrite: false,
    scan: false,
  },
  'DROP POLICY': {
    setup: policy,
    statement: 'DROP POLICY y ON t',
    locks: { 'public.t': 'ACCESS EXCLUSIVE' },
    rewrite: false,
    scan: false,
  },
  'CREATE TRIGGER': {
    setup: `${table}${triggerFunction}`,
    statement: 'CREATE TRIGGER g BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION f()',
    locks: { 'public.t': 'SHARE ROW EXCLUSIVE' },
    rewrite: false,
    scan: false,
  },
  'CREATE OR REPLACE TRIGGER': {
    setup: trigger,
    statement: 'CREATE OR REPLACE TRIGGER g BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION f()',
    locks: { 'public.t': 'SHARE ROW EXCLUSIVE' },
    rewrite: false,
    scan: false,
  },
  'CREATE CONSTRAINT TRIGGER … FROM': {
    setup: `${table}${source}${triggerFunction}`,
    statement: 'CREATE CONSTRAINT TRIGGER g AFTER INSERT ON t FROM r FOR EACH ROW EXECUTE FUNCTION f()',
    locks: { 'public.t': 'SHARE ROW EXCLUSIVE', 'public.r': 'ACCESS SHARE' },
    rewrite: false,
    scan: false,
  },
  'CREATE TRIGGER, partitioned table': {
    setup: `${partitioned}${triggerFunction}`,
    statement: 'CREATE TRIGGER g BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION f()',
    locks: { 'public.t': 'SHARE ROW EXCLUSIVE', 'public.p': 'SHARE ROW EXCLUSIVE' },
    rewrite: false,
    scan: false,
  },
  'ALTER TABLE … DISABLE TRIGGER': {
    setup: trigger,
    statement: 'ALTER TABLE t DISABLE TRIGGER g',
    locks: { 'public.t': 'SHARE ROW EXCLUSIVE' },
    rewrite: false,
    scan: false,
  },
  'ALTER TABLE … ENABLE TRIGGER': {
    setup: trigger,
    statement: 'ALTER TABLE t ENABLE TRIGGER g',
    locks: { 'public.t': 'SHARE ROW EXCLUSIVE' },
    rewrite: false,
    scan: false,
  },
  'ALTER TABLE … DISABLE TRIGGER ALL': {
    setup: trigger,
    statement: 'ALTER TABLE t DISABLE TRIGGER ALL',
    locks: { 'public.t': 'SHARE ROW EXCLUSIVE' },
    rewrite: false,
    scan: false,
  },
  'ALTER TABLE … DISABLE TRIGGER USER': {
    setup: trigger,
    statement: 'ALTER TABLE t DISABLE TRIGGER USER',
    locks: { 'public.t': 'SHARE ROW EXCLUSIVE' },
    rewrite: false,
    scan: false,
  },
  'ALTER TABLE … ENABLE REPLICA TRIGGER': {
    setup: trigger,
    statement: 'ALTER TABLE t ENABLE REPLICA TRIGGER g',
    locks: { 'public.t': 'SHARE ROW EXCLUSIVE' },
    rewrite: false,
    scan: false,
  },
  'ALTER TRIGGER … RENAME': {
    setup: trigger,
    statement: 'ALTER TRIGGER g ON t RENAME TO h',
    locks: { 'public.t': 'ACCESS EXCLUSIVE' },
    rewrite: false,
    scan: false,
  },
  'DROP TRIGGER': {
    setup: trigger,
    statement: 'DROP TRIGGER g ON t',
    locks: { 'public.t': 'ACCESS EXCLUSIVE' },
    rewrite: false,
    scan: false,
  },
  'CREATE FUNCTION': {
    setup: table,
    statement: "CREATE FUNCTION f() RETURNS bigint LANGUAGE sql AS 'SELECT count(*) FROM t'",
    locks: { 'public.t': 'ACCESS SHARE' },
    rewrite: false,
    scan: false,
  },
  'CREATE OR REPLACE FUNCTION, of a trigger': {
    setup: trigger,
    statement: 'CREATE OR REPLACE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN OLD; END $$',
    locks: {},
    rewrite: false,
    scan: false,
  },
  'DROP FUNCTION … CASCADE, of a trigger': {
    setup: trigger,
    statement: 'DROP FUNCTION f() CASCADE',
    locks: { 'public.t': 'ACCESS EXCLUSIVE' },
    rewrite: false,
    scan: false,
  },
  'CREATE RULE': {
    setup: table,
    statement: 'CREATE RULE u AS ON DELETE TO t DO INSTEAD NOTHING',
    locks: { 'public.t': 'ACCESS EXCLUSIVE' },
    rewrite: false,
    scan: false,
  },
  'ALTER RULE … RENAME': {
    setup: rule,
    statement: 'ALTER RULE u ON t RENAME TO w',
    locks: { 'public.t': 'ACCESS EXCLUSIVE' },
    rewrite: false,
    scan: false,
  },
  'ALTER TABLE … DISABLE RULE': {
    setup: rule,
    statement: 'ALTER TABLE t DISABLE RULE u',
    locks: { 'public.t': 'ACCESS EXCLUSIVE' },
    rewrite: false,
    scan: false,
  },
  'DROP RULE': {
    setup: rule,
    statement: 'DROP RULE u ON t',
    locks: { 'public.t': 'ACCESS EXCLUSIVE' },
    rewrite: false,
    scan: false,
  },
} as const satisfies Record<string, LockShape>
