import type { Fix } from '../../findings/fix.ts'
import type { SumFile, SumMismatch } from '../../findings/sum-file.ts'
import { defineRule } from '../rule.ts'

export default defineRule({
  id: 'require-atlas-sum',
  since: '0.1.0',
  severity: 'error',
  category: 'project',
  subject: 'history',
  about: 'file',
  needs: ['source'],
  summary: 'An atlas.sum that does not fit the files of its folder',
  why:
    'Atlas runs nothing of a folder whose atlas.sum is not that of its files: the next deployment stops with “checksum ' +
    'mismatch”. The sum is there so that two branches that each add a migration meet in a merge conflict, and so that a ' +
    'migration that was changed after it was reviewed is seen. Each line depends on all files before it, so kei names ' +
    'the first file that differs.',
  instead:
    'Look at the file that is named. When it is as it should be, run `atlas migrate hash` and commit atlas.sum with it; ' +
    'when it was changed after a database had applied it, take the change back and write a new migration.',
  examples: [],
  sources: ['https://atlasgo.io/concepts/migration-directory-integrity'],
  options: {},
  claims: [],
  *check({ folder, sum }) {
    if (sum?.mismatch === undefined) return
    const { path, text = '', mismatch } = sum
    yield {
      kind: 'finding',
      message: messageOf(mismatch),
      at: { file: path, text, span: spanOf(text, mismatch) },
      evidence: [{ kind: 'source', text: evidenceOf(sum, mismatch) }],
      next: nextStep(folder, mismatch),
      fixes: [rewrite(sum)],
      identity: mismatch.kind,
    }
  },
})

function messageOf(mismatch: SumMismatch): string {
  switch (mismatch.kind) {
    case 'missing':
      return 'There is no atlas.sum beside the migrations, so Atlas refuses the folder'
    case 'malformed':
      return 'This line is no checksum, so Atlas refuses the folder'
    case 'total':
      return 'This is not the sum of the lines below: one of them was changed by hand or by a merge'
    case 'edited':
      return `${mismatch.file} was changed after its checksum was taken`
    case 'added':
      return `${mismatch.file} was added without its checksum`
    case 'removed':
      return `${mismatch.file} has a checksum and is not there`
  }
}

function evidenceOf({ text = '', expected }: SumFile, mismatch: SumMismatch): string {
  if (mismatch.kind === 'missing') return 'the folder has no atlas.sum'
  const line = (of: string) => of.split('\n')[mismatch.line - 1] ?? ''
  return `line ${mismatch.line} is ${line(text) || 'not there'}; of the files as they are it is ${line(expected) || 'not there'}`
}

function nextStep(folder: string, mismatch: SumMismatch): string {
  const hash = `run atlas migrate hash --dir "file://${folder}"`
  switch (mismatch.kind) {
    case 'missing':
    case 'malformed':
    case 'total':
      return `See that every file is as it should be, then ${hash}.`
    case 'edited':
      return `If a database has applied it, take the change back. Else ${hash}.`
    case 'added':
      return `See that it belongs there, behind what other branches have added, then ${hash}.`
    case 'removed':
      return `Put it back if a database has applied it. Else ${hash}.`
  }
}

/** The line; its start where there is none. */
function spanOf(text: string, mismatch: SumMismatch): { start: number; end: number } {
  if (mismatch.kind === 'missing') return { start: 0, end: 0 }
  const lines = text.split('\n')
  const start = lines.slice(0, mismatch.line - 1).reduce((sum, line) => sum + line.length + 1, 0)
  const at = Math.min(start, text.length)
  return { start: at, end: at + (lines[mismatch.line - 1] ?? '').length }
}

function rewrite({ path, text, expected }: SumFile): Fix {
  const title = 'Take the checksums anew'
  if (text === undefined) return { title, safety: 'review', edits: [], newFiles: [{ file: path, text: expected }] }
  return { title, safety: 'review', edits: [{ file: path, start: 0, end: text.length, text: expected }], newFiles: [] }
}
