import { expect, test } from 'vitest'
import { migrationOf, withApplied } from '../../test/applied.ts'
import type { AppliedDatabase, AppliedOptions } from '../../test/applied.ts'
import { broadSchema } from '../../test/broad-schema.ts'
import { pgBouncerProgram, withPgBouncer } from '../../test/pgbouncer.ts'
import { majors, withDatabase } from '../../test/postgres.ts'
import type { Major } from '../../test/postgres.ts'
import { planExtensions, stubTypesSql } from '../trace/extensions.ts'
import type { Difference } from './catalog-differences.ts'
import { drift } from './drift.ts'
import type { DriftReport } from './drift.ts'
import { parseMigration } from './steps.ts'

const settings = { schema: 'kei' }

function driftOf({ source, connect }: AppliedDatabase, privileges = false): Promise<DriftReport> {
  return drift({ source, settings, connect, privileges })
}

/** What a change by hand looks like to drift. */
function after(
  files: Record<string, string>,
  change: string,
  options: AppliedOptions & { major?: Major; privileges?: boolean } = {},
): Promise<DriftReport> {
  return withApplied(
    options.major ?? 17,
    files,
    async (database) => {
      await database.superuser.query(change)
      return driftOf(database, options.privileges)
    },
    options,
  )
}

function lines(differences: readonly Difference[]): string[] {
  return differences.map(({ change, objectType, name, details }) =>
    [`${change} ${objectType} ${name}`, ...details].join(': '),
  )
}

test.each(majors)('the same files applied by another owner are no drift on PostgreSQL %i', async (major) => {
  await withApplied(major, { '1_all.sql': broadSchema }, async (database) => {
    const report = await driftOf(database, true)
    expect(report.differences).toEqual([])
    expect(report.unknown).toEqual([])
    expect(report.notTraced).toEqual([])
    expect(report.applied).toBe(1)
    expect(report.versions.live).toBe(report.versions.shadow)
  })
})

const shop = {
  '1_users.sql': `create table users (id bigint primary key, email varchar(100) not null, name text, born date);
create index users_name on users (name);
create view names as select name from users;
create function f(x int) returns int language sql as 'select x';
create type mood as enum ('good', 'bad');
create sequence numbers;`,
  '2_orders.sql': `create table orders (id bigint primary key, user_id bigint references users, total numeric check (total > 0));
create index orders_user on orders (user_id);
comment on table orders is 'paid';`,
}

test('each kind of change by hand is named', async () => {
  const report = await after(
    shop,
    `drop view names;
alter table users alter email type text, alter email drop not null, alter name set default 'x', drop born, add age int;
drop index users_name;
create index users_age on users (age);
create or replace function f(x int) returns int language sql as 'select x + 1';
alter type mood add value 'so';
alter sequence numbers increment 5;
alter table orders drop constraint orders_total_check;
alter table orders add constraint positive check (total >= 0) not valid;
comment on table orders is 'sold';
alter table orders enable row level security;
create policy mine on orders using (true);
create table extra (id int primary key, other int unique);
create index extra_other on extra (other);
create extension citext`,
  )
  expect(lines(report.differences)).toEqual([
    'different comment public.orders',
    'missing constraint orders_total_check on public.orders',
    'unexpected constraint positive on public.orders',
    'different enum public.mood',
    'unexpected extension citext',
    'different function public.f(x integer)',
    'unexpected index public.users_age',
    'missing index public.users_name',
    'unexpected policy mine on public.orders',
    'unexpected row security public.orders',
    'different sequence public.numbers',
    'unexpected table public.extra',
    'different table public.users: column born is missing (date): ' +
      'column email: type text, files say character varying(100): column email: may be null, files say NOT NULL: ' +
      "column name: default 'x'::text, files say none: column age is unexpected (integer)",
    'missing view public.names',
  ])
  expect(report.differences.find(({ name }) => name === 'public.mood')).toEqual({
    objectType: 'enum',
    name: 'public.mood',
    change: 'different',
    expected: "'good', 'bad'",
    actual: "'good', 'bad', 'so'",
    details: [],
  })
})

test('a table that is missing or unexpected takes what stands on it along', async () => {
  const report = await after(shop, 'drop table orders; create table other (like users including all)')
  expect(lines(report.differences)).toEqual(['missing table public.orders', 'unexpected table public.other'])
})

