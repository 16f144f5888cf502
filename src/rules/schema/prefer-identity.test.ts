import { expect, test } from 'vitest'
import { applyFix, history, judgeExample } from '../../../test/contract/examples.ts'
import { majors, withDatabase } from '../../../test/postgres.ts'
import rule from './prefer-identity.ts'

const find = (how: 'text' | 'trace', ...texts: string[]) => judgeExample(rule, history(...texts), 17, how)

test.each([
  ['serial', 'integer'],
  ['SERIAL4', 'integer'],
  ['bigserial', 'bigint'],
  ['serial8', 'bigint'],
  ['smallserial', 'smallint'],
  ['Serial2', 'smallint'],
])('%s becomes %s of the same width, where it stands', async (serial, width) => {
  const migrations = history(`CREATE TABLE "T" (\n  "serial" ${serial} PRIMARY KEY\n);`)
  const { findings } = await judgeExample(rule, migrations, 17, 'text')
  const [fix] = findings[0]?.fixes ?? []
  expect(fix?.safety).toBe('safe')
  const [fixed] = fix ? applyFix(migrations, fix) : []
  expect(fixed?.text).toBe(`CREATE TABLE "T" (\n  "serial" ${width} GENERATED ALWAYS AS IDENTITY PRIMARY KEY\n);\n`)
})

test.each([
  'INSERT INTO t (id, a) VALUES (1, 2);',
  'INSERT INTO t VALUES (1, 2);',
  'ALTER TABLE t ALTER COLUMN id SET DEFAULT 7;',
])('the fix is for review where the history does what an identity refuses: %s', async (statement) => {
  const { findings } = await find('text', `CREATE TABLE t (id serial, a int); CREATE TABLE u (id serial); ${statement}`)
  const safeties = findings.map((finding) => finding.fixes.map((fix) => fix.safety))
  // SET DEFAULT takes the serial away altogether.
  expect(safeties).toEqual(statement.startsWith('ALTER') ? [['safe']] : [['review'], ['safe']])
})

test('an INSERT that leaves the id out is no obstacle', async () => {
  const { findings } = await find('text', 'CREATE TABLE t (id serial, a int); INSERT INTO t (a) VALUES (1);')
  expect(findings).toMatchObject([{ fixes: [{ safety: 'safe' }] }])
})

test('on a released table it is a note with the way to convert it', async () => {
  const { findings } = await find('text', 'CREATE TABLE app."T" (id serial);', 'SELECT 1;')
  expect(findings).toMatchObject([{ severity: 'note', fixes: [] }])
  expect(findings[0]?.next).toContain('DROP SEQUENCE app."T_id_seq";')
})

test.each(majors)('the way to convert it gives no id twice on PostgreSQL %i, that of a deleted row neither', async (major) => {
  const made = 'CREATE SCHEMA app; CREATE TABLE app."T" ("Id" serial PRIMARY KEY, a int); CREATE TABLE app.u (id serial);'
  const { findings } = await judgeExample(rule, history(made, 'SELECT 1;'), major, 'text')
  await withDatabase(major, async (client) => {
    await client.query(made)
    await client.query('INSERT INTO app."T" (a) SELECT generate_series(1, 10); DELETE FROM app."T" WHERE "Id" > 5')
    for (const { next } of findings) await client.query(next.slice(next.indexOf('DO $$')))
    const { rows } = await client.query('INSERT INTO app."T" (a) VALUES (1) RETURNING "Id"')
    expect(rows).toEqual([{ Id: 11 }])
    const { rows: first } = await client.query('INSERT INTO app.u DEFAULT VALUES RETURNING id')
    expect(first).toEqual([{ id: 1 }])
  })
})

test('the sequence is the one that the column draws from, with a trace', async () => {
  const made = 'CREATE TABLE t (id serial); ALTER TABLE t RENAME TO u;'
  const { findings } = await find('trace', made, 'SELECT 1;')
  expect(findings[0]?.next).toContain('DROP SEQUENCE public.t_id_seq;')
})

test('what a DO block dropped or converted is not reported where the text or a trace shows it', async () => {
  const convert =
    'ALTER TABLE t ALTER id DROP DEFAULT; ALTER TABLE t ALTER id ADD GENERATED ALWAYS AS IDENTITY; DROP TABLE u;'
  const made = 'CREATE TABLE t (id serial); CREATE TABLE u (id serial);'
  const certain = `${made} DO $$ BEGIN ${convert} END $$;`
  expect((await find('text', certain)).findings).toEqual([])
  const branch = `${made} DO $$ BEGIN IF true THEN ${convert} END IF; END $$;`
  expect((await find('text', branch)).findings).toHaveLength(2)
  expect((await find('trace', branch)).findings).toEqual([])
})

test('a table that a DO block creates is found in its place, and not edited there', async () => {
  const { findings } = await find('text', 'DO $$ BEGIN CREATE TABLE t (id serial); END $$;')
  expect(findings).toMatchObject([{ location: { column: 29, endColumn: 38 }, fixes: [] }])
})

test('names that need quotes are found in the catalog too', async () => {
  const { findings } = await find('trace', 'CREATE TABLE "Odd Name" ("userId" bigserial);')
  expect(findings[0]?.evidence).toMatchObject([
    { kind: 'source', text: 'bigserial' },
    { kind: 'trace', facts: { 'Odd Name.userId': expect.stringContaining('nextval') as string } },
  ])
})

test('a partitioned table is left alone before 17', async () => {
  const migrations = history('CREATE TABLE t (id serial, a int) PARTITION BY LIST (a);')
  expect((await judgeExample(rule, migrations, 16, 'text')).findings).toEqual([])
  expect((await judgeExample(rule, migrations, 17, 'text')).findings).toHaveLength(1)
})
