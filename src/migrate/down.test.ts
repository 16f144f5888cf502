import type { Client } from 'pg'
import { describe, expect, test } from 'vitest'
import { majors } from '../../test/postgres.ts'
import { withTarget } from '../../test/up.ts'
import type { Target } from '../../test/up.ts'
import { KeiError } from '../errors.ts'
import { down } from './down.ts'
import { up } from './up.ts'

async function errorOf(run: Promise<unknown>): Promise<KeiError> {
  const error = await run.then(
    () => new Error('it did not fail'),
    (reason: unknown) => reason,
  )
  if (error instanceof KeiError) return error
  throw error
}

async function one(client: Client, sql: string): Promise<unknown> {
  const { rows } = await client.query(sql)
  return Object.values(rows[0] ?? {})[0]
}

/** Applies `up`, puts rows into what it made, and takes it back. */
async function revert(target: Target, upSql: string, rowsSql: string, downSql: string, acceptDataLoss = false) {
  const files = { '1_first.sql': upSql, '1_first.down.sql': downSql }
  await up(target.request(files))
  await target.admin.query(rowsSql)
  return down({ ...target.request(files), acceptDataLoss })
}

describe.each(majors)('on PostgreSQL %i', (major) => {
  test('down takes back the newest, then those newer than a version, and up applies them again', () =>
    withTarget(major, async ({ admin, request, rows, events }) => {
      const files = {
        '1_a.sql': 'CREATE TABLE t (a int);',
        '1_a.down.sql': 'DROP TABLE t;',
        '2_b.sql': 'CREATE INDEX CONCURRENTLY i ON t (a); ALTER TABLE t ADD b int;',
        '2_b.down.sql': 'ALTER TABLE t DROP b; DROP INDEX CONCURRENTLY i;',
        '3_c.sql': 'CREATE VIEW v AS SELECT a FROM t;',
        '3_c.down.sql': 'DROP VIEW v;',
      }
      await up(request(files))
      events.length = 0
      const result = await down(request(files))
      expect(result).toMatchObject({ direction: 'down', applied: [{ version: '3', statements: 1 }] })
      expect(events.map(({ event }) => event)).toEqual(['started', 'migration', 'step', 'done'])
      expect((await rows()).at(-1)).toMatchObject({ direction: 'down', version: '3', complete: true })
      expect((await down({ ...request(files), to: '0' })).applied.map(({ version }) => version)).toEqual(['2', '1'])
      expect(await one(admin, `SELECT to_regclass('t')`)).toBe(null)
      expect((await down(request(files))).applied).toEqual([])
      expect((await up(request(files))).applied).toHaveLength(3)
    }))

  test.each([
    ['a table', 'CREATE TABLE t (a int);', 'INSERT INTO t VALUES (1)', 'DROP TABLE t;', 'the table public.t'],
    [
      'a column',
      'CREATE TABLE t (a int, "B c" int);',
      'INSERT INTO t VALUES (1, 2)',
      'ALTER TABLE t DROP "B c";',
      'the column "B c" of public.t',
    ],
    [
      'a partition',
      'CREATE TABLE t (a int) PARTITION BY LIST (a); CREATE TABLE t1 PARTITION OF t FOR VALUES IN (1);',
      'INSERT INTO t VALUES (1)',
      'DROP TABLE t;',
      'the table public.t1',
    ],
    [
      'a schema with what is in it',
      'CREATE SCHEMA app; CREATE TABLE app.t (a int);',
      'INSERT INTO app.t VALUES (1)',
      'DROP SCHEMA app CASCADE;',
      'the table app.t',
    ],
    [
      'a type with the columns of it',
      `CREATE TYPE mood AS ENUM ('ok'); CREATE TABLE t (m mood);`,
      `INSERT INTO t VALUES ('ok')`,
      'DROP TYPE mood CASCADE;',
      'the column m of public.t',
    ],
    [
      'what code drops',
      'CREATE TABLE t (a int);',
      'INSERT INTO t VALUES (1)',
      `DO $$ BEGIN EXECUTE 'DROP TABLE ' || 't'; END $$;`,
      'the table public.t',
    ],
    [
      'a table that is emptied, with those that refer to it',
      'CREATE TABLE t (a int PRIMARY KEY); CREATE TABLE u (a int REFERENCES t);',
      'INSERT INTO t VALUES (1); INSERT INTO u VALUES (1)',
      'TRUNCATE t CASCADE;',
      'the table public.u',
    ],
    [
      'a composite column with one NULL field',
      'CREATE TYPE pair AS (a int, b int); CREATE TABLE t (p pair);',
      'INSERT INTO t VALUES (ROW(1, NULL))',
      'ALTER TABLE t DROP p;',
      'the column p of public.t',
    ],
    [
      'what code that might commit drops',
      'CREATE TABLE t (a int);',
      'INSERT INTO t VALUES (1)',
      `-- kei: transaction none\nDO $$ BEGIN EXECUTE 'DROP TABLE t'; IF false THEN COMMIT; END IF; END $$;`,
      'the table public.t',
    ],
  ])('rows in %s are not lost unless that is accepted', (_, upSql, rowsSql, downSql, named) =>
    withTarget(major, async (target) => {
      const error = await errorOf(revert(target, upSql, rowsSql, downSql))
      expect(error).toMatchObject({ code: 'data-loss', exitCode: 4 })
      expect(error.message).toContain(named)
      expect(error.hint).toContain('--accept-data-loss')
      expect(await target.rows()).toHaveLength(1)
      const files = { '1_first.sql': upSql, '1_first.down.sql': downSql }
      expect((await down({ ...target.request(files), acceptDataLoss: true })).applied).toHaveLength(1)
    }),
  )
})

