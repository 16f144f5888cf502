import { expect, test } from 'vitest'
import { loadParser } from './parse.ts'
import { readSchema, schemaReader } from './schema-text.ts'
import type { SchemaText } from './schema-text.ts'

const parser = await loadParser()

function schemaOf(...files: string[]): SchemaText {
  return readSchema(
    files.map((text, index) => {
      const parsed = parser.parse(text)
      if (parsed.kind !== 'parsed') throw new Error(parsed.message)
      return { file: `${index + 1}.sql`, text, released: index < files.length - 1, statements: parsed.statements }
    }),
  )
}

const columnsOf = (schema: SchemaText, table: string) =>
  schema.tables.find((each) => each.name === table)?.columns.map(({ name, type }) => `${name} ${type}`)
const at = ({ site: { fileText, span } }: SchemaText['foreignKeys'][number]) => fileText.slice(span.start, span.end)

test('columns have the types that the parser names, in the order of the table', () => {
  const schema = schemaOf(
    'CREATE TABLE "T" (id bigserial PRIMARY KEY, "A b" text[], at timestamptz DEFAULT now(), s app.kind)',
  )
  expect(columnsOf(schema, 'T')).toEqual(['id bigserial', 'A b text[]', 'at timestamptz', 's app.kind'])
  expect(schema.tables[0]?.columns.map((column) => column.numbering)).toEqual([
    'serial',
    undefined,
    undefined,
    undefined,
  ])
  expect(schema.keys).toMatchObject([{ name: 'T_pkey', table: 'T', columns: ['id'] }])
})

test('a declaration has its own place, in characters, whatever stands before it', () => {
  const text =
    "-- ünïcödé 🐘\nCREATE TABLE t (\n  a text DEFAULT 'x, (y)', -- a, comment)\n  b int REFERENCES u " +
    '(id) ON DELETE CASCADE\n);'
  const schema = schemaOf(text)
  const spans = schema.tables[0]?.columns.map(({ site: { span } }) => text.slice(span.start, span.end))
  expect(spans).toEqual(["a text DEFAULT 'x, (y)'", 'b int REFERENCES u (id) ON DELETE CASCADE'])
  expect(schema.foreignKeys.map(at)).toEqual(['REFERENCES u (id) ON DELETE CASCADE'])
})

test('ALTER TABLE adds, changes, renames and drops columns with what stands on them', () => {
  const schema = schemaOf(
    'CREATE TABLE t (a int, b int, c serial); CREATE INDEX i ON t (b); CREATE INDEX j ON t (a, c);',
    'ALTER TABLE t ADD COLUMN d jsonb, ALTER COLUMN c TYPE bigint, DROP COLUMN b; ALTER TABLE t RENAME COLUMN a TO z;',
  )
  expect(columnsOf(schema, 't')).toEqual(['z int4', 'c int8', 'd jsonb'])
  expect(schema.tables[0]?.columns[1]?.numbering).toBe('serial')
  expect(schema.indexes).toMatchObject([{ name: 'j', columns: ['z', 'c'] }])
})

test('a column that was turned into an identity is no serial any more', () => {
  const schema = schemaOf(
    'CREATE TABLE t (c serial)',
    'ALTER TABLE t ALTER c DROP DEFAULT; ALTER TABLE t ALTER c ADD GENERATED ALWAYS AS IDENTITY',
  )
  expect(schema.tables[0]?.columns[0]?.numbering).toBe('identity')
})

test('a dropped table takes its indexes and the foreign keys that reference it along', () => {
  const schema = schemaOf(
    'CREATE TABLE u (id int PRIMARY KEY); CREATE TABLE t (u int REFERENCES u); CREATE INDEX i ON u (id);',
    'DROP TABLE u CASCADE',
  )
  expect(schema).toMatchObject({ indexes: [], keys: [], foreignKeys: [], tables: [{ name: 't' }] })
})

test('a renamed table or schema keeps what belongs to it', () => {
  const schema = schemaOf(
    'CREATE SCHEMA a; CREATE TABLE a.u (id int PRIMARY KEY); CREATE TABLE t (u int REFERENCES a.u);',
    'ALTER TABLE a.u RENAME TO v; ALTER SCHEMA a RENAME TO b; ALTER TABLE t SET SCHEMA b;',
  )
  expect(schema.tables.map((table) => table.name).sort()).toEqual(['b.t', 'b.v'])
  expect(schema.keys).toMatchObject([{ table: 'b.v' }])
  expect(schema.foreignKeys).toMatchObject([{ table: 'b.t', referencedTable: 'b.v' }])
})

