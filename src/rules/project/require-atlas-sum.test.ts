import { expect, test } from 'vitest'
import { history, judgeExample } from '../../../test/contract/examples.ts'
import type { SumFile, SumMismatch } from '../../findings/sum-file.ts'
import type { HistorySubject } from '../subject.ts'
import rule from './require-atlas-sum.ts'

const text = 'h1:total\n1_a.sql h1:one\n2_b.sql h1:two\n'
const expected = 'h1:other\n1_a.sql h1:one\n2_b.sql h1:three\n'

function judged(sum: Partial<SumFile> | undefined) {
  const subject: HistorySubject = {
    folder: 'db/migrations',
    layout: 'atlas',
    migrations: [],
    ...(sum && { sum: { path: 'db/migrations/atlas.sum', expected, ...sum } }),
    schema: new Map() as unknown as HistorySubject['schema'],
    before: () => {
      throw new Error('not asked for')
    },
    complete: false,
    newMigration: () => [],
    newMigrations: () => [],
  }
  return [...rule.check(subject, { major: 17, today: '2026-11-23', options: {} })]
}

test('says nothing where there is no sum to keep, or it fits', () => {
  expect(judged(undefined)).toEqual([])
  expect(judged({ text })).toEqual([])
})

test.each<[SumMismatch, string, string]>([
  [{ kind: 'edited', line: 3, file: '2_b.sql' }, '2_b.sql was changed after its checksum was taken', '2_b.sql h1:two'],
  [{ kind: 'added', line: 3, file: '2_a.sql' }, '2_a.sql was added without its checksum', '2_b.sql h1:two'],
  [{ kind: 'added', line: 4, file: '3_a.sql' }, '3_a.sql was added without its checksum', ''],
  [{ kind: 'removed', line: 2, file: '1_a.sql' }, '1_a.sql has a checksum and is not there', '1_a.sql h1:one'],
  [{ kind: 'total', line: 1 }, 'This is not the sum of the lines below', 'h1:total'],
  [{ kind: 'malformed', line: 2 }, 'This line is no checksum', '1_a.sql h1:one'],
])('points at the line of %j, says what to run, and offers what it would write', (mismatch, message, line) => {
  const [finding] = judged({ text, mismatch })
  if (finding?.kind !== 'finding' || !('span' in finding.at)) throw new Error('no finding in a file')
  expect(finding.message).toContain(message)
  expect(text.slice(finding.at.span.start, finding.at.span.end)).toBe(line)
  expect(finding.next).toContain('atlas migrate hash --dir "file://db/migrations"')
  expect(finding.fixes).toMatchObject([
    { safety: 'review', edits: [{ file: 'db/migrations/atlas.sum', start: 0, end: text.length, text: expected }] },
  ])
})

test('offers the file where there is none', () => {
  const [finding] = judged({ mismatch: { kind: 'missing' } })
  expect(finding).toMatchObject({
    message: 'There is no atlas.sum beside the migrations, so Atlas refuses the folder',
    fixes: [{ newFiles: [{ file: 'db/migrations/atlas.sum', text: expected }] }],
  })
})

test('is silent about folders of other tools', async () => {
  const { findings } = await judgeExample(rule, history('CREATE TABLE t (a int);'), 17, 'text')
  expect(findings).toEqual([])
})
