import { setTimeout as delay } from 'node:timers/promises'
import type { Client } from 'pg'
import { describe, expect, test } from 'vitest'
import { pgBouncerProgram, withPgBouncer } from '../../test/pgbouncer.ts'
import { majors } from '../../test/postgres.ts'
import { withTarget } from '../../test/up.ts'
import type { Target } from '../../test/up.ts'
import { KeiError } from '../errors.ts'
import { up } from './up.ts'
import type { UpRequest } from './up.ts'

/** The error that a run ends with. */
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

async function eventually(isSo: () => boolean | Promise<boolean>): Promise<void> {
  for (let attempt = 0; attempt < 400; attempt++) {
    if (await isSo()) return
    await delay(25)
  }
  throw new Error('it did not come to that')
}

describe.each(majors)('on PostgreSQL %i', (major) => {
  test('up applies the files in order, each with its row, and a second up does nothing', () =>
    withTarget(major, async ({ admin, request, rows, events }) => {
      const files = {
        '1_one.sql': 'CREATE TABLE t (a int);\nINSERT INTO t VALUES (1);',
        '2_two.sql': 'ALTER TABLE t ADD b int;\nCREATE INDEX CONCURRENTLY i ON t (a);\nINSERT INTO t VALUES (2);',
      }
      const result = await up(request(files))
      expect(result.applied.map(({ version, statements }) => [version, statements])).toEqual([
        ['1', 2],
        ['2', 3],
      ])
      expect(
        (await rows()).map(({ event, version, first, last, complete }) => [event, version, first, last, complete]),
      ).toEqual([
        ['ran', '1', 1, 2, true],
        ['ran', '2', 1, 1, false],
        ['intent', '2', 2, 2, false],
        ['ran', '2', 2, 2, false],
        ['ran', '2', 3, 3, true],
      ])
      expect((await admin.query('SELECT a FROM t ORDER BY a')).rows).toEqual([{ a: 1 }, { a: 2 }])
      expect(events.filter(({ event }) => event === 'done')).toHaveLength(2)
      events.length = 0
      expect(await up(request(files))).toEqual({ applied: [], direction: 'up' })
      expect(events).toEqual([])
    }))

  test('a file without a statement was forgotten: nothing runs', () =>
    withTarget(major, async ({ request, rows }) => {
      const files = { '1_one.sql': 'CREATE TABLE t (a int);', '2_forgotten.sql': '-- nothing yet\n' }
      await expect(up(request(files))).rejects.toMatchObject({ code: 'no-statement', exitCode: 2 })
      await expect(rows()).rejects.toThrow('does not exist')
    }))

  test('a new enum value can be used later in its file', () =>
    withTarget(major, async ({ admin, request, rows }) => {
      const sql = `CREATE TYPE mood AS ENUM ('sad');
        CREATE TABLE t (m mood);
        ALTER TYPE mood ADD VALUE 'ok';
        INSERT INTO t VALUES ('ok');`
      await up(request({ '1_enum.sql': sql }))
      expect(await one(admin, 'SELECT m FROM t')).toBe('ok')
      expect((await rows()).map(({ first, last }) => [first, last])).toEqual([
        [1, 3],
        [4, 4],
      ])
    }))

  test('where the lease is lost nothing of the next step is kept', () =>
    withTarget(major, async ({ admin, request, rows }) => {
      const files = { '1_steal.sql': 'UPDATE kei.fence SET token = token + 1;', '2_two.sql': 'CREATE TABLE t (a int);' }
      expect(await errorOf(up(request(files)))).toMatchObject({ code: 'lease-lost', exitCode: 4 })
      expect((await rows()).map(({ version }) => version)).toEqual(['1'])
      expect(await one(admin, `SELECT to_regclass('t')`)).toBe(null)
    }))
})

