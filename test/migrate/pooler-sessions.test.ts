import { setTimeout as delay } from 'node:timers/promises'
import type { Client } from 'pg'
import { describe, expect, it } from 'vitest'
import { isInSlice } from '../contract/examples.ts'
import { pgBouncerProgram, withPgBouncer } from '../pgbouncer.ts'
import type { PgBouncer } from '../pgbouncer.ts'
import { majors } from '../postgres.ts'
import type { Major } from '../postgres.ts'
import { folderWith } from '../repository.ts'
import { startStopping, startUp, until } from './program.ts'
import { withNewDatabase } from './server.ts'
import type { TestDatabase } from './server.ts'

/** All that a session of the server has and that its next user would meet. */
interface SessionState {
  pid: number
  /** Every setting, with where it comes from. */
  settings: Record<string, string>
  roles: string[]
  advisoryLocks: string[]
  preparedStatements: string[]
  temporarySchema: boolean
  temporaryTables: string[]
  channels: string[]
  cursors: string[]
}

/** What PgBouncer itself sets for each of its clients: their values are the client's, whatever the session had. */
const ofPooler = ['application_name', 'client_encoding', 'DateStyle', 'TimeZone', 'standard_conforming_strings']

const stateQuery = `SELECT pg_backend_pid() AS pid,
  (SELECT json_object_agg(name, setting || CASE WHEN name = ANY ('{${ofPooler.join()}}') THEN '' ELSE ' by ' || source END)
   FROM pg_settings) AS settings,
  ARRAY[session_user, current_user]::text[] AS roles,
  ARRAY(SELECT concat_ws(' ', classid, objid, mode) FROM pg_locks
        WHERE locktype = 'advisory' AND pid = pg_backend_pid() ORDER BY 1) AS "advisoryLocks",
  ARRAY(SELECT name FROM pg_prepared_statements ORDER BY 1) AS "preparedStatements",
  pg_my_temp_schema() <> 0 AS "temporarySchema",
  ARRAY(SELECT relname::text FROM pg_class WHERE relnamespace = pg_my_temp_schema() ORDER BY 1) AS "temporaryTables",
  ARRAY(SELECT pg_listening_channels()) AS channels,
  ARRAY(SELECT name FROM pg_cursors) AS cursors`

async function stateOf(client: Client): Promise<SessionState> {
  const { rows } = await client.query<SessionState>(stateQuery)
  if (rows[0] === undefined) throw new Error('the server does not answer')
  return rows[0]
}

/** What an application that does not know better leaves in the session; kei neither needs it nor clears it away. */
const leftByApplication = `SET work_mem = '7MB'; SET search_path = public, pg_catalog; SET statement_timeout = '55s';
SET lock_timeout = '44s'; SET default_transaction_isolation = 'repeatable read'; SET shop.tenant = 'seven';
SELECT pg_advisory_lock(7); PREPARE of_application AS SELECT 7; CREATE TEMPORARY TABLE of_application (a int);
LISTEN of_application`

const many = 12

/** Each file waits a little, so that the application comes in between. */
function files(temporary = ''): Record<string, string> {
  const entries = Array.from({ length: many }, (_, index): [string, string] => [
    `migrations/${index + 1}_file.sql`,
    `SET LOCAL work_mem = '9MB';\nSET LOCAL search_path = public;\nINSERT INTO run VALUES (${index + 1});\n` +
      `ALTER TABLE account ADD c${index} int;\n${temporary}SELECT pg_sleep(0.05);\n`,
  ])
  return Object.fromEntries(entries)
}

/** Looks through the pooler again and again while a run is at work. */
function watch(client: Client): { stop(): Promise<{ states: SessionState[]; between: number }> } {
  const states: SessionState[] = []
  const seen = new Set<string>()
  let stopped = false
  const looking = (async () => {
    while (!stopped) {
      states.push(await stateOf(client))
      const { rows } = await client.query<{ files: string }>('SELECT count(*)::text AS files FROM public.run')
      seen.add(rows[0]?.files ?? '')
      await delay(5)
    }
  })()
  return {
    async stop() {
      stopped = true
      await looking
      return { states, between: [...seen].filter((files) => Number(files) > 0 && Number(files) < many).length }
    },
  }
}

function withPooler<T>(
  major: Major,
  work: (database: TestDatabase, pooler: PgBouncer, application: Client) => Promise<T>,
): Promise<T> {
  return withNewDatabase(major, async (database) => {
    await database.owner.query('CREATE TABLE run (file int); CREATE TABLE account (id int, balance int)')
    return withPgBouncer(database.owner, { poolSize: 1 }, async (pooler) => {
      const application = await pooler.connect()
      try {
        return await work(database, pooler, application)
      } finally {
        await application.end()
      }
    })
  })
}

