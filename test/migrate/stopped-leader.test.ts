import { describe, expect, it } from 'vitest'
import { isInSlice } from '../contract/examples.ts'
import { pgBouncerProgram, withPgBouncer } from '../pgbouncer.ts'
import { majors } from '../postgres.ts'
import type { Major } from '../postgres.ts'
import { folderWith } from '../repository.ts'
import { startStopping, startUp, until } from './program.ts'
import { withNewDatabase } from './server.ts'
import type { TestDatabase } from './server.ts'

const setup =
  'CREATE TABLE run (part int); CREATE TABLE account (id int, balance int); INSERT INTO account SELECT i, 0 FROM generate_series(1, 100) AS i;'

const files = {
  'migrations/0_zero.sql': 'SELECT 0;',
  'migrations/1_one.sql': 'UPDATE account SET balance = balance + 1;\nINSERT INTO run VALUES (1);',
  'migrations/2_two.sql':
    'INSERT INTO run VALUES (2);\nCREATE INDEX CONCURRENTLY by_id ON account (id);\nUPDATE account SET balance = balance + 10;\nINSERT INTO run VALUES (3);',
  'migrations/3_three.sql': 'CREATE INDEX CONCURRENTLY by_balance ON account (balance);\nINSERT INTO run VALUES (4);',
} as const

const isStopping = ({ event }: { event: string }) => event === 'stopping'

async function rowsOf<T>({ admin }: TestDatabase, sql: string): Promise<T[]> {
  return (await admin.query(sql)).rows as T[]
}

/** Whatever happened, all is done, once, and nothing is left behind. */
async function expectDoneOnce(database: TestDatabase, folder: string): Promise<void> {
  const { code, err } = await startUp(folder, { KEI_DATABASE_URL: database.url }).ended
  expect({ code, err }).toEqual({ code: 0, err: '' })
  expect(await rowsOf(database, 'SELECT part, count(*)::int AS times FROM run GROUP BY 1 ORDER BY 1')).toEqual(
    [1, 2, 3, 4].map((part) => ({ part, times: 1 })),
  )
  expect(await rowsOf(database, 'SELECT DISTINCT balance FROM account')).toEqual([{ balance: 11 }])
  const indexes = `SELECT indexrelid::regclass::text AS name, indisvalid AS valid FROM pg_index
                   WHERE indrelid = 'account'::regclass ORDER BY 1`
  expect(await rowsOf(database, indexes)).toEqual([
    { name: 'by_balance', valid: true },
    { name: 'by_id', valid: true },
  ])
  const history = `SELECT version || '.' || n AS statement, count(*)::int AS times
                   FROM kei.history, generate_series(first, last) AS n WHERE event = 'ran' GROUP BY 1 ORDER BY 1`
  expect(await rowsOf(database, history)).toEqual(
    ['0.1', '1.1', '1.2', '2.1', '2.2', '2.3', '2.4', '3.1', '3.2'].map((statement) => ({ statement, times: 1 })),
  )
  expect(await rowsOf(database, 'SELECT count(*)::int AS held FROM kei.lease WHERE released_at IS NULL')).toEqual([
    { held: 0 },
  ])
}

/** A run that was passed by another ends with one of these. */
function expectPassed(ended: { code: number | null; err: string; lines: { event: string }[] }): string {
  const last = ended.lines.at(-1) as { event: string; code?: string } | undefined
  expect(ended).toMatchObject({ code: 4, err: '' })
  expect(['lease-lost', 'connection-lost']).toContain(last?.code)
  return last?.code ?? ''
}

