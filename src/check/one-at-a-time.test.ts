import { expect, test } from 'vitest'
import { history, judgeMigrations } from '../../test/contract/examples.ts'

const setup = 'CREATE TABLE t (p int, q int, id bigint PRIMARY KEY);'
const warning = 'make one recipe at a time, then check again'

test('recipes that number their new files alike say that only one can be made before the next check', async () => {
  const twice = 'ALTER TABLE t ADD CONSTRAINT a CHECK (p > 0);\nALTER TABLE t ADD CONSTRAINT b CHECK (q > 0);'
  const { findings } = await judgeMigrations(history(setup, twice), 17, 'text')
  const withFiles = findings.filter(({ fixes }) => fixes.some(({ newFiles }) => newFiles.length > 0))
  expect(withFiles.length).toBeGreaterThanOrEqual(2)
  for (const { next } of withFiles) expect(next).toContain(warning)
})

test('one recipe alone says nothing of the kind', async () => {
  const once = 'ALTER TABLE t ADD CONSTRAINT a CHECK (p > 0);'
  const { findings } = await judgeMigrations(history(setup, once), 17, 'text')
  expect(findings.some(({ fixes }) => fixes.some(({ newFiles }) => newFiles.length > 0))).toBe(true)
  for (const { next } of findings) expect(next).not.toContain(warning)
})
