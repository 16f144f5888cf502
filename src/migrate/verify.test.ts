import { describe, expect, it } from 'vitest'
import { checksumOf } from './checksum.ts'
import type { VersionState } from './history.ts'
import type { Migration } from './migration.ts'
import { standingOf } from './standing.ts'
import { verifyHistory } from './verify.ts'

function migration(version: string, sql: string): Migration {
  return { version, name: 'a', up: { file: `${version}_a.sql`, text: sql, header: {}, checksum: checksumOf(sql) } }
}

function applied(version: string, sql: string, fields: Partial<VersionState> = {}): VersionState {
  return {
    ...{ version, name: 'a', state: 'applied', checksum: checksumOf(sql), done: [] },
    ...{ at: '2026-01-01T00:00:00Z', by: 'owner', milliseconds: 1, baseline: false },
    ...fields,
  }
}

describe('verifyHistory', () => {
  it('says of every version that was begun, or is out of order, how its file stands', () => {
    const files = ['1', '02', '3', '4', '5', '9', '10'].map((version) => migration(version, `SELECT ${version}`))
    const states = new Map([
      ['1', applied('1', 'select 1 -- one')],
      ['2', applied('2', 'SELECT 22')],
      ['3', applied('3', 'SELECT 3', { checksum: '2:x' })],
      ['4', applied('4', 'SELECT 4', { state: 'partly-applied', checksum: '1:x' })],
      ['6', applied('6', 'SELECT 6')],
      ['9', applied('9', 'SELECT 9')],
    ])
    const found = verifyHistory(standingOf(files, states), new Map())
    expect(found.map(({ version, verdict }) => `${version} ${verdict}`)).toEqual([
      ...['1 ok', '02 edited', '3 unknown-algorithm', '4 in-part', '5 out-of-order', '6 missing', '9 ok'],
    ])
    expect(found.map(({ file }) => file !== undefined)).toEqual([true, true, true, true, true, false, true])
    expect(found.every(({ diff }) => diff === undefined)).toBe(true)
  })

  it('shows what changed of an edited file, without its secrets', () => {
    const file = migration('01', `SELECT 1;\nCREATE ROLE a PASSWORD 'hunter2';\nSELECT 4;\n`)
    const states = new Map([['1', applied('1', 'SELECT 1')]])
    const kept = `SELECT 1;\nCREATE ROLE a PASSWORD '********';\nSELECT 3;\n`
    const [found] = verifyHistory(standingOf([file], states), new Map([['1', { up: kept }]]))
    expect(found?.diff).toBe(
      [
        '--- 01_a.sql\tas applied',
        '+++ 01_a.sql\tnow',
        '@@ -1,3 +1,3 @@',
        ' SELECT 1;',
        " CREATE ROLE a PASSWORD '********';",
        '-SELECT 3;',
        '+SELECT 4;',
        '',
      ].join('\n'),
    )
  })
})
