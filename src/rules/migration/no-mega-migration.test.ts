import { describe, expect, test } from 'vitest'
import { history, judgeExample } from '../../../test/contract/examples.ts'
import rule from './no-mega-migration.ts'

const before =
  'CREATE TABLE a (id int PRIMARY KEY); CREATE TABLE b (id int PRIMARY KEY); CREATE TABLE c (id int ' +
  'PRIMARY KEY); CREATE INDEX a_id ON a (id);'
const find = (how: 'text' | 'trace', sql: string) => judgeExample(rule, history(before, sql), 17, how)

const one = {
  'a type and the tables that use it':
    "CREATE TYPE k AS ENUM ('x'); CREATE TABLE u (k k); CREATE TABLE v (k k[]); ALTER TYPE k RENAME TO l;",
  'a function, its triggers and their tables':
    'CREATE TABLE u (x int); CREATE TABLE v (x int); CREATE FUNCTION f() RETURNS trigger LANGUAGE ' +
    'plpgsql AS $$ BEGIN RETURN new; END $$;' +
    'CREATE TRIGGER t BEFORE INSERT ON u FOR EACH ROW EXECUTE FUNCTION f(); CREATE TRIGGER t BEFORE ' +
    'INSERT ON v FOR EACH ROW EXECUTE FUNCTION f();',
  'tables that a view joins':
    'CREATE TABLE u (x int); CREATE TABLE v (x int); CREATE TABLE w (x int); CREATE VIEW j AS SELECT u.x FROM u, v, w;',
  'what goes with a table':
    "CREATE TABLE u (x int); CREATE INDEX ON u (x); COMMENT ON COLUMN u.x IS 'x'; GRANT SELECT ON u TO " +
    'PUBLIC; INSERT INTO u VALUES (1); CREATE SEQUENCE s OWNED BY u.x;',
  'an index dropped from a table that is changed': 'ALTER TABLE a ADD x int; DROP INDEX a_id; CREATE TABLE u (x int);',
  'tables whose foreign keys meet':
    'CREATE TABLE u (x int REFERENCES a); CREATE TABLE v (x int REFERENCES a); CREATE TABLE w (x int REFERENCES a);',
  'the same change in many places':
    'ALTER TABLE a ENABLE ROW LEVEL SECURITY; ALTER TABLE b ENABLE ROW LEVEL SECURITY; ALTER TABLE c ' +
    'ENABLE ROW LEVEL SECURITY;' +
    'CREATE POLICY p ON a USING (id > 0); CREATE POLICY p ON b USING (id > 1);',
  'a clean-up': 'DROP TABLE a; DROP TABLE b; DROP TABLE c;',
  'indexes on many tables': 'CREATE INDEX ON a (id); CREATE INDEX ON b (id); CREATE INDEX ON c (id);',
  'data alone': 'UPDATE a SET id = 1; DELETE FROM b; INSERT INTO c VALUES (1);',
}

test.each(Object.entries(one))('%s are no mega-migration, by the text and with a trace', async (_, sql) => {
  expect((await find('text', sql)).findings).toEqual([])
  expect((await find('trace', sql)).findings).toEqual([])
})

describe('three unrelated changes', () => {
  const sql =
    'CREATE TABLE u (x int);\nALTER TABLE a ADD COLUMN note text;\nCREATE INDEX ON u (x);\n' +
    "CREATE TYPE mood AS ENUM ('good');\nUPDATE a SET note = '';"

  test('are named, in the file’s order, with what would go into which file', async () => {
    const [finding] = (await find('text', sql)).findings
    expect(finding?.message).toBe('3 unrelated changes in one file: 1. u, 2. a, 3. type mood')
    expect(finding?.related).toMatchObject([{ location: { line: 2 } }, { location: { line: 4 } }])
    expect(finding?.next.split('\n')).toEqual([
      'Split it into 3 migrations:',
      'migrations/0002_step.sql keeps',
      '  line 1: CREATE TABLE u (x int)',
      '  line 3: CREATE INDEX ON u (x)',
      'migrations/0003_add_note_to_a.sql',
      '  line 2: ALTER TABLE a ADD COLUMN note text',
      "  line 5: UPDATE a SET note = ''",
      'migrations/0004_create_mood.sql',
      "  line 4: CREATE TYPE mood AS ENUM ('good')",
    ])
  })

  test('are the same finding with and without a trace', async () => {
    const [text, trace] = [await find('text', sql), await find('trace', sql)]
    expect(trace.findings[0]?.fingerprint).toBe(text.findings[0]?.fingerprint)
    expect(trace.findings[0]?.evidence.map((evidence) => evidence.kind)).toEqual(['source', 'trace'])
  })

  test('may stand in the first migration of a folder', async () => {
    expect((await judgeExample(rule, history(`CREATE TABLE a (); ${sql}`), 17, 'text')).findings).toEqual([])
  })
})

test('what DO blocks do counts where a trace shows it', async () => {
  const sql = ['a', 'b', 'c']
    .map((table) => `DO $$ BEGIN EXECUTE 'ALTER TABLE ${table} ADD n_${table} int'; END $$;`)
    .join('\n')
  expect((await find('text', sql)).findings).toEqual([])
  expect((await find('trace', sql)).findings).toHaveLength(1)
})
