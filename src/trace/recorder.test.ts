import { expect, test } from 'vitest'
import { majors } from '../../test/postgres.ts'
import { traceOf, tracesOf } from '../../test/trace.ts'
import type { Observation } from '../findings/observation.ts'

const schema = `
create table parent (id int primary key, note text);
create table child (id int primary key, parent_id int, amount int, note text);
create index child_note on child (note);
create materialized view totals as select parent_id, sum(amount) as total from child group by parent_id;
create view notes as select note from child;
create table measure (at date not null) partition by range (at);
create table measure_2024 partition of measure for values from ('2024-01-01') to ('2025-01-01');
`

interface Case {
  sql: string
  locks: string[]
  rewrites?: string[]
  indexRebuilds?: string[]
  scans?: string[]
  created?: string[]
  altered?: string[]
  dropped?: string[]
  constraints?: string[]
}

// One statement a file, in this order: each runs on what those before it left.
const cases: Case[] = [
  {
    sql: 'create index child_parent on child (parent_id)',
    locks: ['public.child SHARE', 'public.child_parent ACCESS EXCLUSIVE'],
    scans: ['public.child'],
    created: ['index public.child_parent'],
  },
  {
    sql: 'create index concurrently child_amount on child (amount)',
    locks: ['public.child SHARE UPDATE EXCLUSIVE'],
    scans: ['public.child'],
    created: ['index public.child_amount'],
  },
  {
    sql: 'reindex table concurrently child',
    locks: [
      'public.child SHARE UPDATE EXCLUSIVE',
      'public.child_amount SHARE UPDATE EXCLUSIVE',
      'public.child_note SHARE UPDATE EXCLUSIVE',
      'public.child_parent SHARE UPDATE EXCLUSIVE',
      'public.child_pkey SHARE UPDATE EXCLUSIVE',
    ],
    scans: ['public.child'],
    indexRebuilds: ['public.child_amount', 'public.child_note', 'public.child_parent', 'public.child_pkey'],
  },
  {
    sql: 'drop index concurrently child_amount',
    locks: ['public.child SHARE UPDATE EXCLUSIVE', 'public.child_amount SHARE UPDATE EXCLUSIVE'],
    dropped: ['index public.child_amount'],
  },
  {
    sql: 'alter table child add check (amount > 0) not valid',
    locks: ['public.child ACCESS EXCLUSIVE'],
    altered: ['table public.child'],
    constraints: ['public.child child_amount_check c'],
  },
  {
    sql: 'alter table child validate constraint child_amount_check',
    locks: ['public.child SHARE UPDATE EXCLUSIVE'],
    scans: ['public.child'],
    altered: ['table public.child'],
  },
  {
    sql: 'alter table child add foreign key (parent_id) references parent',
    locks: ['public.child SHARE ROW EXCLUSIVE', 'public.parent SHARE ROW EXCLUSIVE'],
    scans: ['public.child', 'public.parent'],
    altered: ['table public.child'],
    constraints: ['public.child child_parent_id_fkey f'],
  },
  {
    sql: 'alter table child add constraint again foreign key (parent_id) references parent not valid',
    locks: ['public.child SHARE ROW EXCLUSIVE', 'public.parent SHARE ROW EXCLUSIVE'],
    altered: ['table public.child'],
    constraints: ['public.child again f'],
  },
  {
    sql: 'alter table child validate constraint again',
    locks: ['public.child SHARE UPDATE EXCLUSIVE', 'public.parent ROW SHARE'],
    scans: ['public.child', 'public.parent'],
    altered: ['table public.child'],
  },
  {
    sql: 'alter table child add column seen timestamptz default clock_timestamp()',
    locks: [
      'public.child ACCESS EXCLUSIVE',
      'public.child_note ACCESS EXCLUSIVE',
      'public.child_parent ACCESS EXCLUSIVE',
      'public.child_pkey ACCESS EXCLUSIVE',
    ],
    rewrites: ['public.child'],
    scans: ['public.child'],
    altered: ['table public.child'],
  },
  {
    sql: 'truncate child',
    locks: [
      'public.child ACCESS EXCLUSIVE',
      'public.child_note ACCESS EXCLUSIVE',
      'public.child_parent ACCESS EXCLUSIVE',
      'public.child_pkey ACCESS EXCLUSIVE',
    ],
  },
  {
    sql: 'reindex index child_note',
    locks: ['public.child SHARE', 'public.child_note ACCESS EXCLUSIVE'],
    indexRebuilds: ['public.child_note'],
    scans: ['public.child'],
  },
  {
    sql: 'refresh materialized view totals',
    locks: ['public.child ACCESS SHARE', 'public.totals ACCESS EXCLUSIVE'],
    rewrites: ['public.totals'],
    scans: ['public.child'],
  },
  { sql: 'vacuum full parent', locks: ['public.parent ACCESS EXCLUSIVE'], rewrites: ['public.parent'] },
  {
    sql: 'alter table measure detach partition measure_2024 concurrently',
    locks: ['public.measure SHARE UPDATE EXCLUSIVE', 'public.measure_2024 ACCESS EXCLUSIVE'],
    altered: ['table public.measure'],
  },
  { sql: "update parent set note = 'x'", locks: ['public.parent ROW EXCLUSIVE'], scans: ['public.parent'] },
  { sql: "update parent set note = 'x' where id = 1", locks: ['public.parent ROW EXCLUSIVE'] },
  {
    sql: 'alter table parent drop column note',
    locks: ['public.parent ACCESS EXCLUSIVE'],
    altered: ['table public.parent'],
    dropped: ['table column public.parent.note'],
  },
]

