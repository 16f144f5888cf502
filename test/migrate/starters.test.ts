import { performance } from 'node:perf_hooks'
import type { Client } from 'pg'
import { describe, expect, it } from 'vitest'
import { isInSlice } from '../contract/examples.ts'
import { pgBouncerProgram, withPgBouncer } from '../pgbouncer.ts'
import { majors } from '../postgres.ts'
import type { Major } from '../postgres.ts'
import { folderWith } from '../repository.ts'
import { startUp } from './program.ts'
import { withNewDatabase } from './server.ts'
import type { TestDatabase } from './server.ts'

const starters = 20

/** `run` counts what was committed, `tries` also what was rolled back: a sequence goes back for nobody. */
const setup = 'CREATE TABLE run (file int); CREATE SEQUENCE tries;'

const count = (file: number) => `SELECT nextval('tries');\nINSERT INTO run VALUES (${file});`

const inTransactions: Record<string, string> = {
  'migrations/1_account.sql': `CREATE TABLE account (id int PRIMARY KEY, owner text, balance int);\n${count(1)}`,
  'migrations/2_fill.sql': `INSERT INTO account SELECT i, 'owner ' || i, 0 FROM generate_series(1, 2000) AS i;\n${count(2)}`,
  'migrations/3_pay.sql': `UPDATE account SET balance = balance + 10;\n${count(3)}`,
  'migrations/4_note.sql': `ALTER TABLE account ADD note text;\nCREATE INDEX ON account (balance);\n${count(4)}`,
  'migrations/5_pay.sql': `BEGIN;\nUPDATE account SET balance = balance + 1;\nCOMMIT;\n${count(5)}`,
}

const withConcurrently: Record<string, string> = {
  ...inTransactions,
  'migrations/3_pay.sql': `CREATE INDEX CONCURRENTLY account_owner ON account (owner);\nUPDATE account SET balance = balance + 10;\n${count(3)}`,
  'migrations/5_pay.sql': `UPDATE account SET balance = balance + 1;\nCREATE UNIQUE INDEX CONCURRENTLY account_both ON account (owner, id);\nDROP INDEX CONCURRENTLY account_owner;\n${count(5)}`,
}

interface Way {
  way: string
  /** Server connections of the pooler. */
  poolSize?: number
  /** Beside the pooled way. */
  direct?: true
}

const ways: readonly Way[] = [
  { way: 'directly' },
  { way: 'through a pooler with one connection, and past it', poolSize: 1, direct: true },
  { way: 'through a pooler with five connections, and past it', poolSize: 5, direct: true },
  { way: 'through a pooler with one connection only', poolSize: 1 },
  { way: 'through a pooler with five connections only', poolSize: 5 },
]

/** Runs `work` with the environment that leads there. */
async function by<T>(
  { poolSize, direct }: Way,
  database: TestDatabase,
  work: (env: Record<string, string>) => Promise<T>,
): Promise<T> {
  if (poolSize === undefined) return work({ KEI_DATABASE_URL: database.url })
  return withPgBouncer(database.owner, { poolSize }, (pooler) =>
    work({ KEI_DATABASE_URL: pooler.url, ...(direct && { KEI_DIRECT_DATABASE_URL: database.url }) }),
  )
}

/** What a run that has ended must not leave behind. */
async function leftBehind(admin: Client): Promise<unknown> {
  const { rows } = await admin.query(
    `SELECT (SELECT count(*)::int FROM kei.lease WHERE released_at IS NULL) AS leases,
            (SELECT count(*)::int FROM pg_stat_activity
             WHERE datname = current_database() AND application_name LIKE 'kei/%' AND state <> 'idle') AS working,
            (SELECT count(*)::int FROM pg_locks AS l JOIN pg_database AS d ON d.oid = l.database
             WHERE d.datname = current_database() AND l.locktype = 'advisory') AS advisory,
            (SELECT count(*)::int FROM pg_index WHERE NOT indisvalid OR NOT indisready) AS invalid`,
  )
  return rows[0]
}

const nothing = { leases: 0, working: 0, advisory: 0, invalid: 0 }

