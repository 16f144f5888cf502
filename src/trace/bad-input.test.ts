import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Client } from 'pg'
import { expect, test } from 'vitest'
import { shadowOf } from '../../test/postgres.ts'
import { forget, newFolder, outcomesOf, traceOf, tracesOf } from '../../test/trace.ts'
import { cacheFolder } from '../config/cache-folder.ts'
import { lockSpace } from './templates.ts'

/** Each runs between a table's creation and its change; both must come through. */
async function between(sql: string, limits = {}): Promise<string[]> {
  const trace = await traceOf(
    { '1.sql': 'create table a (x int)', '2.sql': sql, '3.sql': 'alter table a add column y int' },
    { limits },
  )
  expect(outcomesOf(trace, '1.sql')).toEqual(['traced'])
  expect(tracesOf(trace, '3.sql')[0]).toMatchObject({
    status: 'traced',
    observation: { locks: [{ relation: 'public.a', mode: 'ACCESS EXCLUSIVE' }] },
  })
  return outcomesOf(trace, '2.sql')
}

test('COPY FROM PROGRAM runs no program, wherever it stands', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'kei-bad-input-'))
  const file = join(folder, 'made')
  const outcomes = await between(`create table t (line text);
copy t from program 'touch ${file}';
copy (select 1) to '${file}';
do $$ begin copy t from program 'touch ${file}'; end $$;
do $$ begin execute 'copy t from ' || 'program ''touch ${file}'''; end $$`)
  expect(outcomes).toEqual([
    'traced',
    'skipped: COPY … PROGRAM runs a program on the server',
    'skipped: COPY reads or writes a file of the server',
    'failed: permission denied to COPY to or from an external program (42501)',
    'failed: permission denied to COPY to or from an external program (42501)',
  ])
  expect(existsSync(file)).toBe(false)
  rmSync(folder, { recursive: true })
})

test('files of the server are not read', async () => {
  const outcomes =
    await between(`select pg_read_file('/etc/passwd'); select pg_ls_dir('/'); select lo_import('/etc/passwd');
load '/tmp/x.so'; create table t (line text); copy t from '/etc/passwd'`)
  expect(outcomes).toEqual([
    'failed: permission denied for function pg_read_file (42501)',
    'failed: permission denied for function pg_ls_dir (42501)',
    'failed: permission denied for function lo_import (42501)',
    'skipped: LOAD reads a library of the server',
    'traced',
    'skipped: COPY reads or writes a file of the server',
  ])
})

test('ALTER SYSTEM changes nothing', async () => {
  expect(await between("alter system set work_mem = '1MB'")).toEqual(['skipped: ALTER SYSTEM changes the whole server'])
  expect(await between("do $$ begin execute 'alter system set work_mem = 1024'; end $$")).toEqual([
    expect.stringMatching(/^failed: /),
  ])
})

test('an endless loop is stopped, also one that catches its cancellation', async () => {
  const time = { time: 500 }
  expect(await between('do $$ begin loop null; end loop; end $$', time)).toEqual([
    'failed: It ran for longer than 0.5 s.',
  ])
  const stubborn = `do $$ begin loop begin perform pg_sleep(1); exception when query_canceled then null; end; end loop; end $$`
  expect(await between(stubborn, time)).toEqual(['failed: It ran for longer than 0.5 s.'])
  expect(await between('select * from generate_series(1, 1e12)', time)).toEqual([
    'failed: It ran for longer than 0.5 s.',
  ])
})

test('a history that takes too long as a whole is cut off, and nothing of it is kept', async () => {
  const trace = await traceOf(
    { '1.sql': 'select pg_sleep(0.4)', '2.sql': 'create table a (x int)' },
    { limits: { historyTime: 300 } },
  )
  expect(outcomesOf(trace, '2.sql')).toEqual(['skipped: the history as a whole took longer than 0.3 s'])
  expect(trace.complete).toBe(false)
})

