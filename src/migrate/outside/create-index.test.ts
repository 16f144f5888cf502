import { setTimeout as delay } from 'node:timers/promises'
import type { Client } from 'pg'
import { describe, expect, it } from 'vitest'
import { majors } from '../../../test/postgres.ts'
import { scriptOf, withRunners } from '../../../test/runner.ts'
import type { RunnerPlace, TestRunner } from '../../../test/runner.ts'
import { KeiError } from '../../errors.ts'
import type { RunnerSettings } from '../run-request.ts'
import { runTransaction } from '../run-transaction.ts'
import { runOutside } from './run-outside.ts'

const partitioned = `
CREATE TABLE p (a int, b text) PARTITION BY RANGE (a);
CREATE TABLE "P 1" PARTITION OF p FOR VALUES FROM (0) TO (10);
CREATE TABLE p2 PARTITION OF p FOR VALUES FROM (10) TO (20) PARTITION BY LIST (b);
CREATE TABLE p2_x PARTITION OF p2 FOR VALUES IN ('x');
CREATE TABLE p2_rest PARTITION OF p2 DEFAULT;
`

const setup = `
CREATE TABLE t (a int, b text, c timestamptz, d jsonb);
INSERT INTO t SELECT i, 'b' || i, '2024-01-01', '{}' FROM generate_series(1, 500) i;
CREATE FUNCTION squeeze(text) RETURNS text IMMUTABLE LANGUAGE sql RETURN lower($1);
`

async function run({ runner }: TestRunner, sql: string): Promise<void> {
  const { script, steps } = await scriptOf(sql)
  for (const step of steps) {
    if (step.kind === 'transaction') throw new Error('this test is about statements outside transactions')
    await runOutside(runner, script, step)
  }
}

async function refusalOf(work: Promise<unknown>): Promise<KeiError> {
  const error = await work.then(
    () => undefined,
    (caught: unknown) => caught,
  )
  if (error instanceof KeiError) return error
  throw error ?? new Error('it was not refused')
}

async function indexesOf(admin: Client): Promise<{ name: string; valid: boolean }[]> {
  const { rows } = await admin.query(
    `SELECT indexrelid::regclass::text AS name, indisvalid AS valid FROM pg_index
      WHERE indrelid >= 16384 AND indrelid::regclass::text !~ '^(kei|pg_toast)' ORDER BY 1`,
  )
  return rows
}

/** Makes an INVALID index as a build that was cut off does. */
async function leaveInvalid({ admin, open }: RunnerPlace, sql: string): Promise<void> {
  const parked = await open()
  await parked.query('BEGIN; LOCK TABLE t IN ROW EXCLUSIVE MODE')
  const builder = await open()
  const { rows } = await builder.query<{ pid: number }>('SELECT pg_backend_pid() AS pid')
  const building = builder.query(sql).catch((error: unknown) => error)
  for (;;) {
    const { rowCount } = await admin.query(
      `SELECT FROM pg_locks WHERE pid = $1 AND NOT granted AND locktype = 'virtualxid'`,
      [rows[0]?.pid],
    )
    if (rowCount !== 0) break
    await delay(20)
  }
  await admin.query('SELECT pg_cancel_backend($1)', [rows[0]?.pid])
  await building
  await parked.query('ROLLBACK')
}

