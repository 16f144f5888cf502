import { Client } from 'pg'
import { describe, expect, test } from 'vitest'
import { majors } from '../../test/postgres.ts'
import { withTarget } from '../../test/up.ts'
import { KeiError } from '../errors.ts'
import { identifyServer } from '../postgres/connect/server.ts'
import { up } from './up.ts'

async function errorOf(run: Promise<unknown>): Promise<KeiError> {
  const error = await run.then(
    () => new Error('it did not fail'),
    (reason: unknown) => reason,
  )
  if (error instanceof KeiError) return error
  throw error
}

async function withRole<T>(admin: Client, work: (role: string) => Promise<T>): Promise<T> {
  const role = `other_${process.pid}`
  await admin.query(`CREATE ROLE ${role}; GRANT CREATE ON SCHEMA public TO ${role}`)
  try {
    return await work(role)
  } finally {
    await admin.query(`DROP OWNED BY ${role} CASCADE; DROP ROLE ${role}`)
  }
}

describe.each(majors)('on PostgreSQL %i', (major) => {
  test("operators that others made in public are not called by kei's own statements", () =>
    withTarget(major, async ({ admin, request, events }) => {
      await up(request({ '1_a.sql': 'CREATE TABLE t (a int); CREATE INDEX i ON t (a);' }))
      const pairs = [
        ['>=', 'oid', 'int4'],
        ['>', 'int8', 'int4'],
        ['=', 'oid', 'regclass'],
        ['=', 'regclass', 'oid'],
        ['<>', 'oid', 'int4'],
        ['/', 'float8', 'int4'],
        ['||', 'name', 'name'],
        ['||', 'text', 'name'],
      ]
      for (const [index, [operator, left, right]] of pairs.entries()) {
        const result = operator === '/' ? 'float8' : operator === '||' ? 'text' : 'bool'
        await admin.query(
          `CREATE FUNCTION trap${index}(${left}, ${right}) RETURNS ${result} LANGUAGE plpgsql
             AS $$ BEGIN RAISE 'called: %', '${operator} ${left} ${right}'; END $$;
           CREATE OPERATOR public.${operator} (LEFTARG = ${left}, RIGHTARG = ${right}, FUNCTION = trap${index})`,
        )
      }
      const files = {
        '1_a.sql': 'CREATE TABLE t (a int); CREATE INDEX i ON t (a);',
        '2_b.sql': `ALTER TABLE t ADD b int; CREATE TABLE u (a int); DROP TABLE u; CREATE INDEX CONCURRENTLY j ON t (b);
          REINDEX INDEX CONCURRENTLY j; REINDEX TABLE CONCURRENTLY t; DROP INDEX CONCURRENTLY j;`,
      }
      expect((await up(request(files))).applied).toHaveLength(1)
      expect(events.some((event) => event.event === 'step' && event.locks.length > 0)).toBe(true)
    }))

  test('temporary tables with the names of types are not taken for them', () =>
    withTarget(major, async ({ request }) => {
      const files = { '1_a.sql': 'CREATE TABLE t (a int);' }
      await up(request(files))
      const temporary = 'CREATE TEMP TABLE text (a int); CREATE TEMP TABLE xid (a int); CREATE TEMP TABLE oid (a int);'
      await up(request({ ...files, '2_b.sql': `${temporary} ALTER TABLE t ADD b int; DROP TABLE t;` }))
    }))
})

test.each([
  ['SET LOCAL SESSION AUTHORIZATION', (role: string) => `SET LOCAL SESSION AUTHORIZATION ${role};`],
  ['code that sets the role', (role: string) => `DO $$ BEGIN PERFORM set_config('role', '${role}', false); END $$;`],
])('%s does not hinder the history', (_, statement) =>
  withTarget(17, async ({ admin, request, rows }) => {
    await withRole(admin, async (role) => {
      const sql = `${statement(role)} CREATE TABLE t (a int); CREATE INDEX CONCURRENTLY i ON t (a); CREATE TABLE u ();`
      const run = up(request({ '1_a.sql': sql }))
      const outcome = await run.catch((error: unknown) => error)
      // SET LOCAL ends with its transaction, and the index is then made as the role that logged in.
      expect(outcome).toMatchObject({ applied: [{ statements: 4 }] })
      expect((await rows()).every(({ by }) => by === (admin.user ?? ''))).toBe(true)
      const { rows: owners } = await admin.query<{ owner: string }>(
        `SELECT relowner::regrole::text AS owner FROM pg_class WHERE relname = 't'`,
      )
      expect(owners).toEqual([{ owner: role }])
    })
  }),
)