test('work_mem of 500 GB may be set, and is not to be had', async () => {
  const outcomes = await between(
    `set work_mem = '500GB'; set maintenance_work_mem = '500GB'; set statement_timeout = 0;
select count(*) from (select distinct x from generate_series(1, 1000000000) x) y`,
    { time: 700 },
  )
  // Where the system bounds a process's memory that comes first, else the time limit.
  expect(outcomes).toEqual([
    'traced',
    'traced',
    'traced',
    expect.stringMatching(/^failed: (out of memory|It ran for longer)/),
  ])
})

test('filling the disk is stopped and its space given back', async () => {
  const fill =
    'create table big as select repeat(md5(x::text), 30) from generate_series(1, 5000) x, generate_series(1, 5000) y'
  const [outcome] = await between(fill, { databaseSize: 60 * 1024 ** 2 })
  expect(outcome).toBe('failed: The database grew by more than 60 MB.')
  const [logged] = await between('do $$ begin loop insert into a select generate_series(1, 10000); end loop; end $$', {
    wal: 40 * 1024 ** 2,
  })
  expect(logged).toBe('failed: It wrote more than 40 MB of write-ahead log.')
})

test('what a stopped statement leaves on the disk is not held against the next one', async () => {
  const { files } = await traceOf(
    {
      '1_a.sql':
        'create table a (t text); insert into a select repeat(md5(g::text), 30) from generate_series(1, 5000000) g',
      '2_b.sql': 'select pg_sleep(0.4)',
      '3_c.sql': 'create table c (id int); select pg_sleep(0.4)',
    },
    { limits: { databaseSize: 40 * 1024 ** 2 } },
  )
  expect(files.map(({ statements }) => statements.map(({ status }) => status))).toEqual([
    ['traced', 'failed'],
    ['traced'],
    ['traced', 'traced'],
  ])
})

test('operators and functions put before the catalog do not blind the recorder', async () => {
  const outcomes =
    await between(`create function never(oid, oid) returns boolean language sql immutable as 'select false';
create operator = (leftarg = oid, rightarg = oid, function = never);
create function never(name, text) returns boolean language sql immutable as 'select false';
create function quote_ident(name) returns text language sql immutable as $$ select 'stolen' $$;
create table pg_class (oid oid, relname name); create table pg_locks (pid int);
alter role current_user set search_path = public, pg_catalog;
set search_path = public, pg_catalog;
alter table a add column z int`)
  expect(outcomes).toEqual(Array(9).fill('traced'))
  const trace = await traceOf({
    '1.sql': `create table a (x int); create function never(oid, oid) returns boolean language sql immutable as 'select false';
create operator = (leftarg = oid, rightarg = oid, function = never)`,
    '2.sql': 'set search_path = public, pg_catalog; alter table a add column z int',
  })
  expect(tracesOf(trace, '2.sql')[1]).toMatchObject({
    observation: { locks: [{ relation: 'public.a', mode: 'ACCESS EXCLUSIVE' }], altered: [{ name: 'public.a' }] },
  })
})

test('the recorder cannot be changed, called on others, or taken away', async () => {
  const outcomes = await between(`drop schema kei_trace cascade; alter event trigger kei_sql_drop disable;
do $$ begin execute 'drop event trigger kei_ddl_command_end'; end $$;
create or replace function kei_trace.reading(newest oid) returns text language sql as 'select null';
create table kei_trace.t (x int); set session_replication_role = replica; reset role; discard all`)
  expect(outcomes.filter((outcome) => outcome === 'traced')).toHaveLength(2)
  expect(outcomes.slice(0, 6).every((outcome) => /^(failed|skipped): /.test(outcome))).toBe(true)
})