describe.each(majors)('CREATE INDEX CONCURRENTLY on PostgreSQL %i', (major) => {
  const place = <T>(work: (place: RunnerPlace) => Promise<T>) => withRunners(major, work, setup)
  const started = <T>(
    work: (started: TestRunner, place: RunnerPlace) => Promise<T>,
    settings?: Partial<RunnerSettings>,
  ) => place(async (there) => work(await there.start(settings), there))

  it('writes down its intent, runs and writes down that it is done', async () => {
    await started(async (started, { admin }) => {
      await run(
        started,
        'CREATE INDEX CONCURRENTLY "odd name" ON t (squeeze(b) text_pattern_ops DESC, a) INCLUDE (c) WITH (fillfactor = 70) WHERE c > \'2024-06-01 00:00+02\';',
      )
      const rows = await started.rows()
      expect(rows.map(({ event, complete }) => [event, complete])).toEqual([
        ['intent', false],
        ['ran', true],
      ])
      expect(rows[0]?.intent).toMatchObject({
        pid: started.runner.work.pid,
        before: { kind: 'create-index', name: 'odd name', expected: { include: ['c'], parameters: ['fillfactor=70'] } },
      })
      expect(await indexesOf(admin)).toEqual([{ name: '"odd name"', valid: true }])
      const { rows: left } = await admin.query(`SELECT FROM pg_class WHERE relpersistence = 't'`)
      expect(left).toEqual([])
    })
  })

  it('compares odd indexes as the server itself defines them', async () => {
    await started(async (started, { admin }) => {
      await admin.query(`CREATE MATERIALIZED VIEW "My View" AS SELECT * FROM t; CREATE SCHEMA "S.1";
        CREATE TABLE "S.1"."T ""x""" ("Col" text COLLATE "C", r int4range, g int GENERATED ALWAYS AS (1) STORED)`)
      const statements = [
        'create unique index concurrently on t (b) nulls not distinct',
        'create index concurrently if not exists "I""1" on only "S.1" . "T ""x""" using gist (r)',
        'create index concurrently i2 on "S.1"."T ""x""" ("Col" collate "de-x-icu" varchar_pattern_ops nulls first, g)',
        'create index concurrently i3 on "My View" using gin (d jsonb_path_ops) tablespace pg_default',
        'create index concurrently i4 on /* here */ t using brin (c) with (pages_per_range = 16)',
        `create index concurrently i5 on t ((t.* is not null)) where a in (1, 2) and b is distinct from 'x\\y' and c < '2024-02-03'::timestamptz`,
        'create index concurrently i6 on only (t) using hash (b)',
      ]
      await run(started, `${statements.join(';\n')};`)
      expect((await indexesOf(admin)).filter(({ valid }) => !valid)).toEqual([])
      const rows = await started.rows()
      // Known only where the server itself computed it.
      for (const { intent } of rows.filter(({ event }) => event === 'intent')) {
        expect(intent?.before).toMatchObject({
          expected: { keys: expect.arrayContaining([expect.objectContaining({ operatorClass: expect.any(String) })]) },
        })
      }
      const events = rows.map(({ event }) => event)
      expect(events).toEqual(statements.flatMap(() => ['intent', 'ran']))
    })
  })

  it('goes by the text where the role may make no temporary table', async () => {
    await place(async (there) => {
      const role = `owner_${there.database}`
      await there.admin
        .query(`CREATE ROLE ${role}; ALTER TABLE t OWNER TO ${role}; GRANT CREATE ON SCHEMA public TO ${role};
        REVOKE TEMPORARY ON DATABASE ${there.database} FROM PUBLIC`)
      try {
        const started = await there.start({ role })
        await run(started, 'CREATE INDEX CONCURRENTLY i ON t (a DESC, lower(b)) INCLUDE (c) WHERE a > 1')
        const keys = [{ expression: 'a', options: 3 }, { options: 0 }]
        const [intent] = await started.rows()
        expect(intent?.intent?.before).toMatchObject({ expected: { method: 'btree', keys, include: ['c'] } })
        expect((await refusalOf(run(started, 'CREATE INDEX CONCURRENTLY IF NOT EXISTS i ON t (a)'))).code).toBe(
          'index-differs',
        )
        const { rows } = await there.admin.query(
          `SELECT relowner::regrole::text AS owner FROM pg_class WHERE relname = 'i'`,
        )
        expect(rows).toEqual([{ owner: role }])
        // A role that the file itself has set stays, and has no part in the history.
        const { client } = started.runner.work
        await client.query(`SET ROLE ${role}`)
        await run(started, 'VACUUM t')
        expect((await client.query('SELECT current_user AS role')).rows).toEqual([{ role }])
        expect((await started.rows()).at(-1)).toMatchObject({ event: 'ran', by: started.runner.work.server.user })
        await client.query('RESET ROLE')
      } finally {
        await there.admin.query(`REASSIGN OWNED BY ${role} TO CURRENT_USER; DROP OWNED BY ${role}; DROP ROLE ${role}`)
      }
    })
  })

  it('rebuilds an INVALID one that is equal, also with IF NOT EXISTS', async () => {
    await place(async (there) => {
      const started = await there.start()
      await leaveInvalid(there, 'CREATE INDEX CONCURRENTLY i ON t (b)')
      expect(await indexesOf(there.admin)).toEqual([{ name: 'i', valid: false }])
      await run(started, 'CREATE INDEX CONCURRENTLY IF NOT EXISTS i ON t (b)')
      expect(await indexesOf(there.admin)).toEqual([{ name: 'i', valid: true }])
    })
  })

  it('leaves an INVALID one alone that somebody builds, or that is another', async () => {
    await place(async (there) => {
      const started = await there.start()
      const parked = await there.open()
      await parked.query('BEGIN; LOCK TABLE t IN ROW EXCLUSIVE MODE')
      const building = (await there.open()).query('CREATE INDEX CONCURRENTLY i ON t (b)')
      while ((await indexesOf(there.admin)).length === 0) await delay(20)
      const built = await refusalOf(run(started, 'CREATE INDEX CONCURRENTLY i ON t (b)'))
      expect(built).toMatchObject({ code: 'index-being-built', exitCode: 4 })
      await parked.query('ROLLBACK')
      await building
      await leaveInvalid(there, 'CREATE INDEX CONCURRENTLY j ON t (a)')
      const different = await refusalOf(run(started, 'CREATE INDEX CONCURRENTLY IF NOT EXISTS j ON t (b)'))
      expect(different).toMatchObject({ code: 'invalid-index-differs', exitCode: 4 })
      expect(different.message).toMatch(/^migrations\/1_test\.sql:1:1: The INVALID index public\.j exists/)
      expect((await started.rows()).map(({ event }) => event)).toEqual([])
    })
  })

  it('refuses a name that something else has, also with IF NOT EXISTS, and lets an equal one stay', async () => {
    await started(async (started, { admin }) => {
      await admin.query(
        'CREATE TABLE i (x int); CREATE INDEX j ON i (x); CREATE INDEX k ON t (a); CREATE INDEX l ON t (b)',
      )
      const refused = async (sql: string) => (await refusalOf(run(started, sql))).code
      expect(await refused('CREATE INDEX CONCURRENTLY IF NOT EXISTS i ON t (b)')).toBe('name-taken')
      expect(await refused('CREATE INDEX CONCURRENTLY IF NOT EXISTS j ON t (b)')).toBe('name-taken')
      expect(await refused('CREATE INDEX CONCURRENTLY IF NOT EXISTS k ON t (b)')).toBe('index-differs')
      expect(await refused('CREATE INDEX CONCURRENTLY l ON t (b)')).toBe('index-exists')
      await run(started, 'CREATE INDEX CONCURRENTLY IF NOT EXISTS l ON t (b)')
      expect(started.events).toContainEqual({
        event: 'notice',
        message: 'The index public.l exists already, valid and as expected: it stays.',
      })
      expect((await started.rows()).map(({ event }) => event)).toEqual(['intent', 'ran'])
    })
  })

  it('lists the duplicates behind a unique violation, drops what is left and does not try again', async () => {
    await started(async (started, { admin }) => {
      await admin.query(`INSERT INTO t VALUES (1, 'B1'), (1, 'b1'), (2, 'B2'), (3, null), (4, null), (999, 'B3')`)
      const refused = await refusalOf(
        run(started, 'CREATE UNIQUE INDEX CONCURRENTLY u ON t (squeeze(b), a) WHERE a < 900'),
      )
      expect(refused).toMatchObject({ code: 'duplicate-rows', exitCode: 4 })
      expect(refused.message).toContain('(public.squeeze(b), a) = (b1, 1): 3 rows')
      expect(refused.message).toContain('= (b2, 2): 2 rows')
      expect(refused.message).not.toContain('b3')
      expect(await indexesOf(admin)).toEqual([])
      expect((await started.rows()).map(({ event }) => event)).toEqual(['intent', 'withdrawn'])
    })
  })

  it('waits without a lock_timeout, telling for whom, and gives the session its settings back', async () => {
    await place(async (there) => {
      const started = await there.start({ lockTimeout: 100 })
      await started.runner.work.client.query(`SET lock_timeout = '7s'; SET statement_timeout = '50ms'`)
      const parked = await there.open()
      await parked.query(`SET application_name = 'the reader'; BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1`)
      const running = run(started, 'CREATE INDEX CONCURRENTLY i ON t (b)')
      await delay(2500)
      await parked.query('ROLLBACK')
      await running
      const waits = started.events.flatMap((event) => (event.event === 'progress' ? [event.progress] : []))
      expect(waits[0]).toMatchObject({ phase: 'waiting for old snapshots', percent: 0 })
      expect(waits[0]?.waitingFor?.[0]).toMatchObject({ application: 'the reader', state: 'idle in transaction' })
      const { rows } = await started.runner.work.client.query(
        `SELECT current_setting('lock_timeout') AS lock, current_setting('statement_timeout') AS statement`,
      )
      expect(rows).toEqual([{ lock: '7s', statement: '50ms' }])
    })
  })

  it('is refused on a partitioned table, with a migration that makes the index and passes', async () => {
    await withRunners(
      major,
      async ({ admin, start }) => {
        const started = await start()
        const refused = await refusalOf(
          run(started, 'CREATE INDEX CONCURRENTLY IF NOT EXISTS "By B" ON p (lower(b), a)'),
        )
        expect(refused).toMatchObject({ code: 'index-on-partitioned-table', exitCode: 4 })
        const sql = refused.hint?.slice(refused.hint.indexOf('CREATE')) ?? ''
        expect(sql.match(/CONCURRENTLY/g)).toHaveLength(3)
        const { script, steps } = await scriptOf(sql)
        for (const step of steps) {
          if (step.kind === 'transaction') await runTransaction(started.runner, script, step)
          else await runOutside(started.runner, script, step)
        }
        const indexes = await indexesOf(admin)
        expect(indexes).toHaveLength(5)
        expect(indexes.every(({ valid }) => valid)).toBe(true)
      },
      partitioned,
    )
  })

  it('fails as PostgreSQL says, with the place, and leaves nothing', async () => {
    await started(async (started, { admin }) => {
      const refused = await refusalOf(run(started, 'CREATE INDEX CONCURRENTLY i ON t (nothing)'))
      expect(refused.message).toContain('migrations/1_test.sql:1:')
      expect(refused.message).toContain('column "nothing" does not exist')
      const division = await refusalOf(run(started, 'CREATE INDEX CONCURRENTLY i ON t ((1 / (a - a)))'))
      expect(division.message).toContain('division by zero')
      expect(await indexesOf(admin)).toEqual([])
      expect((await refusalOf(run(started, 'CREATE INDEX CONCURRENTLY i ON missing (a)'))).message).toContain(
        'does not exist',
      )
    })
  })
})
