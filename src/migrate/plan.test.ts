import { expect, test } from 'vitest'
import { migrationOf, withApplied } from '../../test/applied.ts'
import type { AppliedDatabase } from '../../test/applied.ts'
import { pgBouncerProgram, withPgBouncer } from '../../test/pgbouncer.ts'
import { majors } from '../../test/postgres.ts'
import { planRun } from './plan.ts'
import type { PlannedMigration, RunPlan } from './plan.ts'

function planOf({ source, connect }: AppliedDatabase): Promise<RunPlan> {
  return planRun({ source, schema: 'kei', connect })
}

/** A plan as text: steps, statements, and what they do. */
function outline(migrations: readonly PlannedMigration[]): string[] {
  return migrations.flatMap(({ version, name, done, steps }) => [
    `${version}_${name} from ${done + 1}`,
    ...steps.flatMap(({ kind, first, last, statements, locks }) => [
      `  ${kind} ${first}-${last}: ${locks.map(({ relation, mode }) => `${relation} ${mode}`).join(', ')}`,
      ...statements.map(({ number, line, text, trace }) => {
        const said =
          trace?.status === 'traced'
            ? [
                ...trace.rewrites.map((relation) => `rewrites ${relation}`),
                ...trace.scans.map((relation) => `scans ${relation}`),
                ...trace.destroys.map((object) => `destroys ${object.objectType} ${object.name}`),
              ]
            : [trace?.cause ?? 'not traced']
        return [`    ${number} line ${line} ${text}`, ...said].join(' | ')
      }),
    ]),
  ])
}

const files = {
  '1_users.sql':
    'create table users (id bigint primary key, email text, age int, old text);\ninsert into users select n from generate_series(1, 500) n;',
  '2_change.sql': `create table made (id bigint primary key references users);
create index on made (id);

alter table users alter age type bigint;
create index concurrently users_email on users (email);
alter table users drop column old;
alter table users add check (id > 0);`,
  '3_drop.sql': "drop table made;\nselect 'postgres://u:hunter2@far/d';",
}

test.each(majors)(
  'a plan has the steps, locks, rewrites and scans of the pending files on PostgreSQL %i',
  async (major) => {
    await withApplied(
      major,
      files,
      async (database) => {
        const plan = await planOf(database)
        expect(outline(plan.migrations)).toEqual([
          '2_change from 1',
          '  transaction 1-3: public.users ACCESS EXCLUSIVE, public.users_pkey ACCESS EXCLUSIVE',
          '    1 line 1 create table made (id bigint primary key references users)',
          '    2 line 2 create index on made (id)',
          '    3 line 4 alter table users alter age type bigint | rewrites public.users | scans public.users',
          '  outside 4-4: public.users SHARE UPDATE EXCLUSIVE',
          '    4 line 5 create index concurrently users_email on users (email) | scans public.users',
          '  transaction 5-6: public.users ACCESS EXCLUSIVE',
          '    5 line 6 alter table users drop column old | destroys table column public.users.old',
          '    6 line 7 alter table users add check (id > 0) | scans public.users',
          '3_drop from 1',
          '  transaction 1-2: public.users ACCESS EXCLUSIVE',
          '    1 line 1 drop table made',
          "    2 line 2 select 'postgres://u:********@far/d'",
        ])
        expect(plan.problems).toEqual([])
        expect(plan.live?.sizes.map(({ relation }) => relation)).toContain('public.users')
      },
      { applied: 1 },
    )
  },
)

