import { readFileSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { withDatabase } from '../postgres.ts'
import { folderWith, writeFiles } from '../repository.ts'
import type { Files } from '../repository.ts'
import { kei } from './kei.ts'
import type { Ran } from './kei.ts'

interface Place {
  folder: string
  migrate(...args: string[]): Promise<Ran>
  json(...args: string[]): Promise<Record<string, unknown>>
  query(sql: string): Promise<Record<string, unknown>[]>
}

/** A folder with these files, and an empty database that the environment names. */
function withPlace(files: Files, work: (place: Place) => Promise<void>): Promise<void> {
  return withDatabase(17, async (client, database, shadow) => {
    const folder = folderWith(files)
    const env = {
      HOME: folder,
      PGHOST: shadow.socketDirectory,
      PGPORT: String(shadow.port),
      PGUSER: String(client.user),
      PGPASSWORD: String(client.password),
      PGDATABASE: database,
    }
    async function migrate(...args: string[]): Promise<Ran> {
      const ran = await kei(['migrate', ...args], { cwd: folder, env })
      expect(ran.out + ran.err).not.toContain('error[internal]')
      expect(ran.out + ran.err).not.toContain(String(client.password))
      expect(ran.err).not.toContain('DeprecationWarning')
      return ran
    }
    await work({
      folder,
      migrate,
      json: async (...args) => JSON.parse((await migrate(...args, '--json')).out) as Record<string, unknown>,
      query: async (sql) => (await client.query<Record<string, unknown>>(sql)).rows,
    })
  })
}

const two = {
  'migrations/1_one.sql': 'CREATE TABLE one (id bigint PRIMARY KEY, note text);\n',
  'migrations/1_one.down.sql': 'DROP TABLE one;\n',
  'migrations/2_two.sql': 'CREATE INDEX CONCURRENTLY one_note ON one (note);\nALTER TABLE one ADD COLUMN more int;\n',
  'migrations/2_two.down.sql': 'DROP INDEX one_note;\nALTER TABLE one DROP COLUMN more;\n',
}

describe('kei migrate', () => {
  test('goes from nothing to applied and back', () =>
    withPlace({}, async ({ folder, migrate, query }) => {
      const made = await migrate('new', 'create', 'users')
      expect(made).toMatchObject({ code: 0, err: '' })
      const [file = '', down = ''] = made.out.trim().split('\n')
      expect(file).toMatch(/^migrations\/\d{14}_create_users\.sql$/)
      expect(down).toBe(file.replace('.sql', '.down.sql'))
      const forgotten = await migrate('up')
      expect(forgotten).toMatchObject({ code: 2, out: '' })
      expect(forgotten.err).toContain(`error[no-statement]: ${file} has no statement`)

      writeFiles(folder, { [file]: 'CREATE TABLE users (id int);\n', [down]: 'DROP TABLE users;\n' })
      const plan = await migrate('plan')
      expect(plan.code).toBe(0)
      expect(plan.out).toContain('1 migration pending, 1 statement')
      expect((await migrate('status', '--exit-code')).code).toBe(1)
      const up = await migrate('up')
      expect(up).toMatchObject({ code: 0, err: '' })
      expect(up.out).toMatch(
        /^migrations\/\d+_create_users\.sql\n {2}statement 1 .*\nApplied 1 migration in .* \(database .*\)\.\n$/,
      )
      expect((await migrate('status', '--exit-code')).code).toBe(0)
      expect((await migrate('drift')).code).toBe(0)
      expect((await migrate('verify')).out).toContain('1 of 1 applied migration is as applied.')
      expect((await migrate('lock')).out).toContain('Nobody is migrating')
      expect(await query('SELECT name FROM kei.schema_version')).toEqual([{ name: 'create_users' }])
      const back = await migrate('down')
      expect(back.code).toBe(0)
      expect(back.out).toContain('Took back 1 migration')
      expect(await query(`SELECT to_regclass('users') AS users`)).toEqual([{ users: null }])
    }))

  test('prints one JSON document with --json, and one a line with --jsonl', () =>
    withPlace(two, async ({ migrate, json }) => {
      expect(await json('up', '--dry-run')).toMatchObject({
        version: 1,
        dryRun: true,
        applied: [{ version: '1' }, { version: '2' }],
      })
      const up = await migrate('up', '--jsonl')
      const lines = up.out
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as Record<string, unknown>)
      expect(lines.map(({ event }) => event)).toContain('step')
      expect(lines.at(-1)).toMatchObject({ event: 'result', version: 1, direction: 'up', dryRun: false })
      expect(await json('status')).toMatchObject({ version: 1, newest: '2', pending: [], problems: [] })
      expect(await json('plan')).toMatchObject({ version: 1, migrations: [] })
      expect(await json('verify')).toMatchObject({ version: 1, migrations: [{ verdict: 'ok' }, { verdict: 'ok' }] })
      expect(await json('drift')).toMatchObject({ version: 1, differences: [] })
      expect(await json('lock')).toEqual({ version: 1, lease: null, ended: false })
      expect(await json('down', '2')).toMatchObject({
        direction: 'down',
        applied: [{ version: '2' }, { version: '1' }],
      })
      expect(await json('new', 'x', '--dry-run')).toMatchObject({ files: [{ file: 'migrations/3_x.sql' }, {}] })
    }))

  test('tells a machine of an error, too', () =>
    withPlace({ 'migrations/1_a.sql': 'SELECT 1/0;' }, async ({ migrate }) => {
      const failed = await migrate('up', '--json')
      expect(failed.code).toBe(4)
      expect(JSON.parse(failed.out)).toMatchObject({ error: { code: 'statement-failed', exitCode: 4 } })
      expect(failed.err).toContain('migrations/1_a.sql:1:1: division by zero (22012)')
    }))

  test('names an edited file, shows the edit, and takes it when it is accepted', () =>
    withPlace(two, async ({ folder, migrate, json, query }) => {
      await migrate('up')
      writeFiles(folder, { 'migrations/1_one.sql': 'CREATE TABLE one (id bigint PRIMARY KEY, note varchar);\n' })
      const up = await migrate('up')
      expect(up.code).toBe(4)
      expect(up.err).toContain('error[edited-migration]: migrations/1_one.sql')
      const verify = await migrate('verify')
      expect(verify.code).toBe(1)
      expect(verify.out).toContain('  +CREATE TABLE one (id bigint PRIMARY KEY, note varchar);')
      expect((await migrate('accept-edit', '1')).code).toBe(2)
      expect(await json('accept-edit', '1', '--reason', 'text is better')).toMatchObject({
        migration: '1',
        name: 'one',
      })
      expect((await migrate('up')).code).toBe(0)
      expect(await query(`SELECT reason FROM kei.history WHERE event = 'edit'`)).toEqual([{ reason: 'text is better' }])
      const drift = await migrate('drift')
      expect(drift.code).toBe(1)
      expect(drift.out).toContain('column note: type text, files say character varying')
    }))

  test('names a file that is gone, and one that came too late', () =>
    withPlace(two, async ({ folder, migrate }) => {
      await migrate('up', '--to', '1')
      await migrate('up')
      rmSync(join(folder, 'migrations/1_one.sql'))
      rmSync(join(folder, 'migrations/1_one.down.sql'))
      const gone = await migrate('up')
      expect(gone).toMatchObject({ code: 4 })
      expect(gone.err).toContain('error[missing-migration]: 1_one.sql is not there')
      writeFiles(folder, { ...two, 'migrations/1_5_late.sql': 'SELECT 1;' })
      const twice = await migrate('up')
      expect(twice.code).toBe(2)
      expect(twice.err).toContain('error[duplicate-version]')
    }))

  test('refuses to lose rows on the way back, unless that is accepted', () =>
    withPlace(two, async ({ migrate, query }) => {
      await migrate('up')
      await query(`INSERT INTO one VALUES (1, 'x', 2)`)
      const refused = await migrate('down')
      expect(refused.code).toBe(4)
      expect(refused.err).toContain('more')
      expect(refused.err).toContain('--accept-data-loss')
      expect((await migrate('down', '--accept-data-loss')).code).toBe(0)
      expect((await migrate('down', '--to', '0', '--accept-data-loss')).code).toBe(0)
    }))

  test('takes over a database: its schema becomes the first file', () =>
    withPlace({}, async ({ folder, migrate, query }) => {
      await query('CREATE TABLE old (id int PRIMARY KEY); CREATE TABLE goose_db_version (id int)')
      expect((await migrate('baseline')).code).toBe(2)
      const dry = await migrate('baseline', '--write', '--dry-run')
      expect(dry.out).toContain('CREATE TABLE public.old')
      const written = await migrate('baseline', '--write')
      expect(written).toMatchObject({ code: 0 })
      expect(written.err).toContain('public.goose_db_version is what goose keeps its history in')
      const [file = ''] = readdirSync(join(folder, 'migrations'))
      expect(readFileSync(join(folder, 'migrations', file), 'utf8')).toContain('CREATE TABLE public.old')
      expect((await migrate('status', '--exit-code')).code).toBe(0)
      const drift = await migrate('drift')
      expect(drift.out).toContain('The database is what')
      expect(drift.code).toBe(0)
      expect((await migrate('baseline', '--write')).code).toBe(2)
    }))

  test('baseline records files without running them', () =>
    withPlace(two, async ({ migrate, json, query }) => {
      expect(await json('baseline', '1', '--dry-run')).toMatchObject({ dryRun: true, recorded: [{ version: '1' }] })
      expect((await migrate('status')).out).toContain('0 applied, 2 pending')
      expect((await migrate('baseline', '1')).out).toContain('Taken as applied: 1 migration')
      expect(await query(`SELECT to_regclass('one') AS one`)).toEqual([{ one: null }])
      expect((await migrate('baseline', '7')).code).toBe(2)
    }))

  test('asks a person only for what nobody can know', () =>
    withPlace(two, async ({ migrate }) => {
      await migrate('up')
      expect((await migrate('resolve', '1', '--done', '--reason', 'x')).code).toBe(2)
      expect((await migrate('resolve', '1:1', '--reason', 'x')).code).toBe(2)
      expect((await migrate('resolve', '1:1', '--done')).code).toBe(2)
      const nothing = await migrate('resolve', '1:1', '--done', '--reason', 'x')
      expect(nothing.code).toBe(4)
      expect(nothing.err).toContain('error[nothing-to-resolve]')
    }))

  test("names another tool's folder and what is wrongly given", () =>
    withPlace({ 'migrations/1_a.sql': '-- +goose Up\nSELECT 1;\n' }, async ({ migrate }) => {
      const goose = await migrate('up')
      expect(goose.code).toBe(2)
      expect(goose.err).toContain('migrations is laid out for goose')
      expect((await migrate('up', '--lock-timeout', '5')).err).toContain('invalid-duration')
      expect((await migrate('down', 'x')).code).toBe(2)
      expect((await migrate('down', '1', '--to', '2')).code).toBe(2)
      expect((await migrate('up', '--to', 'nothing')).code).toBe(2)
    }))
})