describe('what the server refuses', () => {
  test('is told with its place in the file, and the step leaves nothing', () =>
    withTarget(17, async ({ admin, request, rows }) => {
      const sql = `CREATE TABLE "tüv" (a int);\n-- 🐘\nINSERT INTO "tüv"\n  SELECT 'ä', nothing FROM "tüv";`
      const error = await errorOf(up(request({ '7_words.sql': sql })))
      expect(error).toMatchObject({ code: 'statement-failed', exitCode: 4 })
      expect(error.message).toBe(
        [
          'migrations/7_words.sql:4:15: column "nothing" does not exist (42703)',
          `    SELECT 'ä', nothing FROM "tüv";`,
          '                ^^^^^^^',
        ].join('\n'),
      )
      expect(error.hint).toContain('Nothing of statements 1 to 2 was kept. Mend migrations/7_words.sql')
      expect(await rows()).toEqual([])
      expect(await one(admin, `SELECT to_regclass('"tüv"')`)).toBe(null)
    }))

  test('in a function is told at the statement that called it', () =>
    withTarget(17, async ({ request }) => {
      const sql = `SELECT 1;\nDO $$ BEGIN\n  RAISE EXCEPTION 'no password=hunter2' USING HINT = 'try less';\nEND $$;`
      const error = await errorOf(up(request({ '1_do.sql': sql })))
      expect(error.message).toMatch(/^migrations\/1_do\.sql:2:1: no password=\*+ \(P0001\)/)
      expect(error.message).toContain('PL/pgSQL function inline_code_block line 2 at RAISE')
      expect(error.message).not.toContain('hunter2')
      expect(error.hint).toMatch(/^try less\. /)
    }))

  test('at COMMIT is told by its constraint, not at a statement', () =>
    withTarget(17, async ({ request, rows }) => {
      const sql = `CREATE TABLE a (id int PRIMARY KEY);
        CREATE TABLE b (a_id int CONSTRAINT b_to_a REFERENCES a DEFERRABLE INITIALLY DEFERRED);
        INSERT INTO b VALUES (1); SELECT 1;`
      const error = await errorOf(up(request({ '1_fk.sql': sql })))
      expect(error.code).toBe('commit-failed')
      expect(error.message).toContain('refused at its COMMIT')
      expect(error.message).toContain('(23503, constraint b_to_a of b)')
      expect(await rows()).toEqual([])
    }))

  test('because it commits by itself needs the header, and runs with it', () =>
    withTarget(17, async ({ admin, request }) => {
      const sql = `CREATE TABLE t (a int);
        DO $$ BEGIN INSERT INTO t VALUES (1); COMMIT; INSERT INTO t VALUES (2); END $$;`
      const error = await errorOf(up(request({ '1_do.sql': sql })))
      expect(error.code).toBe('statement-commits')
      expect(error.hint).toContain('`-- kei: transaction none`')
      const headed = `-- kei: transaction none\n${sql}`
      await up(request({ '1_do.sql': headed }))
      expect(await one(admin, 'SELECT count(*)::int FROM t')).toBe(2)
    }))

  test('in the syntax of any file stops the run before the first one', () =>
    withTarget(17, async ({ admin, request }) => {
      const files = { '1_good.sql': 'CREATE TABLE t (a int);', '2_bad.sql': 'CREATE TABEL u (a int);' }
      expect((await errorOf(up(request(files)))).message).toContain('migrations/2_bad.sql:1:8')
      expect(await one(admin, `SELECT to_regclass('t')`)).toBe(null)
      expect(await one(admin, `SELECT to_regclass('kei.history')`)).toBe(null)
    }))
})

