import { afterAll, describe, expect, test } from 'vitest'
import { shadowOf } from '../../test/postgres.ts'
import { forget, newFolder, outcomesOf, traceOf } from '../../test/trace.ts'
import type { History, TraceOptions } from '../../test/trace.ts'
import type { HistoryTrace } from './history.ts'
import { mostRoundTrips } from './round-trip.ts'

/** What came of each round trip, in a line. */
function tripsOf({ files }: HistoryTrace): Record<string, string> {
  return Object.fromEntries(
    files.flatMap(({ file, roundTrip: trip }) => {
      switch (trip?.status) {
        case undefined:
          return []
        case 'unknown':
          return [[file, `needs ${trip.needs}`]]
        case 'failed':
          return [[file, `${trip.section} ${trip.statement}: ${trip.cause} (${trip.sqlstate})${left(trip.afterDown)}`]]
        case 'completed':
          return [[file, `ran${left(trip.afterDown)}${left(trip.afterUp)}`]]
      }
    }),
  )
}

function left(differences: readonly { objectType: string; name: string; change: string }[]): string {
  return differences.map(({ objectType, name, change }) => `; ${change} ${objectType} ${name}`).join('')
}

/** A folder's own: what another test keeps of the same texts belongs to another role. */
function apart(folder: string): TraceOptions {
  return { folder, setup: [`select '${folder}'`] }
}

/** Traces, and tells which files had to be run for it. */
async function ran(history: History, options: TraceOptions): Promise<{ trips: Record<string, string>; run: string[] }> {
  const run: string[] = []
  const trace = await traceOf(history, {
    ...options,
    onProgress: ({ message, total }) => total > 0 && run.push(message),
  })
  return { trips: tripsOf(trace), run }
}

describe('up, down and up again', () => {
  test('names what down leaves behind, what it loses and what fails', async () => {
    const trace = await traceOf({
      '1.sql': 'create table a (x int, y int); create index a_x on a (x)',
      '1.down.sql': 'drop table a',
      '2.sql': "create type mood as enum ('good'); alter table a add column mood mood",
      '2.down.sql': 'alter table a drop column mood',
      '3.sql': 'alter table a drop column x',
      '3.down.sql': 'alter table a add column x int',
      '4.sql': 'create table if not exists b (x int)',
      '4.down.sql': '',
      '5.sql': 'create view v as select * from b; create table c (x int)',
      '5.down.sql': 'drop table c; drop table b',
      '6.sql': 'create table d (x int)',
      '6.down.sql': 'drop table d',
      '7.sql': 'create table e (x int)',
    })
    expect(tripsOf(trace)).toEqual({
      '1.sql': 'ran',
      '2.sql': 'up 0: type "mood" already exists (42710); added enum public.mood',
      '3.sql': 'ran; removed index public.a_x',
      '4.sql': 'ran; added table public.b',
      '5.sql': 'down 1: cannot drop table b because other objects depend on it (2BP01)',
      '6.sql': 'ran',
    })
    // The history itself has seen nothing of it.
    expect(trace.complete).toBe(true)
    expect(trace.catalog.relations.map(({ name }) => name)).toEqual(
      ['a', 'b', 'c', 'd', 'e', 'v'].map((name) => `public.${name}`),
    )
  })

  test('what an earlier round trip did to rows is not held against a later one', async () => {
    const trace = await traceOf({
      '1.sql': 'create table a (x int primary key); create table b (x int references a); insert into a values (1)',
      '2.sql': 'insert into a values (2)',
      '2.down.sql': 'delete from a',
      '3.sql': 'insert into b values (1)',
      '3.down.sql': 'delete from b',
    })
    expect(tripsOf(trace)).toEqual({ '2.sql': 'ran', '3.sql': 'ran' })
  })

  test('runs as the runner does: CONCURRENTLY alone, enum values committed, each section in a fresh session', async () => {
    const trace = await traceOf({
      '1.sql': "create table a (x int); create type mood as enum ('good')",
      '2.sql': "create index concurrently a_x on a (x); set search_path = ''",
      '2.down.sql': 'drop index concurrently a_x; set search_path = pg_catalog',
      '3.sql': 'create table b (x int)',
      '3.down.sql': 'drop table b',
    })
    expect(tripsOf(trace)).toEqual({ '2.sql': 'ran', '3.sql': 'ran' })
  })

  test('roles that only a role of its own cluster has go forth and back', async () => {
    const trace = await traceOf({
      '1.sql': 'create table a (x int)',
      '2.sql': 'create role kei_trip_one; grant select on a to kei_trip_one',
      '2.down.sql': 'revoke all on a from kei_trip_one; drop role kei_trip_one',
      '3.sql': 'create role kei_trip_two',
      '3.down.sql': 'select 1',
      '4.sql': 'create table b (x int)',
      '4.down.sql': 'drop table b',
    })
    expect(tripsOf(trace)).toEqual({
      '2.sql': 'ran',
      '3.sql': 'up 0: role "kei_trip_two" already exists (42710)',
      '4.sql': 'ran',
    })
  })
})