test('constraints are dropped by the name they were given or would have been given', () => {
  const schema = schemaOf(
    'CREATE TABLE u (id int PRIMARY KEY); CREATE TABLE t (a int REFERENCES u, b int, CONSTRAINT k UNIQUE (b));',
    'ALTER TABLE t DROP CONSTRAINT t_a_fkey, DROP CONSTRAINT k; ALTER TABLE t ADD FOREIGN KEY (b) REFERENCES u;',
  )
  expect(schema.foreignKeys.map((key) => key.name)).toEqual(['t_b_fkey'])
  expect(schema.keys.map((key) => key.name)).toEqual(['u_pkey'])
})

test('a constraint made from an index takes the index over', () => {
  const schema = schemaOf(
    'CREATE TABLE t (a int)',
    'CREATE UNIQUE INDEX CONCURRENTLY i ON t (a)',
    'ALTER TABLE t ADD UNIQUE USING INDEX i',
  )
  expect(schema.indexes).toEqual([])
  expect(schema.keys).toMatchObject([{ name: 'i', columns: ['a'] }])
})

test('LIKE and INHERITS copy columns, INCLUDING INDEXES copies indexes, partitions know their parent', () => {
  const schema = schemaOf(
    'CREATE TABLE t (id serial PRIMARY KEY, b jsonb); CREATE INDEX ON t (b);',
    'CREATE TABLE l (LIKE t INCLUDING ALL, c int); CREATE TABLE m (LIKE t); CREATE TABLE n () INHERITS (t);' +
      'CREATE TABLE p (a int) PARTITION BY LIST (a); CREATE TABLE p1 PARTITION OF p FOR VALUES IN (1);',
  )
  expect(columnsOf(schema, 'l')).toEqual(['id serial', 'b jsonb', 'c int4'])
  expect(columnsOf(schema, 'n')).toEqual(['id serial', 'b jsonb'])
  expect(schema.indexes.map((index) => index.table)).toEqual(['t', 'l'])
  expect(schema.tables.find((table) => table.name === 'l')?.columns[0]?.numbering).toBeUndefined()
  expect(schema.tables.find((table) => table.name === 'p1')).toMatchObject({
    partitionOf: 'p',
    columns: [{ name: 'a' }],
  })
})

test('IF NOT EXISTS and IF EXISTS do nothing where they would do nothing', () => {
  const schema = schemaOf(
    'CREATE TABLE t (a int); CREATE INDEX i ON t (a);',
    'CREATE TABLE IF NOT EXISTS t (b int); CREATE INDEX IF NOT EXISTS i ON t (b); DROP TABLE IF EXISTS ' +
      'nowhere; ALTER TABLE IF EXISTS nowhere ADD a int;',
  )
  expect(schema.tables).toHaveLength(1)
  expect(columnsOf(schema, 't')).toEqual(['a int4'])
  expect(schema.indexes).toHaveLength(1)
})

test('search_path decides where an unqualified name goes, for the rest of its file', () => {
  const schema = schemaOf(
    'SET search_path = app, public; CREATE TABLE t (a int); ALTER TABLE t ADD b int;',
    'CREATE TABLE t (c int)',
  )
  expect(columnsOf(schema, 'app.t')).toEqual(['a int4', 'b int4'])
  expect(columnsOf(schema, 't')).toEqual(['c int4'])
})

test('a predicate that only leaves out NULLs is told from any other', () => {
  const schema = schemaOf(
    'CREATE TABLE t (a int, b int); CREATE INDEX x ON t (a) WHERE a IS NOT NULL AND b IS NOT NULL;' +
      'CREATE INDEX y ON t (a) WHERE a IS NOT NULL AND b > 0; CREATE INDEX z ON t (a) INCLUDE (b);',
  )
  expect(schema.indexes.map((index) => index.predicate)).toEqual([
    { notNullColumns: ['a', 'b'], onlyNotNull: true },
    { notNullColumns: ['a'], onlyNotNull: false },
    undefined,
  ])
})

