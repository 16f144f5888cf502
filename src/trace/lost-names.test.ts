import { expect, test } from 'vitest'
import { loseNames, noLostNames, rootOf } from './lost-names.ts'

const first = { file: '1.sql', line: 1 }
const second = { file: '2.sql', line: 7 }

function lostNames() {
  const lost = noLostNames()
  loseNames(lost, first, 'create table Orders (Id int, "Total Sum" int)')
  loseNames(lost, second, 'alter table orders add column note text; create function app.touch()')
  return lost
}

test.each([
  ['relation "orders" does not exist', '42P01', first],
  ['relation "public.orders" does not exist', '42P01', first],
  ['column "Total Sum" of relation "orders" does not exist', '42703', first],
  ['column "note" of relation "orders" does not exist', '42703', second],
  ['function app.touch() does not exist', '42883', second],
])('%s follows from what was lost', (message, sqlstate, root) => {
  expect(rootOf(lostNames(), { message, sqlstate })).toEqual(root)
})

test.each([
  ['relation "customers" does not exist', '42P01'],
  ['column "other" of relation "orders" does not exist', '42703'],
  ['duplicate key value violates unique constraint "orders"', '23505'],
  ['canceling statement due to user request', '57014'],
])('%s is a failure of its own', (message, sqlstate) => {
  expect(rootOf(lostNames(), { message, sqlstate })).toBeUndefined()
})
