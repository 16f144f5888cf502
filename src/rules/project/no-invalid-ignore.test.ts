import { expect, test } from 'vitest'
import { history, judgeExample } from '../../../test/contract/examples.ts'
import rule from './no-invalid-ignore.ts'

const find = async (comment: string) => {
  const migrations = history('CREATE TABLE t (a int);', `${comment}\nCREATE INDEX i ON t (a);`)
  return (await judgeExample(rule, migrations, 17, 'text')).findings.map(({ message, next }) => `${message}. ${next}`)
}

test('a misspelt rule is told which one is near', async () => {
  expect(await find('-- kei: ignore require-concurrent-indices: small')).toEqual([
    'there is no rule "require-concurrent-indices". Write require-concurrent-index if that is meant.',
  ])
})

test('a rule that resembles none is told where the list is', async () => {
  expect(await find('-- kei: ignore squirrels: small')).toEqual([
    'there is no rule "squirrels". Name one of the rules that `kei rules` lists.',
  ])
})

test('a missing reason, a missing rule and a comment that matches nothing are each found', async () => {
  expect(await find('-- kei: ignore require-concurrent-index')).toEqual([
    'this ignore comment gives no reason, so require-concurrent-index still counts. Write -- kei: ignore ' +
      'require-concurrent-index: REASON',
  ])
  expect(await find('-- kei: ignore')).toHaveLength(1)
  expect(await find('-- kei: ignore-file prefer-gin: no GIN here')).toEqual([
    'prefer-gin finds nothing here to ignore. Delete the comment.',
  ])
})

test('one that does what it says is fine', async () => {
  expect(await find('-- kei: ignore require-concurrent-index: 40 rows')).toEqual([])
  expect(await find('-- kei: ignore-file require-concurrent-index: 40 rows')).toEqual([])
})
