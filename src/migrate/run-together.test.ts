import { expect, test } from 'vitest'
import { withTarget } from '../../test/up.ts'
import { up } from './up.ts'

const table = (name: string) => `CREATE TABLE ${name} (a int);`

test('the first files of an empty history each have their transaction, and go in few round trips', () =>
  withTarget(17, async ({ admin, request, rows, events }) => {
    const files = Object.fromEntries(
      Array.from({ length: 70 }, (_, index) => [`${index + 1}_t.sql`, table(`t${index}`)]),
    )
    const { applied } = await up(request(files))
    expect(applied.map(({ version }) => Number(version))).toEqual(Array.from({ length: 70 }, (_, index) => index + 1))
    const { rows: found } = await admin.query<{ n: number }>(
      'SELECT count(DISTINCT xmin::text)::int AS n FROM kei.history',
    )
    expect(found).toEqual([{ n: 70 }])
    expect(
      (await rows()).every(({ event, complete, milliseconds }) => event === 'ran' && complete && milliseconds > 0),
    ).toBe(true)
    expect(events.filter(({ event }) => event === 'done')).toHaveLength(70)
  }))

test('one that fails keeps those before it and stops those behind it', () =>
  withTarget(17, async ({ admin, request, rows, events }) => {
    const files = {
      '1_a.sql': table('a'),
      '2_b.sql': `${table('b')}\n  ALTER TABLE nowhere ADD x int;`,
      '3_c.sql': table('c'),
    }
    await expect(up(request(files))).rejects.toMatchObject({
      code: 'statement-failed',
      message: expect.stringContaining('2_b.sql:2:3'),
    })
    expect((await rows()).map(({ version }) => version)).toEqual(['1'])
    expect(events.map(({ event }) => event)).toEqual(['started', 'migration', 'step', 'done'])
    const { rows: tables } = await admin.query(
      `SELECT to_regclass('a') AS a, to_regclass('b') AS b, to_regclass('c') AS c`,
    )
    expect(tables).toEqual([{ a: 'a', b: null, c: null }])
    await up(request({ ...files, '2_b.sql': table('b') }))
    expect((await rows()).map(({ version }) => version)).toEqual(['1', '2', '3'])
  }))

test('one that meets a lock is tried again alone, and the rest follow', () =>
  withTarget(17, async ({ admin, open, request, rows, events }) => {
    await admin.query('CREATE TABLE used (a int)')
    const reader = await open()
    await reader.query('BEGIN; LOCK TABLE used IN ACCESS SHARE MODE')
    const files = {
      '1_a.sql': table('a'),
      '2_b.sql': 'ALTER TABLE used ADD b int;',
      '3_c.sql': table('c'),
      '4_d.sql': table('d'),
    }
    const run = up(
      request(files, {
        lockTimeout: 50,
        onEvent: (event) => {
          events.push(event)
          if (event.event === 'retry') void reader.query('COMMIT')
        },
      }),
    )
    await run
    expect((await rows()).map(({ version }) => version)).toEqual(['1', '2', '3', '4'])
    expect(events.filter(({ event }) => event === 'retry')).toHaveLength(1)
    expect(events.filter(({ event }) => event === 'done').map((event) => 'version' in event && event.version)).toEqual([
      '1',
      '2',
      '3',
      '4',
    ])
  }))

test('a session that is ended in the middle keeps what was committed, and the next run goes on', () =>
  withTarget(17, async ({ admin, request, rows }) => {
    await admin.query(
      `CREATE FUNCTION end_it() RETURNS event_trigger LANGUAGE plpgsql AS $$
       BEGIN IF current_setting('application_name') <> 'spared' AND to_regclass('b') IS NOT NULL THEN
         PERFORM pg_terminate_backend(pg_backend_pid()); END IF; END $$;
       CREATE EVENT TRIGGER end_it ON ddl_command_end EXECUTE FUNCTION end_it()`,
    )
    const files = { '1_a.sql': table('a'), '2_b.sql': table('b'), '3_c.sql': table('c') }
    await expect(up(request(files))).rejects.toMatchObject({ code: 'connection-lost', exitCode: 4 })
    expect((await rows()).map(({ version }) => version)).toEqual(['1'])
    await admin.query('DROP EVENT TRIGGER end_it')
    await up(request(files))
    expect((await rows()).map(({ version }) => version)).toEqual(['1', '2', '3'])
  }))
