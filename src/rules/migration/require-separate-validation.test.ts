import { expect, test } from 'vitest'
import { history, judgeExample } from '../../../test/contract/examples.ts'
import type { Runner } from '../../../test/contract/examples.ts'
import rule from './require-separate-validation.ts'

const table = 'CREATE TABLE t (a int, b int);'
const add = 'ALTER TABLE t ADD CONSTRAINT x CHECK (a > 0) NOT VALID;'
const validate = 'ALTER TABLE t VALIDATE CONSTRAINT x;'
const pending = `${table} ${add}`
const noTransaction: Runner = { layout: 'goose', mode: 'statement' }
const golangMigrate: Runner = { layout: 'golang-migrate', mode: 'simple-query' }
const byText = (texts: string[], runner?: Runner) => judgeExample(rule, history(...texts), 17, 'text', runner)
const byTrace = (texts: string[], runner?: Runner) => judgeExample(rule, history(...texts), 17, 'trace', runner)

const harmless: Record<string, { texts: string[]; runner?: Runner }> = {
  'a file of its own': { texts: [pending, validate] },
  'a statement that commits in between': {
    texts: [table, `${add} CREATE INDEX CONCURRENTLY i ON t (a); ${validate}`],
  },
  'two transactions in one file': { texts: [table, `BEGIN; ${add} COMMIT; BEGIN; ${validate} COMMIT;`] },
  'a file without a transaction': { texts: [table, `${add} ${validate}`], runner: noTransaction },
  'what is valid already': {
    texts: [`${table} ALTER TABLE t ADD CONSTRAINT x CHECK (a > 0);`, `${add.replace('x', 'y')} ${validate}`],
  },
  'a table of the same file': { texts: [`SELECT 1;`, `${table} ${add} ${validate}`] },
  'a lock on another table': { texts: [`${pending} CREATE TABLE u (a int);`, `ALTER TABLE u ADD b int; ${validate}`] },
  'a weak lock before it': {
    texts: [pending, `UPDATE t SET a = 1; ALTER TABLE t ALTER a SET STATISTICS 10; ${validate}`],
  },
  'a strong lock after it': { texts: [pending, `${validate} ALTER TABLE t ADD c int;`] },
}

test.each(Object.entries(harmless))('%s is passed over, by the text and with a trace', async (_, { texts, runner }) => {
  expect((await byText(texts, runner)).findings).toEqual([])
  expect((await byTrace(texts, runner)).findings).toEqual([])
})

const hazardous: Record<string, { texts: string[]; mode: string; runner?: Runner }> = {
  'after the ADD': { texts: [table, `${add} ${validate}`], mode: 'ACCESS EXCLUSIVE' },
  'in one string with it': { texts: [table, `${add} ${validate}`], mode: 'ACCESS EXCLUSIVE', runner: golangMigrate },
  'in one statement with it': {
    texts: [table, `${add.slice(0, -1)}, VALIDATE CONSTRAINT x;`],
    mode: 'ACCESS EXCLUSIVE',
  },
  'after another change of the table': {
    texts: [pending, `ALTER TABLE t ADD c int; ${validate}`],
    mode: 'ACCESS EXCLUSIVE',
  },
  'after an index': { texts: [pending, `CREATE INDEX i ON t (a); ${validate}`], mode: 'SHARE' },
  'after a foreign key': {
    texts: [
      `${pending} CREATE TABLE r (a int PRIMARY KEY);`,
      `ALTER TABLE t ADD FOREIGN KEY (b) REFERENCES r NOT VALID; ${validate}`,
    ],
    mode: 'SHARE ROW EXCLUSIVE',
  },
  'in code': { texts: [table, `DO $$ BEGIN ${add} ${validate} END $$;`], mode: 'ACCESS EXCLUSIVE' },
}

test.each(Object.entries(hazardous))(
  '%s is found, by the text and with a trace',
  async (_, { texts, mode, runner }) => {
    for (const { findings } of [await byText(texts, runner), await byTrace(texts, runner)]) {
      expect(findings).toMatchObject([{ message: expect.stringContaining(`(${mode}, held`) as string }])
    }
  },
)
