import { describe, expect, it } from 'vitest'
import { loadParser } from '../../sql/parse.ts'
import { supportedMajors } from '../rule.ts'
import type { LockShape } from './lock-shape.ts'
import { lockFamilies, lockTable } from './lock-table.ts'
import { locksPage } from './page.ts'

const shapes = Object.entries<LockShape>(lockTable)
const parser = await loadParser()

// That servers show what each row says is measured by test/contract/claims.test.ts.
describe('the lock table', () => {
  it('has at least a hundred shapes', () => {
    expect(shapes.length).toBeGreaterThanOrEqual(100)
  })

  it('has no name in two families, where one row would hide the other', () => {
    const names = lockFamilies.flatMap((family) => Object.keys(family.shapes))
    expect(names.filter((name, index) => names.indexOf(name) !== index)).toEqual([])
    expect(names.toSorted()).toEqual(shapes.map(([name]) => name).toSorted())
  })

  it('measures a shape on every major or names the majors on which it does', () => {
    const wrong = shapes.filter(([, { majors }]) => {
      if (majors === undefined) return false
      return majors.length === 0 || majors.length === supportedMajors.length || new Set(majors).size < majors.length
    })
    expect(wrong).toEqual([])
  })

  it('measures nothing twice', () => {
    const seen = shapes.flatMap(([name, { setup, statement, majors = supportedMajors }]) =>
      majors.map((major) => ({ name, key: JSON.stringify([major, setup.trim(), statement]) })),
    )
    const keys = seen.map(({ key }) => key)
    expect(seen.filter(({ key }, index) => keys.indexOf(key) !== index).map(({ name }) => name)).toEqual([])
  })

  it('says of a statement that fails only that it fails', () => {
    const failing = shapes.filter(([, { fails }]) => fails !== undefined)
    expect(failing.length).toBeGreaterThan(0)
    for (const [, { locks, rewrite, scan }] of failing) expect([locks, rewrite, scan]).toEqual([{}, false, false])
  })

  it('has statements and setups that PostgreSQL’s grammar accepts', () => {
    const rejected = shapes.flatMap(([name, { setup, statement }]) =>
      [setup, statement].every((text) => parser.parse(text).kind === 'parsed') ? [] : [name],
    )
    expect(rejected).toEqual([])
  })

  it('has a row of its reference page for every shape, with what it is to the table in words', () => {
    const page = locksPage(parser)
    const rows = page.split('\n').filter((line) => line.startsWith('| ') && line.split(/(?<!\\)\|/).length === 9)
    // Each family has its head besides.
    expect(rows.length).toBe(shapes.length + lockFamilies.length)
    expect(page).toContain(
      '| ALTER TABLE … ADD FOREIGN KEY | `ALTER TABLE t ADD FOREIGN KEY (a) REFERENCES r` | SHARE ROW EXCLUSIVE | ' +
        'SHARE ROW EXCLUSIVE on the referenced table',
    )
  })
})
