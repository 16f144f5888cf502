import { createHash } from 'node:crypto'
import { mkdirSync, readFileSync, readdirSync, rmSync, statSync, utimesSync } from 'node:fs'
import { join } from 'node:path'
import { jsonText } from '../findings/json-text.ts'
import { worstOf } from '../findings/finding.ts'
import type { Severity } from '../findings/finding.ts'
import type { CheckReport } from '../findings/report.ts'
import { writeWhole } from '../project/write-whole.ts'

/** How many whole reports are kept; the least recently used go first. */
const kept = 64

/**
 * A report is kept under the hash of everything it came from, so that a check of what has not changed reads the files
 * and prints. Data only; a damaged or foreign entry counts as absent.
 */
export interface ResultCache {
  read(): KeptReport | undefined
  write(report: CheckReport): KeptReport
}

/** A report as it is kept: most often it is printed as JSON, and then needs to be neither read nor written anew. */
export interface KeptReport {
  /** As `jsonText` writes the report. */
  json: string
  /** The highest severity of its findings; undefined when it has none. */
  worst: Severity | undefined
  /** The report, made of `json` when it is asked for first. */
  report(): CheckReport
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
        const text = readFileSync(file, 'utf8')
        const end = text.indexOf('\n')
        const head = JSON.parse(text.slice(0, end)) as { key?: unknown; length?: number; worst?: Severity }
        const json = text.slice(end + 1)
        if (head.key !== key || head.length !== json.length) return undefined
        const now = new Date()
        utimesSync(file, now, now)
        let report: CheckReport | undefined
        return { json, worst: head.worst, report: () => (report ??= JSON.parse(json) as CheckReport) }
      } catch {
        return undefined
      }
    },
    write(report) {
      const json = jsonText(report)
      const worst = worstOf(report.findings)
      try {
        mkdirSync(folder, { recursive: true, mode: 0o700 })
        writeWhole(file, `${JSON.stringify({ key, length: json.length, worst })}\n${json}`, 0o600)
        removeOldest(folder)
      } catch {
        // A cache that cannot be written costs time, never the answer.
      }
      return { json, worst, report: () => report }
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