describe('locks of other sessions', () => {
  const setup = async ({ admin, open, request }: Target) => {
    await up(request({ '1_t.sql': 'CREATE TABLE t (a int); CREATE TABLE u (a int);' }))
    const reader = await open()
    await reader.query('BEGIN')
    await reader.query('SELECT FROM t')
    return { admin, reader }
  }
  const files = {
    '1_t.sql': 'CREATE TABLE t (a int); CREATE TABLE u (a int);',
    '2_alter.sql': 'ALTER TABLE u ADD b int; SELECT pg_sleep(0.2); ALTER TABLE t ADD b int;',
  }

  test('are waited for in short attempts, each rolled back whole', () =>
    withTarget(17, async (target) => {
      const { request, events, rows } = target
      const { reader } = await setup(target)
      const run = up(request(files, { lockTimeout: 300 }))
      await eventually(() => events.some(({ event }) => event === 'retry'))
      const { rows: columns } = await target.admin.query(
        `SELECT FROM pg_attribute WHERE attrelid = 'u'::regclass AND attname = 'b'`,
      )
      expect(columns).toEqual([])
      await reader.query('COMMIT')
      const { applied } = await run
      expect((await rows()).map(({ version }) => version)).toEqual(['1', '2'])
      const retry = events.find((event) => event.event === 'retry')
      expect(retry).toMatchObject({ version: '2', attempt: 1, sqlstate: '55P03' })
      expect(retry?.event === 'retry' && retry.wait).toBeGreaterThanOrEqual(1200)
      expect(retry?.event === 'retry' && retry.blockers).toMatchObject([
        { query: 'SELECT FROM t', state: 'idle in transaction' },
      ])
      expect(events.find((event) => event.event === 'blocked' && event.relations.includes('t'))).toBeDefined()
      const [locks] = applied.map((run) => run.locks)
      expect(locks?.map(({ relation, mode }) => [relation, mode])).toEqual([
        ['public.u', 'ACCESS EXCLUSIVE'],
        ['public.t', 'ACCESS EXCLUSIVE'],
      ])
      expect(locks?.[0]?.milliseconds).toBeGreaterThan(200)
      expect(locks?.[1]?.milliseconds).toBeLessThan(150)
    }))

  test('end the run when its time is over, and who held them is told', () =>
    withTarget(17, async (target) => {
      await setup(target)
      const error = await errorOf(up(target.request(files, { lockTimeout: 300, retryFor: 500 })))
      expect(error).toMatchObject({ code: 'lock-timeout', exitCode: 4 })
      expect(error.message).toMatch(/in each of 1 attempt within 0\.5 s/)
      expect(error.message).toMatch(/pid \d+ \(.*\), idle in transaction, for [\d.]+ s: SELECT FROM t/)
      expect(error.hint).toMatch(/pg_terminate_backend\(\d+\)/)
    }))

  test('are waited for as long as the header, or the file itself, says', () =>
    withTarget(17, async (target) => {
      await setup(target)
      const began = performance.now()
      const run = (second: string) =>
        errorOf(up(target.request({ ...files, '2_alter.sql': second }, { lockTimeout: 20_000, retryFor: 1 })))
      await run('-- kei: lock-timeout 50ms\nALTER TABLE t ADD b int;')
      await run("SET LOCAL lock_timeout = '50ms'; ALTER TABLE t ADD b int;")
      // The setting of the first step holds in the second.
      await run("SET lock_timeout = '50ms'; BEGIN; SELECT 1; COMMIT; BEGIN; ALTER TABLE t ADD b int; COMMIT;")
      expect(performance.now() - began).toBeLessThan(10_000)
    }))
})

