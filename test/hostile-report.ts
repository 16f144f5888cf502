import type { Finding } from '../src/findings/finding.ts'
import type { CheckReport } from '../src/findings/report.ts'
import type { ReporterContext } from '../src/reporters/reporter.ts'
import type { RuleDescription } from '../src/reporters/rule-description.ts'

/** Text that a terminal, a build service, HTML, XML, Markdown or SARIF would each take for more than text. */
export const hostile = [
  '::error file=a::stolen',
  ' \u00a0::stop-commands::x',
  'a ##[error]b ##vso[task.complete] c',
  'colour \u001b[31m \u009b2J bell \u0007 nul \u0000 over\u202eturn \ufeff \ud83d \uffff',
  ']]><script>alert("1")</script> & \'quoted\' </details>',
  '| a | `b` ``c`` ```d``` *e* _f_ ~g~ $h$ \\i',
  '@someone #123 GH-7 [link](https://example.invalid/) ![image](x) www.example.invalid <https://example.invalid/>',
  '# heading\r\n- list\n1. first\n> quote\n===',
  '100% of {0} in %0A%3A, done',
].join('\n')

/** The text that the findings in a file are about; its first line has characters outside the basic plane. */
export const sqlText =
  "SELECT '👩‍💻 é', $$```$$;\n\tCREATE INDEX i ON t (a); -- ::error::x\nALTER TABLE t\n  ADD b int;\n"

export const sqlFile = 'm/ü 100%#?/1_a.sql'

const finding = (rule: string, rest: Partial<Finding>): Finding => ({
  rule,
  severity: 'error',
  message: 'CREATE INDEX blocks every write to t',
  location: { kind: 'file', file: sqlFile, line: 2, column: 2, endLine: 2, endColumn: 25 },
  related: [],
  evidence: [{ kind: 'source', text: 'CREATE INDEX i ON t (a)' }],
  next: 'Write:\n  CREATE INDEX CONCURRENTLY i ON t (a);',
  fixes: [],
  fingerprint: `${rule}-1`,
  ...rest,
})

const object = { kind: 'object', objectType: 'table', name: 'public."::error::\n|x"' } as const

/** A report with every kind of location, of evidence and of what stands beside the findings. */
export const hostileReport: CheckReport = {
  version: 1,
  kei: '0.1.0',
  major: 17,
  server: '17.10',
  folders: [{ path: 'm', layout: 'kei', files: 2 }],
  summary: {
    errors: 4,
    warnings: 2,
    notes: 1,
    files: 2,
    statements: 9,
    traced: 5,
    notTraced: 4,
    releasedFindings: 3,
    ignored: 2,
  },
  findings: [
    finding('require-concurrent-index', {
      related: [
        {
          location: { kind: 'file', file: sqlFile, line: 1, column: 1, endLine: 1, endColumn: 7 },
          message: 'see [here](0)',
        },
        { location: object, message: hostile },
      ],
      evidence: [
        { kind: 'source', text: hostile },
        {
          kind: 'measured',
          major: 17,
          shape: 'CREATE INDEX',
          locks: [{ relation: 'public.t', mode: 'SHARE' }],
          rewrite: true,
          scan: true,
        },
        {
          kind: 'trace',
          major: 17,
          locks: [{ relation: 'public.t', mode: 'SHARE' }],
          rewrites: ['public.t'],
          scans: ['public.t'],
          milliseconds: 1,
          facts: { type: 'jsonb' },
        },
      ],
      fixes: [
        {
          title: 'Write CONCURRENTLY',
          safety: 'safe',
          edits: [
            {
              file: sqlFile,
              start: sqlText.indexOf('INDEX') + 5,
              end: sqlText.indexOf('INDEX') + 5,
              text: ' CONCURRENTLY',
            },
            { file: sqlFile, start: sqlText.indexOf('ALTER'), end: sqlText.length, text: '' },
          ],
          newFiles: [{ file: 'm/2_b.sql', text: 'ALTER TABLE t\n  ADD b int;\n' }],
        },
      ],
    }),
    finding('require-concurrent-index', { fingerprint: 'require-concurrent-index-2' }),
    finding('no-rewriting-column', {
      message: hostile,
      location: { kind: 'file', file: sqlFile, line: 3, column: 1, endLine: 5, endColumn: 1 },
      next: hostile,
    }),
    finding('no-unreadable-file', {
      location: { kind: 'file', file: 'm/a,b:c\n::error::d%.sql', line: 1, column: 1, endLine: 1, endColumn: 1 },
      fixes: [
        {
          title: 'In a file that is gone',
          safety: 'review',
          edits: [{ file: 'gone.sql', start: 0, end: 1, text: '' }],
          newFiles: [],
        },
      ],
    }),
    finding('prefer-gin', {
      severity: 'warning',
      location: object,
      evidence: [
        { kind: 'catalog', facts: { index: 'i', columns: 2 } },
        { kind: 'statistics', facts: { 'rows of t': 1e9 } },
      ],
    }),
    finding('no-char-type', {
      severity: 'warning',
      location: { kind: 'setting', name: 'ssl' },
      evidence: [
        { kind: 'git', commit: 'f'.repeat(40), detail: 'tracked' },
        { kind: 'run', detail: 'a drill', figures: { seconds: 3 } },
      ],
    }),
    finding('prefer-identity', { severity: 'note', evidence: [{ kind: 'plan', before: {}, after: {} }] }),
  ],
  ignored: [
    {
      rule: 'no-drop-table',
      message: `DROP TABLE destroys ${hostile}`,
      location: { kind: 'file', file: sqlFile, line: 4, column: 3, endLine: 4, endColumn: 12 },
      reason: hostile,
      destructive: true,
    },
    { rule: 'prefer-gin', message: 'a B-tree', location: object, reason: 'only a key is asked for' },
  ],
  unknown: [{ rule: 'prefer-gin', needs: hostile, count: 2 }],
  notTraced: [
    { file: sqlFile, line: 3, cause: hostile },
    { file: sqlFile, line: 4, cause: 'after', root: { file: sqlFile, line: 3 } },
    { file: sqlFile, line: 5, cause: 'after', root: { file: sqlFile, line: 3 } },
    { file: 'm/2_b.sql', line: 1, cause: 'after', root: { file: 'm/0_before.sql', line: 9 } },
  ],
  notices: ['something was stubbed', hostile],
}

export const context: ReporterContext = {
  colour: false,
  width: 80,
  textOf: (file) => (file === sqlFile ? sqlText : undefined),
}

/** A description of each rule that the report names. */
export const ruleDescriptions: readonly RuleDescription[] = [
  ...new Set([...hostileReport.findings, ...hostileReport.ignored].map(({ rule }) => rule)),
].map((id) => ({
  id,
  severity: 'warning',
  category: 'migration',
  summary: `What ${id} finds`,
  why: 'It hurts.',
  instead: 'Do not.',
  page: `# ${id}\n`,
}))
