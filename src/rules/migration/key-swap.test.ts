import { describe, expect, test } from 'vitest'
import { applyFix, history, judgeExample } from '../../../test/contract/examples.ts'
import type { ExampleMigration, Runner } from '../../../test/contract/examples.ts'
import { majors, withDatabase } from '../../../test/postgres.ts'
import { loadParser } from '../../sql/parse.ts'
import rule from './require-unique-using-index.ts'

const parser = await loadParser()
const table = 'CREATE TABLE a (id bigint, u uuid NOT NULL, n int, CONSTRAINT a_pkey PRIMARY KEY (id));'
const dbmate: Runner = { layout: 'dbmate', mode: 'transaction' }

const swaps = {
  'a primary key of another column': [
    table,
    'ALTER TABLE a DROP CONSTRAINT a_pkey, ADD CONSTRAINT a_pkey PRIMARY KEY (u);',
  ],
  'one without a name': [table, 'ALTER TABLE a DROP CONSTRAINT a_pkey, ADD PRIMARY KEY (u);'],
  'one whose column may be NULL': [table, 'ALTER TABLE a DROP CONSTRAINT a_pkey, ADD PRIMARY KEY (n);'],
  'one that takes its old column along': [table, 'ALTER TABLE a DROP COLUMN id, ADD PRIMARY KEY (u);'],
  'one beside other commands': [
    table,
    'ALTER TABLE a DROP CONSTRAINT a_pkey, ALTER COLUMN id DROP NOT NULL, ADD COLUMN x int, ADD PRIMARY KEY (u);',
  ],
} satisfies Record<string, [string, string]>

const catalog = `SELECT conname, pg_get_constraintdef(oid) AS says FROM pg_constraint WHERE conrelid = 'a'::regclass
  UNION ALL SELECT indexrelid::regclass::text, 'index' FROM pg_index WHERE indrelid = 'a'::regclass
  UNION ALL SELECT attname, attnotnull::text FROM pg_attribute WHERE attrelid = 'a'::regclass AND attnum > 0 ORDER BY 1, 2`
const rows = 'INSERT INTO a (id, u, n) SELECT g, gen_random_uuid(), g FROM generate_series(1, 100) g'

describe.each(majors)('on PostgreSQL %i the table is never without a primary key', (major) => {
  test.each(Object.entries(swaps))('%s', async (_, [setup, statement]) => {
    const migrations = history(setup, statement)
    const { findings } = await judgeExample(rule, migrations, major, 'text')
    const [fix] = findings[0]?.fixes ?? []
    if (fix === undefined) throw new Error('no fix')
    const wanted = await withDatabase(major, async (client) => {
      await client.query(setup)
      await client.query(statement)
      return (await client.query(catalog)).rows
    })
    await withDatabase(major, async (client) => {
      const [first, ...steps] = applyFix(migrations, fix).filter(({ file }) => !file.endsWith('.down.sql'))
      await client.query(first?.text ?? '')
      await client.query(rows)
      for (const text of steps.flatMap(statementsOf)) {
        await client.query(text)
        const keys = await client.query(
          "SELECT FROM pg_constraint WHERE conrelid = 'a'::regclass AND contype = 'p' AND convalidated",
        )
        expect(keys.rowCount, text).toBe(1)
      }
      expect((await client.query(catalog)).rows).toEqual(wanted)
    })
  })
})

test('the way back has a key at every step too, and builds its indexes CONCURRENTLY', async () => {
  const [setup, change] = swaps['a primary key of another column']
  const { findings } = await judgeExample(rule, history(setup, `${change}\nSELECT 1;`), 17, 'text', dbmate)
  const downs = (findings[0]?.fixes[0]?.newFiles ?? []).map(({ text }) => text.split('-- migrate:')).toReversed()
  expect(downs.map(([, , down]) => down?.split('\n')[0])).toEqual(['down transaction:false', 'down transaction:false'])
  await withDatabase(17, async (client) => {
    await client.query(setup)
    const before = (await client.query(catalog)).rows
    for (const [, up] of downs.toReversed()) for (const text of sectionOf(up)) await client.query(text)
    for (const [, , down] of downs) {
      for (const text of sectionOf(down)) {
        await client.query(text)
        const keys = await client.query("SELECT FROM pg_constraint WHERE conrelid = 'a'::regclass AND contype = 'p'")
        expect(keys.rowCount, text).toBe(1)
      }
    }
    expect((await client.query(catalog)).rows).toEqual(before)
  })
})

test.each([
  ['two statements', 'ALTER TABLE a DROP CONSTRAINT a_pkey;\nALTER TABLE a ADD PRIMARY KEY (u);', 'one ALTER TABLE'],
  ['a column made anew', 'ALTER TABLE a DROP COLUMN id, ADD COLUMN id uuid, ADD PRIMARY KEY (id);', 'another name'],
])('%s: the way is said and not written', async (_, change, hint) => {
  const { findings } = await judgeExample(rule, history(table, change), 17, 'text')
  expect(findings).toMatchObject([{ fixes: [], next: expect.stringContaining(hint) as string }])
  expect(findings[0]?.next).not.toContain('CREATE UNIQUE INDEX')
})

test('a constraint that is no key may go at once', async () => {
  const made = 'CREATE TABLE a (u uuid NOT NULL, n int CONSTRAINT small CHECK (n < 9));'
  const { findings } = await judgeExample(
    rule,
    history(made, 'ALTER TABLE a DROP CONSTRAINT small, ADD UNIQUE (u);'),
    17,
    'text',
  )
  expect(findings[0]?.next).toContain('ALTER TABLE a DROP CONSTRAINT small;\n')
})

function statementsOf({ text }: ExampleMigration): string[] {
  return sectionOf(text)
}

function sectionOf(text = ''): string[] {
  const parsed = parser.parse(text.replace(/^(?:up|down)\b.*$/m, ''))
  if (parsed.kind !== 'parsed') throw new Error(parsed.message)
  return parsed.statements.map((statement) => statement.text)
}