test('statements that the text does not explain are named', () => {
  const schema = schemaOf(
    'CREATE FUNCTION make() RETURNS void LANGUAGE sql AS $$ $$; SELECT make(); SELECT now();',
    'DO $$ BEGIN END $$; CALL p(); CREATE EXTENSION citext;',
  )
  expect(schema.opaque.map((site) => site.fileText.slice(site.span.start, site.span.end).slice(0, 6))).toEqual([
    'SELECT',
    'DO $$ ',
    'CALL p',
    'CREATE',
  ])
})

test('a table that the text never creates is taken to exist, its columns unknown', () => {
  const schema = schemaOf('CREATE TABLE k AS SELECT 1 AS a; ALTER TABLE unseen ADD COLUMN u int REFERENCES k;')
  expect(schema.tables.map(({ name, columnsKnown }) => [name, columnsKnown])).toEqual([
    ['k', false],
    ['unseen', false],
  ])
  expect(schema.foreignKeys).toMatchObject([{ table: 'unseen', referencedTable: 'k' }])
})

test('a declaration ends where its comma or parenthesis is, past strings, quotes and comments that hold others', () => {
  const declarations = [
    `a text DEFAULT E'it\\'s, (' COLLATE "C, )"`,
    'b numeric(10, 2) /* one, (two */ DEFAULT 1',
    'c text DEFAULT $x$, ($x$ NOT NULL',
    'd int[] DEFAULT ARRAY[1, 2]',
    'a$b text DEFAULT 1 + 2 - 3 / 4',
  ]
  const text = `CREATE TABLE t (${declarations.join(',\n')} -- last, one\n)`
  const spans = schemaOf(text).tables[0]?.columns.map(({ site: { span } }) => text.slice(span.start, span.end))
  expect(spans).toEqual(declarations)
})

test('partitions that the text puts into a circle, which PostgreSQL refuses, are in none', () => {
  const schema = schemaOf(
    'CREATE TABLE a (x int) PARTITION BY RANGE (x); ALTER TABLE a ATTACH PARTITION a DEFAULT;' +
      'CREATE TABLE b PARTITION OF a DEFAULT; ALTER TABLE b ATTACH PARTITION a DEFAULT;',
  )
  expect(schema.tables.map(({ name, partitionOf }) => [name, partitionOf])).toEqual([
    ['a', undefined],
    ['b', 'a'],
  ])
})

test('a table has its triggers, policies, rules and statistics as they were last renamed, switched and dropped', () => {
  const parsed = parser.parse(
    'CREATE TABLE t (a int, b int); CREATE TRIGGER g BEFORE UPDATE ON t FOR EACH ROW EXECUTE FUNCTION f();' +
      'CREATE TRIGGER gone AFTER UPDATE ON t EXECUTE FUNCTION f(); CREATE POLICY p ON t; CREATE STATISTICS s ON a, b FROM t;' +
      'CREATE RULE r AS ON DELETE TO t DO INSTEAD NOTHING; CREATE POLICY q ON t; CREATE STATISTICS u ON a, b FROM t;' +
      'ALTER TRIGGER g ON t RENAME TO h; ALTER TABLE t DISABLE TRIGGER h; DROP TRIGGER gone ON t; DROP POLICY p ON t;' +
      'DROP STATISTICS s; DROP RULE r ON t;',
  )
  if (parsed.kind !== 'parsed') throw new Error(parsed.message)
  const before = schemaReader([{ file: '1.sql', text: '', released: false, statements: parsed.statements }])
  expect(before(1, 0).tables.get('t')?.attachments).toMatchObject([
    { kind: 'trigger', name: 'h', firing: 'disabled' },
    { kind: 'policy', name: 'q' },
    { kind: 'statistics', name: 'u' },
  ])
})

test('a default and what a generated column is computed from are followed', () => {
  const { tables } = schemaOf(
    'CREATE TABLE t (a int DEFAULT 1, b int DEFAULT 2, c int, g int GENERATED ALWAYS AS (a + c) STORED);',
    'ALTER TABLE t ALTER b DROP DEFAULT, ALTER c SET DEFAULT 3; ALTER TABLE t RENAME c TO d;',
  )
  expect(tables[0]?.columns).toMatchObject([
    { name: 'a', defaultSite: { file: '1.sql' } },
    { name: 'b', hasDefault: false },
    { name: 'd', defaultSite: { file: '2.sql' } },
    { name: 'g', computedFrom: ['a', 'd'] },
  ])
  expect(tables[0]?.columns[1]?.defaultSite).toBeUndefined()
})