test('a plan gives the reasons for which findings are ignored, beside their statement or the file', async () => {
  const ignoring = {
    '1_a.sql': 'create table a (x int, y int);',
    '2_b.sql': `-- kei: ignore-file no-drop-cascade: nothing depends on it
-- kei: ignore no-drop-column: moved to b, see postgres://u:hunter2@far/d
-- kei: ignore no-such-rule
alter table a drop column y;
drop table a; -- kei: ignore no-drop-table: empty since May
do $$ begin
  -- kei: ignore no-truncate: never used
  perform 1;
end $$;`,
  }
  await withApplied(17, ignoring, async ({ source }) => {
    const { migrations } = await planRun({ source, schema: 'kei' })
    const [first, second] = migrations
    expect(first?.ignores).toEqual([])
    expect(second?.ignores).toEqual([{ rule: 'no-drop-cascade', reason: 'nothing depends on it' }])
    const statements = second?.steps.flatMap((step) => step.statements)
    expect(statements?.map(({ ignores }) => ignores)).toEqual([
      [{ rule: 'no-drop-column', reason: 'moved to b, see postgres://u:********@far/d' }],
      [{ rule: 'no-drop-table', reason: 'empty since May' }],
      [{ rule: 'no-truncate', reason: 'never used' }],
    ])
  })
})

test('without a database every file is pending', async () => {
  await withApplied(17, files, async ({ source }) => {
    const plan = await planRun({ source, schema: 'kei' })
    expect(plan.migrations.map(({ version }) => version)).toEqual(['1', '2', '3'])
    expect(plan.live).toBeUndefined()
    expect(plan.server).toMatch(/^17\./)
  })
})

test('with nothing pending the plan is empty', async () => {
  await withApplied(17, files, async (database) => {
    expect(await planOf(database)).toEqual({ migrations: [], problems: [], notices: [] })
  })
})

test('a file that is applied in part is planned from its next statement on', async () => {
  await withApplied(
    17,
    files,
    async (database) => {
      const { migrations } = await planOf(database)
      expect(migrations.map(({ version, done }) => [version, done])).toEqual([
        ['2', 4],
        ['3', 0],
      ])
      expect(migrations[0]?.steps.map(({ kind, first, last }) => [kind, first, last])).toEqual([['transaction', 5, 6]])
    },
    { applied: 1, statements: 4 },
  )
})

test('it says who stands in the way now, and how large the tables are', async () => {
  await withApplied(
    17,
    files,
    async (database) => {
      await database.superuser.query('analyze users')
      await database.owner.query("begin; select count(*) from users where email = 'postgres://u:hunter2@far/d'")
      const { live } = await planOf(database)
      await database.owner.query('rollback')
      expect(live?.sizes).toContainEqual({ relation: 'public.users', bytes: expect.any(Number), rows: 500 })
      expect(live?.sizes.find(({ relation }) => relation === 'public.users')?.bytes).toBeGreaterThan(8191)
      const holder = {
        pid: expect.any(Number),
        user: database.ownerName,
        application: 'kei/shadow',
        query: "begin; select count(*) from users where email = 'postgres://u:********@far/d'",
        state: 'idle in transaction',
        age: expect.any(Number),
      }
      const held = { mode: 'ACCESS SHARE', granted: true, ...holder }
      const relations = ['public.users', 'public.users_pkey']
      expect(live?.inTheWay).toEqual(relations.map((relation) => ({ relation, ...held })))
      expect(live?.oldestTransactions).toEqual([holder])
      // The superuser's.
      expect(live?.notices).toEqual([expect.stringContaining('1 session of other roles cannot be seen into')])
    },
    { applied: 1 },
  )
})

test('it does not wait for a table that somebody holds for themselves', async () => {
  await withApplied(
    17,
    files,
    async (database) => {
      await database.owner.query('begin; lock table users in access exclusive mode')
      const before = Date.now()
      const { live } = await planOf(database)
      await database.owner.query('rollback')
      expect(Date.now() - before).toBeLessThan(2000)
      expect(live?.inTheWay.map(({ mode }) => mode)).toContain('ACCESS EXCLUSIVE')
      expect(live?.sizes.map(({ relation }) => relation)).toContain('public.users')
    },
    { applied: 1 },
  )
})

