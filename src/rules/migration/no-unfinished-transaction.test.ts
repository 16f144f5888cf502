import { expect, test } from 'vitest'
import { history, judgeExample } from '../../../test/contract/examples.ts'
import type { Runner } from '../../../test/contract/examples.ts'
import rule from './no-unfinished-transaction.ts'

const table = 'CREATE TABLE t (id int PRIMARY KEY);'
const goose: Runner = { layout: 'goose', mode: 'transaction' }
const gooseAlone: Runner = { layout: 'goose', mode: 'statement' }
const golangMigrate: Runner = { layout: 'golang-migrate', mode: 'simple-query' }
const kei: Runner = { layout: 'kei', mode: 'grouped' }
const found = async (last: string, runner: Runner) =>
  (await judgeExample(rule, history(table, last), 17, 'text', runner)).findings.map(
    ({ severity, location }) => `${severity} ${location.kind === 'file' ? location.line : ''}`,
  )

test.each([
  ['nothing written', 'ALTER TABLE t ADD a int;', [kei, goose, gooseAlone, golangMigrate]],
  ['a whole transaction', 'BEGIN;\nALTER TABLE t ADD a int;\nCOMMIT;', [kei, gooseAlone, golangMigrate]],
  ['two after each other', 'BEGIN;\nSELECT 1;\nEND;\nSTART TRANSACTION;\nSELECT 2;\nCOMMIT;', [kei, golangMigrate]],
  ['a savepoint', 'BEGIN;\nSAVEPOINT s;\nRELEASE s;\nCOMMIT;', [kei, golangMigrate]],
  ['BEGIN in code', 'DO $$ BEGIN PERFORM 1; END $$;', [kei, goose, golangMigrate]],
])('%s is passed over', async (_, last, runners) => {
  for (const runner of runners) expect(await found(last, runner)).toEqual([])
})

test.each([
  ['BEGIN without COMMIT', 'BEGIN;\nSELECT 1;', kei, ['warning 1']],
  ['BEGIN without COMMIT', 'BEGIN;\nSELECT 1;', golangMigrate, ['error 1']],
  ['BEGIN without COMMIT', 'BEGIN;\nSELECT 1;', gooseAlone, ['error 1']],
  ['a chain that goes on', 'BEGIN;\nSELECT 1;\nCOMMIT AND CHAIN;\nSELECT 2;', golangMigrate, ['error 3']],
  ['BEGIN in a transaction', 'BEGIN;\nBEGIN;\nSELECT 1;\nCOMMIT;', golangMigrate, ['warning 2']],
  ['BEGIN in goose’s transaction', 'BEGIN;\nSELECT 1;\nCOMMIT;', goose, ['warning 1']],
  ['COMMIT of goose’s transaction', 'SELECT 1;\nCOMMIT;\nSELECT 2;', goose, ['warning 2']],
] as const)('%s is found (%#)', async (_, last, runner, expected) => {
  expect(await found(last, runner)).toEqual(expected)
})
