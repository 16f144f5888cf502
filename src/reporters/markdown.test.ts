import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { context, hostile, hostileReport } from '../../test/hostile-report.ts'
import type { CheckReport } from '../findings/report.ts'
import { codeBlock, codeSpan, prose } from './markdown-text.ts'
import { markdown } from './markdown.ts'

/** What GitHub takes as one comment. */
const longest = 65_536

describe('markdown', () => {
  const printed = markdown(hostileReport, context)

  it('counts the findings by severity and rule', () => {
    expect(printed.split('\n').slice(0, 12)).toEqual([
      '### kei check: 4 errors, 2 warnings, 1 note',
      '',
      '2 migrations in `m` (kei): 9 statements, 5 of them run on PostgreSQL 17.10',
      '',
      '| Severity | Rule | Findings |',
      '|---|---|---:|',
      '| error | `no-rewriting-column` | 1 |',
      '| error | `no-unreadable-file` | 1 |',
      '| error | `require-concurrent-index` | 2 |',
      '| warning | `no-char-type` | 1 |',
      '| warning | `prefer-gin` | 1 |',
      '| note | `prefer-identity` | 1 |',
    ])
  })

  it('shows a finding with its place, and folded away the text, how it is known and what to do', () => {
    expect(printed).toContain(
      [
        '**error** `require-concurrent-index` at `m/ü 100%#?/1_a.sql:2:2`\\',
        'CREATE INDEX blocks every write to t',
        '',
        '<details><summary>How it is known, and what to do</summary>',
        '',
        '```',
        '2 │     CREATE INDEX i ON t (a); -- ::error::x',
        '  │     ^^^^^^^^^^^^^^^^^^^^^^^',
        '```',
        '',
        '- In the text: CREATE INDEX i ON t (a)',
        '',
        'Write:',
        '',
        '```sql',
        'CREATE INDEX CONCURRENTLY i ON t (a);',
        '```',
        '',
        '</details>',
        '',
        '',
      ]
        .join('\n')
        .trimEnd(),
    )
  })

  it('puts the worst first', () => {
    const [first, ...rest] = hostileReport.findings
    if (first === undefined) throw new Error('the report has findings')
    const order = markdown({ ...hostileReport, findings: [{ ...first, severity: 'note' }, ...rest] }, context)
    expect([...order.matchAll(/^\*\*(\w+)\*\*/gm)].map(([, severity]) => severity)).toEqual([
      ...['error', 'error', 'error', 'warning', 'warning', 'note', 'note'],
    ])
  })

  it("lets nothing of the user's be markup", () => {
    const outsideCode = printed.replace(/^(`{3,})[^]*?^\1$/gm, '').replace(/(`+)[^]*?\1/g, '')
    const own = outsideCode.replaceAll(/<\/?details>|<\/?summary>/g, '').replaceAll('&#8203;', ' ')
    expect(own).not.toMatch(/(?<!\\)[<>]/)
    expect(own).not.toMatch(/[@#](?=\w)|https?:\/\/|www\.\w/)
    expect((printed.match(/<details>/g) ?? []).length).toBe((printed.match(/^<\/details>$/gm) ?? []).length)
  })

  it('says what was not judged, and who answers for what', () => {
    for (const title of ['Not run on the shadow server', 'Could not be decided', 'To be known', 'Acknowledged']) {
      expect(printed).toContain(`<summary>${title}`)
    }
    expect(printed).toContain('2 ignored with a reason, 3 findings on released files only counted')
  })

  it('fits into one comment, and says how much did not', () => {
    const findings = Array.from({ length: 2_000 }, () => hostileReport.findings).flat()
    const many = markdown({ ...hostileReport, findings }, context)
    expect(many.length).toBeLessThanOrEqual(longest)
    const shown = (many.match(/^\*\*(?:error|warning|note)\*\* /gm) ?? []).length
    expect(shown).toBeGreaterThan(20)
    expect(many).toContain(`**and ${findings.length - shown} more**: ${findings.length - shown} findings did not fit`)
  })

  it('fits whatever the texts are', () => {
    const text = fc
      .tuple(fc.constantFrom('@a', '\u202e', '`', 'word ', '\n', '\ud83d\ude00', '|', hostile), fc.nat(40_000))
      .map(([part, times]) => part.repeat(Math.ceil(times / part.length)))
    const [finding] = hostileReport.findings
    if (finding === undefined) throw new Error('the report has findings')
    fc.assert(
      fc.property(text, text, fc.nat(60), (a, b, n) => {
        const report: CheckReport = {
          ...hostileReport,
          folders: Array.from({ length: n }, () => ({ path: a, layout: 'kei', files: 1 })),
          findings: Array.from({ length: n }, () => ({ ...finding, message: a, next: b })),
          notices: Array.from({ length: n }, () => b),
          ignored: hostileReport.ignored.map((each) => ({ ...each, reason: a })),
        }
        expect(markdown(report, context).length).toBeLessThanOrEqual(longest)
      }),
      { numRuns: 40 },
    )
  })
})

describe('prose', () => {
  it('leaves ordinary sentences readable', () => {
    for (const text of [
      'CREATE INDEX on order_items (a, b) takes SHARE; 3.5 s',
      "nextval('public.i'::regclass) – é 表",
    ]) {
      expect(prose(text)).toBe(text)
    }
  })

  it('escapes markup, mentions, references and links', () => {
    expect(prose('*a* _b_ c_d `e` <f> [g](h) | ~i~ $j$')).toBe(
      '\\*a\\* \\_b\\_ c_d \\`e\\` \\<f\\> \\[g\\](h) \\| \\~i\\~ \\$j\\$',
    )
    expect(prose('@a #1 GH-2 https://b www.c')).toBe(
      '@&#8203;a \\#&#8203;1 GH-&#8203;2 https:&#8203;// b www.&#8203;c'.replace('// b', '//b'),
    )
  })

  it('keeps lines, none of which begins a list or a heading', () => {
    expect(prose('- a\n1. b\n\n# c\n=== ')).toBe('\\- a\\\n1\\. b\\\n\\# c\\\n\\===')
  })
})

describe('code', () => {
  it('is fenced by more backticks than it holds', () => {
    expect(codeSpan('a')).toBe('`a`')
    expect(codeSpan('`a``')).toBe('``` `a`` ```')
    expect(codeBlock('```\na')).toBe('````\n```\na\n````')
  })
})