describe.skipIf(pgBouncerProgram === undefined).each(majors)(
  'a leader that is stopped past its lease on PostgreSQL %i',
  { concurrent: true },
  (major) => {
    const isChosen = (name: string) => major === 17 || isInSlice(`${major} ${name}`)

    it.runIf(isChosen('between'))('between two transactions is passed, and ends when it goes on', () =>
      withNewDatabase(
        major,
        async (database) => {
          const folder = folderWith(files)
          const first = startStopping(database.url, folder, { event: 'migration', version: '2' })
          await first.told(isStopping)
          const second = await startUp(folder, { KEI_DATABASE_URL: database.url }).ended
          expect(second).toMatchObject({ code: 0, err: '' })
          first.signal('SIGCONT')
          expectPassed(await first.ended)
          await expectDoneOnce(database, folder)
        },
        setup,
      ),
    )

    it.runIf(isChosen('pooled'))('between two transactions through a pooler is passed, and ends when it goes on', () =>
      withWay(major, 'pooled', async (database, url) => {
        const folder = folderWith(filesThroughPooler)
        const first = startStopping(url, folder, { event: 'migration', version: '2' })
        await first.told(isStopping)
        expect(await startUp(folder, { KEI_DATABASE_URL: url }).ended).toMatchObject({ code: 0, err: '' })
        first.signal('SIGCONT')
        expectPassed(await first.ended)
        await expectDoneOnce(database, folder)
      }),
    )

    it.runIf(isChosen('intent'))('between an intent and its statement has its session ended, and never sends it', () =>
      withNewDatabase(
        major,
        async (database) => {
          const folder = folderWith(files)
          const first = startStopping(database.url, folder, { before: 'CREATE INDEX CONCURRENTLY by_id' })
          await first.told(isStopping)
          const second = await startUp(folder, { KEI_DATABASE_URL: database.url }).ended
          expect(second).toMatchObject({ code: 0, err: '' })
          expect(second.lines.map(({ event }) => event)).toContain('recovering')
          first.signal('SIGCONT')
          expect(expectPassed(await first.ended)).toBe('connection-lost')
          await expectDoneOnce(database, folder)
        },
        setup,
      ),
    )

    it.runIf(isChosen('sleep'))('in a transaction that the server finishes alone is not passed before that', () =>
      withNewDatabase(
        major,
        async (database) => {
          const slow = { ...files, 'migrations/1_one.sql': `SELECT pg_sleep(3);\n${files['migrations/1_one.sql']}` }
          const folder = folderWith(slow)
          const first = startStopping(database.url, folder)
          const sleeping = `SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'`
          await until(async () => (await rowsOf(database, sleeping)).length === 1)
          first.signal('SIGSTOP')
          const second = startUp(folder, { KEI_DATABASE_URL: database.url })
          const started = await second.told(({ event }) => event === 'started')
          expect(started['pending']).toHaveLength(2)
          expect(await rowsOf(database, sleeping)).toEqual([])
          expect(await second.ended).toMatchObject({ code: 0, err: '' })
          first.signal('SIGCONT')
          expectPassed(await first.ended)
          const rows = await rowsOf(database, 'SELECT part FROM run ORDER BY part')
          expect(rows).toEqual([1, 2, 3, 4].map((part) => ({ part })))
          expect(await rowsOf(database, 'SELECT DISTINCT balance FROM account')).toEqual([{ balance: 11 }])
        },
        setup,
      ),
    )

    // The answers fill every buffer between the server and the process that does not read them.
    const wide = {
      ...files,
      'migrations/1_one.sql': `${files['migrations/1_one.sql']}\nSELECT repeat('x', 1000000) FROM generate_series(1, 60);`,
    }
    const writing = `SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'ClientWrite'`
    const sentFirst = { event: 'migration', version: '1', sent: true } as const

    async function expectWideDone(database: TestDatabase): Promise<void> {
      const rows = await rowsOf(database, 'SELECT part FROM run ORDER BY part')
      expect(rows).toEqual([1, 2, 3, 4].map((part) => ({ part })))
      expect(await rowsOf(database, 'SELECT DISTINCT balance FROM account')).toEqual([{ balance: 11 }])
    }

    it.runIf(isChosen('open'))('in a transaction that stays open is never passed, and finishes when it goes on', () =>
      withNewDatabase(
        major,
        async (database) => {
          const folder = folderWith(wide)
          const first = startStopping(database.url, folder, sentFirst)
          await first.told(isStopping)
          await until(async () => (await rowsOf(database, writing)).length === 1)
          const [{ pid } = { pid: 0 }] = await rowsOf<{ pid: number }>(database, writing)
          const env = { KEI_DATABASE_URL: database.url }
          const [impatient, waiting] = [startUp(folder, env, ['--wait-timeout', '3s']), startUp(folder, env)]
          const refused = await impatient.ended
          expect(refused.code).toBe(4)
          expect(refused.lines.at(-1)?.['error']).toMatchObject({
            code: 'lease-wait-timeout',
            message: expect.stringContaining(`its transaction is still open (pid ${pid})`),
            hint: expect.stringContaining(`pg_terminate_backend(${pid})`),
          })
          expect(waiting.lines.map(({ event }) => event)).toEqual(['waiting'])
          first.signal('SIGCONT')
          expect(await first.ended).toMatchObject({ code: 0, err: '' })
          expect(await waiting.ended).toMatchObject({ code: 0, err: '' })
          await expectWideDone(database)
        },
        setup,
      ),
    )

    it.runIf(isChosen('ended'))(
      'in a transaction that stays open is passed once its session is ended, as the hint says',
      () =>
        withNewDatabase(
          major,
          async (database) => {
            const folder = folderWith(wide)
            const first = startStopping(database.url, folder, sentFirst)
            await first.told(isStopping)
            await until(async () => (await rowsOf(database, writing)).length === 1)
            const second = startUp(folder, { KEI_DATABASE_URL: database.url })
            await second.told(({ event }) => event === 'waiting')
            await database.owner.query(`SELECT pg_terminate_backend(pid) FROM (${writing}) AS stopped`)
            expect(await second.ended).toMatchObject({ code: 0, err: '' })
            first.signal('SIGCONT')
            expect(expectPassed(await first.ended)).toBe('connection-lost')
            await expectWideDone(database)
          },
          setup,
        ),
    )

    /**
     * Runs `work` while a transaction keeps CREATE INDEX CONCURRENTLY waiting by its snapshot, and if it has read that
     * table DROP INDEX CONCURRENTLY by its lock; `release` ends it.
     */
    async function parked(
      database: TestDatabase,
      table: 'account' | 'run',
      work: (release: () => Promise<unknown>) => Promise<void>,
    ): Promise<void> {
      const reader = await database.open('reader')
      await reader.query(`BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM ${table}`)
      await work(() => reader.query('COMMIT'))
    }

    const building = `SELECT pid FROM pg_stat_progress_create_index
                    WHERE datname = current_database() AND phase = 'waiting for old snapshots'`

    it.runIf(isChosen('concurrently'))('in CONCURRENTLY is waited for, and what it finishes is not done again', () =>
      withNewDatabase(
        major,
        (database) =>
          parked(database, 'account', async (release) => {
            const folder = folderWith(files)
            const first = startStopping(database.url, folder)
            await until(async () => (await rowsOf(database, building)).length === 1)
            first.signal('SIGSTOP')
            const second = startUp(folder, { KEI_DATABASE_URL: database.url })
            await second.told(({ event }) => event === 'recovering')
            const [before] = await rowsOf(database, `SELECT 'by_id'::regclass::oid AS oid`)
            await release()
            expect(await second.ended).toMatchObject({ code: 0, err: '' })
            expect(await rowsOf(database, `SELECT 'by_id'::regclass::oid AS oid`)).toEqual([before])
            first.signal('SIGCONT')
            expectPassed(await first.ended)
            await expectDoneOnce(database, folder)
          }),
        setup,
      ),
    )

    const dropping = `SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'
                    AND query LIKE 'DROP INDEX CONCURRENTLY%'`

    for (const [table, seen, what] of [
      ['account', dropping, 'drops its leftover'],
      ['run', building, 'builds in its place'],
    ] as const) {
      it.runIf(isChosen(`cancel ${what}`))(
        `in CONCURRENTLY is cancelled with --cancel, and goes on while another ${what}`,
        () =>
          withNewDatabase(
            major,
            (database) =>
              parked(database, table, async (release) => {
                const folder = folderWith(files)
                const first = startStopping(database.url, folder)
                await until(async () => (await rowsOf(database, building)).length === 1)
                const [own] = await rowsOf<{ pid: number }>(database, building)
                first.signal('SIGSTOP')
                const second = startUp(folder, { KEI_DATABASE_URL: database.url }, ['--cancel'])
                await until(async () =>
                  (await rowsOf<{ pid: number }>(database, seen)).some(({ pid }) => pid !== own?.pid),
                )
                first.signal('SIGCONT')
                expectPassed(await first.ended)
                await release()
                expect(await second.ended).toMatchObject({ code: 0, err: '' })
                await expectDoneOnce(database, folder)
              }),
            setup,
          ),
      )
    }

    it.runIf(isChosen('messages'))(
      'before any of its messages to the server is passed, and nothing is done twice',
      () => everyMessage(major, 'direct'),
    )

    it.runIf(isChosen('pooled messages'))(
      'before any of its messages through a pooler is passed, and nothing is done twice',
      () => everyMessage(major, 'pooled'),
    )
  },
)