describe.skipIf(pgBouncerProgram === undefined).each(majors)(
  "the application's sessions behind a pooler with one connection on PostgreSQL %i",
  (major) => {
    const isChosen = (name: string) => major === 17 || isInSlice(`${major} pooler ${name}`)

    for (const isDirty of [false, true]) {
      it.runIf(isChosen(`up ${isDirty}`))(
        `see nothing of a run, while it is at work and after it${isDirty ? ', and it takes nothing of theirs away' : ''}`,
        () =>
          withPooler(major, async (_, pooler, application) => {
            // Where the session has temporary tables already, one of a file makes no difference.
            const temporary = isDirty ? 'CREATE TEMPORARY TABLE mine ON COMMIT DROP AS SELECT 1 AS a;\n' : ''
            if (isDirty) await application.query(leftByApplication)
            const before = await stateOf(application)
            const watching = watch(application)
            const ended = await startUp(folderWith(files(temporary)), { KEI_DATABASE_URL: pooler.url }).ended
            const { states, between } = await watching.stop()
            expect(ended).toMatchObject({ code: 0, err: '' })
            const after = await stateOf(application)
            for (const state of states) expect(state).toEqual(before)
            expect(after).toEqual(before)
            // Many looks came between two transactions of the run, in the very session that it uses.
            expect(between).toBeGreaterThanOrEqual(3)
            const settings = Object.keys(before.settings).length
            console.info(
              `PostgreSQL ${major}: ${settings} settings the same in ${states.length} looks, after ${between} different files`,
            )
          }),
      )
    }

    it.runIf(isChosen('failed'))('see nothing of a run that failed in the middle of a transaction', () =>
      withPooler(major, async (_, pooler, application) => {
        const before = await stateOf(application)
        const failing = {
          ...files(),
          'migrations/3_file.sql': "SET LOCAL work_mem = '9MB';\nSET LOCAL ROLE pg_monitor;\nSELECT 1 / 0;\n",
        }
        await application.query('SELECT 1')
        const ended = await startUp(folderWith(failing), { KEI_DATABASE_URL: pooler.url }).ended
        expect(ended.code).toBe(4)
        expect(await stateOf(application)).toEqual(before)
      }),
    )

    it.runIf(isChosen('refused'))(
      'are not given a session that a file has changed: it is refused before anything runs',
      () =>
        withPooler(major, async ({ admin }, pooler, application) => {
          const before = await stateOf(application)
          for (const statement of [
            "SET work_mem = '9MB'",
            "SELECT set_config('work_mem', '9MB', false)",
            'SET ROLE pg_monitor',
            'CREATE TEMPORARY TABLE mine (a int)',
            'PREPARE mine AS SELECT 1',
            'LISTEN mine',
            'SELECT pg_advisory_lock(1)',
            'DECLARE mine CURSOR WITH HOLD FOR SELECT 1',
          ]) {
            const changed = { ...files(), 'migrations/3_file.sql': `${statement};\n` }
            const ended = await startUp(folderWith(changed), { KEI_DATABASE_URL: pooler.url }).ended
            expect([statement, ended.code, ended.lines.at(-1)?.['error']]).toMatchObject([
              statement,
              4,
              { code: 'session-setting-through-pooler', message: expect.stringContaining('migrations/3_file.sql:1:1') },
            ])
            expect(await stateOf(application)).toEqual(before)
          }
          expect((await admin.query('SELECT FROM run')).rowCount).toBe(0)
        }),
    )

    it.runIf(isChosen('killed'))('see nothing of a run that was killed: in a transaction, and between two', () =>
      withPooler(major, async ({ admin }, pooler, application) => {
        const { pid: _, ...before } = await stateOf(application)
        const slow = "SET LOCAL work_mem = '9MB';\nSELECT pg_sleep(1);\nINSERT INTO run VALUES (3);\n"
        const folder = folderWith({ ...files(), 'migrations/3_file.sql': slow })
        const inTransaction = startStopping(pooler.url, folder)
        const sleeping =
          "SELECT FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND query LIKE '%(1)%' AND datname = current_database()"
        await until(async () => (await admin.query(sleeping)).rowCount === 1)
        inTransaction.signal('SIGKILL')
        await inTransaction.ended
        // The pooler ends that connection with the server; this is the next one.
        expect(await stateOf(application)).toMatchObject(before)
        const between = startStopping(pooler.url, folder, { event: 'migration', version: '6' })
        await between.told(({ event }) => event === 'stopping')
        between.signal('SIGKILL')
        await between.ended
        expect(await stateOf(application)).toMatchObject(before)
        expect(await startUp(folder, { KEI_DATABASE_URL: pooler.url }).ended).toMatchObject({ code: 0, err: '' })
        expect(await stateOf(application)).toMatchObject(before)
        const { rows } = await admin.query('SELECT count(*)::int AS rows, count(DISTINCT file)::int AS files FROM run')
        expect(rows).toEqual([{ rows: many, files: many }])
      }),
    )
  },
)
