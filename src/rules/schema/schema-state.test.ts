import { expect, test } from 'vitest'
import type { Rule } from '../rule.ts'
import { history, judgeExample } from '../../../test/contract/examples.ts'
import noMismatchedForeignKey from './no-mismatched-foreign-key.ts'
import noPublicGrant from './no-public-grant.ts'
import requireFunctionSearchPath from './require-function-search-path.ts'
import requirePrimaryKey from './require-primary-key.ts'
import requireRowSecurity from './require-row-security.ts'
import requireValidatedConstraint from './require-validated-constraint.ts'

const find = (rule: Rule, how: 'text' | 'trace', ...texts: string[]) => judgeExample(rule, history(...texts), 17, how)

const keyed = 'CREATE TABLE c (id bigint PRIMARY KEY, code text UNIQUE);'
const definer = "LANGUAGE sql SECURITY DEFINER AS 'SELECT 1'"

const silent: readonly (readonly [Rule, string, string])[] = [
  [requirePrimaryKey, 'a temporary table', 'CREATE TEMPORARY TABLE t (a int);'],
  [requirePrimaryKey, 'an unlogged table', 'CREATE UNLOGGED TABLE t (a int);'],
  [requirePrimaryKey, 'a table that is dropped again', 'CREATE TABLE t (a int); DROP TABLE t;'],
  [requirePrimaryKey, 'a view', 'CREATE VIEW v AS SELECT 1 AS a; CREATE MATERIALIZED VIEW m AS SELECT 1 AS a;'],
  [requirePrimaryKey, 'a copy with its keys', `${keyed} CREATE TABLE t (LIKE c INCLUDING ALL);`],
  [
    requirePrimaryKey,
    'a key that is made from an index',
    'CREATE TABLE t (a int NOT NULL); CREATE UNIQUE INDEX t_key ON t (a); ALTER TABLE t ADD PRIMARY KEY USING INDEX t_key;',
  ],
  [
    requirePrimaryKey,
    'a table that is renamed',
    'CREATE TABLE t (a int PRIMARY KEY); ALTER TABLE t RENAME TO u; CREATE SCHEMA s; ALTER TABLE u SET SCHEMA s;',
  ],
  [
    requirePrimaryKey,
    'a partition of a partition',
    'CREATE TABLE t (a int, b int, PRIMARY KEY (a, b)) PARTITION BY LIST (a); ' +
      'CREATE TABLE t1 PARTITION OF t FOR VALUES IN (1) PARTITION BY LIST (b); CREATE TABLE t11 PARTITION OF t1 DEFAULT;',
  ],
  [
    requireValidatedConstraint,
    'a constraint that is validated, under its new name',
    'CREATE TABLE t (a int); ALTER TABLE t ADD CONSTRAINT k CHECK (a > 0) NOT VALID; ' +
      'ALTER TABLE t RENAME CONSTRAINT k TO l; ALTER TABLE t VALIDATE CONSTRAINT l;',
  ],
  [
    requireValidatedConstraint,
    'one that is dropped again',
    'CREATE TABLE t (a int); ALTER TABLE t ADD CONSTRAINT k CHECK (a > 0) NOT VALID; ALTER TABLE t DROP CONSTRAINT k;',
  ],
  [noMismatchedForeignKey, 'varchar and text', `${keyed} CREATE TABLE o (code varchar(20) REFERENCES c (code));`],
  [
    noMismatchedForeignKey,
    'a domain and its base',
    `${keyed} CREATE DOMAIN ref AS bigint; CREATE TABLE o (c ref REFERENCES c);`,
  ],
  [noMismatchedForeignKey, 'serial and integer', 'CREATE TABLE c (id serial PRIMARY KEY); CREATE TABLE o (c int REFERENCES c);'],
  [
    noMismatchedForeignKey,
    'a column that is widened later',
    `${keyed} CREATE TABLE o (c int REFERENCES c); ALTER TABLE o ALTER COLUMN c TYPE bigint;`,
  ],
  [requireFunctionSearchPath, 'SECURITY INVOKER', "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1';"],
  [requireFunctionSearchPath, 'one that is dropped', `CREATE FUNCTION f() RETURNS int ${definer}; DROP FUNCTION f();`],
  [
    requireFunctionSearchPath,
    'one that is replaced by one with a search_path',
    `CREATE FUNCTION f() RETURNS int ${definer}; CREATE OR REPLACE FUNCTION f() RETURNS int SET search_path = public, pg_temp ${definer};`,
  ],
  [
    requireFunctionSearchPath,
    'one that becomes SECURITY INVOKER',
    `CREATE FUNCTION f(int) RETURNS int ${definer}; ALTER FUNCTION f SECURITY INVOKER;`,
  ],
  [
    requireFunctionSearchPath,
    'a body that is bound when it is made',
    'CREATE FUNCTION f() RETURNS int LANGUAGE sql SECURITY DEFINER RETURN 1;',
  ],
  [
    requireFunctionSearchPath,
    'another one of the same name',
    `CREATE FUNCTION f(int) RETURNS int ${definer}; CREATE FUNCTION f(text) RETURNS int ${definer}; ` +
      'ALTER FUNCTION f(int) SET search_path = public, pg_temp; DROP FUNCTION f(text);',
  ],
  [
    requireRowSecurity,
    'a policy that is dropped again',
    `${keyed} CREATE POLICY p ON c USING (true); DROP POLICY p ON c;`,
  ],
  [
    requireRowSecurity,
    'row security that comes with FORCE',
    `${keyed} ALTER TABLE c ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY; CREATE POLICY p ON c USING (true);`,
  ],
  [
    requireRowSecurity,
    'a table that is dropped',
    `${keyed} CREATE POLICY p ON c USING (true); DROP TABLE c;`,
  ],
  [noPublicGrant, 'what PUBLIC has by default', `${keyed} CREATE SCHEMA s; GRANT USAGE ON SCHEMA s TO PUBLIC;`],
  [noPublicGrant, 'a grant that is taken back', `${keyed} GRANT SELECT ON c TO PUBLIC; REVOKE ALL ON c FROM PUBLIC;`],
  [noPublicGrant, 'a REVOKE', `${keyed} REVOKE ALL ON c FROM PUBLIC; REVOKE CREATE ON SCHEMA public FROM PUBLIC;`],
  [noPublicGrant, 'a table that is dropped', `${keyed} GRANT SELECT ON c TO PUBLIC; DROP TABLE c;`],
]

