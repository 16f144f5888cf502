import { randomBytes } from 'node:crypto'
import { Client } from 'pg'
import { expect, test } from 'vitest'
import { withDatabase } from '../postgres.ts'
import { folderWith } from '../repository.ts'
import type { Files } from '../repository.ts'
import { kei } from './kei.ts'
import type { Ran } from './kei.ts'

interface Place {
  migrate(args: readonly string[], env?: Record<string, string>): Promise<Ran>
  query(sql: string): Promise<Record<string, unknown>[]>
  open(): Promise<Client>
  /** Of the connection, without its password. */
  url: string
}

function withPlace(files: Files, work: (place: Place) => Promise<void>): Promise<void> {
  return withDatabase(17, async (client, database, shadow) => {
    const folder = folderWith(files)
    const { user, password } = client
    const login = { PGHOST: shadow.socketDirectory, PGPORT: String(shadow.port), PGUSER: String(user) }
    const env = { HOME: folder, ...login, PGPASSWORD: String(password), PGDATABASE: database }
    const opened: Client[] = []
    try {
      await work({
        url: `host=${shadow.socketDirectory} port=${shadow.port} dbname=${database} user=${user}`,
        async migrate(args, more = {}) {
          const ran = await kei(['migrate', ...args], { cwd: folder, env: { ...env, ...more } })
          expect(ran.out + ran.err).not.toContain('error[internal]')
          expect(ran.out + ran.err).not.toContain(String(password))
          return ran
        },
        query: async (sql) => (await client.query<Record<string, unknown>>(sql)).rows,
        async open() {
          const other = new Client({ host: shadow.socketDirectory, port: shadow.port, user, password, database })
          await other.connect()
          opened.push(other)
          return other
        },
      })
    } finally {
      for (const other of opened) await other.end()
    }
  })
}

const one = { 'migrations/1_one.sql': 'ALTER TABLE used ADD COLUMN b int;' }

async function expectGivenUp({ query, open }: Place, up: () => Promise<Ran>): Promise<void> {
  await query('CREATE TABLE used (a int)')
  const reader = await open()
  await reader.query(`SET application_name = 'the reader'; BEGIN; SELECT * FROM used`)
  const began = performance.now()
  const { code, err } = await up()
  // The defaults would try for ten minutes.
  expect(performance.now() - began).toBeLessThan(20_000)
  expect(code).toBe(4)
  expect(err).toContain('error[lock-timeout]: migrations/1_one.sql')
  expect(err).toContain('the reader')
}

test('--lock-timeout and --retry-for are how long a run waits and tries', () =>
  withPlace(one, (place) =>
    expectGivenUp(place, () => place.migrate(['up', '--lock-timeout', '50ms', '--retry-for', '1s'])),
  ))

test('kei.jsonc says so too, and the command line wins over it', () =>
  withPlace(
    { ...one, 'kei.jsonc': '{ "migrate": { "lockTimeout": 0.05, "retryFor": 1, "schema": "ours" } }' },
    async (place) => {
      await expectGivenUp(place, () => place.migrate(['up']))
      expect(
        await place.query(`SELECT to_regnamespace('ours') IS NOT NULL AS ours, to_regnamespace('kei') AS kei`),
      ).toEqual([{ ours: true, kei: null }])
      expect((await place.migrate(['status', '--schema', 'theirs', '--json'])).out).toContain('"initialized": false')
    },
  ))

test('--role owns what the files make, and the history is the login role’s', () =>
  withPlace({ 'migrations/1_one.sql': 'CREATE TABLE made (a int);' }, async ({ migrate, query }) => {
    const role = `owner_${randomBytes(4).toString('hex')}`
    await query(`CREATE ROLE ${role}; GRANT CREATE ON SCHEMA public TO ${role}`)
    try {
      expect((await migrate(['up', '--role', role])).code).toBe(0)
      expect(await query(`SELECT tableowner FROM pg_tables WHERE tablename = 'made'`)).toEqual([{ tableowner: role }])
      expect(
        await query(`SELECT tableowner = current_user AS mine FROM pg_tables WHERE tablename = 'history'`),
      ).toEqual([{ mine: true }])
    } finally {
      await query(`DROP OWNED BY ${role}; DROP ROLE ${role}`)
    }
  }))

test('a target that is marked production is written to only when that is confirmed', () =>
  withDatabase(17, async (client, database, shadow) => {
    const url = `host=${shadow.socketDirectory} port=${shadow.port} dbname=${database} user=${client.user}`
    const folder = folderWith({
      'migrations/1_one.sql': 'CREATE TABLE one (a int);',
      'migrations/1_one.down.sql': 'DROP TABLE one;',
      'kei.jsonc': JSON.stringify({ targets: { live: { url, production: true } } }),
    })
    const env = { HOME: folder, PGHOST: shadow.socketDirectory, PGPASSWORD: String(client.password) }
    const migrate = (...args: string[]) => kei(['migrate', ...args, '--target', 'live'], { cwd: folder, env })
    for (const command of [['up'], ['baseline', '1'], ['down'], ['accept-edit', '1', '--reason', 'x']]) {
      const refused = await migrate(...command)
      expect(refused.code, command.join(' ')).toBe(2)
      expect(refused.err).toContain('error[confirmation-needed]')
      expect(refused.err).toContain('system identifier')
    }
    const { rows } = await client.query(`SELECT to_regclass('one') AS one, to_regnamespace('kei') AS kei`)
    expect(rows).toEqual([{ one: null, kei: null }])
    expect((await migrate('status')).code).toBe(0)
    expect((await migrate('up', '--dry-run')).code).toBe(0)
    expect((await migrate('up', '--yes')).code).toBe(0)
    expect((await client.query(`SELECT to_regclass('one')::text AS one`)).rows).toEqual([{ one: 'one' }])
  }))

test('what prevents a run is a document for machines, too', () =>
  withPlace({ 'migrations/1_a.sql': '-- +goose Up\nSELECT 1;\n' }, async ({ migrate }) => {
    const { code, out } = await migrate(['up', '--json'])
    expect(code).toBe(2)
    expect(JSON.parse(out)).toMatchObject({ version: 1, error: { code: 'other-tools-folder', exitCode: 2 } })
  }))
