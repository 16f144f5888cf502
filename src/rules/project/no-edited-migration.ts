import { defineRule } from '../rule.ts'
import type { Place, Verdict } from '../rule.ts'
import type { ReleasedChange } from '../subject.ts'

/** Runners that keep a checksum of the file, and refuse or warn when it is another. */
const keepsChecksum = new Set(['kei', 'prisma', 'sqlx', 'flyway', 'atlas'])

export default defineRule({
  id: 'no-edited-migration',
  since: '0.1.0',
  severity: 'error',
  category: 'project',
  subject: 'history',
  about: 'file',
  needs: ['git'],
  summary: 'A released migration that was changed or deleted',
  why:
    'A migration on the main branch has run, or is about to: on the databases where it has, nobody runs it again, and ' +
    'on new ones the changed file makes another schema. Runners that keep checksums (kei, Prisma, sqlx, Flyway, ' +
    'Atlas) refuse the next deployment instead, for a changed comment too.',
  instead:
    'Put the file back as it was and write the change as a new migration. Where files are joined into a new baseline ' +
    'on purpose, every database must know of it first (`kei migrate baseline` and its like of other tools).',
  examples: [],
  sources: [
    'https://documentation.red-gate.com/fd/migrations-271585107.html',
    'https://www.prisma.io/docs/orm/prisma-migrate/workflows/troubleshooting',
  ],
  options: {},
  claims: [],
  *check({ layout, released }) {
    if (released === undefined || released.state === 'none') return
    if (released.state === 'shallow') {
      yield {
        kind: 'unknown',
        needs:
          'the commit at which this branch left the main branch, which this shallow clone lacks: ' +
          'run `git fetch --unshallow` (in GitHub Actions `fetch-depth: 0`)',
      }
      return
    }
    for (const change of released.changes)
      yield change.now === undefined ? gone(change) : edited(layout, change.now, change)
  },
})

function edited(layout: string, now: string, { file, commit, before, sameStatements }: ReleasedChange): Verdict {
  const { line, is, was } = firstDifference(before, now)
  const isChecked = keepsChecksum.has(layout)
  return {
    kind: 'finding',
    message: sameStatements
      ? `This migration is released, and its comments or spaces were changed${isChecked ? `: ${layout} compares checksums` : ''}`
      : 'This migration is released, and its statements were changed',
    ...(sameStatements && !isChecked && { severity: 'note' }),
    at: { file, text: now, span: is },
    evidence: [
      { kind: 'git', commit, detail: `line ${line} was ${JSON.stringify(was)}` },
      { kind: 'source', text: now.slice(is.start, is.end) },
    ],
    next:
      `Put it back (\`git restore --source=${short(commit)} -- ${shellWord(file)}\`) and write what is new as a migration ` +
      'of its own.',
    identity: '',
  }
}

function gone({ file, commit, before }: ReleasedChange): Verdict {
  const at: Place = { file, text: before, span: { start: 0, end: 0 } }
  return {
    kind: 'finding',
    message: 'This migration is released, and was deleted or renamed',
    severity: 'warning',
    at,
    evidence: [{ kind: 'git', commit, detail: 'the main branch has the file, the working tree has not' }],
    next:
      `Bring it back (\`git restore --source=${short(commit)} -- ${shellWord(file)}\`). Where it went into a new baseline ` +
      'on purpose, say so to its runner first and ignore this once with `--known`.',
    identity: '',
  }
}

/** The first line that differs: its number, where it stands now, and what it was. */
function firstDifference(
  before: string,
  now: string,
): { line: number; is: { start: number; end: number }; was: string } {
  const old = before.split('\n')
  const lines = now.split('\n')
  const same = lines.findIndex((text, index) => text !== old[index])
  const index = same === -1 ? lines.length - 1 : same
  const start = lines.slice(0, index).reduce((sum, text) => sum + text.length + 1, 0)
  return { line: index + 1, is: { start, end: start + (lines[index] ?? '').length }, was: old[index] ?? '' }
}

function short(commit: string): string {
  return commit.slice(0, 12)
}

function shellWord(path: string): string {
  return /^[\w./-]+$/.test(path) ? path : `'${path.replaceAll("'", `'\\''`)}'`
}