test.each(silent.map(([rule, title, sql]) => [rule.id, title, rule, sql] as const))(
  '%s passes over %s, by the text and with a trace',
  async (_, __, rule, sql) => {
    for (const how of ['text', 'trace'] as const) {
      const { findings } = await find(rule, how, sql)
      expect(findings.map(({ message }) => message)).toEqual([])
    }
  },
)

const found: readonly (readonly [Rule, string, string])[] = [
  [requirePrimaryKey, 'a table made from a query', 'CREATE TABLE t AS SELECT 1 AS a;'],
  [requirePrimaryKey, 'a primary key that is dropped', 'CREATE TABLE t (a int PRIMARY KEY); ALTER TABLE t DROP CONSTRAINT t_pkey;'],
  [requirePrimaryKey, 'a table in another schema', 'CREATE SCHEMA s; CREATE TABLE s."T" (a int);'],
  [
    requireValidatedConstraint,
    'one of two',
    'CREATE TABLE t (a int); ALTER TABLE t ADD CONSTRAINT k CHECK (a > 0) NOT VALID, ADD CONSTRAINT l CHECK (a < 9) NOT VALID; ' +
      'ALTER TABLE t VALIDATE CONSTRAINT l;',
  ],
  [noMismatchedForeignKey, 'a smallint that references an integer', 'CREATE TABLE c (id int PRIMARY KEY); CREATE TABLE o (c smallint REFERENCES c);'],
  [
    noMismatchedForeignKey,
    'the second column of a key',
    'CREATE TABLE c (a int, b bigint, PRIMARY KEY (a, b)); CREATE TABLE o (a int, b int, FOREIGN KEY (a, b) REFERENCES c);',
  ],
  [requireFunctionSearchPath, 'a procedure', `CREATE PROCEDURE p() ${definer};`],
  [
    requireFunctionSearchPath,
    'a search_path that is taken away',
    `CREATE FUNCTION f(a int, b text[]) RETURNS int SET search_path = public, pg_temp ${definer}; ALTER FUNCTION f(int, text[]) RESET search_path;`,
  ],
  [
    requireRowSecurity,
    'row security that is disabled again',
    `${keyed} ALTER TABLE c ENABLE ROW LEVEL SECURITY; CREATE POLICY "p on c" ON c USING (true); ALTER TABLE c DISABLE ROW LEVEL SECURITY;`,
  ],
  [noPublicGrant, 'all tables of a schema', `${keyed} GRANT SELECT ON ALL TABLES IN SCHEMA public TO PUBLIC;`],
  [noPublicGrant, 'those to come', 'ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT INSERT ON TABLES TO PUBLIC;'],
  [noPublicGrant, 'one of two privileges left', `${keyed} GRANT SELECT, INSERT ON c TO PUBLIC; REVOKE SELECT ON c FROM PUBLIC;`],
]

