import { DatabaseError } from 'pg'
import { describe, expect, test } from 'vitest'
import { majors, withDatabase } from '../../test/postgres.ts'
import { typeFit, typeText } from './type-fit.ts'
import type { ColumnType, Fit } from './type-fit.ts'

/** Types as the manual writes them and as the parser does, with values at their limits. */
const samples: Record<string, { parsed: ColumnType; values: string[] }> = {
  smallint: { parsed: type('int2'), values: ['-32768', '32767'] },
  integer: { parsed: type('int4'), values: ['-2147483648', '2147483647'] },
  bigint: { parsed: type('int8'), values: ['-9223372036854775808', '9223372036854775807'] },
  'numeric(4)': { parsed: type('numeric', 4), values: ['9999'] },
  'numeric(5)': { parsed: type('numeric', 5), values: ['99999'] },
  'numeric(10,2)': { parsed: type('numeric', 10, 2), values: ['99999999.99', '-0.01'] },
  'numeric(12,2)': { parsed: type('numeric', 12, 2), values: ['9999999999.99', '-0.01'] },
  'numeric(20,3)': { parsed: type('numeric', 20, 3), values: ['99999999999999999.999'] },
  numeric: { parsed: type('numeric'), values: ['1e30', '1.23456789012345678901'] },
  real: { parsed: type('float4'), values: ['3.4e38', '0.1'] },
  'double precision': { parsed: type('float8'), values: ['1.7e308', '0.1'] },
  boolean: { parsed: type('bool'), values: ['true', 'false'] },
  'char(3)': { parsed: type('bpchar', 3), values: ['abc'] },
  'varchar(3)': { parsed: type('varchar', 3), values: ['äöü'] },
  'varchar(50)': { parsed: type('varchar', 50), values: ['ä'.repeat(50)] },
  varchar: { parsed: type('varchar'), values: ['x'.repeat(200)] },
  text: { parsed: type('text'), values: ['x'.repeat(200)] },
  name: { parsed: type('name'), values: ['x'.repeat(63)] },
  uuid: { parsed: type('uuid'), values: ['6ecd8c99-4036-403d-bf84-cf8400f67836'] },
  date: { parsed: type('date'), values: ['0001-01-01', '9999-12-31'] },
  time: { parsed: type('time'), values: ['23:59:59.999999'] },
  timetz: { parsed: type('timetz'), values: ['23:59:59.999999+05'] },
  'timestamp(3)': { parsed: type('timestamp', 3), values: ['9999-12-31 23:59:59.999'] },
  timestamp: { parsed: type('timestamp'), values: ['9999-12-31 23:59:59.999999'] },
  timestamptz: { parsed: type('timestamptz'), values: ['9999-12-31 23:59:59.999999+05'] },
  'timestamptz(0)': { parsed: type('timestamptz', 0), values: ['9999-12-31 23:59:59+05'] },
  interval: { parsed: type('interval'), values: ['3 days 01:02:03.456789'] },
  'interval(0)': { parsed: type('interval', 0x7fff, 0), values: ['3 days 01:02:03'] },
  inet: { parsed: type('inet'), values: ['10.1.2.3/8'] },
  cidr: { parsed: type('cidr'), values: ['10.0.0.0/8'] },
  'integer[]': { parsed: type('int4[]'), values: ['{1,2147483647}'] },
  'bigint[]': { parsed: type('int8[]'), values: ['{1,9223372036854775807}'] },
  'text[]': { parsed: type('text[]'), values: ['{a,b}'] },
}

/** The server keeps what these two take away: its noise behind the digits that the type promises. */
const exact = ['numeric']
const inexact = ['real', 'double precision']

const noSuchCast = '42846'

const pairs = Object.keys(samples).flatMap((from) => Object.keys(samples).map((to) => [from, to] as const))

describe.each(majors)('on PostgreSQL %i', (major) => {
  test('what a type holds comes back from it unchanged, and what it loses does not', async () => {
    await withDatabase(major, async (client) => {
      await client.query("SET TimeZone = 'UTC'")
      const wrong: string[] = []
      for (const [from, to] of pairs) {
        if (inexact.includes(from) && exact.includes(to)) continue
        const said = fit(samples[from]?.parsed, samples[to]?.parsed)
        if (said === 'unclear') continue
        const results: boolean[] = []
        for (const value of samples[from]?.values ?? []) {
          const text = `SELECT $1::${from}::${to}::${from} = $1::${from} AS same`
          try {
            const { rows } = await client.query<{ same: boolean }>({ text, values: [value] })
            results.push(rows[0]?.same === true)
          } catch (error) {
            if (!(error instanceof DatabaseError)) throw error
            // Where there is no cast, USING says how it is done.
            if (error.code !== noSuchCast) results.push(false)
          }
        }
        if (results.length > 0 && results.every(Boolean) !== (said === 'holds'))
          wrong.push(`${from} to ${to}: ${JSON.stringify(said)}`)
      }
      expect(wrong).toEqual([])
    })
  })
})

test('the text of every type is the one that is written', () => {
  for (const [written, { parsed }] of Object.entries(samples)) {
    if (!written.startsWith('interval')) expect(typeText(parsed)).toBe(written)
  }
})

test('most pairs are decided', () => {
  const unclear = pairs.filter(([from, to]) => fit(samples[from]?.parsed, samples[to]?.parsed) === 'unclear')
  expect(unclear.length).toBeLessThan(pairs.length / 2)
})

test('a domain is taken for its type, and one with a constraint for narrower', () => {
  const domains = new Map([
    ['code', { base: 'varchar', modifiers: [10], constrained: false }],
    ['mail', { base: 'text', modifiers: [], constrained: true }],
  ])
  const change = (from: ColumnType, to: ColumnType) => typeFit(from, to, { cast: false, domains })
  expect(change(type('code'), type('varchar', 20))).toBe('holds')
  expect(change(type('code'), type('varchar', 9))).toEqual({ loses: 'a longer value makes it fail' })
  expect(change(type('varchar', 10), type('code'))).toBe('holds')
  expect(change(type('text'), type('code'))).toEqual({ loses: 'a longer value makes it fail' })
  expect(change(type('text'), type('mail'))).toEqual({ loses: 'a value that the domain mail refuses makes it fail' })
  expect(change(type('mail'), type('text'))).toBe('holds')
  expect(change(type('mood'), type('mood_2'))).toBe('unclear')
})

function type(name: string, ...modifiers: number[]): ColumnType {
  return { type: name, modifiers }
}

function fit(from: ColumnType | undefined, to: ColumnType | undefined): Fit {
  if (from === undefined || to === undefined) throw new Error('no such sample')
  return typeFit(from, to, { cast: true, domains: new Map() })
}
