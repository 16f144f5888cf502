import { expect, test } from 'vitest'
import { findInDatabase } from '../../../test/contract/live.ts'
import { majors } from '../../../test/postgres.ts'
import rule from './no-outdated-server.ts'

const anything = { title: '', bad: '', at: '', good: '' }

test.each(majors)('a running server of %i is judged by its exact version', async (major) => {
  // The servers of these tests are older than the newest minor of their line.
  const [finding, ...others] = await findInDatabase(rule, anything, 'CREATE TABLE t (a int);', major)
  expect(others).toEqual([])
  expect(finding).toMatchObject({ severity: 'warning', location: { kind: 'setting', name: 'server_version' } })
  expect(finding?.message).toMatch(new RegExp(`^PostgreSQL ${major}\\.\\d+ is \\d+ releases behind ${major}\\.\\d+ of`))
  expect(finding?.evidence[0]).toMatchObject({ kind: 'catalog' })
})