test.each(found.map(([rule, title, sql]) => [rule.id, title, rule, sql] as const))(
  '%s finds %s, alike by the text and with a trace',
  async (_, __, rule, sql) => {
    const text = await find(rule, 'text', sql)
    const trace = await find(rule, 'trace', sql)
    expect(text.findings).toHaveLength(1)
    const same = trace.findings.map(({ location, fingerprint, message }) => ({ location, fingerprint, message }))
    expect(text.findings).toMatchObject(same)
  },
)

test('what is left NOT VALID by a released file is a warning, by the newest one a note', async () => {
  const table = 'CREATE TABLE t (a int);'
  const add = 'ALTER TABLE t ADD CONSTRAINT k CHECK (a > 0) NOT VALID;'
  expect((await find(requireValidatedConstraint, 'text', table, add)).findings).toMatchObject([{ severity: 'note' }])
  const [finding] = (await find(requireValidatedConstraint, 'text', table, add, 'SELECT 1;')).findings
  expect(finding?.severity).toBe('warning')
  expect(finding?.fixes[0]?.newFiles.map(({ text }) => text.trim())).toEqual([
    'ALTER TABLE t VALIDATE CONSTRAINT k;',
    'ALTER TABLE t\n  DROP CONSTRAINT k,\n  ADD CONSTRAINT k CHECK (a > 0) NOT VALID;',
  ])
})

test('a statement that the text does not explain leaves it undecided without a trace', async () => {
  const sql = 'CREATE TABLE t (a int); DO $$ BEGIN IF true THEN ALTER TABLE t ADD PRIMARY KEY (a); END IF; END $$;'
  expect(await find(requirePrimaryKey, 'text', sql)).toMatchObject({ findings: [], unknown: [expect.stringContaining('a trace')] })
  expect(await find(requirePrimaryKey, 'trace', sql)).toMatchObject({ findings: [], unknown: [] })
})

test('a function of a released file gets its search_path in a new migration, by its arguments where there are others', async () => {
  const one = `CREATE FUNCTION f(a int) RETURNS int ${definer};`
  const [finding] = (await find(requireFunctionSearchPath, 'text', one, 'SELECT 1;')).findings
  expect(finding?.fixes[0]?.newFiles[0]?.text).toBe('ALTER FUNCTION f SET search_path = public, pg_temp;\n')
  const other = "CREATE FUNCTION f(text) RETURNS int LANGUAGE sql AS 'SELECT 2';"
  const [overloaded] = (await find(requireFunctionSearchPath, 'trace', `${one} ${other}`, 'SELECT 1;')).findings
  expect(overloaded?.fixes[0]?.newFiles[0]?.text).toBe('ALTER FUNCTION public.f(a integer) SET search_path = public, pg_temp;\n')
})