/** How often the history says that each statement ran: `{ '1.1': 1, '1.2': 1 }`. */
async function ranByHistory(admin: Client): Promise<Record<string, number>> {
  const { rows } = await admin.query<{ statement: string; times: number }>(
    `SELECT version || '.' || n AS statement, count(*)::int AS times
     FROM kei.history, generate_series(first, last) AS n WHERE event = 'ran' AND direction = 'up' GROUP BY 1`,
  )
  return Object.fromEntries(rows.map(({ statement, times }) => [statement, times]))
}

async function number(admin: Client, sql: string): Promise<number> {
  const { rows } = await admin.query<{ value: string }>(`SELECT (${sql}) AS value`)
  return Number(rows[0]?.value)
}

async function startAll(env: Record<string, string>, files: Record<string, string>) {
  const folder = folderWith(files)
  const began = performance.now()
  const running = Array.from({ length: starters }, () => startUp(folder, env))
  const ended = await Promise.all(running.map((each) => each.ended))
  return { ended, seconds: (performance.now() - began) / 1000 }
}

async function appliesOnce(major: Major, way: Way, filled: boolean): Promise<void> {
  const isPooledOnly = way.poolSize !== undefined && way.direct !== true
  const files = isPooledOnly ? inTransactions : withConcurrently
  const first = Object.fromEntries(Object.entries(files).slice(0, 2))
  await withNewDatabase(
    major,
    (database) =>
      by(way, database, async (env) => {
        const { admin } = database
        if (filled) expect(await startUp(folderWith(first), env).ended).toMatchObject({ code: 0, err: '' })
        const { ended, seconds } = await startAll(env, files)
        expect(ended.map(({ code, err }) => ({ code, err }))).toEqual(
          Array.from({ length: starters }, () => ({ code: 0, err: '' })),
        )
        const leaders = ended.filter(({ lines }) => lines.some(({ event }) => event === 'done'))
        expect(leaders).toHaveLength(1)
        const { rows } = await admin.query('SELECT file, count(*)::int AS times FROM run GROUP BY 1 ORDER BY 1')
        expect(rows).toEqual([1, 2, 3, 4, 5].map((file) => ({ file, times: 1 })))
        expect(await number(admin, 'SELECT last_value FROM tries')).toBe(5)
        expect(await number(admin, 'SELECT sum(balance) FROM account')).toBe(2000 * 11)
        const ran = await ranByHistory(admin)
        expect(new Set(Object.values(ran))).toEqual(new Set([1]))
        expect(await leftBehind(admin)).toEqual(nothing)
        // Behind a pooler its own server connections stay, under the name of their last client.
        const sessions = `SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE 'kei/%'`
        expect(await number(admin, sessions)).toBeLessThanOrEqual(way.poolSize ?? 0)
        const waited = ended.filter(({ lines }) => lines.some(({ event }) => event === 'waiting')).length
        console.info(
          `PostgreSQL ${major}: ${starters} starters ${way.way}, ${filled ? 'filled' : 'empty'}: ` +
            `${Object.keys(ran).length} statements once, ${waited} waited, ${seconds.toFixed(1)} s`,
        )
      }),
    setup,
  )
}

/** Waits, in a statement, until the test opens the gate. */
const gate = `SELECT nextval('tries');
DO $$ BEGIN FOR i IN 1..1200 LOOP EXIT WHEN EXISTS (SELECT FROM gate); PERFORM pg_sleep(0.1); END LOOP; END $$;`

const failures = {
  'in a transaction': {
    files: { 'migrations/1_fail.sql': `${gate}\nSELECT 1 / 0;` },
    code: 'statement-failed',
    rows: 0,
  },
  'in CREATE UNIQUE INDEX CONCURRENTLY': {
    files: { 'migrations/1_fail.sql': `${gate}\nCREATE UNIQUE INDEX CONCURRENTLY once ON twice (a);` },
    code: 'duplicate-rows',
    // The first step's, the intent, and that it was withdrawn.
    rows: 3,
  },
} as const

const failureSetup =
  'CREATE SEQUENCE tries; CREATE TABLE gate (); CREATE TABLE twice (a int); INSERT INTO twice VALUES (1), (1);'

