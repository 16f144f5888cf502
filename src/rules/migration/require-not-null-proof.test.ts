import { describe, expect, test } from 'vitest'
import { history, judgeExample } from '../../../test/contract/examples.ts'
import type { Major } from '../rule.ts'
import rule from './require-not-null-proof.ts'

const table = 'CREATE TABLE t (id bigint GENERATED ALWAYS AS IDENTITY, a int, b int NOT NULL, c serial);'
const setNotNull = 'ALTER TABLE t ALTER COLUMN a SET NOT NULL;'
const byText = (texts: string[], major: Major = 17) => judgeExample(rule, history(...texts), major, 'text')
const byTrace = (texts: string[], major: Major = 17) => judgeExample(rule, history(...texts), major, 'trace')

const harmless: Record<string, { texts: string[]; major?: Major }> = {
  'a validated CHECK of an earlier file': { texts: [`${table} ALTER TABLE t ADD CHECK (a IS NOT NULL);`, setNotNull] },
  'one validated in between': {
    texts: [
      `${table} ALTER TABLE t ADD CONSTRAINT x CHECK (a IS NOT NULL) NOT VALID;`,
      'ALTER TABLE t VALIDATE CONSTRAINT x;',
      setNotNull,
    ],
  },
  'one of several conditions': {
    texts: [`${table} ALTER TABLE t ADD CHECK (b > 0 AND a IS NOT NULL);`, setNotNull],
  },
  'one whose column was renamed since': {
    texts: ['CREATE TABLE t (x int, CHECK (x IS NOT NULL));', 'ALTER TABLE t RENAME COLUMN x TO a;', setNotNull],
  },
  'one of the partitioned table above': {
    texts: [
      'CREATE TABLE t (a int, CHECK (a IS NOT NULL)) PARTITION BY LIST (a); CREATE TABLE p PARTITION OF t DEFAULT;',
      'ALTER TABLE p ALTER COLUMN a SET NOT NULL;',
    ],
  },
  'columns that are NOT NULL already': {
    texts: [
      `${table} ALTER TABLE t ADD PRIMARY KEY (id);`,
      'ALTER TABLE t ALTER id SET NOT NULL, ALTER b SET NOT NULL, ALTER c SET NOT NULL;',
    ],
  },
  'a table of the same file': { texts: [table, `CREATE TABLE u (a int); ALTER TABLE u ALTER a SET NOT NULL;`] },
  'a primary key of an index over NOT NULL columns': {
    texts: [`${table} CREATE UNIQUE INDEX i ON t (b, c);`, 'ALTER TABLE t ADD PRIMARY KEY USING INDEX i;'],
  },
  'a not-null constraint that is NOT VALID': { texts: [table, 'ALTER TABLE t ADD NOT NULL a NOT VALID;'], major: 18 },
  'its validation': {
    texts: [`${table} ALTER TABLE t ADD CONSTRAINT n NOT NULL a NOT VALID;`, 'ALTER TABLE t VALIDATE CONSTRAINT n;'],
    major: 18,
  },
}

test.each(Object.entries(harmless))('%s is passed over, by the text and with a trace', async (_, { texts, major }) => {
  expect(await byText(texts, major)).toMatchObject({ findings: [], unknown: [] })
  expect(await byTrace(texts, major)).toMatchObject({ findings: [], unknown: [] })
})

const hazardous: Record<string, { texts: string[]; major?: Major; says?: string }> = {
  'no proof': { texts: [table, setNotNull] },
  'a proof that is dropped by the same statement': {
    texts: [
      `${table} ALTER TABLE t ADD CONSTRAINT x CHECK (a IS NOT NULL);`,
      'ALTER TABLE t ALTER COLUMN a SET NOT NULL, DROP CONSTRAINT x;',
    ],
    says: 'x is dropped before it could prove anything',
  },
  'a condition that lets NULL through': { texts: [`${table} ALTER TABLE t ADD CHECK (a > 0);`, setNotNull] },
  'one of two conditions': {
    texts: [`${table} ALTER TABLE t ADD CHECK (a IS NOT NULL OR b > 0);`, setNotNull],
  },
  'the same in code': { texts: [table, `DO $$ BEGIN ${setNotNull} END $$;`] },
  'a validated not-null constraint of 18': { texts: [table, 'ALTER TABLE t ADD CONSTRAINT n NOT NULL a;'], major: 18 },
  'SET NOT NULL over one that is NOT VALID': {
    texts: [`${table} ALTER TABLE t ADD CONSTRAINT n NOT NULL a NOT VALID;`, setNotNull],
    major: 18,
    says: 'NOT VALID',
  },
}

test.each(Object.entries(hazardous))('%s is found, by the text and with a trace', async (_, { texts, major, says }) => {
  for (const { findings } of [await byText(texts, major), await byTrace(texts, major)]) {
    expect(findings).toMatchObject([{ message: expect.stringContaining(says ?? 'reads all of') as string }])
  }
})

describe('the recipe', () => {
  const alter = 'ALTER TABLE t ALTER COLUMN a SET NOT NULL, DROP COLUMN c, ALTER COLUMN "d e" SET NOT NULL;'
  const texts = ['CREATE TABLE t (a int, c int, "d e" int);', alter]

  test('takes a CHECK for each column before 18, and keeps the other commands', async () => {
    const next = (await byText(texts, 17)).findings[0]?.next
    expect(next).toContain(
      'ALTER TABLE t ADD CONSTRAINT t_a_not_null CHECK (a IS NOT NULL) NOT VALID, ' +
        'ADD CONSTRAINT "t_d e_not_null" CHECK ("d e" IS NOT NULL) NOT VALID, DROP COLUMN c;',
    )
    expect(next).toContain(
      'ALTER TABLE t ALTER COLUMN a SET NOT NULL, ALTER COLUMN "d e" SET NOT NULL;\n' +
        '  ALTER TABLE t DROP CONSTRAINT t_a_not_null, DROP CONSTRAINT "t_d e_not_null";',
    )
  })

  test('takes the not-null constraint itself from 18 on', async () => {
    const next = (await byText(texts, 18)).findings[0]?.next
    expect(next).toContain('ADD CONSTRAINT t_a_not_null NOT NULL a NOT VALID, ')
    expect(next).toContain('VALIDATE CONSTRAINT t_a_not_null,\n    VALIDATE CONSTRAINT "t_d e_not_null"')
    expect(next).not.toContain('SET NOT NULL')
  })

  test('validates a not-null constraint of 18 by the name that it was given', async () => {
    const { findings } = await byText([`${table} ALTER TABLE t ADD CONSTRAINT n NOT NULL a NOT VALID;`, setNotNull], 18)
    expect(findings[0]?.fixes[0]?.edits).toMatchObject([{ text: 'ALTER TABLE t VALIDATE CONSTRAINT n;' }])
  })
})

test('what the text does not show is unknown, and a trace decides it', async () => {
  const texts = ['CREATE TABLE t AS SELECT 1 AS a;', setNotNull]
  expect(await byText(texts)).toMatchObject({
    findings: [],
    unknown: ['to know whether t.a is NOT NULL already'],
  })
  expect(await byTrace(texts)).toMatchObject({ findings: [{}], unknown: [] })
})

test('a trace finds the proof that code made', async () => {
  const texts = [
    `${table} DO $$ BEGIN EXECUTE format('ALTER TABLE %I ADD CHECK (a IS NOT NULL)', 't'); END $$;`,
    setNotNull,
  ]
  expect((await byText(texts)).findings).toHaveLength(1)
  expect((await byTrace(texts)).findings).toEqual([])
})