test.each(majors)(
  'a trace shows what each kind of statement locks, rewrites, reads and changes on %i',
  async (major) => {
    const history = Object.fromEntries([
      ['schema.sql', schema],
      ...cases.map(({ sql }, index) => [`${index}.sql`, sql]),
    ])
    const trace = await traceOf(history, { major })
    expect(trace.server).toMatch(new RegExp(`^${major}\\.\\d+$`))
    for (const [index, expected] of cases.entries()) {
      const [seen] = tracesOf(trace, `${index}.sql`)
      expect(seen, expected.sql).toMatchObject({ status: 'traced' })
      if (seen?.status === 'traced') expect(told(seen.observation, expected.sql)).toEqual({ ...nothing, ...expected })
    }
  },
)

test('locks of earlier statements are told as held while a later one of the transaction runs', async () => {
  const trace = await traceOf({
    '1.sql': 'create table a (x int); create table b (x int)',
    '2.sql':
      'alter table a add column y int; select x from b; alter table b add column y int; create function f() returns int language sql return 1',
  })
  const locks = tracesOf(trace, '2.sql').map((each) =>
    each.status === 'traced'
      ? { locks: lines(each.observation.locks), held: lines(each.observation.held) }
      : { locks: [], held: [] },
  )
  expect(locks).toEqual([
    { locks: ['public.a ACCESS EXCLUSIVE'], held: [] },
    { locks: ['public.b ACCESS SHARE'], held: ['public.a ACCESS EXCLUSIVE'] },
    { locks: ['public.b ACCESS EXCLUSIVE'], held: ['public.a ACCESS EXCLUSIVE', 'public.b ACCESS SHARE'] },
    { locks: [], held: ['public.a ACCESS EXCLUSIVE', 'public.b ACCESS EXCLUSIVE'] },
  ])
})

test('what a CASCADE takes along comes after what was named; what depended on it is told from its parts', async () => {
  const trace = await traceOf({
    '1.sql':
      'create table a (x serial primary key); create view v as select x from a; create view w as select x from v',
    '2.sql': 'drop table a cascade',
  })
  const [drop] = tracesOf(trace, '2.sql')
  expect(drop?.status === 'traced' && drop.observation.dropped.slice(0, 1)).toEqual([
    { objectType: 'table', name: 'public.a' },
  ])
  expect(drop?.status === 'traced' && drop.observation.dropped).toContainEqual({
    objectType: 'view',
    name: 'public.w',
    cascaded: true,
    dependent: true,
  })
  expect(drop?.status === 'traced' && drop.observation.dropped).toContainEqual({
    objectType: 'index',
    name: 'public.a_pkey',
    cascaded: true,
  })
})

test('scans and new storage of a DO block are told, and the notices that it raises', async () => {
  const trace = await traceOf({
    '1.sql': 'create table a (x int)',
    '2.sql': `set client_min_messages = error;
do $$ begin alter table a alter x type text; end $$;
do $$ begin raise notice 'by itself'; end $$;
set client_min_messages = notice;
do $$ begin raise notice 'to be seen'; perform from a; end $$`,
  })
  const observations = tracesOf(trace, '2.sql').map((each) => (each.status === 'traced' ? each.observation : undefined))
  expect(observations[1]).toMatchObject({
    rewrites: ['public.a'],
    altered: [{ objectType: 'table', name: 'public.a' }],
  })
  expect(observations[2]?.notices).toEqual([])
  expect(observations[4]).toMatchObject({ scans: ['public.a'], notices: ['to be seen'] })
})

const nothing = {
  rewrites: [],
  indexRebuilds: [],
  scans: [],
  created: [],
  altered: [],
  dropped: [],
  constraints: [],
}

function told(seen: Observation, sql: string): Required<Case> {
  return {
    sql,
    locks: lines(seen.locks),
    rewrites: seen.rewrites,
    indexRebuilds: seen.indexRebuilds,
    scans: seen.scans,
    created: seen.created.map(({ objectType, name }) => `${objectType} ${name}`),
    altered: seen.altered.map(({ objectType, name }) => `${objectType} ${name}`),
    dropped: seen.dropped.map(({ objectType, name }) => `${objectType} ${name}`),
    constraints: seen.constraints.map(({ relation, name, type }) => `${relation} ${name} ${type}`),
  }
}

function lines(locks: readonly { relation: string; mode: string }[]): string[] {
  return locks.map(({ relation, mode }) => `${relation} ${mode}`)
}
