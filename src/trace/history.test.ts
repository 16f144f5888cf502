import { readFileSync, writeFileSync } from 'node:fs'
import { afterAll, describe, expect, test } from 'vitest'
import { cacheFolder } from '../config/cache-folder.ts'
import { forget, newFolder, outcomesOf, traceOf, tracesOf } from '../../test/trace.ts'
import type { History, TraceOptions } from '../../test/trace.ts'
import { acquireShadow } from '../postgres/shadow/acquire.ts'
import { evidencePath } from './evidence-cache.ts'
import type { HistoryTrace } from './history.ts'

/** A project with a cluster of its own, where every session and database of a run is the test's. */
const alone = `the tests of kei, ${process.pid}`

describe('a file runs as its runner runs it', () => {
  test('a new enum value cannot be used in the transaction that adds it, and what does not need it is traced', async () => {
    const history = {
      '1.sql': "create type mood as enum ('sad'); create table person (mood mood)",
      '2.sql': "alter type mood add value 'happy'; insert into person values ('happy'); create table after_it (x int)",
    }
    const inTransaction = await traceOf(history, { mode: 'transaction' })
    expect(outcomesOf(inTransaction, '2.sql')).toEqual([
      'traced',
      'failed: unsafe use of new value "happy" of enum type mood (55P04)',
      'traced',
    ])
    expect(outcomesOf(await traceOf(history, { mode: 'statement' }), '2.sql')).toEqual(['traced', 'traced', 'traced'])
  })

  test('a DO block that commits runs where it stands alone and fails in a transaction', async () => {
    const history = {
      '1.sql': 'create table a (x int)',
      '2.sql': 'do $$ begin insert into a values (1); commit; insert into a values (2); commit; end $$',
    }
    const alone = await traceOf(history, { mode: 'statement' })
    expect(outcomesOf(alone, '2.sql')).toEqual(['traced'])
    const inTransaction = await traceOf(history, { mode: 'transaction' })
    expect(outcomesOf(inTransaction, '2.sql')).toEqual(['failed: invalid transaction termination (2D000)'])
  })

  test('CONCURRENTLY among other statements of one string is traced by itself, and said to be refused', async () => {
    const history = {
      '1.sql': 'create table a (x int); create index concurrently a_x on a (x); alter table a add column y int',
      '2.sql': 'create index concurrently a_y on a (y)',
    }
    const trace = await traceOf(history, { mode: 'simple-query' })
    expect(tracesOf(trace, '1.sql')[1]).toMatchObject({
      status: 'traced',
      edited: 'ran alone: in a transaction it is refused (25001)',
      observation: { locks: [{ relation: 'public.a', mode: 'SHARE UPDATE EXCLUSIVE' }] },
    })
    expect(tracesOf(trace, '2.sql')[0]).not.toHaveProperty('edited')
    expect(trace.notices).toEqual(['Changed before it ran: ran alone: in a transaction it is refused (25001).'])
  })

  test('BEGIN and COMMIT in a file bound its transactions', async () => {
    const trace = await traceOf(
      {
        '1.sql':
          'begin; create table a (x int); commit; begin; create table b (x int); rollback; create table c (x int)',
      },
      { mode: 'simple-query' },
    )
    expect(outcomesOf(trace, '1.sql')).toEqual(Array(7).fill('traced'))
    expect(names(trace)).toEqual(['public.a', 'public.c'])
  })

  test('each file starts in a fresh session with the settings of the target', async () => {
    const trace = await traceOf(
      {
        '1.sql': 'create schema app; create schema other',
        '2.sql': "create table first (x int); select set_config('search_path', 'other', false)",
        '3.sql': 'create table second (at timestamptz default current_setting($$timezone$$)::timestamptz)',
        '4.sql': `do $$ begin if current_setting('timezone') <> 'Asia/Tokyo' then raise 'wrong'; end if; end $$`,
      },
      { searchPath: 'app, public', timeZone: 'Asia/Tokyo' },
    )
    expect(names(trace)).toEqual(['app.first', 'app.second'])
    expect(outcomesOf(trace, '4.sql')).toEqual(['traced'])
  })
})

