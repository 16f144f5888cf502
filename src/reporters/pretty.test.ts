import { describe, expect, it } from 'vitest'
import type { Finding } from '../findings/finding.ts'
import type { CheckReport } from '../findings/report.ts'
import { pretty } from './pretty.ts'

const text = 'SELECT 1;\n\tCREATE INDEX i ON "wide 表" (a);\n'
const finding: Finding = {
  rule: 'require-concurrent-index',
  severity: 'error',
  message: 'CREATE INDEX blocks every write to t',
  location: { kind: 'file', file: 'm/1_a.sql', line: 2, column: 2, endLine: 2, endColumn: 32 },
  related: [
    { location: { kind: 'file', file: 'm/1_a.sql', line: 1, column: 1, endLine: 1, endColumn: 2 }, message: 'here' },
  ],
  evidence: [
    {
      kind: 'trace',
      major: 17,
      locks: [{ relation: 'public.t', mode: 'SHARE' }],
      rewrites: [],
      scans: ['public.t'],
      milliseconds: 1,
    },
  ],
  next: 'Write:\n  CREATE INDEX CONCURRENTLY i ON t (a);',
  fixes: [],
  fingerprint: '0',
}
const report: CheckReport = {
  version: 1,
  kei: '0.1.0',
  major: 17,
  server: '17.10',
  folders: [{ path: 'm', layout: 'kei', files: 1 }],
  summary: {
    errors: 1,
    warnings: 0,
    notes: 0,
    files: 1,
    statements: 4,
    traced: 2,
    notTraced: 2,
    releasedFindings: 3,
    ignored: 1,
  },
  findings: [finding],
  ignored: [
    {
      rule: 'no-drop-table',
      message: 'DROP TABLE destroys public.u with all rows',
      location: { kind: 'file', file: 'm/1_a.sql', line: 7, column: 1, endLine: 7, endColumn: 9 },
      reason: 'moved\u001b[2K in May',
      destructive: true,
    },
    { rule: 'prefer-gin', message: 'a B-tree', location: finding.location, reason: 'only a key is asked for' },
  ],
  unknown: [{ rule: 'prefer-gin', needs: 'a trace', count: 2 }],
  notTraced: [
    { file: 'm/1_a.sql', line: 3, cause: 'no such role' },
    { file: 'm/1_a.sql', line: 4, cause: 'after', root: { file: 'm/1_a.sql', line: 3 } },
  ],
  notices: ['something was stubbed'],
}
const context = { colour: false, width: 80, textOf: (file: string) => (file === 'm/1_a.sql' ? text : undefined) }

describe('pretty', () => {
  it('shows place, text, how it is known and what to do, what was not judged, and the sum', () => {
    expect(pretty(report, context)).toBe(`m/1_a.sql:2:2  error  require-concurrent-index
  CREATE INDEX blocks every write to t

    2 │     CREATE INDEX i ON "wide 表" (a);
      │     ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^

  see    m/1_a.sql:1:1: here
  known  ran on PostgreSQL 17.10: SHARE on public.t, read all of public.t
  do     Write:
           CREATE INDEX CONCURRENTLY i ON t (a);

Not run on the shadow server, so judged by its text alone:
  m/1_a.sql:3
    no such role
    1 statement did not run because of it

Could not be decided:
  prefer-gin: 2 places need a trace

To be known:
  something was stubbed

Acknowledged:
  DROP TABLE destroys public.u with all rows – moved\\x1b[2K in May (m/1_a.sql:7)

1 migration in m (kei): 4 statements, 2 of them run on PostgreSQL 17.10
1 error
1 ignored with a reason, 3 findings on released files only counted (--all shows them)
`)
  })

  it('colours only when it may', () => {
    expect(pretty(report, context)).not.toContain('\u001b')
    expect(pretty(report, { ...context, colour: true })).toContain('\u001b[31m')
  })

  it('prints the report without the text of a file that is gone', () => {
    expect(pretty(report, { ...context, textOf: () => undefined })).toContain('known  ran on')
  })

  it('begins no line with a workflow command, wherever it wraps', () => {
    const message = `${'a '.repeat(35)}aaaaaaa ::error::stolen`
    const printed = pretty({ ...report, findings: [{ ...finding, message, next: message }] }, context)
    expect(printed).toContain('\n  \\::error::stolen\n')
    expect(printed).not.toMatch(/^\s*::/m)
  })

  it('cuts a long line around the place', () => {
    const long = `${'a'.repeat(500)}HERE${'b'.repeat(500)}`
    const location = { kind: 'file', file: 'm/1_a.sql', line: 1, column: 501, endLine: 1, endColumn: 505 } as const
    const printed = pretty({ ...report, findings: [{ ...finding, location }] }, { ...context, textOf: () => long })
    const [line = '', marker = ''] = printed.split('\n').slice(3, 5)
    expect(line.length).toBeLessThanOrEqual(80)
    expect(line.slice(marker.indexOf('^'), marker.lastIndexOf('^') + 1)).toBe('HERE')
  })
})
