import { setTimeout as delay } from 'node:timers/promises'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { majors, withDatabase } from '../../test/postgres.ts'
import type { StatementProgress } from './event.ts'
import { phaseProgress, statementProgress, watchProgress } from './progress.ts'

describe('a row of a progress view', () => {
  it('is counted in what its phase is counted in', () => {
    const of = (view: Parameters<typeof phaseProgress>[0]['view'], columns: Record<string, string | number>) =>
      phaseProgress({ view, columns })
    const index = {
      blocks_total: 200,
      blocks_done: 50,
      tuples_total: 0,
      tuples_done: 0,
      lockers_total: 4,
      lockers_done: 1,
    }
    expect(of('create_index', { ...index, phase: 'building index: scanning table' })).toEqual({
      phase: 'building index: scanning table',
      done: 50,
      total: 200,
      waits: false,
    })
    expect(of('create_index', { ...index, phase: 'waiting for old snapshots' })).toMatchObject({
      done: 1,
      total: 4,
      waits: true,
    })
    const loading = { ...index, phase: 'building index: loading tuples in tree', tuples_total: 10, tuples_done: 1 }
    expect(of('create_index', loading)).toMatchObject({ done: 1, total: 10 })
    const heap = {
      heap_blks_total: 8,
      heap_blks_scanned: 6,
      heap_blks_vacuumed: 2,
      indexes_total: 3,
      indexes_processed: 1,
    }
    expect(of('vacuum', { ...heap, phase: 'scanning heap' })).toMatchObject({ done: 6, total: 8 })
    expect(of('vacuum', { ...heap, phase: 'vacuuming heap' })).toMatchObject({ done: 2, total: 8 })
    expect(of('vacuum', { ...heap, phase: 'vacuuming indexes' })).toMatchObject({ done: 1, total: 3 })
    expect(of('vacuum', { heap_blks_total: 8, phase: 'vacuuming indexes' })).toEqual({
      phase: 'vacuuming indexes',
      waits: false,
    })
    expect(of('cluster', { ...heap, phase: 'seq scanning heap' })).toMatchObject({ done: 6, total: 8 })
    expect(of('cluster', { ...heap, phase: 'rebuilding index' })).toEqual({ phase: 'rebuilding index', waits: false })
    expect(of('copy', { bytes_total: 100, bytes_processed: 30 })).toMatchObject({
      phase: 'copying',
      done: 30,
      total: 100,
    })
    expect(of('copy', { bytes_total: 0, bytes_processed: 30 })).toEqual({ phase: 'copying', waits: false })
  })

  it('tells what is left by the pace since the phase was first seen', () => {
    const start = { phase: 'x', done: 100, at: 1000 }
    expect(statementProgress({ phase: 'x', done: 300, total: 1000, waits: false }, 3000, start)).toEqual({
      phase: 'x',
      percent: 30,
      secondsLeft: 7,
    })
    expect(statementProgress({ phase: 'x', done: 100, total: 1000, waits: false }, 3000, start)).toEqual({
      phase: 'x',
      percent: 10,
    })
    expect(statementProgress({ phase: 'x', done: 3, total: 4, waits: true }, 3000, { ...start, done: 0 })).toEqual({
      phase: 'x',
      percent: 75,
    })
  })

  it('never gives a percentage beyond 0 to 100, or a time below 0', () => {
    const count = fc.integer({ min: 0, max: 1_000_000 })
    fc.assert(
      fc.property(count, count, count, count, (done, total, before, elapsed) => {
        const now = phaseProgress({ view: 'copy', columns: { bytes_total: total, bytes_processed: done } })
        const { percent = 0, secondsLeft = 0 } = statementProgress(now, elapsed, {
          phase: 'copying',
          done: before,
          at: 0,
        })
        expect(percent).toBeGreaterThanOrEqual(0)
        expect(percent).toBeLessThanOrEqual(100)
        expect(secondsLeft).toBeGreaterThanOrEqual(0)
      }),
    )
  })
})

describe.each(majors)('the progress on PostgreSQL %i', (major) => {
  it('of a build that waits shows whom it waits for, until the watch is stopped', async () => {
    await withDatabase(major, async (client, database, shadow) => {
      await client.query('CREATE TABLE t (a int); INSERT INTO t SELECT generate_series(1, 100)')
      const [builder, reader] = await Promise.all([shadow.connect({ database }), shadow.connect({ database })])
      try {
        await reader.query(`SET application_name = 'the reader'; BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1`)
        const { rows } = await builder.query<{ pid: number }>('SELECT pg_backend_pid() AS pid')
        const building = builder.query('CREATE INDEX CONCURRENTLY i ON public.t (a)')
        const seen: StatementProgress[] = []
        const watch = watchProgress(client, rows[0]?.pid ?? 0, (progress) => seen.push(progress))
        await expect.poll(() => seen.length, { timeout: 10_000 }).toBeGreaterThan(0)
        watch.stop()
        expect(seen[0]).toMatchObject({
          phase: 'waiting for old snapshots',
          waitingFor: [{ application: 'the reader' }],
        })
        await reader.query('ROLLBACK')
        await building
        const count = seen.length
        await delay(1500)
        expect(seen).toHaveLength(count)
      } finally {
        await Promise.all([builder.end(), reader.end()])
      }
    })
  })
})
