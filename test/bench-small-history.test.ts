import { describe, expect, it } from 'vitest'
import { smallHistory } from '../bench/small-history.ts'
import { withDatabase } from './postgres.ts'

describe("the benchmark's history of small migrations", () => {
  it('is the same for the same seed and another for another', () => {
    expect(smallHistory(40, 7)).toEqual(smallHistory(40, 7))
    expect(smallHistory(40, 8)).not.toEqual(smallHistory(40, 7))
  })

  it('has the mix that bench/README.md names', () => {
    const { migrations } = smallHistory(5000)
    const share = (start: string): number =>
      migrations.filter(({ up }) => up.split('\n\n')[1]?.startsWith(start)).length / migrations.length
    expect(share('CREATE TABLE')).toBeCloseTo(0.25, 1)
    expect(share('ALTER TABLE')).toBeCloseTo(0.3, 1)
    expect(share('CREATE INDEX')).toBeCloseTo(0.2, 1)
    expect(share('INSERT')).toBeCloseTo(0.15, 1)
    expect(share('CREATE FUNCTION')).toBeCloseTo(0.1, 1)
  })

  it('leaves the objects it names, and nothing when it has run back', async () => {
    const { migrations, objects } = smallHistory(120)
    await withDatabase(17, async (client) => {
      const found = async (): Promise<string[]> => {
        const { rows } = await client.query<{ name: string }>(
          `SELECT name FROM unnest($1::text[]) AS name WHERE to_regclass(name) IS NOT NULL OR to_regproc(name) IS NOT NULL`,
          [objects],
        )
        return rows.map(({ name }) => name)
      }
      for (const { up } of migrations) await client.query(up)
      expect(await found()).toEqual(objects)
      for (const { down } of migrations.toReversed()) await client.query(down)
      expect(await found()).toEqual([])
    })
  })
})
