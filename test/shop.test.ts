import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { majors, withDatabase } from './postgres.ts'

const shop = fileURLToPath(new URL('../examples/shop', import.meta.url))

interface Mistake {
  number: number
  file: string
  line: number
  rule: string
  later: boolean
}

const row = /^\| (\d+) \| `([^`]+):(\d+)` \| .* \| `([a-z0-9-]+)`( later)? \|$/gm
const mistakes: Mistake[] = [...readFileSync(join(shop, 'MISTAKES.md'), 'utf8').matchAll(row)].map((match) => ({
  number: Number(match[1]),
  file: match[2] ?? '',
  line: Number(match[3]),
  rule: match[4] ?? '',
  later: match[5] !== undefined,
}))

describe('examples/shop', () => {
  it('numbers its mistakes from 1 and has more than twenty', () => {
    expect(mistakes.length).toBeGreaterThan(20)
    expect(mistakes.map(({ number }) => number)).toEqual(mistakes.map((_, index) => index + 1))
  })

  it('puts every mistake on a line that says something', () => {
    const empty = mistakes.filter(({ file, line }) => {
      const text = readFileSync(join(shop, file), 'utf8').split('\n')[line - 1] ?? ''
      return text.trim() === ''
    })
    expect(empty).toEqual([])
  })

  it('expects exactly the mistakes whose rules exist', () => {
    const expected = JSON.parse(readFileSync(join(shop, 'expected.json'), 'utf8')) as object[]
    const listed = mistakes.filter(({ later }) => !later).map(({ rule, file, line }) => ({ rule, file, line }))
    expect(new Set(expected.map((each) => JSON.stringify(each)))).toEqual(
      new Set(listed.map((each) => JSON.stringify(each))),
    )
  })

  it.each(majors)('has migrations that all run on PostgreSQL %i', async (major) => {
    await withDatabase(major, async (client) => {
      const files = readdirSync(join(shop, 'migrations')).sort()
      for (const file of files) {
        const text = readFileSync(join(shop, 'migrations', file), 'utf8')
        // CONCURRENTLY cannot stand in a string with other statements.
        const parts = text.includes('CONCURRENTLY') ? text.split(/(?<=;)\n/) : [text]
        for (const part of parts) await client.query(part)
      }
      const { rows } = await client.query("SELECT FROM pg_class WHERE relname = 'top_customers'")
      expect(rows).toHaveLength(1)
    })
  })
})
