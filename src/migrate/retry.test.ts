import fc from 'fast-check'
import { expect, test } from 'vitest'
import { isWorthRetrying, waitAfter } from './retry.ts'

const attempts = fc.integer({ min: 1, max: 5000 })
const timeouts = fc.integer({ min: 0, max: 600_000 })
const random = fc.double({ min: 0, max: 1, noNaN: true })

test('others are let through for at least four times the lock timeout', () => {
  fc.assert(
    fc.property(attempts, timeouts, random, (attempt, lockTimeout, chance) => {
      expect(waitAfter(attempt, lockTimeout, chance)).toBeGreaterThanOrEqual(4 * lockTimeout)
    }),
  )
})

test('the waits grow from attempt to attempt up to a bound', () => {
  fc.assert(
    fc.property(attempts, timeouts, random, (attempt, lockTimeout, chance) => {
      const wait = waitAfter(attempt, lockTimeout, chance)
      expect(waitAfter(attempt + 1, lockTimeout, chance)).toBeGreaterThanOrEqual(wait)
      expect(wait).toBeLessThanOrEqual(Math.max(30_000, 4 * lockTimeout) * 1.25 + 1)
    }),
  )
  expect(waitAfter(2, 1000, 0)).toBe(6000)
})

test('two runners that met each other do not wait equally long', () => {
  expect(waitAfter(1, 1000, 0)).toBe(4000)
  expect(waitAfter(1, 1000, 1)).toBe(5000)
})

test('only what another session caused is tried again', () => {
  expect(['55P03', '40P01', '40001', '57014', '42P01', undefined].filter(isWorthRetrying)).toEqual([
    '55P03',
    '40P01',
    '40001',
  ])
})
