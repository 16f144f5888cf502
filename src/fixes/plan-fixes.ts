import type { Finding } from '../findings/finding.ts'
import type { Fix, NewFile, TextEdit } from '../findings/fix.ts'
import { createRenumbering } from './renumber.ts'

/** A fix that is to be made, and the finding that it mends. */
export interface ChosenFix {
  finding: Finding
  fix: Fix
}

/** What making some fixes changes. */
export interface FixPlan {
  /** In the order of the report; the new files have the versions that they get. */
  taken: ChosenFix[]
  /** Fixes that edit what another one edits, or move it: a second run proposes them anew. */
  postponed: ChosenFix[]
  edits: TextEdit[]
  newFiles: NewFile[]
}

/** The fix of each finding that may be made: the first that is `safe`, or with `review` the first at all. */
export function fixesOf(findings: readonly Finding[], allowed: 'safe' | 'review'): ChosenFix[] {
  return findings.flatMap((finding) => {
    const fix = finding.fixes.find(({ safety }) => safety === 'safe' || allowed === 'review')
    return fix === undefined ? [] : [{ finding, fix }]
  })
}

/** Puts fixes together: those that would edit the same stretch of a file wait, new migrations get versions in a row. */
export function planFixes(chosen: readonly ChosenFix[]): FixPlan {
  const plan: FixPlan = { taken: [], postponed: [], edits: [], newFiles: [] }
  const renumber = createRenumbering()
  for (const one of chosen) {
    const { finding, fix } = one
    if (fix.edits.some((edit) => plan.edits.some((other) => meet(edit, other)))) {
      plan.postponed.push(one)
      continue
    }
    const newFiles = renumber(fix.newFiles)
    plan.taken.push({ finding, fix: { ...fix, newFiles } })
    plan.edits.push(...fix.edits)
    plan.newFiles.push(...newFiles)
  }
  return plan
}

/** Whether two edits are about one stretch; two at one place have no order either. */
function meet(a: TextEdit, b: TextEdit): boolean {
  return a.file === b.file && a.start <= b.end && b.start <= a.end
}
