import { describe, expect, test } from 'vitest'
import { majors, withDatabase } from '../../../test/postgres.ts'
import { failureOf } from '../../../test/contract/measure.ts'
import { loadParser } from '../../sql/parse.ts'
import { newerFeatures } from './newer-features.ts'

const parser = await loadParser()

const setup =
  'CREATE TABLE t (a int PRIMARY KEY, b text, r int4range, c int GENERATED ALWAYS AS (a + 1) STORED); ' +
  'ALTER TABLE t ADD CONSTRAINT f FOREIGN KEY (a) REFERENCES t; ' +
  'CREATE TABLE u (a int4range, b int4range); CREATE FUNCTION e() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN END $$;'

// Each is refused before the major with the SQLSTATE, and runs from it on.
const newer: [17 | 18, string, string][] = [
  [18, '42601', 'ALTER TABLE t ADD d int GENERATED ALWAYS AS (a + 1) VIRTUAL'],
  [18, '42601', 'CREATE TABLE v (a int, d int GENERATED ALWAYS AS (a + 1))'],
  [18, '42601', 'ALTER TABLE t ADD CHECK (a > 0) NOT ENFORCED'],
  [18, '42601', 'ALTER TABLE t ADD FOREIGN KEY (a) REFERENCES t NOT ENFORCED'],
  [18, '42601', 'CREATE TABLE v (a int CHECK (a > 0) NOT ENFORCED)'],
  [18, '42601', 'CREATE TABLE v (a int CHECK (a > 0) ENFORCED)'],
  [18, '42601', 'ALTER TABLE t ALTER CONSTRAINT f NOT ENFORCED'],
  [18, '42601', 'ALTER TABLE t ADD CONSTRAINT n NOT NULL b'],
  [18, '42601', 'ALTER TABLE t ADD NOT NULL b NOT VALID'],
  [18, '42601', 'CREATE TABLE v (a int, CONSTRAINT n NOT NULL a)'],
  [18, '42601', 'CREATE TABLE v (a int NOT NULL NO INHERIT)'],
  [18, '42601', 'CREATE TABLE v (a int4range, b int4range, PRIMARY KEY (a, b WITHOUT OVERLAPS))'],
  [18, '42601', 'UPDATE t SET b = 1 RETURNING WITH (OLD AS o) o.b'],
  [18, '42P01', 'UPDATE t SET b = 1 RETURNING old.b, new.b'],
  [18, '42P01', 'WITH d AS (DELETE FROM t RETURNING old.*) SELECT FROM d'],
  [18, '42883', 'SELECT uuidv7()'],
  [18, '42883', 'ALTER TABLE t ADD d uuid DEFAULT uuidv4()'],
  [18, '42883', "SELECT casefold('A')"],
  [18, '42883', 'SELECT array_sort(ARRAY[2, 1])'],
  [18, '42601', 'ANALYZE ONLY t'],
  [17, '42601', 'ALTER TABLE t ALTER c SET EXPRESSION AS (a + 2)'],
  [17, '42601', 'ALTER TABLE t SET ACCESS METHOD DEFAULT'],
  [17, '42601', 'ALTER TABLE t ALTER a SET STATISTICS DEFAULT'],
  [17, '42601', 'MERGE INTO t USING u ON false WHEN MATCHED THEN DELETE RETURNING t.a'],
  [17, '42601', 'MERGE INTO t USING u ON false WHEN NOT MATCHED BY SOURCE THEN DELETE'],
  [17, '42601', "SELECT * FROM JSON_TABLE('{}'::jsonb, '$' COLUMNS (a int PATH '$.a')) j"],
  [17, '42883', "SELECT JSON_VALUE('{}'::jsonb, '$.a')"],
  [17, '42883', "SELECT JSON_QUERY('{}'::jsonb, '$.a')"],
  [17, '42883', "SELECT JSON_EXISTS('{}'::jsonb, '$.a')"],
  [17, '42883', 'SELECT JSON_SCALAR(1)'],
  [17, '42883', "SELECT JSON_SERIALIZE('{}')"],
  [17, '42601', 'SELECT now() AT LOCAL'],
  [17, '42601', 'GRANT MAINTAIN ON t TO public'],
  [17, '42883', 'SELECT random(1, 2)'],
  [17, '42883', 'SELECT to_bin(1)'],
  [17, '42704', 'SET LOCAL transaction_timeout = 0'],
  [17, '0A000', 'CREATE TABLE v (a int, EXCLUDE USING btree (a WITH =)) PARTITION BY RANGE (a)'],
  [17, '42601', 'CREATE EVENT TRIGGER l ON login EXECUTE FUNCTION e()'],
]

const old = [
  'ALTER TABLE t ADD d int GENERATED ALWAYS AS (a + 1) STORED',
  'CREATE TABLE v (a int GENERATED ALWAYS AS IDENTITY, b int NOT NULL, CHECK (a > 0) NO INHERIT)',
  'ALTER TABLE t ADD CHECK (a > 0) NOT VALID, ADD FOREIGN KEY (a) REFERENCES t NOT VALID',
  'ALTER TABLE t ALTER CONSTRAINT f DEFERRABLE',
  'CREATE TABLE v (a int CONSTRAINT n NOT NULL)',
  'CREATE DOMAIN d AS int CONSTRAINT n NOT NULL CHECK (VALUE > 0)',
  'UPDATE t AS old SET b = 1 FROM t AS new WHERE new.a = old.a RETURNING old.b, new.b',
  'MERGE INTO t USING u ON false WHEN NOT MATCHED THEN DO NOTHING',
  'SELECT random(), gen_random_uuid(), now() AT TIME ZONE current_setting($$TimeZone$$)',
  "SELECT JSON_OBJECT('a': 1), '{}' IS JSON",
  'ANALYZE t',
  'ALTER TABLE t ALTER a SET STATISTICS -1',
]

function featuresIn(sql: string): number[] {
  const parsed = parser.parse(sql)
  const [statement] = parsed.kind === 'parsed' ? parsed.statements : []
  if (statement === undefined) throw new Error(sql)
  return newerFeatures(statement).map(({ since }) => since)
}

describe.each(majors)('on PostgreSQL %i', (major) => {
  test.each(newer)('from %i on, before it %s: %s', async (since, sqlstate, sql) => {
    expect(featuresIn(sql)).toContain(since)
    expect(Math.max(...featuresIn(sql))).toBe(since)
    await withDatabase(major, async (client) => {
      await client.query(setup)
      expect(await failureOf(client, sql)).toBe(major < since ? sqlstate : undefined)
    })
  })

  test.each(old)('on all: %s', async (sql) => {
    expect(featuresIn(sql)).toEqual([])
    await withDatabase(major, async (client) => {
      await client.query(setup)
      expect(await failureOf(client, sql)).toBeUndefined()
    })
  })
})
