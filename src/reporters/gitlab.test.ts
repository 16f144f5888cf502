import { expect, it } from 'vitest'
import { context, hostileReport, sqlFile } from '../../test/hostile-report.ts'
import { gitlab } from './gitlab.ts'

interface Entry {
  description: string
  check_name: string
  fingerprint: string
  severity: string
  location: { path: string; lines: { begin: number } }
}

it('has an entry with path and line for each finding, and a fingerprint of its own', () => {
  const entries = JSON.parse(gitlab(hostileReport, context)) as Entry[]
  expect(entries[0]).toEqual({
    description: 'CREATE INDEX blocks every write to t (require-concurrent-index)',
    check_name: 'require-concurrent-index',
    fingerprint: 'require-concurrent-index-1',
    severity: 'critical',
    location: { path: sqlFile, lines: { begin: 2 } },
  })
  expect(entries.map(({ severity }) => severity)).toEqual([
    ...['critical', 'critical', 'critical', 'critical'],
    ...['major', 'major', 'info'],
  ])
  expect(new Set(entries.map(({ fingerprint }) => fingerprint)).size).toBe(hostileReport.findings.length)
})

it('shows what stands in no file at the folder that was checked', () => {
  const entries = JSON.parse(gitlab(hostileReport, context)) as Entry[]
  expect(entries[5]).toMatchObject({
    description: 'ssl: CREATE INDEX blocks every write to t (no-char-type)',
    location: { path: 'm', lines: { begin: 1 } },
  })
})
