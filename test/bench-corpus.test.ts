import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { nextMigration, writeCorpus } from '../bench/corpus.ts'
import { withDatabase } from './postgres.ts'

const scratch = mkdtempSync(join(tmpdir(), 'kei-corpus-'))
afterAll(() => rmSync(scratch, { recursive: true }))

describe("the benchmark's corpus", () => {
  it('is the same bytes for the same seed and other bytes for another', () => {
    const [one, two, other] = ['one', 'two', 'other'].map((name) => join(scratch, name)) as [string, string, string]
    writeCorpus(one, 40, 7)
    writeCorpus(two, 40, 7)
    writeCorpus(other, 40, 8)
    expect(textOf(two)).toBe(textOf(one))
    expect(textOf(other)).not.toBe(textOf(one))
  })

  it('has the size and the mix that bench/README.md names', () => {
    const corpus = writeCorpus(join(scratch, 'large'), 2000)
    expect(corpus.statements).toBeGreaterThanOrEqual(8000)
    expect(corpus.bytes / 1e6).toBeCloseTo(1.1, 1)
    expect(corpus.plpgsql / corpus.files).toBeCloseTo(0.05, 2)
  })

  it('runs in order, and the next migration after it', async () => {
    const folder = join(scratch, 'run')
    writeCorpus(folder, 120)
    await withDatabase(17, async (client) => {
      const texts = readdirSync(folder)
        .sort()
        .map((file) => readFileSync(join(folder, file), 'utf8'))
      for (const text of [...texts, nextMigration(120).text]) {
        // CONCURRENTLY cannot stand in a string with other statements; bodies of functions hold no empty line.
        for (const statement of text.split('\n\n')) await client.query(statement)
      }
    })
  })
})

function textOf(folder: string): string {
  return readdirSync(folder)
    .sort()
    .map((file) => `${file}\n${readFileSync(join(folder, file), 'utf8')}`)
    .join('')
}
