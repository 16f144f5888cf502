import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Client } from 'pg'
import { afterEach, beforeEach, expect, test } from 'vitest'
import '../../test/programs.ts'
import { migrationOf } from '../../test/applied.ts'
import { broadSchema } from '../../test/broad-schema.ts'
import { pgBouncerProgram, withPgBouncer } from '../../test/pgbouncer.ts'
import { majors, withDatabase } from '../../test/postgres.ts'
import type { Major } from '../../test/postgres.ts'
import { forget } from '../../test/trace.ts'
import { defaultConfig } from '../config/config.ts'
import { diffCatalogs } from '../postgres/catalog/diff.ts'
import { readCatalog, readFurtherObjects } from '../postgres/catalog/snapshot.ts'
import { connect } from '../postgres/connect/connect.ts'
import type { ResolvedConnection } from '../postgres/connect/resolve.ts'
import { findProgram } from '../postgres/programs.ts'
import type { Shadow } from '../postgres/shadow/shadow.ts'
import { loadParser } from '../sql/parse.ts'
import { writeBaseline } from './dump-baseline.ts'
import type { BaselineFile } from './dump-baseline.ts'
import { createKeiSchema } from './kei-schema.ts'
import { parseMigration } from './steps.ts'
import { traceMigrations } from './trace-migrations.ts'

let root: string
const environment = { ...process.env }

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'kei-test-'))
})

afterEach(() => {
  rmSync(root, { recursive: true })
  process.env = { ...environment }
})

const password = 'p w:\\\'"%secret'

/** An owner's way to a database, as the command line would resolve it. */
async function resolved(shadow: Shadow, database: string, superuser: Client): Promise<ResolvedConnection> {
  const user = 'kei_test_dumper'
  await superuser.query(`do $$ begin create role ${user} login; exception when duplicate_object then null; end $$`)
  await superuser.query(`alter role ${user} password '${password.replaceAll("'", "''")}'`)
  await superuser.query(`alter database ${database} owner to ${user}`)
  return {
    candidates: [{ host: shadow.socketDirectory, port: shadow.port, password }],
    user,
    database,
    connectTimeout: 10,
    sessionAttributes: 'any',
    channelBinding: 'prefer',
    ssl: { mode: 'prefer', negotiation: 'postgres' },
    parameters: [],
    notes: [],
  }
}

interface Place {
  write: (options?: { dryRun?: boolean; folder?: string }) => Promise<BaselineFile>
  owner: Client
  superuser: Client
}

function withExisting<T>(major: Major, sql: string, work: (place: Place) => Promise<T>): Promise<T> {
  return withDatabase(major, async (superuser, database, shadow) => {
    const connection = await resolved(shadow, database, superuser)
    const session = await connect(connection, { applicationName: 'kei/migrate' })
    try {
      await session.client.query(sql)
      return await work({
        owner: session.client,
        superuser,
        write: ({ dryRun = false, folder = 'migrations' } = {}) =>
          writeBaseline({
            source: { root, folder, migrations: [] },
            schema: 'kei',
            session,
            resolved: connection,
            dryRun,
          }),
      })
    } finally {
      await session.client.end()
    }
  })
}

async function catalogOf(client: Client) {
  await client.query('set search_path = pg_catalog')
  const exclude = { schemas: ['kei'], names: [] }
  const further = await readFurtherObjects(client, exclude)
  return { ...(await readCatalog(client, exclude)), further }
}

/** pg_dump of a major or newer, as this machine has it. */
function dumpOf(major: Major): string | undefined {
  return majors.filter((each) => each >= major).flatMap((each) => findProgram('pg_dump', each) ?? [])[0]
}

test.for(majors)('the file makes the same schema on an empty database of PostgreSQL %i', async (major, { skip }) => {
  if (dumpOf(major) === undefined) return skip(`needs pg_dump ${major} or newer`)
  await withExisting(major, broadSchema, async ({ write, owner, superuser }) => {
    await createKeiSchema(owner, 'kei')
    const { file, text, version, name, written } = await write()
    expect({ file, version, name, written }).toEqual({
      file: 'migrations/00000000000001_baseline.sql',
      version: '00000000000001',
      name: 'baseline',
      written: true,
    })
    expect(readFileSync(join(root, file), 'utf8')).toBe(text)
    const before = await catalogOf(superuser)
    await withDatabase(major, async (client) => {
      await client.query(`begin; ${text}; commit`)
      const { rows } = await client.query<{ path: string }>("select current_setting('search_path') as path")
      expect(rows[0]?.path).toBe('"$user", public')
      const after = await catalogOf(client)
      expect(diffCatalogs(before, after)).toEqual([])
      expect(after.further).toEqual(before.further)
    })
    // As the runner would, as an ordinary role.
    const migration = migrationOf('migrations', '00000000000001_baseline.sql', text)
    const source = { root: 'the tests of kei', config: defaultConfig, folder: `dump-${major}`, migrations: [migration] }
    const statements = await parseMigration(migration.up)
    const trace = await traceMigrations(source, [{ migration, text, statements }], { major })
    forget(source.folder, major)
    expect(trace.files[0]?.statements.filter(({ status }) => status !== 'traced')).toEqual([])
    expect(diffCatalogs(before, trace.catalog)).toEqual([])
  })
})

const skipsWithout17 = (skip: (note: string) => void) => dumpOf(17) === undefined && skip('needs pg_dump 17 or newer')