describe('the session', () => {
  test('keeps what a file sets from step to step, but not for the next file', () =>
    withTarget(17, async ({ admin, request }) => {
      await up(
        request({
          '1_a.sql': `CREATE SCHEMA app; SET search_path = app; CREATE TABLE t (a int);
            CREATE INDEX CONCURRENTLY i ON t (a); CREATE TABLE v (a int);`,
          '2_b.sql': 'CREATE TABLE w (a int);',
        }),
      )
      for (const name of ['app.t', 'app.i', 'app.v', 'public.w'])
        expect(await one(admin, `SELECT to_regclass('${name}')::text`)).not.toBe(null)
    }))

  test('gets the settings of the part that is done when a file is resumed', () =>
    withTarget(17, async ({ admin, request, rows }) => {
      const begin =
        'CREATE SCHEMA app; SET search_path = app; CREATE TABLE t (a int); CREATE INDEX CONCURRENTLY i ON t (a);'
      const error = await errorOf(up(request({ '1_a.sql': `${begin} CREATE TABLE t (a int);` })))
      expect(error.hint).toContain('What stands before statement 5 is applied and must stay as it is.')
      await up(request({ '1_a.sql': `${begin} CREATE TABLE later (a int);` }))
      expect(await one(admin, `SELECT to_regclass('app.later')::text`)).toBe('app.later')
      expect((await rows()).at(-1)).toMatchObject({ first: 5, last: 5, complete: true })
    }))

  test('a file whose rest was taken out becomes whole', () =>
    withTarget(17, async ({ request, rows }) => {
      const begin = 'CREATE TABLE t (a int); CREATE INDEX CONCURRENTLY i ON t (a);'
      await errorOf(up(request({ '1_a.sql': `${begin} SELECT 1 / 0;` })))
      await up(request({ '1_a.sql': begin }))
      expect((await rows()).at(-1)).toMatchObject({ event: 'ran', first: 0, last: 0, complete: true })
      expect((await up(request({ '1_a.sql': begin }))).applied).toEqual([])
    }))

  test('acts as the role that is asked for, and writes the history as the one that logged in', () =>
    withTarget(17, async ({ admin, request, rows }) => {
      const role = `owner_${process.pid}`
      await admin.query(`CREATE ROLE ${role}; GRANT CREATE ON SCHEMA public TO ${role}`)
      try {
        const files = { '1_t.sql': 'CREATE TABLE t (a int); SET ROLE NONE; CREATE TABLE u (a int);' }
        await up(request(files, { role }))
        expect(await one(admin, `SELECT relowner::regrole::text FROM pg_class WHERE oid = 't'::regclass`)).toBe(role)
        expect((await rows())[0]?.by).toBe(await one(admin, 'SELECT session_user'))
        const error = await errorOf(up(request({ ...files, '2_u.sql': 'SELECT 1;' }, { role: 'nobody at all' })))
        expect(error.code).toBe('role-not-usable')
      } finally {
        await admin.query(`DROP TABLE IF EXISTS t; REVOKE ALL ON SCHEMA public FROM ${role}; DROP ROLE ${role}`)
      }
    }))

  test.each(['SET ROLE', 'SET SESSION AUTHORIZATION'])(
    'keeps the identity of %s for the rest of the file, not for the history',
    (set) =>
      withTarget(17, async ({ admin, request, rows }) => {
        const role = `other_${process.pid}`
        await admin.query(`CREATE ROLE ${role}; GRANT CREATE ON SCHEMA public TO ${role}`)
        try {
          const sql = `${set} ${role}; BEGIN; CREATE TABLE t (a int); COMMIT; BEGIN; CREATE TABLE u (a int); COMMIT;`
          await up(request({ '1_a.sql': sql, '2_b.sql': 'CREATE TABLE v (a int);' }))
          const owners = await admin.query(
            `SELECT relname, relowner::regrole::text AS owner FROM pg_class WHERE relname IN ('t', 'u', 'v') ORDER BY 1`,
          )
          const login = await one(admin, 'SELECT session_user::text')
          expect(owners.rows.map(({ owner }) => owner)).toEqual([
            role,
            role,
            await one(admin, 'SELECT quote_ident(session_user)'),
          ])
          expect(new Set((await rows()).map(({ by }) => by))).toEqual(new Set([login]))
        } finally {
          await admin.query(`DROP TABLE IF EXISTS t, u; REVOKE ALL ON SCHEMA public FROM ${role}; DROP ROLE ${role}`)
        }
      }),
  )

  test('waits for the disk before anything of a first run is told', () =>
    withTarget(17, async ({ admin, request, events }) => {
      await admin.query(
        `DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET synchronous_commit = on', current_database()); END $$`,
      )
      const probe =
        "CREATE TABLE IF NOT EXISTS seen (s text); INSERT INTO seen SELECT current_setting('synchronous_commit');"
      await up(request({ '1_a.sql': probe, '2_b.sql': probe, '3_c.sql': probe }))
      expect((await admin.query('SELECT s FROM seen')).rows.map(({ s }) => s)).toEqual(['off', 'off', 'on'])
      expect(events.map(({ event }) => event).filter((event) => event !== 'notice')).toEqual([
        'started',
        ...['migration', 'step', 'done', 'migration', 'step', 'done', 'migration', 'step', 'done'],
      ])
      await up(request({ '1_a.sql': probe, '2_b.sql': probe, '3_c.sql': probe, '4_d.sql': probe, '5_e.sql': probe }))
      expect((await admin.query('SELECT s FROM seen OFFSET 3')).rows.map(({ s }) => s)).toEqual(['on', 'on'])
    }))
})