test('a partitioned table is as large as its partitions', async () => {
  const parts = {
    '1_a.sql': `create table m (a int) partition by range (a);
create table m1 partition of m for values from (0) to (1000);
create table m2 partition of m for values from (1000) to (2000);
insert into m select generate_series(1, 1999);`,
    '2_b.sql': 'alter table m add check (a > 0);',
  }
  await withApplied(
    17,
    parts,
    async (database) => {
      await database.superuser.query('analyze m')
      const sizes = (await planOf(database)).live?.sizes
      const [whole, one, two] = ['public.m', 'public.m1', 'public.m2'].map((name) =>
        sizes?.find(({ relation }) => relation === name),
      )
      expect(whole?.rows).toBe(1999)
      expect(whole?.bytes).toBe((one?.bytes ?? 0) + (two?.bytes ?? 0))
    },
    { applied: 1 },
  )
})

test('what stands in the way of up is told, and the plan made all the same', async () => {
  await withApplied(
    17,
    files,
    async (database) => {
      const [first, ...rest] = database.source.migrations
      if (first === undefined) throw new Error('there are migrations')
      const edited = migrationOf('m', '1_users.sql', `${first.up.text} select 1;`)
      const plan = await planOf({ ...database, source: { ...database.source, migrations: [edited, ...rest] } })
      expect(plan.problems.map(({ code }) => code)).toEqual(['edited-migration'])
      expect(plan.migrations).toHaveLength(2)
    },
    { applied: 1 },
  )
})

test('a statement that cannot be traced is named with the cause', async () => {
  await withApplied(
    17,
    { '1_a.sql': 'create table t (a int);\nselect missing();' },
    async (database) => {
      const { migrations } = await planOf(database)
      expect(outline(migrations)).toContain('    2 line 2 select missing() | function missing() does not exist')
    },
    { applied: 0 },
  )
})

test('a server of a major that kei does not know is stood for by the nearest', async () => {
  await withApplied(
    17,
    files,
    async (database) => {
      const connect = async () => {
        const session = await database.connect()
        return { ...session, server: { ...session.server, major: 19 as const } }
      }
      const plan = await planRun({ source: database.source, schema: 'kei', connect })
      expect(plan.notices[0]).toContain('a server of PostgreSQL 18 stood for it')
    },
    { applied: 1 },
  )
})

test('without a server to trace on, the plan has no locks and says so', async () => {
  await withApplied(
    17,
    files,
    async ({ source }) => {
      const config = { ...source.config, postgres: { major: 12 as number as 16 } }
      const plan = await planRun({ source: { ...source, config }, schema: 'kei' })
      expect(plan.notices).toEqual([expect.stringContaining('Locks, rewrites and scans are not known.')])
      expect(plan.server).toBeUndefined()
      const [first] = plan.migrations[0]?.steps ?? []
      expect(first).toMatchObject({ kind: 'transaction', locks: [] })
      expect(first?.statements[0]).toEqual({
        number: 1,
        line: 1,
        text: expect.stringMatching(/^create table users/),
        ignores: [],
      })
    },
    { applied: 0 },
  )
})

test('through a pooler it reads the same, and leaves nothing behind', async ({ skip }) => {
  if (pgBouncerProgram === undefined) return skip('needs pgbouncer')
  await withApplied(
    17,
    files,
    async (database) => {
      const direct = await planOf(database)
      await withPgBouncer(database.superuser, { poolSize: 1 }, async (pooler) => {
        const other = await pooler.connect()
        const settings = 'select name, setting from pg_settings order by name'
        const { rows: before } = await other.query(settings)
        const session = await database.connect()
        await session.client.end()
        const plan = await planRun({
          source: database.source,
          schema: 'kei',
          connect: async () => ({ ...session, client: await pooler.connect() }),
        })
        expect(plan.migrations).toEqual(direct.migrations)
        expect((await other.query(settings)).rows).toEqual(before)
        await other.end()
      })
    },
    { applied: 1 },
  )
})