test('the text has no psql command, no setting of the session and nothing secret or of kei', async ({ skip }) => {
  skipsWithout17(skip)
  const sql = `create table t (a int, b text default '\\restrict x');
create function f() returns text language sql as $f$ select '
\\restrict inside
'; $f$;`
  await withExisting(17, sql, async ({ write, superuser }) => {
    await superuser.query(`create foreign data wrapper nothing;
create server far foreign data wrapper nothing options (host 'far');
create user mapping for public server far options (user 'u', password 'hunter2');
create subscription s connection 'host=far password=hunter2' publication p with (connect = false);
create schema supabase_migrations; create table supabase_migrations.x (a int);
grant usage on foreign server far to public`)
    try {
      const { text, notices } = await write({ dryRun: true })
      expect(text).toContain('\\restrict inside')
      expect(text).not.toMatch(/^\\(?:un)?restrict [A-Za-z0-9]{20,}/m)
      expect(text).not.toContain('hunter2')
      expect(text).not.toMatch(/GRANT|OWNER TO|supabase/)
      expect(notices).toEqual(['A user mapping of the server far was left out, because it may hold a password.'])
      const parsed = (await loadParser()).parse(text)
      const tags = parsed.kind === 'parsed' ? parsed.statements.map(({ tag, text: each }) => `${tag} ${each}`) : []
      const sets = tags.filter((tag) => /^(?:VariableSetStmt|SelectStmt)/.test(tag))
      expect(sets).toEqual([
        "VariableSetStmt SET LOCAL search_path = ''",
        'VariableSetStmt SET LOCAL check_function_bodies = false',
      ])
    } finally {
      await superuser.query('alter subscription s set (slot_name = none)')
      await superuser.query('drop subscription s')
    }
  })
})

test('a dry run writes nothing', async ({ skip }) => {
  skipsWithout17(skip)
  await withExisting(17, 'create table t (a int)', async ({ write }) => {
    const { text, written } = await write({ dryRun: true })
    expect(written).toBe(false)
    expect(text).toContain('CREATE TABLE public.t')
    expect(existsSync(join(root, 'migrations'))).toBe(false)
  })
})

test('it is refused for a folder with migrations, a database with a history, and an empty one', async ({ skip }) => {
  skipsWithout17(skip)
  await withExisting(17, '', async ({ write, superuser }) => {
    await expect(write()).rejects.toMatchObject({ code: 'nothing-to-dump', exitCode: 2 })
    await createKeiSchema(superuser, 'kei')
    await superuser.query(`grant usage on schema kei to public; grant select on all tables in schema kei to public;
insert into kei.history (event, direction, version, name, first, last, hashes, complete, checksum, milliseconds, kei, token)
values ('ran', 'up', '1', 'a', 0, 0, '{}', true, '1:x', 1, '0', 1)`)
    await expect(write()).rejects.toMatchObject({ code: 'history-not-empty', exitCode: 2 })
  })
  const source = { root, folder: 'm', migrations: [migrationOf('m', '1_a.sql', 'select 1')] }
  await withDatabase(17, async (superuser, database, shadow) => {
    const connection = await resolved(shadow, database, superuser)
    const session = await connect(connection, { applicationName: 'kei/migrate' })
    await expect(writeBaseline({ source, schema: 'kei', session, resolved: connection })).rejects.toMatchObject({
      code: 'folder-not-empty',
      message: expect.stringContaining('m/1_a.sql'),
    })
    await session.client.end()
  })
})

test('the password is in no argument, no message and no file, and other PG variables do not count', async ({
  skip,
}) => {
  skipsWithout17(skip)
  const bin = join(root, 'bin')
  const seen = join(root, 'seen')
  const real = dumpOf(17) ?? ''
  const script = `#!/bin/sh
[ "$1" = --version ] && exec ${real} --version
printf '%s\\n' "$@" > ${seen}
env | grep ^PG > ${seen}.env
echo "pg_dump: error: connection failed: password=\\"$PGPASSWORD\\"" >&2
exit 1
`
  mkdirSync(bin)
  writeFileSync(join(bin, 'pg_dump'), script, { mode: 0o755 })
  await withExisting(17, 'create table t (a int)', async ({ write }) => {
    process.env['KEI_PG_BIN'] = bin
    process.env['PGSERVICE'] = 'elsewhere'
    process.env['PGHOSTADDR'] = '192.0.2.1'
    const error = (await write().catch((each: unknown) => each)) as Error
    expect(error).toMatchObject({ code: 'dump-failed', exitCode: 4 })
    expect(error.message).not.toContain('secret')
    expect(readFileSync(seen, 'utf8')).not.toContain('secret')
    expect(readFileSync(seen, 'utf8')).toContain('--exclude-schema="kei"')
    const variables = readFileSync(`${seen}.env`, 'utf8')
    expect(variables).toContain('PGUSER=kei_test_dumper')
    expect(variables).toContain('PGSSLMODE=prefer')
    expect(variables).not.toMatch(/PGSERVICE|PGHOSTADDR/)
    expect(readdirSync(tmpdir()).filter((name) => name.startsWith('kei-dump-'))).toEqual([])
  })
})

test('a pooler is refused, because pg_dump would leave its settings behind in it', async ({ skip }) => {
  if (pgBouncerProgram === undefined) return skip('needs pgbouncer')
  skipsWithout17(skip)
  await withDatabase(17, async (superuser, database, shadow) => {
    await superuser.query('create table t (a int)')
    const connection = await resolved(shadow, database, superuser)
    await withPgBouncer(superuser, { poolSize: 1 }, async (pooler) => {
      const client = await pooler.connect()
      const session = await connect(connection, { applicationName: 'kei/migrate' })
      await session.client.end()
      const source = { root, folder: 'm', migrations: [] }
      await expect(
        writeBaseline({ source, schema: 'kei', session: { ...session, client }, resolved: connection }),
      ).rejects.toMatchObject({ code: 'dump-through-pooler', exitCode: 2 })
      await client.end()
    })
  })
})
