import type { Client } from 'pg'
import { expect, test } from 'vitest'
import { majors, shadowOf, withDatabase } from '../../../test/postgres.ts'
import type { Major } from '../../../test/postgres.ts'
import { createOwnedDatabase, createOwner, openOwnerSession } from './owner.ts'

const refused = [
  "COPY (SELECT 1) TO PROGRAM 'id'",
  "CREATE TABLE t (line text); COPY t FROM PROGRAM 'id'",
  "CREATE TABLE t (line text); COPY t FROM '/etc/passwd'",
  "SELECT pg_read_file('/etc/passwd')",
  "SELECT pg_ls_dir('/')",
  "SELECT lo_import('/etc/passwd')",
  "ALTER SYSTEM SET work_mem = '1GB'",
  'CREATE ROLE boss SUPERUSER',
  'CREATE ROLE reader IN ROLE pg_read_server_files',
  'SET temp_file_limit = -1',
  "SET log_min_messages = 'debug5'",
  "LOAD '/tmp/x.so'",
  "CREATE FUNCTION f() RETURNS int LANGUAGE c AS 'libc', 'abs'",
  'CREATE DATABASE more',
  'SELECT rolpassword FROM pg_authid',
]

const withheldExtensions = ['dblink', 'postgres_fdw', 'file_fdw', 'pltcl', 'plperl', 'plpython3u', 'lo']

test.each(majors)('a stranger cannot reach the machine from PostgreSQL %i', async (major) => {
  await withOwner(major, async (owner) => {
    for (const sql of refused) {
      await expect(owner.query(`BEGIN; ${sql}; COMMIT`), sql).rejects.toMatchObject({ code: /^(42501|22023|0LP01)$/ })
      await owner.query('ROLLBACK')
    }
    for (const name of withheldExtensions) {
      await expect(owner.query(`CREATE EXTENSION ${name}`), name).rejects.toThrow(/not available|control file/)
    }
    await owner.query('CREATE EXTENSION pg_trgm; CREATE EXTENSION btree_gist; CREATE EXTENSION pgcrypto')
  })
})

test.each(majors)('what a stranger set for later logins is gone at the next one, on PostgreSQL %i', async (major) => {
  const name = ownerName()
  await withOwner(
    major,
    async (owner, reopen) => {
      const database = (await owner.query<{ name: string }>('SELECT current_database() AS name')).rows[0]?.name
      await owner.query(`
      ALTER ROLE ${name} SET local_preload_libraries = 'nothing_like_it';
      ALTER ROLE ${name} IN DATABASE ${database} SET search_path = nowhere;
      ALTER DATABASE ${database} SET statement_timeout = 1;
      ALTER ROLE ${name} PASSWORD 'mine'`)
      const next = await reopen()
      const { rows } = await next.query(`
      SELECT current_setting('search_path') AS path, current_setting('statement_timeout') AS timeout, current_user AS me`)
      expect(rows).toEqual([{ path: '"$user", public', timeout: '0', me: name }])
    },
    name,
  )
})

test('a stranger cannot connect to the databases of others', async () => {
  const shadow = await shadowOf(17)
  await withDatabase(17, async (superuser, other) => {
    await superuser.query(`REVOKE CONNECT ON DATABASE ${other} FROM PUBLIC`)
    await withOwner(17, async (owner) => {
      const { rows } = await owner.query<{ name: string }>(`
        SELECT datname AS name FROM pg_database
        WHERE datname <> current_database() AND datname IN ('postgres', 'template1', '${other}')
          AND has_database_privilege(datname, 'CONNECT')`)
      expect(rows).toEqual([])
      await owner.query("CREATE ROLE visitor LOGIN PASSWORD 'visitor'")
    })
    for (const database of ['postgres', other]) {
      await expect(shadow.connect({ database, user: 'visitor', password: 'visitor' })).rejects.toThrow(
        /permission denied/,
      )
    }
    await superuser.query('DROP ROLE visitor')
  })
})

test.each(majors)('500 GB of work_mem end in an error of the statement on PostgreSQL %i', async (major) => {
  await withOwner(major, async (owner) => {
    await owner.query("SET work_mem = '500GB'; SET maintenance_work_mem = '500GB'; SET hash_mem_multiplier = 1000")
    await expect(
      owner.query('SELECT array_agg(repeat(n::text, 100)) FROM generate_series(1, 1e8::int) AS n'),
    ).rejects.toMatchObject({ code: '53200' })
    // The server went on: the same session, no crash of another.
    expect((await owner.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }])
  })
})

let owners = 0

function ownerName(): string {
  owners += 1
  return `owner_${process.pid}_${owners}`
}

/** Runs `work` with a session of a new owner in a new database. */
async function withOwner(
  major: Major,
  work: (owner: Client, reopen: () => Promise<Client>) => Promise<void>,
  name = ownerName(),
): Promise<void> {
  const shadow = await shadowOf(major)
  const superuser = await shadow.connect({ database: 'postgres' })
  const database = `test_${process.pid}_${name}`
  const sessions: Client[] = []
  async function open(): Promise<Client> {
    const session = await openOwnerSession(shadow, superuser, { owner: { name }, database })
    sessions.push(session)
    return session
  }
  try {
    await createOwner(superuser, { name })
    await createOwnedDatabase(superuser, { name: database, owner: name })
    await work(await open(), open)
  } finally {
    await Promise.all(sessions.map((session) => session.end()))
    await superuser.query(`DROP DATABASE IF EXISTS ${database} WITH (FORCE)`)
    await superuser.query(`DROP ROLE IF EXISTS ${name}`)
    await superuser.end()
  }
}