test.each([
  ['an empty table', 'CREATE TABLE t (a int);', 'SELECT 1', 'DROP TABLE t;'],
  [
    'a table whose rows were deleted',
    'CREATE TABLE t (a int);',
    'INSERT INTO t VALUES (1); DELETE FROM t',
    'DROP TABLE t;',
  ],
  ['a column of nulls', 'CREATE TABLE t (a int, b int);', 'INSERT INTO t VALUES (1)', 'ALTER TABLE t DROP b;'],
  [
    'a generated column',
    'CREATE TABLE t (a int, b int GENERATED ALWAYS AS (a + 1) STORED);',
    'INSERT INTO t VALUES (1)',
    'ALTER TABLE t DROP b;',
  ],
  [
    'a table that is written anew',
    'CREATE TABLE t (a int);',
    'INSERT INTO t VALUES (1)',
    'ALTER TABLE t ALTER a TYPE bigint;',
  ],
  ['a materialized view', 'CREATE MATERIALIZED VIEW v AS SELECT 1 AS a;', 'SELECT 1', 'DROP MATERIALIZED VIEW v;'],
])('%s can be dropped', (_, upSql, rowsSql, downSql) =>
  withTarget(17, async (target) => {
    expect((await revert(target, upSql, rowsSql, downSql)).applied).toHaveLength(1)
  }),
)

test('code that commits cannot be rehearsed', () =>
  withTarget(17, async (target) => {
    const sql = '-- kei: transaction none\nDO $$ BEGIN DROP TABLE t; COMMIT; END $$;'
    const error = await errorOf(revert(target, 'CREATE TABLE t (a int);', 'INSERT INTO t VALUES (1)', sql))
    expect(error).toMatchObject({ code: 'not-rehearsed', exitCode: 4 })
    expect(error.hint).toContain('--accept-data-loss')
    expect(await one(target.admin, 'SELECT a FROM t')).toBe(1)
  }))

test('a database is not dropped unless that is accepted', () =>
  withTarget(17, async (target) => {
    const name = `dropped_${process.pid}`
    const error = await errorOf(revert(target, `CREATE DATABASE ${name};`, 'SELECT 1', `DROP DATABASE ${name};`))
    expect(error).toMatchObject({ code: 'data-loss', exitCode: 4 })
    expect(error.message).toContain('migrations/1_first.down.sql:1:1: ')
    await target.admin.query(`DROP DATABASE ${name}`)
  }))

test('a limit on idle transactions does not end the rehearsal', () =>
  withTarget(17, async (target) => {
    await target.admin.query(
      `DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET idle_in_transaction_session_timeout = 1', current_database()); END $$`,
    )
    expect((await revert(target, 'CREATE TABLE t (a int);', 'SELECT 1', 'DROP TABLE t;')).applied).toHaveLength(1)
  }))

