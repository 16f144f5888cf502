import { describe, expect, test } from 'vitest'
import { history, judgeExample } from '../../../test/contract/examples.ts'
import type { Major } from '../rule.ts'
import rule from './require-not-valid-foreign-key.ts'

const tables = 'CREATE TABLE r (id int PRIMARY KEY); CREATE TABLE t (a int, b int);'
const partitioned =
  'CREATE TABLE r (id int PRIMARY KEY); CREATE TABLE t (a int, b int) PARTITION BY RANGE (a); ' +
  'CREATE TABLE p PARTITION OF t FOR VALUES FROM (0) TO (10) PARTITION BY LIST (b); ' +
  'CREATE TABLE p1 PARTITION OF p DEFAULT; CREATE TABLE q PARTITION OF t DEFAULT;'
const byText = (texts: string[], major: Major = 17) => judgeExample(rule, history(...texts), major, 'text')
const byTrace = (texts: string[], major: Major = 17) => judgeExample(rule, history(...texts), major, 'trace')

const harmless: Record<string, { texts: string[]; major?: Major }> = {
  'NOT VALID': { texts: [tables, 'ALTER TABLE t ADD FOREIGN KEY (a) REFERENCES r NOT VALID;'] },
  'NOT ENFORCED': { texts: [tables, 'ALTER TABLE t ADD FOREIGN KEY (a) REFERENCES r NOT ENFORCED;'], major: 18 },
  'a new column without a default': { texts: [tables, 'ALTER TABLE t ADD COLUMN c int REFERENCES r;'] },
  'a table of the same file': {
    texts: [tables, 'CREATE TABLE u (a int); ALTER TABLE u ADD FOREIGN KEY (a) REFERENCES r;'],
  },
  'a partitioned table without partitions': {
    texts: [
      'CREATE TABLE r (id int PRIMARY KEY); CREATE TABLE t (a int) PARTITION BY LIST (a);',
      'ALTER TABLE t ADD FOREIGN KEY (a) REFERENCES r;',
    ],
  },
  'NOT VALID on a partitioned table of 18': {
    texts: [partitioned, 'ALTER TABLE t ADD FOREIGN KEY (a) REFERENCES r NOT VALID;'],
    major: 18,
  },
  'a column that is there already': {
    texts: [tables, 'ALTER TABLE t ADD COLUMN IF NOT EXISTS a int DEFAULT 1 REFERENCES r;'],
  },
}

test.each(Object.entries(harmless))('%s is passed over, by the text and with a trace', async (_, { texts, major }) => {
  expect((await byText(texts, major)).findings).toEqual([])
  expect((await byTrace(texts, major)).findings).toEqual([])
})

describe('a partitioned table', () => {
  const add = 'ALTER TABLE t ADD FOREIGN KEY (a) REFERENCES r;'

  test('gets it leaf by leaf before 18, at every depth', async () => {
    const { findings } = await byTrace([partitioned, add], 16)
    expect(findings[0]?.next).toContain(
      'ALTER TABLE p1 ADD CONSTRAINT t_a_fkey FOREIGN KEY (a) REFERENCES r NOT VALID;',
    )
    expect(findings[0]?.next).toContain('ALTER TABLE q VALIDATE CONSTRAINT t_a_fkey;')
    expect(findings[0]?.next).not.toContain('ALTER TABLE p ADD')
  })

  test('gets it NOT VALID from 18 on', async () => {
    const { findings } = await byTrace([partitioned, add], 18)
    expect(findings[0]?.next).toContain('ALTER TABLE t ADD CONSTRAINT t_a_fkey FOREIGN KEY (a) REFERENCES r NOT VALID;')
  })

  test('refuses NOT VALID before 18, which is found', async () => {
    const { findings } = await byText([partitioned, 'ALTER TABLE t ADD FOREIGN KEY (a) REFERENCES r NOT VALID;'])
    expect(findings).toMatchObject([{ severity: 'error', message: expect.stringContaining('42809') as string }])
    expect(findings[0]?.next).toContain('ALTER TABLE t ADD CONSTRAINT t_a_fkey FOREIGN KEY (a) REFERENCES r;')
  })
})

test('says which tables wait', async () => {
  const texts = [tables, 'ALTER TABLE t ADD FOREIGN KEY (a) REFERENCES r;']
  expect((await byTrace(texts)).findings[0]?.message).toBe(
    'ADD FOREIGN KEY reads all of public.t while every write to it and to public.r waits (SHARE ROW EXCLUSIVE)',
  )
  expect((await byText(texts)).findings[0]?.evidence).toMatchObject([
    { kind: 'measured', locks: [{ relation: 't' }, { relation: 'r' }] },
  ])
})

test('a serial column has a default', async () => {
  const texts = [tables, 'ALTER TABLE t ADD COLUMN c serial REFERENCES r;']
  expect((await byText(texts)).findings).toHaveLength(1)
  expect((await byTrace(texts)).findings).toHaveLength(1)
})

test('in code it is found as well, and not edited', async () => {
  const texts = [tables, 'DO $$ BEGIN ALTER TABLE t ADD FOREIGN KEY (a) REFERENCES r; END $$;']
  for (const { findings } of [await byText(texts), await byTrace(texts)])
    expect(findings).toMatchObject([{ fixes: [] }])
})
