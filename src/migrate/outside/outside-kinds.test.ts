import { setTimeout as delay } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { pgBouncerProgram, withPgBouncer } from '../../../test/pgbouncer.ts'
import { majors } from '../../../test/postgres.ts'
import { scriptOf, withRunners } from '../../../test/runner.ts'
import type { RunnerPlace, TestRunner } from '../../../test/runner.ts'
import { identifyServer } from '../../postgres/connect/server.ts'
import { openWorkSession } from '../work-session.ts'
import { alterSubscription } from './alter-subscription.ts'
import { detachPartition } from './detach-partition.ts'
import { namedObject } from './named-object.ts'
import { reindex } from './reindex.ts'
import { runOutside } from './run-outside.ts'

const setup = `
CREATE TABLE t (a int PRIMARY KEY, b text);
INSERT INTO t SELECT i, repeat('b', i) FROM generate_series(1, 500) i;
CREATE INDEX old ON t (b);
CREATE TABLE p (a int) PARTITION BY RANGE (a);
CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (10);
`

async function run({ runner }: TestRunner, sql: string): Promise<void> {
  const { script, steps } = await scriptOf(sql)
  for (const step of steps) {
    if (step.kind === 'transaction') throw new Error('this test is about statements outside transactions')
    await runOutside(runner, script, step)
  }
}

async function waits({ admin }: RunnerPlace, pid: number): Promise<void> {
  const wait = 'SELECT FROM pg_locks WHERE pid = $1 AND NOT granted'
  while ((await admin.query(wait, [pid])).rowCount === 0) await delay(20)
}

