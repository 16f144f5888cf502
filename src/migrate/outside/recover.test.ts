import { randomBytes } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { isInSlice } from '../../../test/contract/examples.ts'
import { majors } from '../../../test/postgres.ts'
import { cut, scriptOf, withRunners } from '../../../test/runner.ts'
import type { RunnerPlace, TestRunner, TestScript } from '../../../test/runner.ts'
import { KeiError } from '../../errors.ts'
import { createKeiSchema } from '../kei-schema.ts'
import { foldHistory } from '../fold.ts'
import { recoverIntent } from './recover.ts'
import { runOutside } from './run-outside.ts'

const setup = `
CREATE TABLE t (a int PRIMARY KEY, b text, c timestamptz);
INSERT INTO t SELECT i, 'b' || i, '2024-01-01' FROM generate_series(1, 500) i;
CREATE INDEX old ON t (b);
CREATE TABLE p (a int) PARTITION BY RANGE (a);
CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (10);
CREATE TABLE log (line text);
CREATE PROCEDURE work() LANGUAGE plpgsql AS $$ BEGIN INSERT INTO log VALUES ('one'); COMMIT; PERFORM pg_sleep(1); INSERT INTO log VALUES ('two'); END $$;
`

const statements = {
  create: `CREATE UNIQUE INDEX CONCURRENTLY i ON t (lower(b)) WHERE c < '2025-01-02 03:00+00'`,
  drop: 'DROP INDEX CONCURRENTLY old',
  reindex: 'REINDEX (VERBOSE) TABLE CONCURRENTLY t',
  detach: 'ALTER TABLE p DETACH PARTITION p1 CONCURRENTLY',
  vacuum: 'VACUUM t',
} as const

const phases = [
  'waiting for writers before build',
  'waiting for writers before validation',
  'waiting for old snapshots',
]

/** What would be seen in the catalog of an undisturbed run. */
async function catalogOf({ admin }: RunnerPlace): Promise<unknown> {
  const { rows } = await admin.query(
    `SELECT c.relname AS name, c.relkind AS kind, i.indisvalid AS valid, pg_get_indexdef(c.oid) AS definition,
        (SELECT array_agg(inhparent::regclass::text) FROM pg_inherits WHERE inhrelid = c.oid) AS parents
      FROM pg_class c LEFT JOIN pg_index i ON i.indexrelid = c.oid
      WHERE c.relnamespace = 'public'::regnamespace
        OR c.relnamespace = 'pg_toast'::regnamespace AND c.relname ~ '_cc(new|old)' ORDER BY 1`,
  )
  return rows
}

async function run({ runner }: TestRunner, { script, steps }: TestScript): Promise<void> {
  const [step] = steps
  if (step === undefined || step.kind === 'transaction')
    throw new Error('this test needs a statement outside transactions')
  await runOutside(runner, script, step)
}

/** What `up` does: recovers what is open, and runs the statement unless it was done. */
async function up(started: TestRunner, test: TestScript, cancel = false): Promise<'done' | 'withdrawn' | undefined> {
  const state = foldHistory(await started.rows()).get('1')
  if (state?.state === 'applied') return undefined
  const open = state?.open
  const outcome =
    open === undefined ? undefined : await recoverIntent(started.runner, test.script, test.statements, open, { cancel })
  if (outcome !== 'done') await run(started, test)
  return outcome
}

/** Resolves when the session waits for another, or with what it says that it does. */
async function waiting({ admin }: RunnerPlace, pid: number, phase?: string): Promise<void> {
  for (;;) {
    const { rows } = await admin.query<{ waits: boolean; phase: string | null }>(
      `SELECT EXISTS (SELECT FROM pg_locks WHERE pid = $1 AND NOT granted) AS waits,
        (SELECT phase FROM pg_stat_progress_create_index WHERE pid = $1) AS phase`,
      [pid],
    )
    if (rows[0]?.waits === true && (phase === undefined || rows[0].phase === phase)) return
    await delay(20)
  }
}

async function eventsOf(started: TestRunner): Promise<string[]> {
  return (await started.rows()).map(({ event }) => event)
}

async function undisturbed(major: (typeof majors)[number], sql: string): Promise<unknown> {
  return withRunners(
    major,
    async (place) => {
      await run(await place.start(), await scriptOf(sql))
      return catalogOf(place)
    },
    setup,
  )
}