const isFull = process.env['KEI_TEST'] === 'full'

type Way = 'direct' | 'pooled'

/** The same in transactions only. */
const filesThroughPooler = Object.fromEntries(
  Object.entries(files).map(([name, text]) => [name, text.replaceAll(' CONCURRENTLY', '')]),
)

/**
 * Runs `work` with a database, and the way to it that is to be tested. Through a pooler the history is not empty: on an
 * empty one all these files would go in one message.
 */
function withWay<T>(major: Major, way: Way, work: (database: TestDatabase, url: string) => Promise<T>): Promise<T> {
  return withNewDatabase(
    major,
    (database) =>
      way === 'direct'
        ? work(database, database.url)
        : withPgBouncer(database.owner, { poolSize: 1 }, async ({ url }) => {
            const zero = folderWith({ 'migrations/0_zero.sql': files['migrations/0_zero.sql'] })
            expect(await startUp(zero, { KEI_DATABASE_URL: url }).ended).toMatchObject({ code: 0, err: '' })
            return work(database, url)
          }),
    setup,
  )
}

/** Stops a run before each message that an undisturbed one sends; of some majors and outside KEI_TEST=full before some. */
async function everyMessage(major: Major, way: Way): Promise<void> {
  const folder = folderWith(way === 'direct' ? files : filesThroughPooler)
  const total = await withWay(major, way, async (_, url) => {
    const { code, lines } = await startStopping(url, folder).ended
    expect(code).toBe(0)
    return Number(lines.at(-1)?.['sent'])
  })
  const nth = everyNth(major, way)
  const offset = Math.floor(Math.random() * nth)
  const points = Array.from({ length: total }, (_, index) => index + 1).filter((point) => (point + offset) % nth === 0)
  const outcomes = new Map<string, number>()
  const failed: string[] = []
  const left = [...points]
  const worker = async () => {
    for (let point = left.shift(); point !== undefined; point = left.shift()) {
      const outcome = await stoppedBefore(major, way, folder, point).catch((error: unknown) => {
        failed.push(`message ${point}: ${String(error)}`)
        return 'failed'
      })
      outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1)
    }
  }
  await Promise.all(Array.from({ length: isFull ? 8 : 4 }, worker))
  const counts = [...outcomes].map(([outcome, times]) => `${times} ${outcome}`).join(', ')
  console.info(
    `PostgreSQL ${major}, ${way}: stopped before ${points.length} of ${total} messages ` +
      `(${nth === 1 ? 'all' : points.join(' ')}): ${counts}`,
  )
  expect(failed).toEqual([])
}

