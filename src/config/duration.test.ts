import { expect, test } from 'vitest'
import { formatDuration, parseDuration } from './duration.ts'

test('durations are read as PostgreSQL writes them', () => {
  expect(['500ms', '5s', '1.5s', '10 min', '2h'].map(parseDuration)).toEqual([500, 5000, 1500, 600_000, 7_200_000])
})

test('what is no duration, or is beyond PostgreSQL’s timeouts, is not read', () => {
  expect(['5', 's', '-1s', '0s', '1d', '5 seconds', '1000h', ''].map(parseDuration)).toEqual(
    Array.from({ length: 8 }, () => undefined),
  )
})

test('durations are written with at most two units', () => {
  expect([0.123, 3.21, 12.4, 999.4, 999.6, 2345, 59_949, 60_000, 250_000, 7_500_000].map(formatDuration)).toEqual([
    '0.12 ms',
    '3.2 ms',
    '12 ms',
    '999 ms',
    '1 s',
    '2.3 s',
    '59.9 s',
    '1 min',
    '4 min 10 s',
    '2 h 5 min',
  ])
})
