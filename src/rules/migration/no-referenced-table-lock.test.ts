import { expect, test } from 'vitest'
import { history, judgeExample } from '../../../test/contract/examples.ts'
import rule from './no-referenced-table-lock.ts'

const tables =
  'CREATE TABLE r (id int PRIMARY KEY); CREATE TABLE s (id int PRIMARY KEY, up int REFERENCES s, positive int CHECK (positive > 0)); ' +
  'CREATE TABLE t (a int CONSTRAINT f REFERENCES r, b int REFERENCES s);'
const byText = (texts: string[]) => judgeExample(rule, history(...texts), 17, 'text')
const byTrace = (texts: string[]) => judgeExample(rule, history(...texts), 17, 'trace')

const harmless = {
  'ADD FOREIGN KEY, for which another rule has a way': [
    tables,
    'ALTER TABLE s ADD FOREIGN KEY (positive) REFERENCES r NOT VALID;',
  ],
  'a table that references only itself': [tables, 'ALTER TABLE s DROP COLUMN up;'],
  'partitions that only code shows': [
    `${tables} CREATE TABLE e (id int, extra int) PARTITION BY RANGE (id);` +
      "DO $$ BEGIN EXECUTE (SELECT 'CREATE TABLE e_1 PARTITION OF e DEFAULT'); END $$;",
    'ALTER TABLE e DROP COLUMN extra;',
  ],
  'both tables dropped': [tables, 'DROP TABLE t, r, s;'],
  'other constraints and columns': [
    tables,
    'ALTER TABLE s DROP CONSTRAINT s_positive_check; ALTER TABLE s DROP COLUMN positive;',
  ],
  'REFERENCES under the lock_timeout of kei’s runner': [
    tables,
    'ALTER TABLE s ADD COLUMN c int REFERENCES r; CREATE TABLE v (a int REFERENCES r);',
  ],
  'a new column without one': [tables, 'ALTER TABLE s ADD COLUMN c int;'],
  'a referenced table of the same file': [
    tables,
    'CREATE TABLE q (id int PRIMARY KEY); CREATE TABLE v (a int REFERENCES q);',
  ],
}

test.each(Object.entries(harmless))('%s is passed over, by the text and with a trace', async (_, texts) => {
  expect((await byText(texts)).findings).toEqual([])
  expect((await byTrace(texts)).findings).toEqual([])
})

const hazardous: Record<string, { text: string; severity: string; says: string }> = {
  'a table dropped among others': {
    text: 'SELECT 1; DROP TABLE t;',
    severity: 'warning',
    says: 'DROP TABLE locks',
  },
  'a table dropped alone': { text: 'DROP TABLE t;', severity: 'note', says: 'every read and write' },
  'a column dropped': {
    text: 'SELECT 1; ALTER TABLE t DROP COLUMN a;',
    severity: 'warning',
    says: 'DROP COLUMN locks',
  },
  'a new column, without a lock_timeout': {
    text: 'SET LOCAL lock_timeout = 0; ALTER TABLE s ADD COLUMN c int REFERENCES r;',
    severity: 'note',
    says: 'every write',
  },
  'a foreign key of a new table, without a lock_timeout': {
    text: 'SET LOCAL lock_timeout = 0; CREATE TABLE v (a int); ALTER TABLE v ADD FOREIGN KEY (a) REFERENCES r;',
    severity: 'note',
    says: 'every write',
  },
}

test.each(Object.entries(hazardous))(
  '%s is found, by the text and with a trace',
  async (_, { text, severity, says }) => {
    for (const { findings } of [await byText([tables, text]), await byTrace([tables, text])]) {
      expect(findings).toMatchObject([{ severity, message: expect.stringContaining(says) as string }])
    }
  },
)

test.each([
  ['the tables that reference a dropped one', 'SELECT 1; DROP TABLE r CASCADE;', 'public.t'],
  ['a constraint that others depend on', 'SELECT 1; ALTER TABLE r DROP CONSTRAINT r_pkey CASCADE;', 'public.t'],
])('a CASCADE reaches %s, which a trace shows', async (_, text, other) => {
  const { findings } = await byTrace([tables, text])
  expect(findings).toMatchObject([{ message: expect.stringContaining(` ${other} as well`) as string }])
})

test('DROP SCHEMA … CASCADE takes the foreign keys of its tables along', async () => {
  const setup =
    'CREATE TABLE r (id int PRIMARY KEY); CREATE SCHEMA app; CREATE TABLE app.t (a int REFERENCES public.r);'
  const { findings } = await byTrace([setup, 'SELECT 1; DROP SCHEMA app CASCADE;'])
  expect(findings).toMatchObject([{ message: expect.stringContaining('public.r as well') as string }])
})
