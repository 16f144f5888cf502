import { randomBytes } from 'node:crypto'
import { expect, test } from 'vitest'
import { majors, withDatabase } from '../postgres.ts'
import type { Major } from '../postgres.ts'
import { folderWith } from '../repository.ts'
import type { Files } from '../repository.ts'
import { kei } from './kei.ts'
import type { Ran } from './kei.ts'

interface Place {
  migrate(args: readonly string[], env?: Record<string, string>): Promise<Ran>
  query(sql: string): Promise<Record<string, unknown>[]>
}

function withPlace(major: Major, files: Files, work: (place: Place) => Promise<void>): Promise<void> {
  return withDatabase(major, async (client, database, shadow) => {
    const folder = folderWith(files)
    const own = {
      HOME: folder,
      PGHOST: shadow.socketDirectory,
      PGPORT: String(shadow.port),
      PGUSER: String(client.user),
      PGPASSWORD: String(client.password),
      PGDATABASE: database,
    }
    await work({
      async migrate(args, env = {}) {
        const ran = await kei(['migrate', ...args], { cwd: folder, env: { ...own, ...env } })
        // Whatever the input, nobody is shown a stack trace or a password.
        expect(ran.out + ran.err).not.toMatch(/\n\s+at .*\.js:\d+/)
        expect(ran.out + ran.err).not.toContain('error[internal]')
        expect(ran.out + ran.err).not.toContain(String(client.password))
        return ran
      },
      query: async (sql) => (await client.query<Record<string, unknown>>(sql)).rows,
    })
  })
}

const table = 'CREATE TABLE t (a int);\n'

test.each(majors)('a full disk on %i: the place in the file, nothing of the step kept, and up goes on later', (major) =>
  withPlace(
    major,
    { 'migrations/1_a.sql': table, 'migrations/2_b.sql': "INSERT INTO t VALUES (1);\nCOPY t TO '/dev/full';\n" },
    async ({ migrate, query }) => {
      const failed = await migrate(['up'])
      expect(failed.code).toBe(4)
      expect(failed.err).toContain('error[disk-full]: migrations/2_b.sql:2:1: ')
      expect(failed.err).toContain('(53100)')
      expect(failed.err).toContain("Make room on the server's disk.")
      expect(failed.err).toContain('run `kei migrate up` again')
      expect(await query('SELECT a FROM t')).toEqual([])
      expect((await migrate(['status', '--json'])).out).toContain('"pending": [\n    "2"\n  ]')
    },
  ),
)

test('a connection that the server ends: what is kept is said, and up again goes on', () =>
  withPlace(
    17,
    {
      'migrations/1_a.sql': table,
      'migrations/2_b.sql': `INSERT INTO t VALUES (1);
SELECT pg_terminate_backend(pg_backend_pid()) WHERE NOT EXISTS (SELECT FROM pg_class WHERE relname = 'mended');`,
    },
    async ({ migrate, query }) => {
      const lost = await migrate(['up'])
      expect(lost.code).toBe(4)
      expect(lost.err).toContain('error[connection-lost]: migrations/2_b.sql')
      expect(lost.err).toContain('Nothing of it was kept.')
      expect(lost.err).toContain('Run `kei migrate up` again')
      await query('CREATE TABLE mended (a int)')
      expect((await migrate(['up'])).code).toBe(0)
      expect(await query('SELECT a FROM t')).toEqual([{ a: 1 }])
    },
  ))

test('no right to make the history: the GRANT to run is printed', () =>
  withPlace(17, { 'migrations/1_a.sql': table }, async ({ migrate, query }) => {
    const role = `poor_${randomBytes(4).toString('hex')}`
    await query(`CREATE ROLE ${role} LOGIN PASSWORD 'poor'`)
    try {
      const refused = await migrate(['up'], { PGUSER: role, PGPASSWORD: 'poor' })
      expect(refused.code).not.toBe(0)
      expect(refused.err).toMatch(new RegExp(`GRANT CREATE ON DATABASE \\S+ TO "?${role}"?;`))
      expect(await query(`SELECT to_regnamespace('kei') AS kei`)).toEqual([{ kei: null }])
      const status = await migrate(['status'], { PGUSER: role, PGPASSWORD: 'poor' })
      expect(status.out).toContain('0 applied, 1 pending')
    } finally {
      await query(`DROP ROLE ${role}`)
    }
  }))

test('a server that only reads is named', () =>
  withPlace(17, { 'migrations/1_a.sql': table }, async ({ migrate }) => {
    const refused = await migrate(['up'], { PGOPTIONS: '-c default_transaction_read_only=on' })
    expect(refused.code).toBe(3)
    expect(refused.err).toContain('error[read-only-server]')
  }))

test.each([
  ['a wrong name', { 'migrations/1_a.sql': table, 'migrations/2-b.sql': table }, 'migrations/2-b.sql'],
  ['a version twice', { 'migrations/1_a.sql': table, 'migrations/01_b.sql': table }, 'duplicate-version'],
  ['a way back without a way there', { 'migrations/1_a.sql': table, 'migrations/2_b.down.sql': table }, '2_b.down.sql'],
  ['bytes that are not UTF-8', { 'migrations/1_a.sql': Buffer.from([0x53, 0xff]) }, 'migrations/1_a.sql:1: '],
  [
    'a header that is not one',
    { 'migrations/1_a.sql': '-- kei: transaktion none\nSELECT 1;' },
    'migrations/1_a.sql:1: ',
  ],
])('%s is refused before anything runs, with its file', (_, files, says) =>
  withPlace(17, files, async ({ migrate, query }) => {
    const refused = await migrate(['up'])
    expect(refused.code).toBe(2)
    expect(refused.err).toContain(says)
    expect(await query(`SELECT to_regclass('t') AS t, to_regnamespace('kei') AS kei`)).toEqual([{ t: null, kei: null }])
  }),
)

test.each([
  ['a syntax error', 'SELECT 1;\nCREATE TABEL t (a int);', 'syntax-error', 'migrations/2_b.sql:2:8: '],
  ['a ROLLBACK', 'CREATE TABLE u (a int);\nROLLBACK;', 'rollback-in-migration', 'migrations/2_b.sql:2:1: '],
  ['a command of psql', 'SELECT 1;\n\\i other.sql\n', 'psql-command-in-migration', 'migrations/2_b.sql:2:1: '],
  ['COPY from its own text', 'COPY t FROM STDIN;\n', 'copy-from-stdin', 'migrations/2_b.sql:1:1: '],
])('%s in the second file stops the run before the first', (_, text, code, place) =>
  withPlace(17, { 'migrations/1_a.sql': table, 'migrations/2_b.sql': text }, async ({ migrate, query }) => {
    const refused = await migrate(['up'])
    expect(refused.code).toBe(4)
    expect(refused.err).toContain(`error[${code}]: ${place}`)
    expect(await query(`SELECT to_regclass('t') AS t`)).toEqual([{ t: null }])
  }),
)