test('a default isolation level that a file sets holds for its next transactions', () =>
  withTarget(17, async ({ admin, request }) => {
    const sql = `SET default_transaction_isolation = 'serializable'; COMMIT;
      CREATE TABLE t AS SELECT current_setting('transaction_isolation') AS level;`
    await up(
      request({ '1_a.sql': sql, '2_b.sql': `CREATE TABLE u AS SELECT current_setting('transaction_isolation')` }),
    )
    expect((await admin.query('TABLE t UNION ALL TABLE u')).rows).toEqual([
      { level: 'serializable' },
      { level: 'read committed' },
    ])
  }))

test.each([
  ['on an empty history', []],
  ['later', ['SELECT 1;']],
])('what a default or a trigger sets for the session does not reach the next file, %s', (_, before) =>
  withTarget(17, async ({ admin, request }) => {
    const files: Record<string, string> = Object.fromEntries(before.map((sql) => ['0_z.sql', sql]))
    await up(request({ ...files }))
    files['1_a.sql'] = `CREATE SCHEMA other;
      CREATE FUNCTION public.leak() RETURNS int LANGUAGE sql
        AS $$ SELECT set_config('search_path', 'other', false); SELECT 1 $$;
      CREATE TABLE public.t (a int DEFAULT public.leak());`
    files['2_b.sql'] = 'INSERT INTO public.t DEFAULT VALUES;'
    files['3_c.sql'] = 'CREATE TABLE landed ();'
    files['4_d.sql'] = 'INSERT INTO public.t DEFAULT VALUES;'
    files['5_e.sql'] = 'CREATE INDEX CONCURRENTLY i ON t (a);'
    await up(request(files))
    expect((await admin.query(`SELECT to_regclass('public.landed') IS NOT NULL AS here`)).rows).toEqual([
      { here: true },
    ])
    expect((await admin.query(`SELECT to_regclass('public.i') IS NOT NULL AS here`)).rows).toEqual([{ here: true }])
  }),
)

test('a letter that the encoding of the database does not have is named', () =>
  withTarget(17, async ({ admin, request }) => {
    const name = `latin_${process.pid}`
    await admin.query(`CREATE DATABASE ${name} ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0`)
    try {
      const connect = async () => {
        const { host, port, user, password } = admin
        const client = new Client({ host, port, user, password, database: name, ssl: false, pipeline: true })
        await client.connect()
        return { client, server: await identifyServer(client), candidate: { host, port }, encrypted: false }
      }
      const error = await errorOf(up({ ...request({ '1_a.sql': 'SELECT 1; -- \u2192' }), connect }))
      expect(error).toMatchObject({ code: 'not-in-encoding', exitCode: 4 })
    } finally {
      await admin.query(`DROP DATABASE ${name} WITH (FORCE)`)
    }
  }))

test("a file that takes away kei's schema, or makes its transaction read-only, is named", () =>
  withTarget(17, async ({ request, rows }) => {
    for (const sql of ['DROP SCHEMA kei CASCADE;', 'CREATE TABLE t (); SET LOCAL transaction_read_only = on;']) {
      const error = await errorOf(up(request({ '1_a.sql': 'CREATE TABLE a ();', '2_bad.sql': sql })))
      expect(error).toMatchObject({ code: 'transaction-failed', exitCode: 4 })
      expect(error.message).toContain('migrations/2_bad.sql')
      expect(error.hint).toContain('its own schema')
      expect(await rows()).toHaveLength(1)
    }
  }))

test('a limit of the server that ends the session is named', () =>
  withTarget(17, async ({ admin, request }) => {
    await admin.query(
      `DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET transaction_timeout = 300', current_database()); END $$`,
    )
    const error = await errorOf(up(request({ '1_slow.sql': 'SELECT pg_sleep(2);' })))
    expect(error.code).toBe('connection-lost')
    expect(error.message).toContain('the transaction of statement 1 ')
    expect(error.hint).toContain('SET LOCAL transaction_timeout = 0;')
    const slow = 'SET LOCAL transaction_timeout = 0; SELECT pg_sleep(0.5);'
    expect((await up(request({ '1_slow.sql': slow }))).applied).toHaveLength(1)
  }))

test('a role that does not exist is not said to lack a GRANT', () =>
  withTarget(17, async ({ request }) => {
    const error = await errorOf(up(request({ '1_a.sql': 'SELECT 1;' }, { role: 'nobody at all' })))
    expect(error).toMatchObject({ code: 'role-not-usable' })
    expect(error.hint).not.toContain('GRANT')
  }))