describe.each(majors)('a run that is cut off on PostgreSQL %i', (major) => {
  const isRun = (name: string) => major === 17 || isInSlice(`${major} ${name}`)

  describe.each(Object.entries(statements).filter(([name]) => isRun(name)))('in %s', (_, sql) => {
    it('converges when it died before the statement was sent', async () => {
      const expected = await undisturbed(major, sql)
      await withRunners(
        major,
        async (place) => {
          const test = await scriptOf(sql)
          const first = await place.start()
          const { client } = first.runner.work
          const query = client.query.bind(client)
          Object.assign(client, {
            query: (text: unknown, ...rest: []) => {
              if (text === sql) cut(client)
              return query(text as string, ...rest)
            },
          })
          await expect(run(first, test)).rejects.toMatchObject({ code: 'connection-lost', exitCode: 4 })
          await first.kill()
          const second = await place.start()
          expect(await eventsOf(second)).toEqual(['intent'])
          expect(await up(second, test)).toBe('withdrawn')
          expect(await catalogOf(place)).toEqual(expected)
          expect(await eventsOf(second)).toEqual(['intent', 'intent', 'withdrawn', 'intent', 'ran'])
        },
        setup,
      )
    })

    it('converges when it died between the statement and its row', async () => {
      const expected = await undisturbed(major, sql)
      await withRunners(
        major,
        async (place) => {
          const test = await scriptOf(sql)
          const first = await place.start()
          await first.runner.work.client.query(
            `SET datestyle = 'German'; SET timezone = 'Asia/Tokyo'; SET quote_all_identifiers = on`,
          )
          const { insertion } = first.runner.history
          first.runner.history.insertion = (row, token) => {
            if (row.event === 'ran') cut(first.runner.work.client)
            return insertion(row, token)
          }
          await expect(run(first, test)).rejects.toMatchObject({ code: 'connection-lost' })
          await first.kill()
          const second = await place.start()
          expect(await up(second, test)).toBe(sql.startsWith('VACUUM') ? 'withdrawn' : 'done')
          expect(await catalogOf(place)).toEqual(expected)
          expect((await second.rows()).at(-1)).toMatchObject({ event: 'ran', complete: true, first: 1, last: 1 })
        },
        setup,
      )
    })
  })

  const parked = ['create', 'drop', 'reindex', 'detach'] as const
  /** A transaction that each of them waits for. */
  const parking = `BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1; LOCK TABLE t, p IN ACCESS SHARE MODE`

  describe.each(parked.filter(isRun))('in %s while it waits', (name) => {
    const sql = statements[name]

    it('is waited for by the next run, which finds it done', async () => {
      const expected = await undisturbed(major, sql)
      await withRunners(
        major,
        async (place) => {
          const test = await scriptOf(sql)
          const first = await place.start()
          const park = await place.open()
          await park.query(parking)
          const running = run(first, test).catch((error: unknown) => error)
          await waiting(place, first.runner.work.pid)
          await first.kill()
          expect(await running).toBeInstanceOf(KeiError)
          const second = await place.start()
          const recovering = up(second, test)
          await expect.poll(() => second.events.some(({ event }) => event === 'recovering')).toBe(true)
          await delay(1200)
          await park.query('ROLLBACK')
          expect(await recovering).toBe('done')
          expect(await catalogOf(place)).toEqual(expected)
          expect(second.events.some(({ event }) => event === 'progress' || event === 'blocked')).toBe(true)
        },
        setup,
      )
    })

    it.each(['pg_cancel_backend', 'pg_terminate_backend'])('and whose process gets %s, converges', async (action) => {
      const expected = await undisturbed(major, sql)
      await withRunners(
        major,
        async (place) => {
          const test = await scriptOf(sql)
          const first = await place.start()
          const park = await place.open()
          await park.query(parking)
          const running = run(first, test).catch((error: unknown) => error)
          const { pid } = first.runner.work
          await waiting(place, pid)
          cut(first.runner.control.client)
          await first.kill()
          const second = await place.start()
          // Cancelled by the next run, or ended by anybody.
          const cancels = action === 'pg_cancel_backend'
          if (!cancels) await place.admin.query('SELECT pg_terminate_backend($1)', [pid])
          await running
          const recovering = up(second, test, cancels)
          await delay(300)
          await park.query('ROLLBACK')
          await recovering
          expect(await catalogOf(place)).toEqual(expected)
          expect((await second.rows()).at(-1)).toMatchObject({ event: 'ran', complete: true })
        },
        setup,
      )
    })

    it('and is interrupted, is cancelled on the server and converges', async () => {
      const expected = await undisturbed(major, sql)
      await withRunners(
        major,
        async (place) => {
          const test = await scriptOf(sql)
          const first = await place.start()
          const park = await place.open()
          await park.query(parking)
          const running = run(first, test).catch((error: unknown) => error)
          await waiting(place, first.runner.work.pid)
          first.interrupt.abort()
          expect(await running).toMatchObject({ code: 'interrupted', exitCode: 130 })
          await first.runner.lease.release()
          await park.query('ROLLBACK')
          const second = await place.start()
          await up(second, test)
          expect(await catalogOf(place)).toEqual(expected)
        },
        setup,
      )
    })
  })

  it.each(phases.filter(isRun))('in CREATE INDEX %s, leaves no INVALID index behind the next run', async (phase) => {
    const expected = await undisturbed(major, statements.create)
    await withRunners(
      major,
      async (place) => {
        const test = await scriptOf(statements.create)
        const first = await place.start()
        const { pid } = first.runner.work
        const park = await place.open()
        const snapshot = phase === 'waiting for old snapshots'
        await park.query(
          snapshot ? 'BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1' : 'BEGIN; LOCK t IN ROW EXCLUSIVE MODE',
        )
        const running = run(first, test).catch((error: unknown) => error)
        if (phase === 'waiting for writers before validation') {
          // A writer that comes while the build waits for the first one is waited for next.
          await waiting(place, pid, 'waiting for writers before build')
          const next = await place.open()
          await next.query('BEGIN; LOCK t IN ROW EXCLUSIVE MODE')
          await park.query('ROLLBACK')
        }
        await waiting(place, pid, phase)
        await place.admin.query('SELECT pg_terminate_backend($1)', [pid])
        expect(await running).toMatchObject({ code: 'connection-lost', exitCode: 4 })
        await first.kill()
        const { rowCount } = await place.admin.query('SELECT FROM pg_index WHERE NOT indisvalid')
        expect(rowCount).toBe(1)
        await place.admin.query(
          `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE state = 'idle in transaction'
              AND datname = current_database()`,
        )
        const second = await place.start()
        expect(await up(second, test)).toBe('withdrawn')
        expect(await catalogOf(place)).toEqual(expected)
      },
      setup,
    )
  })

  it('ends a connected session that is idle, because its runner may still send the statement', async () => {
    await withRunners(
      major,
      async (place) => {
        const test = await scriptOf(statements.create)
        const first = await place.start()
        const { client } = first.runner.work
        const query = client.query.bind(client)
        let resume = () => {}
        const stopped = new Promise<void>((resolve) => (resume = resolve))
        let reached = false
        // Stands for a process that is stopped before it sends the statement.
        Object.assign(client, {
          query: async (text: unknown, ...rest: []) => {
            if (text === statements.create) {
              reached = true
              await stopped
            }
            return query(text as string, ...rest)
          },
        })
        const running = run(first, test).catch((error: unknown) => error)
        await expect.poll(() => reached).toBe(true)
        await first.runner.lease.release()
        const second = await place.start()
        expect(await up(second, test)).toBe('withdrawn')
        resume()
        expect(await running).toMatchObject({ code: 'connection-lost' })
        expect(await eventsOf(second)).toEqual(['intent', 'intent', 'withdrawn', 'intent', 'ran'])
      },
      setup,
    )
  })

  it('ends the session of a recovery that was stopped before it dropped the leftover', async () => {
    await withRunners(
      major,
      async (place) => {
        const test = await scriptOf(statements.create)
        const first = await place.start()
        const park = await place.open()
        await park.query(parking)
        const running = run(first, test).catch((error: unknown) => error)
        const { pid } = first.runner.work
        await waiting(place, pid)
        await place.admin.query('SELECT pg_terminate_backend($1)', [pid])
        await running
        await first.kill()
        await park.query('ROLLBACK')
        const second = await place.start()
        const { client } = second.runner.work
        const query = client.query.bind(client)
        let resume = () => {}
        const stopped = new Promise<void>((resolve) => (resume = resolve))
        let reached = false
        Object.assign(client, {
          query: async (text: unknown, ...rest: []) => {
            if (typeof text === 'string' && text.startsWith('DROP INDEX')) {
              reached = true
              await stopped
            }
            return query(text as string, ...rest)
          },
        })
        const recovering = up(second, test).catch((error: unknown) => error)
        await expect.poll(() => reached).toBe(true)
        await second.runner.lease.release()
        const third = await place.start()
        await up(third, test)
        // The stopped one goes on: the index that is valid now must not be its leftover.
        resume()
        expect(await recovering).toMatchObject({ code: 'connection-lost' })
        const { rows } = await place.admin.query(`SELECT indisvalid FROM pg_index WHERE indexrelid = 'i'::regclass`)
        expect(rows).toEqual([{ indisvalid: true }])
      },
      setup,
    )
  })

  it('is not passed by a role that may not see its session', async () => {
    await withRunners(
      major,
      async (place) => {
        const { admin, database } = place
        await createKeiSchema(admin, 'kei')
        const roles = [`first_${database}`, `second_${database}`]
        const all = roles.join(', ')
        const password = randomBytes(12).toString('hex')
        for (const role of roles) await admin.query(`CREATE ROLE ${role} LOGIN PASSWORD '${password}'`)
        await admin.query(`GRANT USAGE ON SCHEMA kei TO ${all}; GRANT SELECT, INSERT ON kei.history TO ${all};
          GRANT SELECT, UPDATE ON kei.fence, kei.lease TO ${all}; ALTER TABLE t OWNER TO ${roles[0]};
          GRANT CREATE ON SCHEMA public TO ${all}`)
        try {
          const test = await scriptOf(statements.create)
          const first = await place.start({}, { user: roles[0] ?? '', password })
          const park = await place.open()
          await park.query(parking)
          const running = run(first, test).catch((error: unknown) => error)
          const { pid } = first.runner.work
          await waiting(place, pid)
          await first.kill()
          await running
          const second = await place.start({}, { user: roles[1] ?? '', password })
          await expect(up(second, test)).rejects.toMatchObject({
            code: 'session-not-ended',
            exitCode: 4,
            hint: expect.stringContaining(`pg_terminate_backend(${pid})`),
          })
          await park.query('ROLLBACK')
        } finally {
          await admin.query(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = ANY ($1)`, [roles])
          await admin.query(`REASSIGN OWNED BY ${all} TO CURRENT_USER; DROP OWNED BY ${all}; DROP ROLE ${all}`)
        }
      },
      setup,
    )
  })

  it('asks a person about a procedure that commits, and about nothing else', async () => {
    await withRunners(
      major,
      async (place) => {
        const test = await scriptOf('-- kei: transaction none\nCALL work()')
        const first = await place.start()
        const running = run(first, test).catch((error: unknown) => error)
        await expect.poll(async () => (await place.admin.query('SELECT FROM log')).rowCount).toBe(1)
        await first.kill()
        expect(await running).toMatchObject({ code: 'stopped-part-way', exitCode: 5 })
        const second = await place.start()
        const recovering = up(second, test).catch((error: unknown) => error)
        expect(await recovering).toMatchObject({
          code: 'outcome-unknown',
          exitCode: 5,
          hint: expect.stringContaining('kei migrate resolve 1:1'),
        })
        // It was waited for.
        expect((await place.admin.query('SELECT FROM log')).rowCount).toBe(2)
        expect(await eventsOf(second)).toEqual(['intent'])
      },
      setup,
    )
  })

  it('runs a DO block that does not commit after all in a transaction', async () => {
    await withRunners(
      major,
      async (place) => {
        const started = await place.start()
        await run(
          started,
          await scriptOf(`-- kei: transaction none\nDO $$ BEGIN INSERT INTO log VALUES ('commit'); END $$`),
        )
        expect(await eventsOf(started)).toEqual(['ran'])
        await run(started, await scriptOf(`-- kei: transaction none\nCALL work()`, '2'))
        expect(await eventsOf(started)).toEqual(['ran', 'intent', 'ran'])
      },
      setup,
    )
  })
})