describe('a run that is cut off', () => {
  test('by a signal cancels its statement on the server and gives the lease back', () =>
    withTarget(17, async ({ admin, request, rows }) => {
      const interrupt = new AbortController()
      const files = {
        '1_a.sql': 'CREATE TABLE t (a int);',
        '2_slow.sql': 'CREATE TABLE u (a int); SELECT pg_sleep(60);',
      }
      const run = errorOf(up(request(files, { signal: interrupt.signal })))
      await eventually(
        async () =>
          (await one(
            admin,
            `SELECT count(*)::int FROM pg_stat_activity WHERE query ~ '^SELECT pg_sleep' AND state = 'active' AND datname = current_database()`,
          )) === 1,
      )
      interrupt.abort()
      expect(await run).toMatchObject({ code: 'interrupted', exitCode: 130 })
      expect((await rows()).map(({ version }) => version)).toEqual(['1'])
      expect(await one(admin, 'SELECT released_at IS NOT NULL FROM kei.lease')).toBe(true)
      expect(await one(admin, `SELECT to_regclass('u')`)).toBe(null)
    }))

  const terminate = `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE query ~ 'pg_sleep' AND pid <> pg_backend_pid() AND datname = current_database()`

  test('by the server says that nothing of the step was kept', () =>
    withTarget(17, async ({ admin, request, rows }) => {
      const run = errorOf(up(request({ '1_slow.sql': 'CREATE TABLE t (a int); SELECT pg_sleep(60);' })))
      await eventually(async () => (await admin.query(terminate)).rowCount === 1)
      const error = await run
      expect(error).toMatchObject({ code: 'connection-lost', exitCode: 4 })
      expect(error.message).toContain('Nothing of it was kept.')
      expect(await rows()).toEqual([])
    }))

  test('from a server that goes on says that the step was committed', () =>
    withTarget(17, async ({ admin, request, rows }) => {
      const files = { '1_slow.sql': 'CREATE TABLE t (a int); SELECT pg_sleep(0.7);' }
      const asked: UpRequest = request(files)
      const sessions: Client[] = []
      const connect = async () => {
        const session = await asked.connect()
        sessions.push(session.client)
        return session
      }
      const run = errorOf(up({ ...asked, connect }))
      await eventually(
        async () =>
          (await one(
            admin,
            `SELECT count(*)::int FROM pg_stat_activity WHERE query ~ '^SELECT pg_sleep' AND datname = current_database()`,
          )) === 1,
      )
      sessions[1]?.connection.stream.destroy()
      expect((await run).message).toContain('It was committed all the same.')
      expect(await rows()).toHaveLength(1)
      expect((await up(request(files))).applied).toEqual([])
    }))
})