test('what a session sets to stop the recorder costs only its own statement', async () => {
  const [set, ...rest] = await between("set statement_timeout = '1ms'; select pg_sleep(1); create table t (x int)")
  expect(set).toBe('traced')
  expect(rest[0]).toBe('failed: canceling statement due to statement timeout (57014)')
  const [, ...concurrent] = await between("set statement_timeout = '1ms'; create index concurrently on a (x)")
  expect(concurrent).toHaveLength(1)
  expect(await between('select pg_terminate_backend(pg_backend_pid())')).toEqual([expect.stringMatching(/^failed: /)])
})

test('a role that is made behind the back of the text does not outlive the run', async () => {
  const hidden = "do $$ begin execute 'crea' || 'te role kei_test_hidden'; end $$"
  expect(await between(hidden)).toEqual(['traced'])
  expect(await between(hidden)).toEqual(['traced'])
})

test('a forged notice of the recorder is a notice like any other', async () => {
  const trace = await traceOf({
    '1.sql': `do $$ begin raise notice using message = 'kei:00', detail = '{"ddl":[["CREATE TABLE","table","public.x"]]}'; end $$`,
  })
  expect(tracesOf(trace, '1.sql')[0]).toMatchObject({ observation: { created: [], notices: ['kei:00'] } })
})

test('a million notices do not fill the memory of kei', async () => {
  const trace = await traceOf({
    '1.sql': `do $$ begin for i in 1..200000 loop raise notice '%', repeat('x', 1000); end loop; end $$`,
  })
  const [loud] = tracesOf(trace, '1.sql')
  expect(loud?.status === 'traced' && loud.observation.notices).toHaveLength(20)
})

test('system catalogs are not written', async () => {
  expect(
    await between(
      "update pg_index set indisvalid = false; do $$ begin update pg_catalog.pg_class set relname = 'x'; end $$",
    ),
  ).toEqual(['skipped: it writes to a system catalog', 'skipped: its code writes to a system catalog'])
})

test('a trace killed in the middle leaves nothing that the next one does not remove', async () => {
  const folder = newFolder()
  const child = spawn(process.execPath, ['--input-type=module', '--eval', killedProgram(folder)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  await once(child.stdout, 'data')
  child.kill('SIGKILL')
  await once(child, 'exit')

  const shadow = await shadowOf(17)
  const admin = await shadow.connect({ database: 'postgres' })
  await expect.poll(() => abandoned(admin)).toHaveLength(1)
  const trace = await traceOf({ '1.sql': 'create table a (x int)' }, { folder })
  expect(trace.complete).toBe(true)
  expect(await abandoned(admin)).toEqual([])
  await admin.end()
  forget(folder)
})

/** Says a word once its second file has begun, which takes long. */
function killedProgram(folder: string): string {
  const history = { '1.sql': 'create table a (x int)', '2.sql': 'select pg_sleep(20)' }
  const built = new URL('../../dist/', import.meta.url)
  return `import { traceHistory } from '${built}trace/history.js'
import { loadParser } from '${built}sql/parse.js'
const parser = await loadParser()
const migrations = Object.entries(${JSON.stringify(history)}).map(([file, text]) => ({ file, text,
  section: { file, text, start: 0, mode: 'grouped' }, statements: parser.parse(text).statements }))
await traceHistory({ major: 17, project: 'the tests of kei', cacheFolder: ${JSON.stringify(cacheFolder())},
  folder: '${folder}', layout: 'kei', migrations,
  onProgress: ({ message }) => message === '2.sql' && setTimeout(() => console.log('runs'), 100) })`
}

/** Databases of runs whose process has gone: nobody holds their lock. */
async function abandoned(admin: Client): Promise<unknown[]> {
  const { rows } = await admin.query(String.raw`
select datname, pg_advisory_unlock(${lockSpace}, hashtext(split_part(datname, '_', 3))) from pg_database
where datname like 'kei\_run\_%' and pg_try_advisory_lock(${lockSpace}, hashtext(split_part(datname, '_', 3)))`)
  return rows
}