async function failsOnce(major: Major, way: Way, where: keyof typeof failures): Promise<void> {
  const { files, code, rows } = failures[where]
  await withNewDatabase(
    major,
    (database) =>
      by(way, database, async (env) => {
        const { admin } = database
        const folder = folderWith(files)
        const running = Array.from({ length: starters }, () => startUp(folder, env))
        const toldToWait = running.map((each) => each.told(({ event }) => event === 'waiting').then(() => each))
        // All but the leader.
        await new Promise<void>((resolve) => {
          let waiting = 0
          for (const told of toldToWait)
            told.then(
              () => ++waiting === starters - 1 && resolve(),
              () => undefined,
            )
        })
        await admin.query('INSERT INTO gate DEFAULT VALUES')
        const ended = await Promise.all(running.map((each) => each.ended))
        expect(new Set(ended.map(({ code }) => code))).toEqual(new Set([4]))
        const errors = ended.map(({ lines }) => lines.find(({ event }) => event === 'error')?.['error'])
        expect(errors).toEqual(errors.map(() => errors[0]))
        expect(errors[0]).toMatchObject({ code, message: expect.stringContaining('migrations/1_fail.sql:3:1') })
        expect(await number(admin, 'SELECT last_value FROM tries')).toBe(1)
        expect(await number(admin, 'SELECT count(*) FROM kei.history')).toBe(rows)
        expect(await leftBehind(admin)).toEqual(nothing)
        // Whoever comes later tries again.
        await admin.query('DELETE FROM twice')
        const mended = { 'migrations/1_fail.sql': files['migrations/1_fail.sql'].replace('1 / 0', '1') }
        expect(await startUp(folderWith(mended), env).ended).toMatchObject({ code: 0, err: '' })
        console.info(`PostgreSQL ${major}: ${starters} starters ${way.way}, a failure ${where}: tried once`)
      }),
    failureSetup,
  )
}

describe.skipIf(pgBouncerProgram === undefined).each(majors)('20 starters at once on PostgreSQL %i', (major) => {
  const cases = ways.flatMap((way) => [false, true].map((filled) => ({ ...way, filled })))
  const onSeventeen = ({ poolSize, direct, filled }: (typeof cases)[number]) =>
    filled ? poolSize === 5 && direct === true : poolSize === undefined || (poolSize === 1 && direct !== true)
  const chosen = cases.filter(
    (each) => isInSlice(`${major} ${each.way} ${each.filled}`) || (major === 17 && onSeventeen(each)),
  )
  it.each(chosen)('apply each file once: $way, filled: $filled', async ({ filled, ...way }) => {
    await appliesOnce(major, way, filled)
  })

  const failing = [
    { where: 'in a transaction', ...ways[0] },
    { where: 'in a transaction', ...ways[4] },
    { where: 'in CREATE UNIQUE INDEX CONCURRENTLY', ...ways[0] },
  ] as (Way & { where: keyof typeof failures })[]
  it.each(
    failing.filter(({ way, where }) => (major === 17 && way === 'directly') || isInSlice(`${major} ${way} ${where}`)),
  )('that wait for one which fails $where end with its error and do not try: $way', async ({ where, ...way }) => {
    await failsOnce(major, way, where)
  })

  it.runIf(major === 17 || isInSlice(`${major} refused`))(
    'through a pooler only are told before anything runs that CONCURRENTLY needs a direct connection',
    () =>
      withNewDatabase(
        major,
        (database) =>
          by({ way: 'through a pooler with one connection only', poolSize: 1 }, database, async (env) => {
            const ended = await startUp(folderWith(withConcurrently), env).ended
            expect(ended.code).toBe(4)
            expect(ended.lines.at(-1)?.['error']).toMatchObject({
              code: 'direct-connection-needed',
              message: expect.stringContaining('migrations/3_pay.sql:1:1'),
              hint: expect.stringContaining('KEI_DIRECT_DATABASE_URL'),
            })
            expect(await number(database.admin, 'SELECT count(*) FROM kei.history')).toBe(0)
            expect(await leftBehind(database.admin)).toEqual(nothing)
          }),
        setup,
      ),
  )
})