describe('several runs at once', () => {
  test('apply each file once, and all of them succeed', () =>
    withTarget(17, async ({ admin, request, rows }) => {
      const files = {
        '1_a.sql': 'CREATE TABLE t (a int); SELECT pg_sleep(0.2);',
        '2_b.sql': 'INSERT INTO t VALUES (1); CREATE INDEX CONCURRENTLY i ON t (a);',
      }
      const results = await Promise.all(Array.from({ length: 6 }, () => up(request(files))))
      expect(results.map(({ applied }) => applied.length).toSorted()).toEqual([0, 0, 0, 0, 0, 2])
      expect(await one(admin, 'SELECT count(*)::int FROM t')).toBe(1)
      expect((await rows()).filter(({ event }) => event === 'ran')).toHaveLength(3)
    }))

  test('share the error of the one that tried', () =>
    withTarget(17, async ({ admin, request, events }) => {
      await admin.query('CREATE SEQUENCE tries')
      const files = { '1_a.sql': `SELECT nextval('tries'); SELECT pg_sleep(0.5); SELECT 1 / 0;` }
      const errors = await Promise.all(Array.from({ length: 4 }, () => errorOf(up(request(files)))))
      expect(new Set(errors.map(({ message }) => message)).size).toBe(1)
      expect(errors[0]?.code).toBe('statement-failed')
      expect(await one(admin, 'SELECT last_value::int FROM tries')).toBe(1)
      expect(events.filter(({ event }) => event === 'waiting')).toHaveLength(3)
    }))
})

describe('what stands in the way', () => {
  test('an older pending file is named with what it shares with newer ones, and applied when that is allowed', () =>
    withTarget(17, async ({ request, events, rows }) => {
      const files = {
        '1_a.sql': 'CREATE TABLE t (a int);',
        '3_c.sql': 'CREATE TABLE u (a int); ALTER TABLE t ADD c int;',
      }
      await up(request(files))
      const more = { ...files, '2_b.sql': 'ALTER TABLE t ADD b int;' }
      const sorted = Object.fromEntries(Object.entries(more).toSorted())
      const error = await errorOf(up(request(sorted)))
      expect(error.code).toBe('out-of-order-migration')
      expect(error.message).toContain('migrations/2_b.sql is not applied')
      const shared = 'migrations/2_b.sql and the newer migrations/3_c.sql both name t'
      expect(error.message).toContain(shared)
      events.length = 0
      await up(request(sorted, { allowOutOfOrder: true }))
      expect(events).toContainEqual({ event: 'notice', message: shared })
      expect((await rows()).map(({ version }) => version)).toEqual(['1', '3', '2'])
    }))

  test('an edited and a missing file are both named, and nothing runs', () =>
    withTarget(17, async ({ request, rows }) => {
      await up(request({ '1_a.sql': 'SELECT 1;', '2_b.sql': 'SELECT 2;' }))
      const error = await errorOf(up(request({ '1_a.sql': 'SELECT 3;', '3_c.sql': 'SELECT 4;' })))
      expect(error.code).toBe('edited-migration')
      expect(error.message).toContain('migrations/1_a.sql was changed')
      expect(error.message).toContain('2_b.sql is not there')
      expect(await rows()).toHaveLength(2)
    }))

  test('--to stops at its version, and must be one', () =>
    withTarget(17, async ({ request }) => {
      const files = { '1_a.sql': 'SELECT 1;', '2_b.sql': 'SELECT 2;', '3_c.sql': 'SELECT 3;' }
      const versions = async (to?: string) =>
        (await up(request(files, to === undefined ? {} : { to }))).applied.map(({ version }) => version)
      expect(await versions('0002')).toEqual(['1', '2'])
      expect(await versions('1')).toEqual([])
      expect((await errorOf(up(request(files, { to: '4' })))).code).toBe('unknown-version')
      expect(await versions()).toEqual(['3'])
    }))

  test('a dry run lists what would run and writes nothing', () =>
    withTarget(17, async ({ admin, request }) => {
      const result = await up(request({ '1_a.sql': 'CREATE TABLE t (a int); SELECT 1;' }, { dryRun: true }))
      expect(result).toMatchObject({ applied: [{ version: '1', name: 'a', statements: 2 }] })
      expect(result.token).toBeUndefined()
      expect(await one(admin, `SELECT to_regnamespace('kei')`)).toBe(null)
    }))
})

