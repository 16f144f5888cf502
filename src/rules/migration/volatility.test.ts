import { describe, expect, test } from 'vitest'
import { majors, withDatabase } from '../../../test/postgres.ts'
import { settledFunctions, volatileFunctions } from './volatility.ts'

describe.each(majors)('on PostgreSQL %i', (major) => {
  test('every function listed as volatile is, in all its forms, and none that is listed as settled', async () => {
    await withDatabase(major, async (client) => {
      await client.query('CREATE EXTENSION "uuid-ossp"; CREATE EXTENSION pgcrypto')
      const { rows } = await client.query<{ name: string; isVolatile: boolean }>(
        `SELECT proname AS name, provolatile = 'v' AS "isVolatile" FROM pg_proc WHERE prokind = 'f'`,
      )
      const wrong = rows.filter(({ name, isVolatile }) => (isVolatile ? settledFunctions : volatileFunctions).has(name))
      expect(wrong).toEqual([])
      const known = new Set(rows.map(({ name }) => name))
      const missing = [...volatileFunctions, ...settledFunctions].filter((name) => !known.has(name))
      expect(missing).toEqual(major < 18 ? ['uuidv4', 'uuidv7'] : [])
    })
  })
})