/** Which share of the messages a run of the tests takes. Through a pooler there are few. */
function everyNth(major: Major, way: Way): number {
  if (isFull) return major === 17 || way === 'pooled' ? 1 : 2
  if (way === 'pooled') return 4
  return major === 17 ? 10 : 25
}

/** @returns how the stopped run ended when it went on. */
async function stoppedBefore(major: Major, way: Way, folder: string, point: number): Promise<string> {
  return withWay(major, way, async (database, url) => {
    // No heartbeat tells it, when it goes on, that it was passed: only what it sends.
    const first = startStopping(url, folder, { send: point }, 600_000)
    const stop = await first.told(isStopping)
    try {
      await expire(database)
      const { code, out } = await startUp(folder, { KEI_DATABASE_URL: url }, ['--wait-timeout', '30s']).ended
      if (code !== 0) throw new Error(`before ${JSON.stringify(stop)} the other ended with ${code}: ${out}`)
    } finally {
      first.signal('SIGCONT')
    }
    const ended = await first.ended
    await expectDoneOnce(database, folder)
    return ended.code === 0 ? 'nothing to do' : expectPassed(ended)
  })
}

/** Lets the lease run out, where there is one yet. */
async function expire({ admin }: TestDatabase): Promise<void> {
  const { rows } = await admin.query<{ isThere: boolean }>(`SELECT to_regclass('kei.lease') IS NOT NULL AS "isThere"`)
  if (rows[0]?.isThere === true) await admin.query('UPDATE kei.lease SET expires_at = now() WHERE released_at IS NULL')
}