describe('failures', () => {
  test('what fails because of an earlier failure names it, what fails by itself does not', async () => {
    const trace = await traceOf({
      '1.sql': '-- first\ncreate table a (x int);\ncreate table b (y nonsense);\ncreate index on b (y)',
      '2.sql': 'alter table b add column z int',
      '3.sql': 'alter table c add column z int',
      '4.sql': 'create table d (x int)',
    })
    const root = { file: '1.sql', line: 3 }
    expect(tracesOf(trace, '1.sql').map(({ status }) => status)).toEqual(['traced', 'failed', 'not-reached'])
    expect(tracesOf(trace, '1.sql')[2]).toMatchObject({ root })
    expect(tracesOf(trace, '2.sql')).toEqual([{ status: 'not-reached', cause: 'relation "b" does not exist', root }])
    expect(outcomesOf(trace, '3.sql')).toEqual(['failed: relation "c" does not exist (42P01)'])
    expect(names(trace)).toEqual(['public.a', 'public.d'])
    expect(trace.complete).toBe(false)
  })

  test('a file that does not parse is a root, too', async () => {
    const trace = await traceOf({ '1.sql': 'create table a (x int);\ncreate tabel b (x int)', '2.sql': 'drop table b' })
    expect(trace.files[0]).toEqual({ file: '1.sql', statements: [] })
    expect(tracesOf(trace, '2.sql')[0]).toMatchObject({ status: 'not-reached', root: { file: '1.sql', line: 2 } })
    expect(trace.complete).toBe(false)
  })

  test('where an object is missing, a migration that is code and ran before is named', async () => {
    const trace = await traceOf(
      { 'db/1_a.sql': 'create table a (x int)', 'db/3_b.sql': 'alter table b add column x int' },
      { code: ['db/2_make.go', 'db/4_later.go'] },
    )
    expect(outcomesOf(trace, 'db/3_b.sql')).toEqual([
      'failed: relation "b" does not exist (db/2_make.go before it is code, which a trace cannot run) (42P01)',
    ])
  })

  test('a deferred constraint that fails at COMMIT is the failure of the last statement', async () => {
    const trace = await traceOf({
      '1.sql': 'create table a (x int primary key); create table b (x int references a deferrable initially deferred)',
      '2.sql': 'insert into b values (1); create table c (x int)',
    })
    expect(outcomesOf(trace, '2.sql')[1]).toMatch(/^failed: .*violates foreign key constraint.*\(23503\)$/)
    expect(names(trace)).toEqual(['public.a', 'public.b'])
  })
})

describe('what a bare server lacks', () => {
  test('roles, schemas and functions of Supabase stand ready when the history names them', async () => {
    const trace = await traceOf({
      '1.sql': `create table note (id uuid primary key, owner uuid references auth.users (id));
alter table note enable row level security;
create policy own on note for select to authenticated using (auth.uid() = owner);
grant select on note to anon;
alter table note owner to postgres;
alter table note add column body text`,
    })
    expect(outcomesOf(trace, '1.sql')).toEqual(Array(6).fill('traced'))
    expect(names(trace)).toEqual(['public.note'])
    expect(trace.notices).toEqual([
      'Roles that no migration creates were made up: anon, authenticated, postgres.',
      'Stubs stood in for the schemas auth.',
    ])
  })

  test('an extension that the shadow has not is stubbed or left out, and said so', async () => {
    const trace = await traceOf({
      '1.sql': `create extension vector; create extension if not exists postgis; create extension citext;
create extension plpython3u; create extension if not exists pg_stat_statements`,
      '2.sql': `create table item (e vector(3), at geometry(Point, 4326), name citext);
create index on item using hnsw (e vector_cosine_ops); alter table item alter column at set not null`,
    })
    expect(outcomesOf(trace, '2.sql')).toEqual([
      'traced',
      'skipped: index access method hnsw is not available on the shadow',
      'traced',
    ])
    expect(trace.catalog.relations[0]?.columns.map(({ type }) => type)).toEqual([
      'public.vector(3)',
      'public.geometry',
      'public.citext',
    ])
    expect(trace.notices).toContain('Not run: extension plpython3u is not available on the shadow.')
    expect(trace.notices).toContain('Changed before it ran: geometry ran without a type modifier.')
  })

  test("the runner's own table is there with a row for each applied file, and not in the catalog", async () => {
    const trace = await traceOf(
      {
        'm/1_a.sql': 'create table a (x int)',
        'm/2_b.sql': `do $$ begin
  if (select max(version_id) from goose_db_version where is_applied) <> 1 then raise 'wrong'; end if; end $$`,
      },
      { layout: 'goose', mode: 'transaction' },
    )
    expect(outcomesOf(trace, 'm/2_b.sql')).toEqual(['traced'])
    expect(names(trace)).toEqual(['public.a'])
  })

  test('a history that creates roles runs alone in its cluster and leaves none behind', async () => {
    const history = {
      '1.sql': 'create role kei_test_reader bypassrls; create table a (x int); grant select on a to kei_test_reader',
      '2.sql':
        'alter role kei_test_reader nosuperuser login; drop owned by kei_test_reader; drop role kei_test_reader; create role kei_test_reader',
    }
    const both = await Promise.all([traceOf(history), traceOf(history)])
    for (const trace of both) {
      expect(outcomesOf(trace, '1.sql')).toEqual(['traced', 'traced', 'traced'])
      expect(outcomesOf(trace, '2.sql')).toEqual(['traced', 'traced', 'traced', 'traced'])
      expect(trace.notices).toContain('Changed before it ran: ran without BYPASSRLS.')
    }
  })

  test('trace.setup runs before the history, and is refused when it fails', async () => {
    const history = { '1.sql': 'alter table given add column y int' }
    expect(outcomesOf(await traceOf(history, { setup: ['create table given (x int)'] }), '1.sql')).toEqual(['traced'])
    await expect(traceOf(history, { setup: ['create tabel given (x int)'] })).rejects.toMatchObject({
      code: 'trace-setup-failed',
      exitCode: 2,
    })
  })
})

