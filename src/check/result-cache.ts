import { createHash } from 'node:crypto'
import { mkdirSync, readFileSync, readdirSync, rmSync, statSync, utimesSync } from 'node:fs'
import { join } from 'node:path'
import type { CheckReport } from '../findings/report.ts'
import { writeWhole } from '../project/write-whole.ts'

/** How many whole reports are kept; the least recently used go first. */
const kept = 64

/**
 * A report is kept under the hash of everything it came from, so that a check of what has not changed reads the files
 * and prints. Data only; a damaged or foreign entry counts as absent.
 */
export interface ResultCache {
  read(): CheckReport | undefined
  write(report: CheckReport): void
}

/** `parts` is all that decides the result: texts, modes, released files, configuration, versions. */
export function openResultCache(cacheFolder: string, parts: Iterable<string>): ResultCache {
  // One call over one text: each call costs as much as hashing a small migration.
  const all = Array.from(parts, (part) => `${part.length}\0${part}`).join('')
  const key = createHash('sha256').update(all).digest('hex')
  const folder = join(cacheFolder, 'reports')
  const file = join(folder, `${key}.json`)

  return {
    read() {
      try {
        const entry = JSON.parse(readFileSync(file, 'utf8')) as { key?: unknown; report?: CheckReport }
        if (entry.key !== key || entry.report?.version !== 1) return undefined
        const now = new Date()
        utimesSync(file, now, now)
        return entry.report
      } catch {
        return undefined
      }
    },
    write(report) {
      try {
        mkdirSync(folder, { recursive: true, mode: 0o700 })
        writeWhole(file, JSON.stringify({ key, report }), 0o600)
        removeOldest(folder)
      } catch {
        // A cache that cannot be written costs time, never the answer.
      }
    },
  }
}

function removeOldest(folder: string): void {
  const entries = readdirSync(folder)
    .filter((name) => name.endsWith('.json'))
    .map((name) => ({ path: join(folder, name), used: statSync(join(folder, name)).mtimeMs }))
    .sort((a, b) => b.used - a.used)
  for (const entry of entries.slice(kept)) rmSync(entry.path, { force: true })
}
