import { expect, it } from 'vitest'
import { bytesText, countText, durationText } from './amounts.ts'

it('gives bytes in the largest unit that they fill', () => {
  expect([0, 1023, 1024, 10 * 1024, 1.5 * 1024 ** 3, 1024 ** 5].map(bytesText)).toEqual([
    '0 bytes',
    '1023 bytes',
    '1.0 kB',
    '10 kB',
    '1.5 GB',
    '1024 TB',
  ])
})

it('gives seconds in the two largest units that they fill', () => {
  expect([0, 0.9, 59, 60, 3661, 7200, 90_061, 86_400 + 5].map(durationText)).toEqual([
    '0 s',
    '0 s',
    '59 s',
    '1 min',
    '1 h 1 min',
    '2 h',
    '1 d 1 h',
    '1 d',
  ])
})

it('keeps thousands apart', () => {
  expect(countText(1_234_567.8)).toBe('1,234,568')
})
