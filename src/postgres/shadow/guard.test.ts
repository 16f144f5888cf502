import type { Client } from 'pg'
import { expect, test } from 'vitest'
import { shadowOf, withDatabase } from '../../../test/postgres.ts'
import { startGuard } from './guard.ts'
import type { Guard, GuardLimits } from './guard.ts'

test('a statement within the limits is left alone', async () => {
  await withGuard({}, async (session, guard) => {
    expect(await guard.watch(async () => (await session.query('SELECT 1 AS one')).rows)).toEqual([{ one: 1 }])
    expect(guard.stopped()).toBeUndefined()
  })
})

test('an endless loop that set its own timeouts off is cancelled, and the session goes on', async () => {
  await withGuard({ time: 300 }, async (session, guard) => {
    await session.query('SET statement_timeout = 0')
    const started = Date.now()
    await expect(guard.watch(() => session.query('DO $$ BEGIN LOOP END LOOP; END $$'))).rejects.toMatchObject({
      code: '57014',
    })
    expect(Date.now() - started).toBeLessThan(2_000)
    expect(guard.stopped()).toMatchObject({ limit: 'time', terminated: false })
    expect((await guard.watch(() => session.query('SELECT 1'))).rowCount).toBe(1)
    expect(guard.stopped()).toBeUndefined()
  })
})

test('a statement that swallows its cancellation loses its session', async () => {
  await withGuard({ time: 300 }, async (session, guard) => {
    const stubborn = `DO $$ BEGIN LOOP
      BEGIN PERFORM pg_sleep(60); EXCEPTION WHEN query_canceled THEN NULL; END;
    END LOOP; END $$`
    await expect(guard.watch(() => session.query(stubborn))).rejects.toThrow()
    expect(guard.stopped()).toMatchObject({ limit: 'time', terminated: true })
  })
})

test('a table that grows without end is stopped, and its space given back', async () => {
  await withGuard({ databaseSize: 60 * 1024 ** 2 }, async (session, guard, superuser) => {
    await expect(
      guard.watch(() =>
        session.query("CREATE TABLE big AS SELECT n, repeat('x', 1000) FROM generate_series(1, 10000000) AS n"),
      ),
    ).rejects.toThrow()
    expect(guard.stopped()).toMatchObject({ limit: 'databaseSize', terminated: true })
    const size = 'SELECT pg_database_size(current_database()) < 30 * 1024 ^ 2 AS small'
    await expect.poll(async () => (await superuser.query(size)).rows, { timeout: 10_000 }).toEqual([{ small: true }])
  })
})

test('write-ahead log without end is stopped', async () => {
  await withGuard({ wal: 30 * 1024 ** 2 }, async (session, guard) => {
    await session.query('CREATE TABLE counter (n int); INSERT INTO counter VALUES (0)')
    const busy = "DO $$ BEGIN LOOP PERFORM pg_logical_emit_message(false, 'x', repeat('x', 100000)); END LOOP; END $$"
    await expect(guard.watch(() => session.query(busy))).rejects.toThrow()
    expect(guard.stopped()).toMatchObject({ limit: 'wal' })
  })
})

test('a disk that has less free than wanted stops a statement that takes its time', async () => {
  await withGuard({ freeDisk: Number.MAX_SAFE_INTEGER }, async (session, guard) => {
    await expect(guard.watch(() => session.query('SELECT pg_sleep(20)'))).rejects.toThrow()
    expect(guard.stopped()).toMatchObject({ limit: 'freeDisk' })
  })
})

test('what the server does not end is given up with the settings that help', async () => {
  await withGuard({ time: 100 }, async (_, guard) => {
    await expect(guard.watch(() => new Promise(() => undefined))).rejects.toMatchObject({
      code: 'statement-cannot-be-stopped',
      hint: 'Raise or lower trace.statementTimeout in kei.jsonc, or run the command with --no-trace.',
    })
  })
})

async function withGuard(
  limits: Partial<GuardLimits>,
  work: (session: Client, guard: Guard, superuser: Client) => Promise<void>,
): Promise<void> {
  const shadow = await shadowOf(17)
  await withDatabase(17, async (superuser, database) => {
    const session = await shadow.connect({ database })
    await session.query('SET search_path TO public')
    const { rows } = await session.query<{ pid: number }>('SELECT pg_backend_pid() AS pid')
    const guard = await startGuard({ shadow, database, pid: rows[0]?.pid ?? 0, limits })
    try {
      await work(session, guard, superuser)
    } finally {
      await guard.end()
      await session.end().catch(() => undefined)
    }
  })
}
