import { describe, expect, it } from 'vitest'
import { context, hostileReport, ruleDescriptions } from '../../test/hostile-report.ts'
import { reporters } from './reporters.ts'
import type { Reporter } from './reporter.ts'

const loaded: [string, Reporter][] = []
for (const [name, load] of Object.entries(reporters)) {
  loaded.push([name, await load(() => Promise.resolve(ruleDescriptions))])
}

describe.each(loaded)('%s', (name, reporter) => {
  const printed = reporter(hostileReport, context)

  it('prints no control, reordering or invisible character but line breaks', () => {
    expect(printed).not.toMatch(/(?!\n)[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u)
  })

  it("lets no line of the user's be a command to a build service", () => {
    const commands = printed.split('\n').filter((line) => /^\s*::/.test(line))
    // One for each finding, and one for what was not judged.
    expect(commands.length).toBe(name === 'github' ? hostileReport.findings.length + 1 : 0)
    expect(printed).not.toMatch(/##\w*\[/)
  })

  it('ends its last line', () => {
    expect(printed.endsWith('\n')).toBe(true)
    expect(printed.endsWith('\n\n')).toBe(false)
  })

  it('prints a report without findings', () => {
    const { summary } = hostileReport
    const clean = {
      ...hostileReport,
      summary: { ...summary, errors: 0, warnings: 0, notes: 0, ignored: 0, releasedFindings: 0 },
      findings: [],
      ignored: [],
      unknown: [],
      notTraced: [],
      notices: [],
    }
    expect(reporter(clean, context)).not.toContain('undefined')
  })
})