describe('what cannot be known', () => {
  test('is not judged after a file that failed, and where a statement does not run on a shadow', async () => {
    const trace = await traceOf({
      '1.sql': 'create table a (x int)',
      '1.down.sql': "drop table a; alter system set work_mem = '1MB'",
      '2.sql': "create table b (x int); copy b from '/tmp/b'",
      '2.down.sql': 'drop table b',
      '3.sql': 'create table c (x missing)',
      '3.down.sql': 'drop table c',
      '4.sql': 'create table d (x int)',
      '4.down.sql': 'drop table d',
    })
    expect(tripsOf(trace)).toEqual({
      '1.sql': 'needs a trace of all its statements',
      '2.sql': 'needs a trace of all its statements',
      '3.sql': 'needs a trace of all its statements',
      '4.sql': 'needs a trace of all files before it',
    })
  })

  test('is what a migration before it that is code may have made', async () => {
    const history = {
      '1.sql': 'create table a (x int)',
      '3.sql': 'create table b (x int)',
      '3.down.sql': 'drop table b; drop table made_by_code',
      '4.sql': 'create table c (x int)',
      '4.down.sql': 'drop table c',
    }
    expect(tripsOf(await traceOf(history, { code: ['2_code.go'] }))).toEqual({
      '3.sql': 'needs a trace of 2_code.go, which is code',
      '4.sql': 'ran',
    })
  })

  test('is all but the last fifty', async () => {
    const numbers = Array.from({ length: mostRoundTrips + 2 }, (_, index) => index + 1)
    const history = Object.fromEntries(
      numbers.flatMap((number) => [
        [`${number}.sql`, `create table t${number} (x int)`],
        [`${number}.down.sql`, `drop table t${number}`],
      ]),
    )
    const trace = await traceOf(history)
    const needs = `needs a round trip, which the last ${mostRoundTrips} down sections get`
    expect(tripsOf(trace)).toEqual(
      Object.fromEntries(numbers.map((number) => [`${number}.sql`, number <= 2 ? needs : 'ran'])),
    )
    expect(trace.notices).toEqual(['Of the 52 down sections that are not released, the last 50 were tried.'])
  })
})

