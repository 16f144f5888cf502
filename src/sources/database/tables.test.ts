import { expect, it } from 'vitest'
import { withDatabase } from '../../../test/postgres.ts'
import { readOnly } from '../../postgres/read-only.ts'
import { readTables } from './tables.ts'

/** Tables of different widths, alignments and shares of NULLs, half of their rows gone. */
const shapes: Readonly<Record<string, string>> = {
  narrow: 'SELECT n::int AS id, n % 7 = 0 AS flag FROM generate_series(1, 400000) n',
  keys: 'SELECT n::bigint AS id, n::int AS a, n::bigint AS b, n::smallint AS c FROM generate_series(1, 30000) n, generate_series(1, 8)',
  texts: `SELECT n::bigint AS id, 'user' || n || '@example.com' AS email, now() AS at, repeat('x', n % 200) AS note
    FROM generate_series(1, 60000) n`,
  nulls: `SELECT n::bigint AS id, CASE WHEN n % 3 = 0 THEN n END AS a, CASE WHEN n % 5 > 0 THEN md5(n::text) END AS b,
    NULL::date AS c FROM generate_series(1, 120000) n`,
  toasted: `SELECT n::bigint AS id, (SELECT string_agg(md5((n * m)::text), '') FROM generate_series(1, 100) m) AS document,
    repeat('y', 400) AS other FROM generate_series(1, 24000) n`,
}

it('estimates what the rows would take packed, close to what VACUUM FULL leaves', () =>
  withDatabase(17, async (client) => {
    for (const [name, query] of Object.entries(shapes)) {
      await client.query(`CREATE TABLE ${name} AS ${query}`)
      await client.query(`DELETE FROM ${name} WHERE id % 2 = 0`)
      await client.query(`VACUUM ANALYZE ${name}`)
    }
    await client.query('CREATE TABLE small AS SELECT 1 AS id; ANALYZE small')
    const tables = await readOnly(client, () => readTables(client))
    const ratios: Record<string, number> = {}
    for (const name of Object.keys(shapes)) {
      await client.query(`VACUUM FULL ${name}`)
      const { rows } = await client.query<{ bytes: number }>(`SELECT pg_relation_size('${name}')::float8 AS bytes`)
      ratios[name] = (tables.get(`public.${name}`)?.packedBytes ?? NaN) / (rows[0]?.bytes ?? NaN)
    }
    for (const [name, ratio] of Object.entries(ratios)) {
      expect(ratio, `${name}: ${JSON.stringify(ratios)}`).toBeGreaterThan(0.85)
      expect(ratio, `${name}: ${JSON.stringify(ratios)}`).toBeLessThan(1.1)
    }
    expect(tables.get('public.small')?.packedBytes).toBeUndefined()
  }))
