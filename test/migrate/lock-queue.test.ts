import { performance } from 'node:perf_hooks'
import { setTimeout as delay } from 'node:timers/promises'
import type { Client } from 'pg'
import { describe, expect, it } from 'vitest'
import type { HeldLock } from '../../src/migrate/event.ts'
import { isInSlice } from '../contract/examples.ts'
import { majors } from '../postgres.ts'
import type { Major } from '../postgres.ts'
import { folderWith } from '../repository.ts'
import { startUp } from './program.ts'
import type { Line } from './program.ts'
import { withNewDatabase } from './server.ts'
import type { TestDatabase } from './server.ts'

const isFull = process.env['KEI_TEST'] === 'full'

/** Seconds that the reader has the table. */
const readerSeconds = isFull ? 60 : 12
const baselineSeconds = isFull ? 10 : 4
/**
 * Milliseconds of the slices of time that are judged. An attempt takes a second, which begins in the middle of one: in
 * the short run whole seconds would count it twice.
 */
const slice = isFull ? 1000 : 250

/** Queries a second, and the sessions that send them. */
const rate = 150
const sessions = 20

const first = {
  'migrations/1_account.sql': `CREATE TABLE account (id int PRIMARY KEY, balance int);
INSERT INTO account SELECT i, 0 FROM generate_series(1, 1000) AS i;`,
}
const second = { ...first, 'migrations/2_note.sql': 'ALTER TABLE account ADD note text;\n' }

interface Measurement {
  /** Milliseconds since the load began, of when the query was due. */
  due: number
  /** Milliseconds from then to its answer: what waits for a free session counts, too. */
  took: number
}

/** Sends queries at a steady rate, whether or not those before have been answered, until `stop`. */
function startLoad(clients: readonly Client[]): { measured: Measurement[]; stop(): Promise<void> } {
  const measured: Measurement[] = []
  const free = [...clients]
  const queue: number[] = []
  const running = new Set<Promise<void>>()
  const began = performance.now()
  let sent = 0

  function dispatch(): void {
    while (free.length > 0 && queue.length > 0) {
      const client = free.pop()
      const due = queue.shift()
      if (client === undefined || due === undefined) return
      const query = send(client, due).finally(() => {
        free.push(client)
        running.delete(query)
        dispatch()
      })
      running.add(query)
    }
  }
  async function send(client: Client, due: number): Promise<void> {
    const id = 1 + Math.floor(Math.random() * 1000)
    const isWrite = id % 5 === 0
    const text = isWrite
      ? 'UPDATE account SET balance = balance + 1 WHERE id = $1'
      : 'SELECT * FROM account WHERE id = $1'
    await client.query(text, [id])
    measured.push({ due: due - began, took: performance.now() - due })
  }
  const timer = setInterval(() => {
    const now = performance.now()
    for (; (sent * 1000) / rate <= now - began; sent++) queue.push(began + (sent * 1000) / rate)
    dispatch()
  }, 5)
  return {
    measured,
    async stop() {
      clearInterval(timer)
      while (queue.length > 0 || running.size > 0) await Promise.all([delay(5), ...running])
    },
  }
}

function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0
}

interface Times {
  p95: number
  p99: number
}

function timesOf(measured: readonly Measurement[]): Times {
  const took = measured.map(({ took }) => took)
  return { p95: percentile(took, 0.95), p99: percentile(took, 0.99) }
}

/** The share of the slices of time in which the 95th percentile is at most `limit` milliseconds. */
function calmShare(measured: readonly Measurement[], limit: number): number {
  const slices = new Map<number, number[]>()
  for (const { due, took } of measured) {
    const at = Math.floor(due / slice)
    slices.set(at, [...(slices.get(at) ?? []), took])
  }
  const calm = [...slices.values()].filter((took) => percentile(took, 0.95) <= limit)
  return calm.length / slices.size
}

/** The sessions in the way that an event names. */
function blockersOf(lines: readonly Line[], event: 'blocked' | 'retry'): { pid: number; application: string }[] {
  return lines.flatMap((line) =>
    line.event === event ? (line['blockers'] as { pid: number; application: string }[]) : [],
  )
}

async function measure(major: Major, database: TestDatabase): Promise<void> {
  const env = { KEI_DATABASE_URL: database.url }
  expect(await startUp(folderWith(first), env).ended).toMatchObject({ code: 0, err: '' })
  const clients: Client[] = []
  for (let index = 0; index < sessions; index++) clients.push(await database.open('the shop'))
  const reader = await database.open('nightly report')
  const { rows } = await reader.query<{ pid: number }>('SELECT pg_backend_pid() AS pid')
  const warmUp = startLoad(clients)
  await delay(1000)
  await warmUp.stop()

  const quiet = startLoad(clients)
  await delay(baselineSeconds * 1000)
  await quiet.stop()
  const baseline = timesOf(quiet.measured)

  const busy = startLoad(clients)
  const began = performance.now()
  const reading = reader
    .query(`BEGIN; SELECT count(*) FROM account; SELECT pg_sleep(${readerSeconds}); COMMIT`)
    .then(() => performance.now())
  await delay(200)
  const ended = await startUp(folderWith(second), env).ended
  const after = performance.now() - (await reading)
  await busy.stop()
  const took = (performance.now() - began) / 1000

  expect(ended).toMatchObject({ code: 0, err: '' })
  expect(after).toBeGreaterThan(0)
  const pid = rows[0]?.pid
  for (const event of ['blocked', 'retry'] as const) {
    expect(blockersOf(ended.lines, event)).toContainEqual(
      expect.objectContaining({
        pid,
        application: 'nightly report',
        user: 'deployer',
        query: expect.stringContaining('pg_sleep'),
      }),
    )
  }
  const attempts = 1 + ended.lines.filter(({ event }) => event === 'retry').length
  const [held] = (ended.lines.find(({ event }) => event === 'step')?.['locks'] ?? []) as HeldLock[]
  expect(held).toMatchObject({ relation: expect.stringMatching(/^(public\.)?account$/), mode: 'ACCESS EXCLUSIVE' })
  const times = timesOf(busy.measured)
  const share = calmShare(busy.measured, baseline.p95 + 50)
  const milliseconds = ({ p95, p99 }: Times) => `p95 ${p95.toFixed(1)} ms, p99 ${p99.toFixed(1)} ms`
  console.info(
    `PostgreSQL ${major}: reader ${readerSeconds} s, ${busy.measured.length} queries in ${took.toFixed(1)} s, ` +
      `baseline ${milliseconds(baseline)}; meanwhile ${milliseconds(times)}; ${(share * 100).toFixed(0)} % of the ` +
      `${slice === 1000 ? 'seconds' : 'quarter seconds'} at baseline; ${attempts} attempts; locked in the end for ${held?.milliseconds.toFixed(1)} ms`,
  )
  expect(times.p99).toBeLessThanOrEqual(baseline.p99 + 1100)
  expect(share).toBeGreaterThanOrEqual(0.75)
}

describe.concurrent('a migration that waits for a long reader', () => {
  it.for(majors.filter((major) => major === 17 || isInSlice(`${major} lock queue`)))(
    'lets the others through between its attempts, and succeeds when the reader ends, on PostgreSQL %i',
    (major) => withNewDatabase(major, (database) => measure(major, database)),
  )
})
