import { expect, test } from 'vitest'
import { applyFix, history, judgeExample } from '../../../test/contract/examples.ts'
import { withDatabase } from '../../../test/postgres.ts'
import rule from './no-required-column.ts'

const table = 'CREATE TABLE t (a int PRIMARY KEY);'
const find = (how: 'text' | 'trace', major: 17 | 18, ...texts: string[]) =>
  judgeExample(rule, history(...texts), major, how)

const harmless: Record<string, string[]> = {
  'a default': [table, 'ALTER TABLE t ADD b int NOT NULL DEFAULT 1;'],
  'no demand': [table, 'ALTER TABLE t ADD b int, ADD c int NULL DEFAULT NULL;'],
  'an identity and a serial': [
    table,
    'ALTER TABLE t ADD b int NOT NULL GENERATED ALWAYS AS IDENTITY, ADD c serial NOT NULL;',
  ],
  'a generated column': [table, 'ALTER TABLE t ADD b int NOT NULL GENERATED ALWAYS AS (a + 1) STORED;'],
  'a domain with a default': [`${table} CREATE DOMAIN d AS int NOT NULL DEFAULT 1;`, 'ALTER TABLE t ADD b d;'],
  'a column that is there': [
    'CREATE TABLE t (a int, b int);',
    'ALTER TABLE t ADD COLUMN IF NOT EXISTS b int NOT NULL;',
  ],
  'a table of the same file': [table, 'CREATE TABLE u (a int); ALTER TABLE u ADD b int NOT NULL;'],
}

test.each(Object.entries(harmless))('%s is passed over, by the text and with a trace', async (_, texts) => {
  for (const how of ['text', 'trace'] as const) expect((await find(how, 17, ...texts)).findings).toEqual([])
})

test('a not-null constraint that is NOT VALID demands nothing of old rows', async () => {
  const texts = [table, 'ALTER TABLE t ADD b int, ADD CONSTRAINT n NOT NULL b NOT VALID;']
  expect((await find('trace', 18, ...texts)).findings).toEqual([])
})

test.each([
  ['DEFAULT NULL', [table, 'ALTER TABLE t ADD b int NOT NULL DEFAULT NULL;']],
  [
    'a domain over one that is NOT NULL',
    [`${table} CREATE DOMAIN d AS int NOT NULL; CREATE DOMAIN e AS d;`, 'ALTER TABLE t ADD b e;'],
  ],
  ['code', [table, 'DO $$ BEGIN ALTER TABLE t ADD b int NOT NULL; END $$;']],
])('%s is found, without a fix', async (_, texts) => {
  for (const how of ['text', 'trace'] as const) {
    expect((await find(how, 17, ...texts)).findings).toMatchObject([{ severity: 'error', fixes: [] }])
  }
})

test('the recipe has a place for the fill, which fails there while a row has no value', async () => {
  const setup = 'CREATE TABLE w (id int PRIMARY KEY); INSERT INTO w SELECT generate_series(1, 100);'
  const migrations = history(setup, 'ALTER TABLE w ADD COLUMN g int NOT NULL;')
  const { findings } = await judgeExample(rule, migrations, 17, 'text')
  expect(findings[0]?.evidence).toMatchObject([{ kind: 'measured', fails: '23502' }])
  const [fix] = findings[0]?.fixes ?? []
  const after = fix ? applyFix(migrations, fix) : []
  const files = after.flatMap(({ file, text }) => (file.endsWith('.down.sql') ? [] : [text]))
  const [made = '', added = '', fill = '', ...rest] = files
  expect(fill).toContain('in batches')
  await withDatabase(17, async (client) => {
    await client.query(made)
    await client.query(added)
    await expect(client.query(fill)).rejects.toMatchObject({
      code: 'P0001',
      message: 'write here what gives the rows of w their g',
    })
    await client.query('UPDATE w SET g = id')
    for (const text of [fill, ...rest]) await client.query(text)
    await expect(client.query('INSERT INTO w VALUES (101)')).rejects.toMatchObject({ code: '23502' })
  })
})
