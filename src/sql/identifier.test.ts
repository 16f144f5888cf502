import fc from 'fast-check'
import { expect, test } from 'vitest'
import { nameParts, quoteIdentifier, quoteTextName, textNameOf, unquoted } from './identifier.ts'

test('an identifier is quoted only where it must be', () => {
  expect(['orders', 'Order', 'order', 'a b', '1a', 'a"b', 'naïve'].map(quoteIdentifier)).toEqual([
    'orders',
    '"Order"',
    '"order"',
    '"a b"',
    '"1a"',
    '"a""b"',
    '"naïve"',
  ])
})

test('a name that PostgreSQL prints is read part by part', () => {
  expect(nameParts('public."Odd.Name""s"')).toEqual(['public', 'Odd.Name"s'])
  expect(['public.orders', 'app.orders', 'public."Order"', 'orders'].map(textNameOf)).toEqual([
    'orders',
    'app.orders',
    'Order',
    'orders',
  ])
  expect(['app.Order', 'user'].map(quoteTextName)).toEqual(['app."Order"', '"user"'])
})

test('quoting and reading back gives the identifier', () => {
  fc.assert(fc.property(fc.string({ minLength: 1 }), (name) => unquoted(quoteIdentifier(name)) === name))
})
