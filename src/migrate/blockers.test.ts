import { setTimeout as delay } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { majors } from '../../test/postgres.ts'
import { withTarget } from '../../test/up.ts'
import { blockersOf, longHolders, readWait } from './blockers.ts'
import { openWorkSession } from './work-session.ts'

describe.each(majors)('on PostgreSQL %i', (major) => {
  test('who keeps a session waiting is told, with the query redacted', () =>
    withTarget(major, async ({ admin, request }) => {
      await admin.query('CREATE TABLE t (a text)')
      await admin.query('BEGIN')
      await admin.query(`INSERT INTO t SELECT 'postgres://u:hunter2@h/d' FROM generate_series(1, 1)`)
      const work = await openWorkSession(await request({}).connect())
      const { client: control } = await request({}).connect()
      expect(await blockersOf(control, work.pid)).toEqual([])
      const waiting = work.client.query('ALTER TABLE t ADD b int')
      await delay(150)
      const wait = await readWait(control, work.pid)
      expect(wait).toMatchObject({ relations: ['t'], blockers: [{ state: 'idle in transaction', user: admin.user }] })
      expect(wait.blockers[0]?.query).toMatch(/^INSERT INTO t SELECT 'postgres:\/\/u:\*+@h\/d'/)
      expect(wait.blockers[0]?.age).toBeGreaterThan(0.1)
      expect((await longHolders(control, ['t'], 50, [])).relations).toEqual(['t'])
      expect((await longHolders(control, ['t'], 50_000, [])).blockers).toEqual([])
      await admin.query('ROLLBACK')
      await waiting
    }))
})

test('without the right to see them, what sessions do is said to be hidden', () =>
  withTarget(17, async ({ admin, request }) => {
    const role = `other_${process.pid}`
    await admin.query(`CREATE ROLE ${role}; CREATE TABLE t (a int)`)
    try {
      const work = await openWorkSession(await request({}).connect())
      const { client: control } = await request({}).connect()
      const blocker = (await admin.query<{ pid: number }>('BEGIN; SELECT pg_backend_pid() AS pid')) as unknown
      const pid = (blocker as { rows: { pid: number }[] }[])[1]?.rows[0]?.pid
      await admin.query('LOCK TABLE t')
      await control.query(`SET ROLE ${role}`)
      const waiting = work.client.query('ALTER TABLE t ADD b int')
      await delay(150)
      expect(await blockersOf(control, work.pid)).toEqual([
        {
          pid,
          user: admin.user,
          application: 'kei/shadow',
          query: expect.stringContaining('pg_read_all_stats'),
          state: '',
          age: 0,
        },
      ])
      await admin.query('ROLLBACK')
      await waiting
    } finally {
      await admin.query(`ROLLBACK; DROP ROLE ${role}`)
    }
  }))
