import { describe, expect, test } from 'vitest'
import type { CheckReport } from '../../src/findings/report.ts'
import type { RunPlan } from '../../src/migrate/plan.ts'
import { commitAll, folderWith, repositoryWith, writeFiles } from '../repository.ts'
import type { Files } from '../repository.ts'
import { kei } from './kei.ts'

const orders =
  'CREATE TABLE orders (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, note text, old text);\n' +
  'CREATE VIEW notes AS SELECT note FROM orders;\n'

const reasons = `-- kei: ignore no-drop-column: asked for by billing, dump at postgres://u:hunter2@far/d
ALTER TABLE orders DROP COLUMN old;
-- kei: ignore no-drop-table: the archive has it
-- kei: ignore no-drop-cascade: the view is of no use alone
DROP TABLE orders CASCADE;
`

const files: Files = {
  'migrations/1_orders.sql': orders,
  'migrations/1_orders.down.sql': 'DROP VIEW notes;\nDROP TABLE orders;\n',
  'migrations/2_drop.sql': `-- kei: irreversible the rows are in the archive alone\n${reasons}`,
}

/** The findings about lost rows and values, and the ignore comments that are wrong. */
function told({ findings }: CheckReport): string[] {
  return findings
    .filter(({ rule }) => /^no-(?:drop|truncate|narrowing|unfiltered|invalid)/.test(rule))
    .map(({ rule, location }) => `${rule} ${location.kind === 'file' ? `${location.file}:${location.line}` : ''}`)
}

describe('a destructive statement', () => {
  test('is an error, in the up section alone', async () => {
    const bare = { ...files, 'migrations/2_drop.sql': reasons.replace(/^--.*\n/gm, '') }
    const ran = await kei(['check', '--json'], { cwd: folderWith(bare) })
    expect(ran.code).toBe(1)
    expect(told(JSON.parse(ran.out) as CheckReport)).toEqual([
      'no-drop-column migrations/2_drop.sql:1',
      'no-drop-cascade migrations/2_drop.sql:2',
      'no-drop-table migrations/2_drop.sql:2',
    ])
  })

  test('is acknowledged with a reason, which the report shows', async () => {
    const folder = folderWith(files)
    const printed = await kei(['check'], { cwd: folder })
    expect(printed.out).toMatch(/^Acknowledged:$/m)
    const acknowledged = printed.out.slice(printed.out.indexOf('Acknowledged:'))
    expect(acknowledged.replace(/\s+/g, ' ')).toContain(
      'DROP TABLE destroys public.orders with all rows – the archive has it (migrations/2_drop.sql:6)',
    )
    expect(acknowledged).toContain('3 ignored with a reason')
    const ran = await kei(['check', '--json'], { cwd: folder })
    expect(ran).toMatchObject({ code: printed.code, err: '' })
    const report = JSON.parse(ran.out) as CheckReport
    expect(told(report)).toEqual([])
    expect(report.summary.ignored).toBe(3)
    expect(report.ignored.map(({ rule, reason, destructive }) => [rule, reason, destructive])).toEqual([
      ['no-drop-column', 'asked for by billing, dump at postgres://u:********@far/d', true],
      ['no-drop-cascade', 'the view is of no use alone', true],
      ['no-drop-table', 'the archive has it', true],
    ])
    expect(printed.out + ran.out).not.toContain('hunter2')
  })

  test('is not shown again once its file is released', async () => {
    const folder = repositoryWith({ 'README.md': 'shop\n' })
    writeFiles(folder, files)
    commitAll(folder)
    const released = await kei(['check', '--no-trace'], { cwd: folder })
    expect(released.out).not.toContain('Acknowledged:')
    expect(released.out).toMatch(/\d ignored with a reason/)
    expect((await kei(['check', '--no-trace', '--all'], { cwd: folder })).out).toContain('Acknowledged:')
  })

  test('has its reason in the plan, as text and as JSON', async () => {
    const folder = folderWith(files)
    const printed = await kei(['migrate', 'plan', '--offline'], { cwd: folder })
    expect(printed.out).toContain(
      '    1. line 3: ALTER TABLE orders DROP COLUMN old\n' +
        '         ignores no-drop-column: asked for by billing, dump at postgres://u:********@far/d\n',
    )
    expect(printed.out).toContain(
      '    2. line 6: DROP TABLE orders CASCADE\n         ignores no-drop-table: the archive has it\n' +
        '         ignores no-drop-cascade: the view is of no use alone\n',
    )
    const ran = await kei(['migrate', 'plan', '--offline', '--json'], { cwd: folder })
    const { migrations } = JSON.parse(ran.out) as RunPlan
    expect(migrations[1]?.steps[0]?.statements[1]?.ignores).toEqual([
      { rule: 'no-drop-table', reason: 'the archive has it' },
      { rule: 'no-drop-cascade', reason: 'the view is of no use alone' },
    ])
    expect(printed.out + ran.out).not.toContain('hunter2')
  })
})
