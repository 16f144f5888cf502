import { expect, test } from 'vitest'
import { applyFix, judgeExample } from '../../../test/contract/examples.ts'
import type { ExampleMigration, Runner } from '../../../test/contract/examples.ts'
import noBrokenDown from './no-broken-down.ts'
import rule from './require-down-or-irreversible.ts'

const golangMigrate: Runner = { layout: 'golang-migrate', mode: 'simple-query' }
const goose: Runner = { layout: 'goose', mode: 'transaction' }
const kei: Runner = { layout: 'kei', mode: 'grouped' }

function folder(last: string, { up = '.sql', down = true, released = false } = {}): ExampleMigration[] {
  return [
    { file: `migrations/0001_a${up}`, text: 'CREATE TABLE a (id int, n int);\n', released: true },
    ...(down ? [{ file: 'migrations/0001_a.down.sql', text: 'DROP TABLE a;\n', released: true }] : []),
    { file: `migrations/0002_b${up}`, text: `${last}\n`, released },
  ]
}

const create = 'CREATE TABLE b (id int);'

test('only while the file can still be changed; a folder without any way back is told once, in a note', async () => {
  expect((await judgeExample(rule, folder(create), 17, 'text')).findings).toMatchObject([{ severity: 'warning' }])
  const without = [
    ...folder(create, { down: false }),
    { file: 'migrations/0003_c.sql', text: `${create}\n`, released: false },
  ]
  expect((await judgeExample(rule, without, 17, 'text')).findings).toMatchObject([
    { severity: 'note', location: { file: 'migrations/0002_b.sql' } },
  ])
  expect((await judgeExample(rule, folder(create, { down: false }), 17, 'text', goose)).findings).toEqual([])
  expect((await judgeExample(rule, folder(create, { released: true }), 17, 'text')).findings).toEqual([])
  const ignored = `-- kei: ignore-file require-down-or-irreversible: no way back\n${create}`
  expect((await judgeExample(rule, folder(ignored), 17, 'text')).findings).toEqual([])
})

test.each([
  [kei, '.sql'],
  [golangMigrate, '.up.sql'],
] as const)('the way back that is written takes back what up does ($0.layout)', async (runner, up) => {
  const migrations = folder(
    "CREATE TYPE mood AS ENUM ('ok');\nCREATE TABLE b (id int PRIMARY KEY, mood mood);\nCREATE INDEX ON b (mood);\n" +
      'ALTER TABLE a ADD COLUMN b_id int, ADD CONSTRAINT a_b FOREIGN KEY (b_id) REFERENCES b;\n' +
      'CREATE INDEX a_n ON a (n);\nALTER TABLE a RENAME COLUMN id TO "Key";\nINSERT INTO b VALUES (1, \'ok\');\n' +
      'CREATE VIEW v AS SELECT "Key" FROM a;\nALTER TABLE a RENAME TO "A";',
    { up },
  )
  const { findings } = await judgeExample(rule, migrations, 17, 'text', runner)
  const [fix] = findings[0]?.fixes ?? []
  expect(fix?.newFiles).toEqual([
    {
      file: 'migrations/0002_b.down.sql',
      text:
        'ALTER TABLE "A" RENAME TO a;\nDROP VIEW v;\nALTER TABLE a RENAME COLUMN "Key" TO id;\nDROP INDEX a_n;\n' +
        'ALTER TABLE a DROP CONSTRAINT a_b, DROP COLUMN b_id;\nDROP TABLE b;\nDROP TYPE mood;\n',
    },
  ])
  const after = fix ? applyFix(migrations, fix) : []
  expect(await judgeExample(noBrokenDown, after, 17, 'trace', runner)).toMatchObject({ findings: [], unknown: [] })
})

test.each([
  'UPDATE a SET n = 1;',
  'ALTER TABLE a DROP COLUMN n;',
  'CREATE TABLE IF NOT EXISTS b (id int);',
  'CREATE OR REPLACE VIEW v AS SELECT 1 AS n;',
  'CREATE INDEX ON a (n);',
  'ALTER TABLE a ADD COLUMN IF NOT EXISTS c int;',
  'ALTER TABLE a ALTER COLUMN n SET DEFAULT 1;',
  "CREATE TABLE b (id int); COMMENT ON TABLE a IS '';",
  'DO $$ BEGIN PERFORM 1; END $$;',
])('of %s the way back is not certain, so none is written', async (last) => {
  expect((await judgeExample(rule, folder(last), 17, 'text')).findings).toMatchObject([{ fixes: [] }])
})
