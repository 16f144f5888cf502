import { expect, test } from 'vitest'
import noSyntaxError from './no-syntax-error.ts'
import rule from './no-unreadable-file.ts'

const subject = { file: 'migrations/0001_a.sql', code: 'invalid-utf8', message: 'byte 12 is not UTF-8' }

test('a file that cannot be read is named with its code and what to do', () => {
  const [finding] = rule.check(subject, { major: 17, today: '2026-11-23', options: {} })
  expect(finding).toMatchObject({
    message: 'byte 12 is not UTF-8 (invalid-utf8)',
    at: { file: 'migrations/0001_a.sql', span: { start: 0, end: 0 } },
    next: 'Save the file as UTF-8.',
  })
})

test('every unreadable file is found by one rule, a syntax error by the other', () => {
  for (const code of ['invalid-utf8', 'too-large', 'syntax-error', 'something-new']) {
    const found = [rule, noSyntaxError].flatMap(({ id, check }) =>
      [...check({ ...subject, code }, { major: 17, today: '2026-11-23', options: {} })].map(() => id),
    )
    expect(found).toEqual([code === 'syntax-error' ? 'no-syntax-error' : 'no-unreadable-file'])
  }
})
