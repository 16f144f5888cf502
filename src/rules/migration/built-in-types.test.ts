import { expect, test } from 'vitest'
import { majors, withDatabase } from '../../../test/postgres.ts'
import { builtInTypes } from './built-in-types.ts'

test.each(majors)('every type listed is one of PostgreSQL %i, and no domain', async (major) => {
  await withDatabase(major, async (client) => {
    const { rows } = await client.query<{ name: string }>(
      `SELECT typname AS name FROM pg_type WHERE typnamespace = 'pg_catalog'::regnamespace AND typtype IN ('b', 'r', 'm')`,
    )
    const known = new Set(rows.map(({ name }) => name))
    expect([...builtInTypes].filter((name) => !known.has(name))).toEqual([])
  })
})
