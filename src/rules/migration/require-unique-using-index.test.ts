import { describe, expect, test } from 'vitest'
import { applyFix, history, judgeExample } from '../../../test/contract/examples.ts'
import type { Runner } from '../../../test/contract/examples.ts'
import type { Major } from '../rule.ts'
import rule from './require-unique-using-index.ts'

const table = 'CREATE TABLE t (a int NOT NULL, b int);'
const goose: Runner = { layout: 'goose', mode: 'transaction' }
const byText = (texts: string[], major: Major = 17, runner?: Runner) =>
  judgeExample(rule, history(...texts), major, 'text', runner)
const byTrace = (texts: string[], major: Major = 17) => judgeExample(rule, history(...texts), major, 'trace')

const harmless = {
  'USING INDEX': [table, 'CREATE UNIQUE INDEX CONCURRENTLY i ON t (a); ALTER TABLE t ADD PRIMARY KEY USING INDEX i;'],
  'a table of the same file': [
    table,
    'CREATE TABLE u (a int); ALTER TABLE ONLY u ADD PRIMARY KEY (a), ADD UNIQUE (a);',
  ],
  'a partitioned table without partitions': [
    'CREATE TABLE t (a int) PARTITION BY LIST (a);',
    'ALTER TABLE t ADD UNIQUE (a);',
  ],
  'a column that is there already': [table, 'ALTER TABLE t ADD COLUMN IF NOT EXISTS b int UNIQUE;'],
  'a column without one': [table, 'ALTER TABLE t ADD COLUMN c int;'],
}

test.each(Object.entries(harmless))('%s is passed over, by the text and with a trace', async (_, texts) => {
  expect((await byText(texts)).findings).toEqual([])
  expect((await byTrace(texts)).findings).toEqual([])
})

describe('the way out', () => {
  test('kei sends the concurrent statement alone, so all of it can stand in the file', async () => {
    const migrations = history(table, 'ALTER TABLE t ADD COLUMN c int, ADD UNIQUE (a) INCLUDE (b);\nSELECT 1;')
    const { findings } = await judgeExample(rule, migrations, 17, 'text')
    const [fix] = findings[0]?.fixes ?? []
    expect(fix && applyFix(migrations, fix)[1]?.text).toBe(
      'ALTER TABLE t ADD COLUMN c int;\n' +
        'CREATE UNIQUE INDEX CONCURRENTLY t_a_b_key ON t (a) INCLUDE (b);\n' +
        'ALTER TABLE t ADD CONSTRAINT t_a_b_key UNIQUE USING INDEX t_a_b_key;\nSELECT 1;\n',
    )
    expect(fix?.newFiles).toEqual([])
  })

  test('goose gets a file for the index and one for the constraint', async () => {
    const { findings } = await byText([table, 'ALTER TABLE t ADD UNIQUE (a);\nSELECT 1;'], 17, goose)
    expect(findings[0]?.fixes[0]?.newFiles).toMatchObject([
      { text: expect.stringMatching(/^-- \+goose NO TRANSACTION\n-- \+goose Up\nCREATE UNIQUE INDEX/) as string },
      // Its way back builds an index again.
      { text: expect.stringMatching(/^-- \+goose NO TRANSACTION\n-- \+goose Up\nALTER TABLE t ADD CONSTR/) as string },
    ])
  })

  test('between BEGIN and COMMIT both move out', async () => {
    const { findings } = await byText([table, 'BEGIN; ALTER TABLE t ADD UNIQUE (a); COMMIT;'])
    expect(findings[0]?.fixes[0]?.newFiles.filter(({ file }) => !file.endsWith('.down.sql'))).toHaveLength(2)
  })

  test('a primary key over a column that may be NULL is proven first, on 18 with fewer steps', async () => {
    const texts = [table, 'ALTER TABLE t ADD PRIMARY KEY (a, b);']
    const files = async (major: Major) =>
      (await byText(texts, major)).findings[0]?.fixes[0]?.newFiles
        .map(({ file }) => file)
        .filter((file) => !file.endsWith('.down.sql'))
    expect(await files(17)).toEqual([
      'migrations/0003_validate_t_b_not_null.sql',
      'migrations/0004_require_b.sql',
      'migrations/0005_create_t_pkey.sql',
      'migrations/0006_add_t_pkey.sql',
    ])
    expect(await files(18)).toEqual([
      'migrations/0003_validate_t_b_not_null.sql',
      'migrations/0004_create_t_pkey.sql',
      'migrations/0005_add_t_pkey.sql',
    ])
  })
})

test('the index of another schema is dropped there', async () => {
  const texts = ['CREATE SCHEMA app; CREATE TABLE app.t (a int);', 'BEGIN; ALTER TABLE app.t ADD UNIQUE (a); COMMIT;']
  const { findings } = await judgeExample(rule, withDowns(history(...texts)), 17, 'text')
  expect(findings[0]?.next).toContain('CREATE UNIQUE INDEX CONCURRENTLY t_a_key ON app.t (a);')
  expect(findings[0]?.next).toContain('DROP INDEX CONCURRENTLY app.t_a_key;')
})

test('in code it is found as well, and not edited', async () => {
  const texts = [table, 'DO $$ BEGIN ALTER TABLE t ADD UNIQUE (a); END $$;']
  for (const { findings } of [await byText(texts), await byTrace(texts)])
    expect(findings).toMatchObject([{ fixes: [] }])
})

/** With a way back for the first, so that the folder is one that has them. */
function withDowns(migrations: ReturnType<typeof history>): ReturnType<typeof history> {
  const [first] = migrations
  const down = {
    file: first?.file.replace('.sql', '.down.sql') ?? '',
    text: 'DROP SCHEMA app CASCADE;\n',
    released: true,
  }
  return [...migrations, down]
}
