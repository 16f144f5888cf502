import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { containsNetwork, formatAddress, formatNetwork, parseAddress, prefixLength, prefixMask } from './network.ts'

function network(text: string) {
  const [address = '', length = ''] = text.split('/')
  const bytes = parseAddress(address) ?? []
  return { address: bytes, mask: prefixMask(Number(length), bytes.length) }
}

describe('parseAddress', () => {
  test.each([
    ['10.1', '10.0.0.1'],
    ['0x7f.1', '127.0.0.1'],
    ['010.0.0.1', '8.0.0.1'],
    ['4294967295', '255.255.255.255'],
    ['::', '::'],
    ['1:2:3:4:5:6:7::', '1:2:3:4:5:6:7:0'],
    ['::ffff:10.0.0.1', '::ffff:10.0.0.1'],
    ['2001:DB8:0:0:1:0:0:0', '2001:db8:0:0:1::'],
    ['fe80::1%2', 'fe80::1'],
  ])('reads %s as %s', (text, address) => {
    expect(formatAddress(parseAddress(text) ?? [])).toBe(address)
  })

  test.each(['', '256.1.1.1', '1.2.3.4.5', '08.1.1.1', '4294967296', '1.2.3.', '1:2', ':::', '1::2::3', 'g::', 'db'])(
    'takes %j for a name',
    (text) => expect(parseAddress(text)).toBeUndefined(),
  )

  test('reads every address that is formatted as what it was', () => {
    const bytes = fc.constantFrom(4, 16).chain((size) => {
      return fc.array(fc.oneof(fc.constant(0), fc.nat(255)), { minLength: size, maxLength: size })
    })
    fc.assert(
      fc.property(bytes, (address) => {
        expect(parseAddress(formatAddress(address))).toEqual(address)
      }),
    )
  })
})

describe('containsNetwork', () => {
  test.each([
    ['10.0.0.0/8', '10.2.0.0/16', true],
    ['10.2.0.0/16', '10.0.0.0/8', false],
    ['0.0.0.0/0', '192.0.2.1/32', true],
    ['0.0.0.0/0', '::/0', false],
    ['10.0.0.0/9', '10.128.0.0/9', false],
    ['2001:db8::/32', '2001:db8:1::/48', true],
  ])('%s holds %s: %s', (outer, inner, holds) => {
    expect(containsNetwork(network(outer), network(inner))).toBe(holds)
  })

  test('masks need not be prefixes', () => {
    const odd = { address: [10, 0, 7, 0], mask: [255, 0, 255, 0] }
    expect(containsNetwork(odd, network('10.9.7.0/24'))).toBe(true)
    expect(containsNetwork(network('10.0.7.0/24'), odd)).toBe(false)
    expect(prefixLength(odd)).toBeUndefined()
    expect(formatNetwork(odd)).toBe('10.0.7.0 255.0.255.0')
  })
})