describe('the cache', () => {
  const folder = newFolder()
  afterAll(() => forget(folder))

  const history = {
    '1.sql': 'create table a (x int)',
    '2.sql': 'alter table a add column y int',
    '3.sql': 'alter table a add column z int default random()',
  }

  test('only what is new or after a change is traced again, and shows the same', async () => {
    const first = await counted(history)
    expect(first.files).toEqual(['1.sql', '2.sql', '3.sql'])
    const again = await counted(history)
    expect(again).toEqual({ files: [], trace: first.trace })

    const longer = await counted({ ...history, '4.sql': 'create index on a (z)' })
    expect(longer.files).toEqual(['4.sql'])
    expect(tracesOf(longer.trace, '4.sql')[0]).toMatchObject({ observation: { scans: ['public.a'] } })

    // The last file is edited twice: after the first time the state before it is kept.
    await counted({ ...history, '4.sql': 'create index on a (y)' })
    const edited = await counted({ ...history, '4.sql': 'create index on a (x, y)' })
    expect(edited.files).toEqual(['4.sql'])

    const middle = await counted({ ...history, '2.sql': 'alter table a add column y text' })
    expect(middle.files.at(-1)).toBe('3.sql')
    expect(middle.files).toContain('2.sql')
    expect(middle.trace.catalog.relations[0]?.columns[1]).toMatchObject({ name: 'y', type: 'text' })

    const back = await counted(history)
    expect(untimed(back)).toEqual(untimed({ files: [], trace: first.trace }))
  })

  test('an observation taken on a copy of the schema is the same as in a run of the whole', async () => {
    const last = { '4.sql': 'alter table a alter column x type bigint; drop table a' }
    const copied = await counted({ ...history, ...last })
    expect(copied.files).toEqual(['4.sql'])
    const whole = await traceOf({ ...history, ...last })
    expect(untimed(copied.trace)).toEqual(untimed(whole))
  })

  test('the roots of failures in files that are known already are remembered', async () => {
    const own = newFolder()
    const broken = { '1.sql': 'create table a (x int); create table b (x nonsense)' }
    await traceOf(broken, { folder: own })
    const trace = await traceOf({ ...broken, '2.sql': 'drop table b' }, { folder: own })
    forget(own)
    expect(tracesOf(trace, '2.sql')[0]).toMatchObject({ status: 'not-reached', root: { file: '1.sql', line: 1 } })
  })

  test('other settings, another mode or other setup are another history', async () => {
    expect((await counted(history, { searchPath: 'public' })).files).toHaveLength(3)
    expect((await counted(history, { mode: 'statement' })).files).toHaveLength(3)
    expect((await counted(history, { setup: ['create schema s'] })).files).toHaveLength(3)
  })

  test('evidence that was cut short is traced again', async () => {
    const own = newFolder()
    const path = evidencePath(cacheFolder(), { project: 'the tests of kei', folder: own, major: 17 })
    const first = await traceOf(history, { folder: own })
    writeFileSync(path, readFileSync(path).subarray(0, 1_000))
    expect(untimed(await traceOf(history, { folder: own }))).toEqual(untimed(first))
    forget(own)
  })

  test('two runs at once of one folder both end well', async () => {
    const own = newFolder()
    const [one, other] = await Promise.all([traceOf(history, { folder: own }), traceOf(history, { folder: own })])
    expect(untimed(one)).toEqual(untimed(other))
    forget(own)
  })

  async function counted(
    files: History,
    options: TraceOptions = {},
  ): Promise<{ files: string[]; trace: HistoryTrace }> {
    const seen: string[] = []
    const trace = await traceOf(files, {
      folder,
      ...options,
      onProgress: ({ message }) => message.endsWith('.sql') && seen.push(message),
    })
    return { files: seen, trace }
  }
})

