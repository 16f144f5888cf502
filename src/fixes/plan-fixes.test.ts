import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Finding } from '../findings/finding.ts'
import { applyEdits } from '../findings/fix.ts'
import type { Fix, TextEdit } from '../findings/fix.ts'
import { fixesOf, planFixes } from './plan-fixes.ts'

function finding(...fixes: Partial<Fix>[]): Finding {
  return {
    rule: 'no-x',
    severity: 'error',
    message: 'x',
    location: { kind: 'setting', name: 'x' },
    related: [],
    evidence: [],
    next: 'x',
    fixes: fixes.map((fix) => ({ title: 'Mend it', safety: 'review', edits: [], newFiles: [], ...fix })),
    fingerprint: 'x',
  }
}

const planOf = (...fixes: Partial<Fix>[]) =>
  planFixes(
    fixesOf(
      fixes.map((fix) => finding(fix)),
      'review',
    ),
  )
const newFiles = (...names: string[]) => ({ newFiles: names.map((file) => ({ file, text: file })) })

describe('fixesOf', () => {
  it('takes the first safe fix of each finding, or with review the first at all', () => {
    const findings = [finding({ title: 'a' }, { title: 'b', safety: 'safe' }), finding({ title: 'c' }), finding()]
    expect(fixesOf(findings, 'safe').map(({ fix }) => fix.title)).toEqual(['b'])
    expect(fixesOf(findings, 'review').map(({ fix }) => fix.title)).toEqual(['a', 'c'])
  })
})

describe('planFixes', () => {
  it.each<[string, string[][], string[]]>([
    ['numbers', [['m/0007_a.sql'], ['m/0007_b.sql']], ['m/0007_a.sql', 'm/0008_b.sql']],
    [
      'several steps of one fix',
      [
        ['m/7_a.sql', 'm/7_a.down.sql', 'm/8_b.sql'],
        ['m/7_c.sql', 'm/8_d.sql'],
      ],
      ['m/7_a.sql', 'm/7_a.down.sql', 'm/8_b.sql', 'm/9_c.sql', 'm/10_d.sql'],
    ],
    [
      'times',
      [['m/20261231235959_a.sql'], ['m/20261231235959_b.sql']],
      ['m/20261231235959_a.sql', 'm/20270101000000_b.sql'],
    ],
    [
      'the folders of Prisma',
      [['p/20250101000000_a/migration.sql'], ['p/20250101000000_b/migration.sql']],
      ['p/20250101000000_a/migration.sql', 'p/20250101000001_b/migration.sql'],
    ],
    [
      "Flyway's",
      [['f/V1.2__a.sql', 'f/U1.2__a.sql'], ['f/V1.2__b.sql']],
      ['f/V1.2__a.sql', 'f/U1.2__a.sql', 'f/V1.3__b.sql'],
    ],
    ['each folder by itself', [['a/3_x.sql'], ['b/3_y.sql']], ['a/3_x.sql', 'b/3_y.sql']],
    ['those that are apart already', [['m/3_x.sql'], ['m/5_y.sql']], ['m/3_x.sql', 'm/5_y.sql']],
  ])('gives new migrations versions in a row: %s', (_, fixes, names) => {
    expect(planOf(...fixes.map((each) => newFiles(...each))).newFiles.map(({ file }) => file)).toEqual(names)
  })

  it('never takes edits that meet, and every fix is either taken or postponed', () => {
    const edit = fc.record({
      file: fc.constantFrom('a', 'b'),
      start: fc.nat(30),
      length: fc.nat(10),
      text: fc.string(),
    })
    const edits = edit.map(({ file, start, length, text }): TextEdit => ({ file, start, end: start + length, text }))
    fc.assert(
      fc.property(fc.array(fc.array(edits, { minLength: 1, maxLength: 1 }), { maxLength: 12 }), (all) => {
        const plan = planOf(...all.map((each) => ({ edits: each })))
        expect(plan.taken.length + plan.postponed.length).toBe(all.length)
        for (const file of ['a', 'b'])
          applyEdits(
            'x'.repeat(60),
            plan.edits.filter((each) => each.file === file),
          )
      }),
    )
  })

  it('postpones what edits the same place, with its new files', () => {
    const edit: TextEdit = { file: 'a', start: 0, end: 5, text: '' }
    const plan = planOf({ edits: [edit] }, { edits: [{ ...edit, start: 5, end: 9 }], ...newFiles('m/2_x.sql') })
    expect(plan.postponed).toHaveLength(1)
    expect(plan.newFiles).toEqual([])
  })
})
