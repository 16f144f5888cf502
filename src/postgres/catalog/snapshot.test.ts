import { expect, test } from 'vitest'
import { broadSchema } from '../../../test/broad-schema.ts'
import { majors, withDatabase } from '../../../test/postgres.ts'
import type { Major } from '../../../test/postgres.ts'
import type { Catalog } from '../../findings/catalog.ts'
import { diffCatalogs } from './diff.ts'
import { readCatalog, readFurtherObjects } from './snapshot.ts'

async function catalogOf(major: Major, sql: string): Promise<Catalog> {
  return withDatabase(major, async (client) => {
    await client.query(sql)
    await client.query('set search_path = pg_catalog')
    const exclude = { schemas: ['hidden'], names: ['public.bookkeeping'] }
    const catalog = await readCatalog(client, exclude)
    catalog.objects.push(...(await readFurtherObjects(client, exclude)))
    return catalog
  })
}

test('the same schema gives the same catalog on 16, 17 and 18', async () => {
  const on17 = await catalogOf(17, broadSchema)
  for (const major of majors) expect(diffCatalogs(on17, await catalogOf(major, broadSchema))).toEqual([])
})

test('a catalog tells tables, columns, indexes and constraints as PostgreSQL prints them', async () => {
  const catalog = await catalogOf(17, broadSchema)
  expect(catalog.relations.map(({ name, kind, partitionOf }) => [name, kind, partitionOf])).toEqual([
    ['app."Odd Table"', 'table', undefined],
    ['app.child', 'table', undefined],
    ['app.measure', 'partitioned table', undefined],
    ['app.measure_2024', 'table', 'app.measure'],
    ['app.measure_rest', 'table', 'app.measure'],
    ['app.odd', 'view', undefined],
    ['app.of_measure', 'table', undefined],
    ['app.older', 'table', undefined],
    ['app.scratch', 'table', undefined],
    ['app.total', 'materialized view', undefined],
    ['public.t', 'table', undefined],
  ])
  expect(catalog.relations[0]?.columns).toEqual([
    { name: 'id', type: 'bigint', notNull: true, identity: 'always' },
    { name: '"Odd Column"', type: 'public.citext', notNull: true, default: "'x'::public.citext" },
    { name: 'mood', type: 'app.mood', notNull: false },
    { name: 'share', type: 'app.percent', notNull: false },
    { name: 'double', type: 'integer', notNull: false, default: "length('ab'::text)", generated: 'stored' },
    { name: 'old', type: 'integer', notNull: true, default: `nextval('app."Odd Table_old_seq"'::regclass)` },
  ])
  expect(catalog.indexes.find(({ name }) => name === 'app.child_partial')).toEqual({
    name: 'app.child_partial',
    table: 'app.child',
    method: 'btree',
    unique: true,
    primary: false,
    valid: true,
    columns: [null, 'odd_id'],
    operatorClasses: ['text_pattern_ops', 'int8_ops'],
    predicate: '(odd_id IS NOT NULL)',
    definition:
      'CREATE UNIQUE INDEX child_partial ON app.child USING btree (lower((amount)::text) text_pattern_ops, odd_id) INCLUDE (during) WHERE (odd_id IS NOT NULL)',
  })
  expect(catalog.constraints.find(({ name }) => name === 'later')).toEqual({
    name: 'later',
    table: 'app.child',
    type: 'f',
    columns: ['odd_id'],
    referencedTable: 'app."Odd Table"',
    referencedColumns: ['id'],
    validated: false,
    definition: 'FOREIGN KEY (odd_id) REFERENCES app."Odd Table"(id) NOT VALID',
  })
  const types = new Set(catalog.objects.map(({ objectType }) => objectType))
  expect([...types].sort()).toEqual([
    'aggregate',
    'collation',
    'column setting',
    'comment',
    'composite type',
    'domain',
    'enum',
    'extension',
    'function',
    'inheritance',
    'materialized view',
    'operator',
    'partition bound',
    'partition key',
    'persistence',
    'policy',
    'procedure',
    'publication',
    'range',
    'replica identity',
    'row security',
    'rule',
    'schema',
    'sequence',
    'statistics',
    'storage parameters',
    'text search configuration',
    'trigger',
    'view',
  ])
  expect(catalog.objects.find(({ objectType }) => objectType === 'enum')?.definition).toBe("'sad', 'it''s ok'")
})

test('a diff names what was added, removed and changed', async () => {
  const before = await catalogOf(
    17,
    'create table t (a int, b text); create index i on t (a); create view v as select a from t',
  )
  const after = await catalogOf(
    17,
    'create table t (a bigint, b text); create table u (c int); create view v as select b from t',
  )
  expect(diffCatalogs(before, after).map(({ objectType, name, change }) => `${change} ${objectType} ${name}`)).toEqual([
    'removed index public.i',
    'changed table public.t',
    'added table public.u',
    'changed view public.v',
  ])
  expect(diffCatalogs(before, before)).toEqual([])
})
