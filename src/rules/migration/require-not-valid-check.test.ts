import { expect, test } from 'vitest'
import { applyFix, history, judgeExample } from '../../../test/contract/examples.ts'
import type { Runner } from '../../../test/contract/examples.ts'
import type { Major } from '../rule.ts'
import rule from './require-not-valid-check.ts'

const table = 'CREATE TABLE t (a int, b int);'
const goose: Runner = { layout: 'goose', mode: 'transaction' }
const byText = (texts: string[], major: Major = 17) => judgeExample(rule, history(...texts), major, 'text')
const byTrace = (texts: string[], major: Major = 17) => judgeExample(rule, history(...texts), major, 'trace')

const harmless: Record<string, { texts: string[]; major?: Major }> = {
  'NOT VALID': { texts: [table, 'ALTER TABLE t ADD CHECK (a > 0) NOT VALID;'] },
  'NOT VALID with NO INHERIT': { texts: [table, 'ALTER TABLE t ADD CHECK (a > 0) NO INHERIT NOT VALID;'] },
  'NOT ENFORCED': { texts: [table, 'ALTER TABLE t ADD CHECK (a > 0) NOT ENFORCED;'], major: 18 },
  'NOT ENFORCED on a new column': {
    texts: [table, 'ALTER TABLE t ADD COLUMN c int CHECK (c > 0) NOT ENFORCED;'],
    major: 18,
  },
  'a table of the same file': { texts: [table, 'CREATE TABLE u (a int); ALTER TABLE u ADD CHECK (a > 0);'] },
  'a temporary table': { texts: [table, 'CREATE TEMP TABLE u (a int); ALTER TABLE u ADD CHECK (a > 0);'] },
  'a partitioned table without partitions': {
    texts: ['CREATE TABLE t (a int) PARTITION BY LIST (a);', 'ALTER TABLE t ADD CHECK (a > 0);'],
  },
  'a column that is there already': {
    texts: [table, 'ALTER TABLE t ADD COLUMN IF NOT EXISTS a int CHECK (a > 0);'],
  },
  'a table that is not there': { texts: [table, 'ALTER TABLE IF EXISTS u ADD CHECK (a > 0);'] },
}

test.each(Object.entries(harmless))('%s is passed over, by the text and with a trace', async (_, { texts, major }) => {
  expect((await byText(texts, major)).findings).toEqual([])
  expect((await byTrace(texts, major)).findings).toEqual([])
})

test('the message says who waits, the evidence what was seen', async () => {
  const texts = ['CREATE SCHEMA app; CREATE TABLE app."T" (a int);', 'ALTER TABLE app."T" ADD CHECK (a > 0);']
  const { findings } = await byTrace(texts)
  expect(findings).toMatchObject([
    {
      message: 'ALTER TABLE … ADD CHECK reads all of app."T" while every read and write waits (ACCESS EXCLUSIVE)',
      evidence: [{ kind: 'trace', scans: ['app."T"'], locks: [{ relation: 'app."T"', mode: 'ACCESS EXCLUSIVE' }] }],
    },
  ])
  expect((await byText(texts)).findings).toMatchObject([{ evidence: [{ kind: 'measured', scan: true }] }])
})

test('the other commands and constraints of the statement stay', async () => {
  const migrations = history(
    table,
    'ALTER TABLE t -- of shop 1, 2\n  ADD COLUMN c int DEFAULT 1 NOT NULL CHECK (c > 0) UNIQUE, -- c\n  ADD COLUMN d int;',
  )
  const { findings } = await judgeExample(rule, migrations, 17, 'text')
  const [fix] = findings[0]?.fixes ?? []
  expect(fix && applyFix(migrations, fix)[1]?.text).toBe(
    'ALTER TABLE t -- of shop 1, 2\n  ADD COLUMN c int DEFAULT 1 NOT NULL UNIQUE, ' +
      'ADD CONSTRAINT t_c_check CHECK (c > 0) NOT VALID, -- c\n  ADD COLUMN d int;\n',
  )
  expect(fix?.newFiles[0]).toEqual({
    file: 'migrations/0003_validate_t_c_check.sql',
    text: 'ALTER TABLE t VALIDATE CONSTRAINT t_c_check;\n',
  })
})

test('a name that is taken is counted on, a long one shortened, as PostgreSQL does', async () => {
  const long = 'n'.repeat(60)
  const setup = `CREATE TABLE t (a int CHECK (a > 0)); CREATE TABLE ${long} (a int);`
  const texts = [
    setup,
    `ALTER TABLE t ADD CHECK (a > 1), ADD CONSTRAINT x CHECK (a > 2), ADD CHECK (a > 3); ALTER TABLE ${long} ADD CHECK (a > 0);`,
  ]
  const names = ({ findings }: Awaited<ReturnType<typeof byText>>) =>
    findings.map(({ next }) => [...next.matchAll(/VALIDATE CONSTRAINT (\w+)/g)].map((match) => match[1]))
  expect(names(await byText(texts))).toEqual([['t_a_check1', 'x', 't_a_check2'], [`${'n'.repeat(55)}_a_check`]])
  expect(names(await byTrace(texts))).toEqual(names(await byText(texts)))
})

test('in code it is found as well, and not edited', async () => {
  const texts = [table, 'DO $$ BEGIN ALTER TABLE t ADD CHECK (a > 0); END $$;']
  for (const { findings } of [await byText(texts), await byTrace(texts)]) {
    expect(findings).toMatchObject([{ fixes: [], next: expect.stringContaining('NOT VALID') as string }])
  }
})

test('a constraint that a trace shows to be added by nobody is no finding', async () => {
  const texts = [
    `${table} DO $$ BEGIN EXECUTE format('ALTER TABLE %I ADD COLUMN c int', 't'); END $$;`,
    'ALTER TABLE t ADD COLUMN IF NOT EXISTS c int CHECK (c > 0);',
  ]
  expect((await byText(texts)).findings).toHaveLength(1)
  expect((await byTrace(texts)).findings).toEqual([])
})

test('goose gets the validation as a file of its own', async () => {
  const { findings } = await judgeExample(rule, history(table, 'ALTER TABLE t ADD CHECK (a > 0);'), 17, 'text', goose)
  expect(findings[0]?.fixes[0]?.newFiles).toMatchObject([
    { text: expect.stringMatching(/^-- \+goose Up\nALTER TABLE t VALIDATE CONSTRAINT t_a_check;\n/) as string },
  ])
})
