import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { cacheFolder } from '../../src/config/cache-folder.ts'
import { folderWith } from '../repository.ts'
import { kei } from './kei.ts'

/** A history that takes a while, so that it can be killed in the middle. */
function history(files: number): Record<string, string> {
  const entries = Array.from({ length: files }, (_, index): [string, string] => [
    `migrations/${String(index + 1).padStart(4, '0')}_t.sql`,
    `CREATE TABLE t${index} (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, note text);\n` +
      `CREATE INDEX ON t${index} (note);\n`,
  ])
  return Object.fromEntries(entries)
}

/** Processes whose command line names this text. */
function processesWith(text: string): string[] {
  return readdirSync('/proc').filter((entry) => {
    if (!/^\d+$/.test(entry)) return false
    try {
      return readFileSync(`/proc/${entry}/cmdline`, 'utf8').includes(text)
    } catch {
      return false
    }
  })
}

describe.skipIf(process.platform !== 'linux')(
  'the shadow server behind kei check (processes are read from /proc)',
  () => {
    const folder = folderWith(history(150))
    let cache: string
    let env: Record<string, string>
    beforeAll(() => {
      // As root the server runs as another user, who must be able to pass through to the cache.
      cache = mkdtempSync(join(process.getuid?.() === 0 ? cacheFolder() : tmpdir(), 'kei-life-'))
      env = { KEI_CACHE_DIR: cache, KEI_SHADOW_IDLE: '1' }
    })
    afterAll(() => rmSync(cache, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 }))

    it('serves two checks at once, and leaves nothing running past the idle limit', async () => {
      const [first, second] = await Promise.all([
        kei(['check', '--json'], { cwd: folder, env }),
        kei(['check', '--json'], { cwd: folder, env }),
      ])
      expect([first.code, second.code, first.err, second.err]).toEqual([0, 0, '', ''])
      expect(JSON.parse(first.out).summary).toMatchObject({ files: 150, traced: 300, notTraced: 0 })
      expect(JSON.parse(second.out).findings).toEqual(JSON.parse(first.out).findings)
      await expectGone()
    })

    it('survives being killed in the middle: the next check is right and nothing is left', async () => {
      const files = folderWith({
        ...history(600),
        'migrations/0601_more.sql': 'CREATE TABLE more (id serial PRIMARY KEY);',
      })
      const killed = await kei(['check', '--json'], { cwd: files, env, killAfter: 700 })
      expect(killed.code).toBeNull()
      const after = await kei(['check', '--json'], { cwd: files, env })
      expect(after.err).toBe('')
      const report = JSON.parse(after.out)
      expect(report.summary).toMatchObject({ files: 601, traced: 1201, notTraced: 0 })
      expect(report.findings.map((finding: { rule: string }) => finding.rule)).toEqual([
        'require-down-or-irreversible',
        'prefer-identity',
      ])
      await expectGone()
    })

    async function expectGone(): Promise<void> {
      const deadline = Date.now() + 15_000
      while (processesWith(cache).length > 0 && Date.now() < deadline) await delay(200)
      expect(processesWith(cache)).toEqual([])
    }
  },
)
