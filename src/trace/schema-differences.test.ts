import { expect, test } from 'vitest'
import { withDatabase } from '../../test/postgres.ts'
import { readCatalog } from '../postgres/catalog/snapshot.ts'
import { schemaDifferences } from './schema-differences.ts'

const schema = `
create table t (a int primary key, b text not null default '', c int, check (a < c));
create statistics related (dependencies) on a, c from t;
create index t_b on t (b);
create view v as select a from t;
create type mood as enum ('good');
`

/** What `change` makes different, as `change objectType name`. */
async function differencesOf(change: string): Promise<string[]> {
  return withDatabase(
    17,
    async (client) => {
      const read = async () => {
        await client.query('set search_path = pg_catalog')
        return readCatalog(client, { schemas: [], names: [] })
      }
      const before = await read()
      await client.query(`set search_path = public; ${change}`)
      return schemaDifferences(before, await read()).map((each) => `${each.change} ${each.objectType} ${each.name}`)
    },
    schema,
  )
}

test('a column that is dropped and added again with all that was on it is no difference', async () => {
  expect(
    await differencesOf(`
      drop view v; alter table t drop column a;
      alter table t add column a int primary key, add check (a < c);
      create statistics related (dependencies) on a, c from t;
      create view v as select a from t`),
  ).toEqual([])
})

test('what was not put back is named, a constraint for its index', async () => {
  expect(await differencesOf('drop view v; alter table t drop column a; alter table t add column a int')).toEqual([
    'removed constraint t_check on public.t',
    'removed constraint t_pkey on public.t',
    'removed statistics public.related',
    'changed column public.t.a',
    'removed view public.v',
  ])
})

test('a table stands for its columns, indexes, constraints, triggers, policies and sequences', async () => {
  expect(
    await differencesOf(`
      create table u (id serial primary key, t int references t);
      create index on u (t);
      create statistics on id, t from u;
      create function f() returns trigger language plpgsql as 'begin return new; end';
      create trigger f before insert on u for each row execute function f();
      alter table u enable row level security; create policy p on u using (true);
      create rule r as on delete to u do instead nothing`),
  ).toEqual(['added function public.f()', 'added table public.u'])
})

test('of a table that changed, its columns are named', async () => {
  expect(
    await differencesOf(
      `alter table t add column d int, alter column b drop not null; alter type mood add value 'bad'`,
    ),
  ).toEqual(['changed enum public.mood', 'changed column public.t.b', 'added column public.t.d'])
})

test('a table that became a partition differs, without a column that does', async () => {
  const before = 'create table p (a int, b text not null default $$$$, c int) partition by range (a); '
  expect(await differencesOf(`${before} alter table p attach partition t default`)).toContain('changed table public.t')
})
