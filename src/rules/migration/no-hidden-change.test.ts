import { describe, expect, test } from 'vitest'
import { history, judgeExample } from '../../../test/contract/examples.ts'
import rule from './no-hidden-change.ts'

const tables = 'CREATE TABLE t (a int, b int); CREATE TABLE u (a int, b int);'
const byText = (...texts: string[]) => judgeExample(rule, history(tables, ...texts), 17, 'text')
const byTrace = (...texts: string[]) => judgeExample(rule, history(tables, ...texts), 17, 'trace')

/** Code that runs `sql` once for each of two tables, with its name as `%I`. */
const each = (sql: string, query = "SELECT relname AS a FROM pg_class WHERE relname IN ('t', 'u')") =>
  `DO $$ DECLARE r record; BEGIN FOR r IN ${query} LOOP EXECUTE format('${sql}', r.a); END LOOP; END $$;`

describe('what code makes', () => {
  test('is one finding for all its tables, the worst first', async () => {
    const { findings } = await byTrace(each('ALTER TABLE %I ALTER a TYPE bigint'))
    expect(findings).toMatchObject([{ severity: 'error', location: { line: 1, column: 1 }, fixes: [] }])
    expect(findings[0]?.message).toMatch(
      /^what this runs rewrites public\.t and 1 more and makes every read and write wait meanwhile \(ACCESS EXCLUSIVE\)/,
    )
    expect(findings[0]?.next).toContain('public.t (ACCESS EXCLUSIVE), public.u (ACCESS EXCLUSIVE)')
  })

  test.each([
    ['reads all of', 'error', 'ALTER TABLE %I ADD CHECK (a > 0)'],
    ['builds an index on', 'error', 'CREATE INDEX ON %I (a)'],
    ['locks', 'note', 'ALTER TABLE %I ADD COLUMN c int'],
  ])('that %s a table is a finding', async (does, severity, sql) => {
    const { findings } = await byTrace(each(sql))
    expect(findings).toMatchObject([{ severity, message: expect.stringContaining(`${does} public.t`) as string }])
  })

  test('is found behind a trigger and behind a function that the history did not make', async () => {
    const trigger =
      'CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN ALTER TABLE u ADD COLUMN c int; RETURN NEW; END $$;' +
      'CREATE TRIGGER x BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION f();'
    expect((await byTrace(trigger, 'INSERT INTO t VALUES (1);')).findings).toMatchObject([
      { message: expect.stringContaining('public.u') as string },
    ])
    const made = "CREATE FUNCTION xg() RETURNS void LANGUAGE sql AS 'ALTER TABLE u ADD COLUMN c int'"
    const make = `DO $$ BEGIN EXECUTE ltrim($q$${made}$q$); EXECUTE 'ALTER FUNCTION xg RENAME TO g'; END $$;`
    expect((await byTrace(make, 'SELECT g();')).findings).toMatchObject([
      { message: expect.stringContaining('public.u') as string },
    ])
  })

  test('is found under a lock that an earlier statement took', async () => {
    const { findings } = await byTrace(
      `ALTER TABLE t ADD COLUMN c int; ${each('ALTER TABLE %I ALTER a TYPE bigint', "SELECT 't' AS a")}`,
    )
    expect(findings).toMatchObject([
      { severity: 'error', message: expect.stringContaining('rewrites public.t') as string },
    ])
  })

  const harmless = {
    'a table that a statement of the code names': 'DO $$ BEGIN ALTER TABLE t ALTER a TYPE bigint; END $$;',
    'a table that the code makes': each('CREATE TABLE %I_copy (a int); CREATE INDEX ON %1$I_copy (a)'),
    'a table that the same file makes': `CREATE TABLE v (a int); ${each('ALTER TABLE %I ALTER a TYPE bigint', "SELECT 'v' AS a")}`,
    'a temporary table': `CREATE TEMP TABLE v (a int); ${each('ALTER TABLE %I ALTER a TYPE bigint', "SELECT 'v' AS a")}`,
    'a weak lock': each('ALTER TABLE %I ALTER a SET STATISTICS 100'),
    'rows that change': each('UPDATE %I SET a = 1'),
    'a lock that an earlier statement took': `ALTER TABLE t ADD COLUMN c int; ${each('ALTER TABLE %I ADD d int', "SELECT 't' AS a")}`,
    'a statement that is written': 'ALTER TABLE t ALTER a TYPE bigint;',
    'a setting': "SELECT set_config('work_mem', '8MB', false);",
    'a table that is dropped, which has a rule of its own': each('DROP TABLE %I'),
  }
  test.each(Object.entries(harmless))('%s is passed over', async (_, text) => {
    expect((await byTrace(text)).findings).toEqual([])
  })

  test('is not that the partitions of a named table, nor the tables it references, are locked too', async () => {
    const before =
      'CREATE TABLE p (a int) PARTITION BY LIST (a); CREATE TABLE p1 PARTITION OF p FOR VALUES IN (1);' +
      'ALTER TABLE t ADD UNIQUE (a); ALTER TABLE u ADD CONSTRAINT f FOREIGN KEY (a) REFERENCES t (a);'
    const text = 'DO $$ BEGIN ALTER TABLE p ADD COLUMN c int; ALTER TABLE u DROP CONSTRAINT f; END $$;'
    expect((await byTrace(before, text)).findings).toEqual([])
  })
})

describe('what is unknown', () => {
  test('is a trace for SQL that code makes, and nothing where the text shows all of it', async () => {
    expect((await byText(each('DROP TABLE %I'))).unknown).toEqual(['a trace'])
    expect((await byText("DO $$ BEGIN EXECUTE 'DROP TABLE t'; END $$;")).unknown).toEqual([])
    expect((await byText('DO LANGUAGE plperl $$ spi_exec_query("DROP TABLE t") $$;')).unknown).toEqual(['a trace'])
  })

  test('is with a trace what the rows in production make of it', async () => {
    const { findings, unknown } = await byTrace(each('DROP TABLE %I', 'SELECT a FROM u'))
    expect(findings).toEqual([])
    expect(unknown).toEqual(['the rows in production, of which code makes SQL'])
    expect((await byTrace(each('ALTER TABLE %I SET (fillfactor = 90)'))).unknown).toEqual([])
  })
})