describe('a hostile down section', () => {
  const history = {
    '1.sql': 'create table a (x int)',
    '2.sql': 'create table b (x int)',
    '3.sql': 'create table c (x int)',
    '3.down.sql': 'drop table c',
  }
  const endless = 'do $$ begin loop perform 1; end loop; end $$'

  test.each([
    ['drops the database', 'drop database postgres', 'needs a trace of all its statements'],
    ['drops it in code', `do $$ begin execute 'drop database postgres'; end $$`, /^down 0: .* \((?:25001|42501)\)$/],
    ['ends its own session', 'select pg_terminate_backend(pg_backend_pid())', /^down 0: /],
    [
      'drops all there is',
      'drop schema public cascade; create schema public',
      'ran; removed table public.a; removed table public.a',
    ],
    ['stops itself', "set statement_timeout = '1ms'; select pg_sleep(1)", /^down 1: .* \(57014\)$/],
    ['loops for ever', endless, 'needs sections that stay within the limits of a trace'],
  ])('that %s does no harm', async (_, down, expected) => {
    const folder = newFolder()
    try {
      const options = { ...apart(folder), limits: { time: 2_000 } }
      const trace = await traceOf({ ...history, '2.down.sql': down }, options)
      const trips = tripsOf(trace)
      expect(trips['2.sql']).toEqual(expected instanceof RegExp ? expect.stringMatching(expected) : expected)
      expect(trips['3.sql']).toBe('ran')
      expect(trace.repeatable).toBe(down !== endless)
      expect(outcomesOf(trace, '3.sql')).toEqual(['traced'])
      // Also with the states that it left to begin with.
      const after = await traceOf({ ...history, '4.sql': 'alter table b add column y int' }, options)
      expect(after.complete).toBe(true)
      expect(after.catalog.relations.map(({ name }) => name)).toEqual(['public.a', 'public.b', 'public.c'])
    } finally {
      forget(folder)
    }
  })

  test('leaves no database of its own', async () => {
    const session = await (await shadowOf(17)).connect({ database: 'postgres' })
    try {
      await traceOf({ ...history, '2.down.sql': 'drop table a' })
      const { rows } = await session.query<{ datname: string }>(
        String.raw`select datname from pg_database where datname like 'kei\_run\_%'
and not exists (select from pg_locks where locktype = 'advisory' and granted
  and objid = hashtext(split_part(datname, '_', 3))::oid)`,
      )
      expect(rows).toEqual([])
    } finally {
      await session.end()
    }
  })
})

describe('the cache', () => {
  const folder = newFolder()
  afterAll(() => forget(folder))
  const trip = '2.sql: up, down, up'
  const history = { '1.sql': 'create table a (x int)', '2.sql': 'create table b (x int)', '2.down.sql': 'drop table b' }

  test('a round trip is run once, and again when its down section changes', async () => {
    expect(await ran(history, apart(folder))).toEqual({ trips: { '2.sql': 'ran' }, run: ['1.sql', '2.sql', trip] })
    expect(await ran(history, apart(folder))).toEqual({ trips: { '2.sql': 'ran' }, run: [] })

    const broken = { ...history, '2.down.sql': 'drop table a' }
    expect(await ran(broken, apart(folder))).toEqual({
      trips: { '2.sql': 'up 0: relation "b" already exists (42P07); removed table public.a; added table public.b' },
      run: [trip],
    })
    expect(await ran(history, apart(folder))).toEqual({ trips: { '2.sql': 'ran' }, run: [] })
  })

  test('a new last file goes forth and back on the state that its trace left', async () => {
    const longer = { ...history, '3.sql': 'create table c (x int)', '3.down.sql': 'drop table b' }
    expect(await ran(longer, apart(folder))).toEqual({
      trips: {
        '2.sql': 'ran',
        '3.sql': 'up 0: relation "c" already exists (42P07); removed table public.b; added table public.c',
      },
      run: ['3.sql', '3.sql: up, down, up'],
    })
    const longest = { ...longer, '4.sql': 'alter table c add column y int' }
    const next = await traceOf(longest, apart(folder))
    expect(next.catalog.relations.map(({ name }) => name)).toEqual(['public.a', 'public.b', 'public.c'])
  })

  test('files without a way back cost nothing more', async () => {
    expect(await ran({ ...history, '3.sql': 'create table d (x int)' }, apart(folder))).toMatchObject({
      run: ['3.sql'],
    })
  })
})