describe('an interrupted trace', () => {
  for (const mode of ['grouped', 'statement'] as const) {
    test(`stops the statements of mode ${mode} and leaves no database behind`, async () => {
      const abort = new AbortController()
      let aborted = 0
      const running = traceOf(
        { '1.sql': 'create table a (x int)', '2.sql': Array(3).fill('select pg_sleep(8)').join('; ') },
        {
          mode,
          project: alone,
          signal: abort.signal,
          onProgress: ({ message }) => {
            if (message !== '2.sql') return
            setTimeout(() => {
              aborted = performance.now()
              abort.abort()
            }, 300)
          },
        },
      )
      await expect(running).rejects.toMatchObject({ code: 'interrupted', exitCode: 130 })
      expect(performance.now() - aborted).toBeLessThan(5_000)

      const shadow = await acquireShadow({ major: 17, project: alone, cacheFolder: cacheFolder() })
      const admin = await shadow.connect({ database: 'postgres' })
      const left = await admin.query(String.raw`select datname from pg_database where datname like 'kei\_run\_%'`)
      const busy = await admin.query("select query from pg_stat_activity where query like 'select pg_sleep%'")
      await admin.end()
      await shadow.release()
      expect(left.rows).toEqual([])
      expect(busy.rows).toEqual([])
    })
  }

  test('stops SQL that catches its cancellation', async () => {
    const abort = new AbortController()
    const stubborn = `do $$ begin loop
  begin perform pg_sleep(1); exception when query_canceled then null; end; end loop; end $$`
    const running = traceOf(
      { '1.sql': stubborn },
      {
        project: alone,
        signal: abort.signal,
        onProgress: ({ message }) => message === '1.sql' && setTimeout(() => abort.abort(), 300),
      },
    )
    const began = performance.now()
    await expect(running).rejects.toMatchObject({ code: 'interrupted' })
    expect(performance.now() - began).toBeLessThan(8_000)
  })
})

describe('a setting that the server refuses', () => {
  const cases = [
    { options: { timeZone: 'Mars/Olympus' }, key: 'trace.timeZone', value: 'Mars/Olympus' },
    { options: { searchPath: 'app,,public' }, key: 'trace.searchPath', value: 'app,,public' },
  ]
  for (const { options, key, value } of cases) {
    test(`${key} is named, and no session stays open`, async () => {
      const running = traceOf({ '1.sql': 'create table a (x int)' }, { project: alone, ...options })
      await expect(running).rejects.toMatchObject({
        code: 'invalid-config',
        exitCode: 2,
        message: expect.stringContaining(`${key} "${value}"`),
        hint: `Correct ${key} in kei.jsonc.`,
      })
      const shadow = await acquireShadow({ major: 17, project: alone, cacheFolder: cacheFolder() })
      const admin = await shadow.connect({ database: 'postgres' })
      const open = `select application_name, datname from pg_stat_activity
where backend_type = 'client backend' and pid <> pg_backend_pid()`
      await expect.poll(async () => (await admin.query(open)).rows, { timeout: 3_000 }).toEqual([])
      await admin.end()
      await shadow.release()
    })
  }
})

test('a history of no files needs no server', async () => {
  const began = performance.now()
  const trace = await traceOf({})
  expect(trace).toMatchObject({ files: [], complete: true, notices: [] })
  expect(performance.now() - began).toBeLessThan(5_000)
})

function names(trace: HistoryTrace): string[] {
  return trace.catalog.relations.map(({ name }) => name)
}

/** Without the durations, which differ from run to run. */
function untimed(shown: unknown): unknown {
  return JSON.parse(JSON.stringify(shown, (key, value: unknown) => (key === 'milliseconds' ? 0 : value)))
}