describe.each(majors)('statements outside transactions on PostgreSQL %i', (major) => {
  it('run, each with its intent and its outcome', async () => {
    await withRunners(
      major,
      async ({ admin, database, start }) => {
        const started = await start()
        const other = `${database}_other`
        const statements = [
          'VACUUM (ANALYZE) t',
          'VACUUM FULL t',
          'CLUSTER',
          `CREATE DATABASE ${other}`,
          `DROP DATABASE ${other}`,
          `DROP DATABASE IF EXISTS ${other}`,
          'REINDEX INDEX CONCURRENTLY old',
          'REINDEX (CONCURRENTLY) SCHEMA public',
          'REINDEX SCHEMA public',
          `REINDEX DATABASE CONCURRENTLY ${database}`,
          'REINDEX TABLE CONCURRENTLY p',
          'DROP INDEX CONCURRENTLY old',
          'DROP INDEX CONCURRENTLY IF EXISTS old',
          `ALTER SYSTEM SET log_min_duration_statement = -1`,
          `ALTER SYSTEM RESET log_min_duration_statement`,
          'DISCARD ALL',
        ]
        await run(started, `${statements.join(';\n')};`)
        const rows = await started.rows()
        expect(rows.map(({ event }) => event)).toEqual(statements.flatMap(() => ['intent', 'ran']))
        expect((await admin.query(`SELECT FROM pg_class WHERE relname = 'old'`)).rowCount).toBe(0)
      },
      setup,
    )
  })

  it('about tablespaces and subscriptions are known by their row in the catalog', async () => {
    await withRunners(
      major,
      async ({ admin, database, start }) => {
        const started = await start()
        await started.runner.work.client.query('SET allow_in_place_tablespaces = on')
        await admin.query(
          `CREATE SUBSCRIPTION ${database} CONNECTION 'dbname=none' PUBLICATION x WITH (connect = false, slot_name = NONE)`,
        )
        const { statements } = await scriptOf(`ALTER SUBSCRIPTION ${database} ADD PUBLICATION y, z;
          ALTER SUBSCRIPTION ${database} DROP PUBLICATION z; ALTER SUBSCRIPTION ${database} REFRESH PUBLICATION`)
        const states: string[] = []
        for (const statement of statements) {
          const before = await alterSubscription.before(admin, statement)
          states.push(await alterSubscription.decide(admin, before))
          if (before.publications !== undefined) await admin.query(`${statement.text} WITH (refresh = false)`)
          states.push(await alterSubscription.decide(admin, before))
        }
        expect(states).toEqual(['not-done', 'done', 'not-done', 'done', 'repeat', 'repeat'])
        await run(
          started,
          `CREATE TABLESPACE ${database} LOCATION ''; DROP TABLESPACE ${database}; DROP SUBSCRIPTION ${database}`,
        )
        const rows = await started.rows()
        expect(rows.map(({ event }) => event)).toEqual(['intent', 'ran', 'intent', 'ran', 'intent', 'ran'])
      },
      setup,
    )
  })

  it('drop a database to the end whose DROP was stopped', async () => {
    await withRunners(major, async ({ admin, database }) => {
      const name = `${database}_other`
      await admin.query(`CREATE DATABASE ${name}`)
      const [statement] = (await scriptOf(`DROP DATABASE ${name}`)).statements
      if (statement === undefined) throw new Error('no statement')
      const before = await namedObject.before(admin, statement)
      await namedObject.clear(admin, before)
      expect(await namedObject.decide(admin, before)).toBe('not-done')
      await admin.query('UPDATE pg_database SET datconnlimit = -2 WHERE datname = $1', [name])
      await namedObject.clear(admin, before)
      expect(await namedObject.decide(admin, before)).toBe('done')
    })
  })

  it('that fail leave nothing behind and say where', async () => {
    await withRunners(
      major,
      async ({ database, start }) => {
        const started = await start()
        const refusalOf = (sql: string) => run(started, sql).catch((error: unknown) => error)
        expect(await refusalOf('DROP INDEX CONCURRENTLY missing')).toMatchObject({ exitCode: 4 })
        expect(await refusalOf(`CREATE DATABASE ${database}`)).toMatchObject({
          exitCode: 4,
          message: expect.stringContaining('already exists'),
        })
        expect(await refusalOf('DROP DATABASE missing')).toMatchObject({ exitCode: 4 })
        expect(await refusalOf('ALTER TABLE p DETACH PARTITION t CONCURRENTLY')).toMatchObject({ exitCode: 4 })
        expect(await refusalOf('DROP INDEX CONCURRENTLY IF EXISTS t')).toMatchObject({ exitCode: 4 })
        expect(await refusalOf('VACUUM missing')).toMatchObject({
          exitCode: 4,
          message: expect.stringContaining('migrations/1_test.sql:1:1'),
        })
        const rows = await started.rows()
        expect(rows.map(({ event }) => event)).toEqual(Array.from({ length: 5 }, () => ['intent', 'withdrawn']).flat())
      },
      setup,
    )
  })

  it('without CONCURRENTLY give up after the lock timeout and are tried again', async () => {
    await withRunners(
      major,
      async (place) => {
        const started = await place.start({ lockTimeout: 100, retryFor: 20_000 })
        const reader = await place.open()
        await reader.query('BEGIN; LOCK TABLE t IN ACCESS SHARE MODE')
        const running = run(started, 'VACUUM FULL t')
        await expect.poll(() => started.events.filter(({ event }) => event === 'retry').length).toBeGreaterThan(0)
        await reader.query('ROLLBACK')
        await running
        expect(started.events.find(({ event }) => event === 'retry')).toMatchObject({ sqlstate: '55P03', attempt: 1 })
      },
      setup,
    )
  })

  it('that meet a deadlock clear what is left and are tried again', async () => {
    await withRunners(
      major,
      async (place) => {
        const started = await place.start({ lockTimeout: 100 })
        const writer = await place.open()
        await writer.query(`SET deadlock_timeout = '1h'; BEGIN; INSERT INTO t VALUES (1000)`)
        const running = run(started, 'CREATE INDEX CONCURRENTLY i ON t (b)')
        await waits(place, started.runner.work.pid)
        // The build waits for the writer, and now the writer for the build's lock on the table.
        const blocked = writer.query('LOCK TABLE t IN SHARE ROW EXCLUSIVE MODE')
        await blocked
        await writer.query('ROLLBACK')
        await running
        expect(started.events.find(({ event }) => event === 'retry')).toMatchObject({ sqlstate: '40P01' })
        const { rows } = await place.admin.query('SELECT indisvalid FROM pg_index WHERE indexrelid = $1::regclass', [
          'i',
        ])
        expect(rows).toEqual([{ indisvalid: true }])
      },
      setup,
    )
  })

  it('clear only the _ccnew and _ccold indexes of their own tables that are new', async () => {
    await withRunners(
      major,
      async (place) => {
        const { admin } = place
        const twins = async () => {
          const { rows } = await admin.query(
            `SELECT c.relname AS name FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid WHERE NOT indisvalid ORDER BY 1`,
          )
          return rows.map(({ name }) => name)
        }
        const breakOff = async (sql: string) => {
          const builder = await place.open()
          const { rows } = await builder.query('SELECT pg_backend_pid() AS pid')
          const reader = await place.open()
          await reader.query('BEGIN; LOCK TABLE t, s IN ROW EXCLUSIVE MODE')
          const ended = builder.query(sql).catch(() => undefined)
          await waits(place, rows[0].pid)
          await admin.query('SELECT pg_cancel_backend($1)', [rows[0].pid])
          await ended
          await reader.query('ROLLBACK')
        }
        await admin.query('CREATE TABLE s (a int PRIMARY KEY)')
        await breakOff('REINDEX INDEX CONCURRENTLY old')
        expect(await twins()).toEqual(['old_ccnew'])
        const { statements } = await scriptOf('REINDEX TABLE CONCURRENTLY t')
        const [statement] = statements
        if (statement === undefined) throw new Error('no statement')
        const before = await reindex.before(admin, statement)
        await breakOff('REINDEX TABLE CONCURRENTLY t')
        await breakOff('REINDEX TABLE CONCURRENTLY s')
        const left = await twins()
        expect(left).toEqual(expect.arrayContaining(['old_ccnew', 'old_ccnew1', 's_pkey_ccnew', 't_pkey_ccnew']))
        expect(left.some((name) => name.startsWith('pg_toast_'))).toBe(true)
        await reindex.clear(admin, before)
        expect(await twins()).toEqual(['old_ccnew', 's_pkey_ccnew'])
        expect(await reindex.decide(admin, before)).toBe('not-done')
      },
      setup,
    )
  })

  it('finalize a pending detachment, but not one that was pending before', async () => {
    await withRunners(
      major,
      async (place) => {
        const { admin } = place
        const { statements } = await scriptOf('ALTER TABLE p DETACH PARTITION p1 CONCURRENTLY')
        const [statement] = statements
        if (statement === undefined) throw new Error('no statement')
        const before = await detachPartition.before(admin, statement)
        const reader = await place.open()
        await reader.query('BEGIN; LOCK TABLE p IN ACCESS SHARE MODE')
        const detacher = await place.open()
        const { rows } = await detacher.query('SELECT pg_backend_pid() AS pid')
        const ended = detacher.query(statement.text).catch(() => undefined)
        await waits(place, rows[0].pid)
        await admin.query('SELECT pg_cancel_backend($1)', [rows[0].pid])
        await ended
        await reader.query('ROLLBACK')
        const late = await detachPartition.before(admin, statement)
        expect(late.attached?.pending).toBe(true)
        await detachPartition.clear(admin, late)
        expect(await detachPartition.decide(admin, late)).toBe('not-done')
        await detachPartition.clear(admin, before)
        expect(await detachPartition.decide(admin, before)).toBe('done')
      },
      setup,
    )
  })

  it.skipIf(pgBouncerProgram === undefined)('are refused through a pooler, with the way around it', async () => {
    await withRunners(
      major,
      async ({ admin, start }) => {
        const started = await start()
        await withPgBouncer(admin, { poolSize: 2 }, async (pooler) => {
          const client = await pooler.connect()
          const server = await identifyServer(client)
          const work = await openWorkSession({ client, server, candidate: { host: '', port: 0 }, encrypted: false })
          const pooled = { ...started, runner: { ...started.runner, work } }
          await expect(run(pooled, 'VACUUM t')).rejects.toMatchObject({
            code: 'direct-connection-needed',
            exitCode: 4,
            hint: expect.stringMatching(/KEI_DIRECT_DATABASE_URL.*--direct-url.*targets\.NAME\.directUrl/),
          })
          await client.end()
        })
        expect(await started.rows()).toEqual([])
      },
      setup,
    )
  })
})
