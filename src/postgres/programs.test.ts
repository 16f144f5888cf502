import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import '../../test/programs.ts'
import { findProgram, requireProgram, requirePsql } from './programs.ts'

let folder: string
const before = process.env['KEI_PG_BIN']

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'kei-test-'))
})

afterEach(() => {
  if (before === undefined) delete process.env['KEI_PG_BIN']
  else process.env['KEI_PG_BIN'] = before
  rmSync(folder, { recursive: true })
})

test('a program of the right major in KEI_PG_BIN comes first', ({ skip }) => {
  const psql = findProgram('psql', 17)
  if (psql === undefined) return skip('needs psql 17')
  symlinkSync(psql, join(folder, 'psql'))
  process.env['KEI_PG_BIN'] = `/nowhere:${folder}`
  expect(findProgram('psql', 17)).toBe(join(folder, 'psql'))
  expect(findProgram('psql', 18)).not.toBe(join(folder, 'psql'))
})

test('a program of another major is not taken for the right one', () => {
  expect(findProgram('psql', 12)).toBeUndefined()
  expect(() => requireProgram('psql', 12)).toThrow(
    expect.objectContaining({ code: 'program-not-found', exitCode: 2, hint: expect.stringContaining('12') }),
  )
})

test('relative folders in KEI_PG_BIN and PATH are not searched', () => {
  process.env['KEI_PG_BIN'] = '.:bin'
  expect(findProgram('psql', 17)?.startsWith('/') ?? true).toBe(true)
})

test('without psql of the server’s major the nearest newer one is taken, else the nearest older', () => {
  const path = process.env['PATH']
  try {
    process.env['PATH'] = '/nowhere'
    process.env['KEI_PG_BIN'] = folder
    // A version that no machine has beside this one.
    const program = join(folder, 'psql')
    const answer = (major: number) =>
      writeFileSync(program, `#!/bin/sh\necho 'psql (PostgreSQL) ${major}.1'\n`, { mode: 0o755 })
    answer(20)
    if (findProgram('psql', 19) === undefined) expect(requirePsql(19)).toEqual({ path: program, major: 20 })
    expect(requirePsql(20)).toEqual({ path: program, major: 20 })
    expect(requirePsql(21).major).toBeLessThan(21)
  } finally {
    process.env['PATH'] = path
  }
})