test('partitions come and go, and one that a file names is missed', async () => {
  const files = {
    '1_a.sql': `create table m (at date, x int) partition by range (at);
create index on m (x);
create table m_2024 partition of m for values from ('2024-01-01') to ('2025-01-01');
do $$ begin execute format('create table %I partition of m for values from (%L) to (%L)', 'm_' || current_user,
  '2025-01-01', '2026-01-01'); end $$;`,
  }
  const report = await after(
    files,
    `create table m_now partition of m for values from ('2026-01-01') to ('2027-01-01');
comment on column m_now.x is 'now';
drop table m_2024`,
  )
  expect(lines(report.differences)).toEqual(['missing table public.m_2024'])
  expect(report.notices).toEqual([
    '3 partitions of public.m that no CREATE TABLE of the files names left out: partitions come and go.',
  ])
})

test('the order of columns and the value of a sequence are no drift', async () => {
  const report = await after(
    shop,
    `drop view names;
alter table users drop name, drop born;
alter table users add born date, add name text;
create index users_name on users (name);
create view names as select name from users;
select setval('numbers', 77)`,
  )
  expect(report.differences).toEqual([])
})

test('an INVALID index is different', async () => {
  const report = await after(shop, `update pg_index set indisvalid = false where indexrelid = 'users_name'::regclass`)
  expect(lines(report.differences)).toEqual(['different index public.users_name'])
  expect(report.differences[0]?.actual).toMatch(/\(INVALID\)$/)
})

test('constants are compared by their value, whatever the settings of the database', async () => {
  const files = {
    '1_a.sql': `create table t (at timestamptz default '2024-01-01 12:00+02', pause interval default '1 day 2 hours',
  ratio float8 default 0.1, nothing timestamp(3), day date default '2024-02-03', raw bytea default '\\x00ff');`,
  }
  await withApplied(17, files, async (database) => {
    await database.superuser.query(`do $$ begin
  execute format('alter database %I set datestyle = ''SQL, DMY''', current_database());
  execute format('alter database %I set intervalstyle = ''iso_8601''', current_database());
  execute format('alter database %I set timezone = ''Asia/Kolkata''', current_database());
  execute format('alter database %I set extra_float_digits = -3', current_database());
  execute format('alter database %I set bytea_output = ''escape''', current_database());
end $$;
alter table t alter nothing set default null::timestamp`)
    expect((await driftOf(database)).differences).toEqual([])
  })
})

test('only what is applied counts, and a file that is applied in part up to its last statement', async () => {
  await withApplied(
    17,
    shop,
    async (database) => {
      const report = await driftOf(database)
      expect(report.differences).toEqual([])
      expect(report.applied).toBe(2)
      expect(report.notices.join()).toContain('2_orders is applied in part')
      await database.owner.query('drop table orders')
      expect(lines((await driftOf(database)).differences)).toEqual(['missing table public.orders'])
    },
    { applied: 1, statements: 1 },
  )
})

test('owners and grants are compared when that is asked for, by the names of roles', async () => {
  const role = 'kei_test_reader'
  const files = {
    '1_a.sql': `create table t (a int, b int);
create table u (a int);
grant select on t to ${role};
grant update (b) on t to ${role};
alter default privileges in schema public grant select on tables to ${role};`,
  }
  // It stays: templates on the shadow, which is the same server here, depend on it.
  await withDatabase(17, (client) =>
    client.query(`do $$ begin create role ${role}; exception when duplicate_object then null; end $$`),
  )
  await withApplied(17, files, async (database) => {
    expect((await driftOf(database, true)).differences).toEqual([])
    await database.superuser.query(`revoke select on t from ${role}; grant insert on t to ${role} with grant option;
alter table u owner to ${role}; revoke update (b) on t from ${role};
alter default privileges in schema public grant usage on sequences to ${role}`)
    expect((await driftOf(database)).differences).toEqual([])
    expect(lines((await driftOf(database, true)).differences)).toEqual([
      `different grants column public.t.b: UPDATE to ${role} is missing`,
      expect.stringMatching(
        /^different grants default privileges schema public, sequences, of \w+: USAGE to kei_test_reader is unexpected$/,
      ),
      `different grants table public.t: SELECT to ${role} is missing: INSERT to ${role} with grant option is unexpected`,
      'different owner table public.u',
    ])
  })
})