describe.skipIf(pgBouncerProgram === undefined)('through a pooler with one server connection', () => {
  function withPooled(work: (target: Target, pooled: (files: Record<string, string>) => UpRequest) => Promise<void>) {
    return withTarget(17, (target) =>
      withPgBouncer(target.admin, { poolSize: 1 }, (pooler) =>
        work(target, (files) => {
          const connect = async () => {
            const client = await target.open({ host: pooler.socketDirectory, port: pooler.port, user: 'pooled' })
            const { identifyServer } = await import('../postgres/connect/server.ts')
            return { client, server: await identifyServer(client), candidate: { host: '', port: 0 }, encrypted: false }
          }
          return { ...target.request(files), connect }
        }),
      ),
    )
  }

  test('files in transactions are applied, and leave no setting behind', () =>
    withPooled(async ({ rows }, pooled) => {
      const request = pooled({
        '1_a.sql': 'CREATE TABLE t (a int);',
        '2_b.sql': 'SET LOCAL work_mem = 100; ALTER TABLE t ADD b int;',
      })
      await up(request)
      expect(await rows()).toHaveLength(2)
      const { client } = await request.connect()
      expect(
        await one(
          client,
          `SELECT string_agg(name, ',') FROM pg_settings WHERE source = 'session' AND name ~ 'timeout|work_mem|role|commit'`,
        ),
      ).toBe(null)
    }))

  test('several runs at once apply each file once', () =>
    withPooled(async ({ admin, rows }, pooled) => {
      const request = pooled({
        '1_a.sql': 'CREATE TABLE t (a int); SELECT pg_sleep(0.3);',
        '2_b.sql': 'INSERT INTO t VALUES (1);',
      })
      const results = await Promise.all(Array.from({ length: 8 }, () => up(request)))
      expect(results.map(({ applied }) => applied.length).toSorted()).toEqual([0, 0, 0, 0, 0, 0, 0, 2])
      expect(await one(admin, 'SELECT count(*)::int FROM t')).toBe(1)
      expect(await rows()).toHaveLength(2)
    }))

  test('who blocks is told once the pooler answers, and attempts go on until the lock is free', () =>
    withPooled(async ({ admin, events, rows }, pooled) => {
      await admin.query('CREATE TABLE t (a int)')
      await admin.query('BEGIN; SELECT FROM t')
      const request = pooled({ '1_a.sql': 'ALTER TABLE t ADD b int;' })
      const run = up({ ...request, settings: { ...request.settings, lockTimeout: 300 } })
      await eventually(() => events.some(({ event }) => event === 'retry'))
      await admin.query('COMMIT')
      await run
      expect(await rows()).toHaveLength(1)
    }))

  test.each([
    ['SELECT 1; SET search_path = app;', 'session-setting-through-pooler', '2_b.sql:1:11: the setting search_path'],
    ['SELECT 1;\nVACUUM;', 'direct-connection-needed', '2_b.sql:2:1: '],
  ])('%j is refused before anything runs', (sql, code, message) =>
    withPooled(async ({ admin }, pooled) => {
      const error = await errorOf(up(pooled({ '1_a.sql': 'CREATE TABLE t (a int);', '2_b.sql': sql })))
      expect(error.code).toBe(code)
      expect(error.message).toContain(message)
      expect(error.hint).toContain('KEI_DIRECT_DATABASE_URL')
      expect(await one(admin, `SELECT to_regclass('t')`)).toBe(null)
    }),
  )
})