test('rows that come between the look and the run are seen under lock', () =>
  withTarget(17, async ({ admin, request, events }) => {
    const files = {
      '1_a.sql': 'CREATE TABLE t (a int);',
      '1_a.down.sql': 'DROP TABLE t;',
      '2_b.sql': 'SELECT 1;',
      '2_b.down.sql': 'SELECT pg_sleep(0.5);',
    }
    await up(request(files))
    let inserted: Promise<unknown> | undefined
    const onEvent = (event: (typeof events)[number]) => {
      if (event.event === 'migration') inserted ??= admin.query('INSERT INTO t VALUES (1)')
    }
    const error = await errorOf(down({ ...request(files), count: 2, onEvent }))
    await inserted
    expect(error.code).toBe('data-loss')
    expect(await one(admin, 'SELECT a FROM t')).toBe(1)
  }))

describe('down refuses', () => {
  test.each([
    ['without a down file', { '1_a.sql': 'SELECT 1;' }, 'no-down-file', 'migrations/1_a.sql has no down file'],
    [
      'what is irreversible, with its reason',
      { '1_a.sql': '-- kei: irreversible the old prices are gone\nSELECT 1;', '1_a.down.sql': 'SELECT 1;' },
      'irreversible-migration',
      'migrations/1_a.sql cannot be taken back: the old prices are gone',
    ],
  ])('%s', (_, files, code, message) =>
    withTarget(17, async ({ request }) => {
      await up(request(files))
      const error = await errorOf(down(request(files)))
      expect(error.code).toBe(code)
      expect(error.message).toContain(message)
    }),
  )

  test('before anything runs when an older one of several cannot be taken back', () =>
    withTarget(17, async ({ request, rows }) => {
      const files = { '1_a.sql': 'SELECT 1;', '2_b.sql': 'SELECT 2;', '2_b.down.sql': 'SELECT 3;' }
      await up(request(files))
      expect((await errorOf(down({ ...request(files), count: 2 }))).code).toBe('no-down-file')
      expect(await rows()).toHaveLength(2)
    }))

  test('what is applied in part', () =>
    withTarget(17, async ({ request }) => {
      const files = { '1_a.sql': 'CREATE TABLE t (); VACUUM; SELECT 1 / 0;', '1_a.down.sql': 'DROP TABLE t;' }
      await errorOf(up(request(files)))
      expect((await errorOf(down(request(files)))).code).toBe('partly-applied')
    }))

  test('a version that is not applied', () =>
    withTarget(17, async ({ request }) => {
      const files = { '1_a.sql': 'SELECT 1;', '1_a.down.sql': 'SELECT 1;' }
      await up(request(files))
      expect((await errorOf(down({ ...request(files), to: '7' }))).code).toBe('unknown-version')
    }))
})

test('what is taken back in part is finished by down, and up refuses it', () =>
  withTarget(17, async ({ admin, request, rows }) => {
    const files = {
      '1_a.sql': 'CREATE TABLE t (a int); CREATE INDEX i ON t (a); CREATE TABLE u (a int);',
      '1_a.down.sql': 'DROP TABLE u; DROP INDEX CONCURRENTLY i; DROP TABLE t; SELECT 1 / 0;',
    }
    await up(request(files))
    expect((await errorOf(down({ ...request(files), acceptDataLoss: true }))).code).toBe('statement-failed')
    expect((await errorOf(up(request(files)))).code).toBe('partly-reverted')
    const mended = { ...files, '1_a.down.sql': files['1_a.down.sql'].replace('SELECT 1 / 0;', '') }
    await down(request(mended))
    expect((await rows()).at(-1)).toMatchObject({ direction: 'down', complete: true })
    expect(await one(admin, `SELECT to_regclass('t')`)).toBe(null)
  }))

test('a dry run of down lists what would be taken back', () =>
  withTarget(17, async ({ request, rows }) => {
    const files = { '1_a.sql': 'CREATE TABLE t (a int);', '1_a.down.sql': 'DROP TABLE t;' }
    await up(request(files))
    expect(await down({ ...request(files), dryRun: true })).toMatchObject({
      applied: [{ version: '1', statements: 1 }],
    })
    expect(await rows()).toHaveLength(1)
  }))