test('what a statement that cannot be traced names is listed as unknown', async () => {
  const files = {
    '1_a.sql': `create table t (a int);
do $$ begin if current_user not like 'owner%' then raise 'not here'; end if; create table made (b int); end $$;`,
  }
  const report = await after(files, 'create table stranger (c int)')
  expect(report.notTraced).toEqual([{ file: expect.stringContaining('1_a.sql'), line: 2, cause: 'not here' }])
  expect(lines(report.unknown)).toEqual(['unexpected table public.made'])
  expect(lines(report.differences)).toEqual(['unexpected table public.stranger'])
})

test('a provider and its schemas are left out where its roles are', async () => {
  const files = { '1_a.sql': 'create table t (a int); create schema storage; create table storage.mine (a int);' }
  const report = await after(files, 'create schema supabase_migrations; create table supabase_migrations.x (a int)')
  expect(report.differences).toEqual([])
  const named = await after(files, 'create schema auth; create table auth.users (a int)')
  expect(lines(named.differences)).toEqual(['unexpected schema auth', 'unexpected table auth.users'])
})

test('without an applied migration, or with the file of one gone, it says what to do', async () => {
  await withApplied(
    17,
    shop,
    async (database) => {
      await expect(driftOf(database)).rejects.toMatchObject({ code: 'nothing-applied', exitCode: 2 })
    },
    { applied: 0 },
  )
  await withApplied(17, shop, async (database) => {
    const source = { ...database.source, migrations: database.source.migrations.slice(1) }
    await expect(driftOf({ ...database, source })).rejects.toMatchObject({ code: 'missing-migration' })
  })
})

test('a session that changes a table now does not hold it up for long', { timeout: 20_000 }, async () => {
  await withApplied(17, shop, async (database) => {
    await database.owner.query('begin; alter table users add z int')
    try {
      const report = await driftOf(database).catch((error: unknown) => error)
      expect(report).toMatchObject({ code: 'live-catalog-busy', exitCode: 4 })
    } finally {
      await database.owner.query('rollback')
    }
  })
})

test('through a pooler it finds the same', async ({ skip }) => {
  if (pgBouncerProgram === undefined) return skip('needs pgbouncer')
  await withApplied(17, { '1_all.sql': broadSchema }, async (database) => {
    await withPgBouncer(database.superuser, { poolSize: 1 }, async (pooler) => {
      const session = await database.connect()
      await session.client.end()
      const connect = async () => ({ ...session, client: await pooler.connect() })
      expect((await drift({ source: database.source, settings, connect, privileges: true })).differences).toEqual([])
      await database.superuser.query('drop table app.of_measure')
      expect(
        lines((await drift({ source: database.source, settings, connect, privileges: false })).differences),
      ).toEqual(['missing table app.of_measure'])
    })
  })
})

test('an extension that stubs stand for is as good as the real one, in whatever schema', async () => {
  await withApplied(17, { '1_a.sql': 'create table items (id int)' }, async (database) => {
    // An extension of that name that has the type as its member.
    await database.superuser.query(`create schema elsewhere;
create extension citext schema elsewhere;
${stubTypesSql(planExtensions(await parseMigration(migrationOf('m', '1_a.sql', 'create extension vector').up)))}
${['vector', 'halfvec', 'sparsevec']
  .map(
    (type) => `alter type ${type} set schema elsewhere; alter extension citext add type elsewhere.${type};
alter extension citext add function ${type}_in(cstring, oid, integer);
alter extension citext add function ${type}_out(elsewhere.${type});`,
  )
  .join('\n')}
update pg_extension set extname = 'vector' where extname = 'citext';
alter table items add e elsewhere.vector(3), add f elsewhere.vector(4);
create index on items (id)`)
    const text = `create extension vector;
create table items (id int, e vector(3), f vector(5));
create index on items using hnsw (e vector_cosine_ops);`
    const migrations = [migrationOf(database.source.folder, '1_a.sql', text)]
    const report = await driftOf({ ...database, source: { ...database.source, migrations } })
    expect(lines(report.differences)).toEqual(['unexpected schema elsewhere'])
    expect(lines(report.unknown)).toEqual([
      'unexpected index public.items_id_idx',
      'different table public.items: column f: type public.vector(4), files say public.vector(5)',
    ])
  })
})
