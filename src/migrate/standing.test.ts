import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { compareVersions } from '../project/layouts/layout.ts'
import { checksumOf } from './checksum.ts'
import type { VersionState } from './history.ts'
import type { Migration } from './migration.ts'
import { planHash, standingOf } from './standing.ts'

function migration(version: string, sql = `SELECT ${version}`): Migration {
  const name = `m${Number(version)}`
  const file = `db/${version}_${name}.sql`
  return { version, name, up: { file, text: sql, header: {}, checksum: checksumOf(sql) } }
}

function applied(version: string, fields: Partial<VersionState> = {}): [string, VersionState] {
  const canonical = String(Number(version))
  return [
    canonical,
    {
      ...{ version, name: `m${canonical}`, state: 'applied', checksum: checksumOf(`SELECT ${version}`), done: [] },
      ...{ at: '2026-01-01T00:00:00Z', by: 'owner', milliseconds: 1, baseline: false },
      ...fields,
    },
  ]
}

function standing(migrations: Migration[], ...states: [string, VersionState][]) {
  return standingOf(migrations, new Map(states))
}

function shown(migrations: Migration[], ...states: [string, VersionState][]): string[] {
  return standing(migrations, ...states).entries.map(
    ({ version, state, outOfOrder }) => `${version} ${state}${outOfOrder ? ' out of order' : ''}`,
  )
}

describe('standingOf', () => {
  it('takes what is not in the history, or was taken back, for pending', () => {
    const files = ['1', '2', '3'].map((version) => migration(version))
    expect(shown(files, applied('1'), applied('2', { state: 'reverted' }))).toEqual([
      '1 applied',
      '2 pending',
      '3 pending',
    ])
    const { pending, problems } = standing(files, applied('1'), applied('2', { state: 'reverted' }))
    expect(pending.map(({ version }) => version)).toEqual(['2', '3'])
    expect(problems).toEqual([])
  })

  it('knows versions whatever zeros they begin with', () => {
    expect(shown([migration('0001', 'SELECT 1')], applied('1'))).toEqual(['0001 applied'])
  })

  it('goes on with a file that is partly applied, also when the rest of it was changed', () => {
    const state = applied('1', { state: 'partly-applied', checksum: '1:other', done: ['a'] })
    const { entries, pending, problems } = standing([migration('1')], state, applied('2'))
    expect(entries[0]).toMatchObject({ state: 'partly-applied', outOfOrder: false })
    expect(pending).toHaveLength(1)
    expect(problems.map(({ code }) => code)).toEqual(['missing-migration'])
  })

  it('leaves a version that is partly taken back to `down`', () => {
    const { entries, pending, problems } = standing([migration('1')], applied('1', { state: 'partly-reverted' }))
    expect(entries[0]?.state).toBe('partly-reverted')
    expect([pending, problems]).toEqual([[], []])
  })

  it('names an edited file, and the commands that settle it', () => {
    const { entries, problems } = standing([migration('1', 'SELECT 2')], applied('1'))
    expect(entries[0]?.state).toBe('edited')
    expect(problems).toHaveLength(1)
    expect(problems[0]).toMatchObject({ code: 'edited-migration', exitCode: 4 })
    expect(problems[0]?.message).toContain('db/1_m1.sql')
    expect(problems[0]?.hint).toContain('`git restore db/1_m1.sql`')
    expect(problems[0]?.hint).toContain('`kei migrate accept-edit 1 --reason "…"`')
  })

  it('does not call a file edited whose checksum is of another algorithm', () => {
    const { entries, problems } = standing([migration('1')], applied('1', { checksum: '2:abc' }))
    expect(entries[0]?.state).toBe('applied')
    expect(problems.map(({ code }) => code)).toEqual(['unknown-checksum-algorithm'])
  })

  it('misses the file of what is applied, in whole or in part, and not of what was taken back', () => {
    const states = [applied('1'), applied('2', { state: 'partly-applied' }), applied('3', { state: 'reverted' })]
    expect(shown([], ...states)).toEqual(['1 missing', '2 missing'])
    const { problems } = standing([], ...states)
    expect(problems.map(({ message }) => message)).toEqual([
      '1_m1.sql is not there, but it is applied to this database',
      '2_m2.sql is not there, but it is applied to this database in part',
    ])
  })

  it('names a pending file that is older than the last that was begun', () => {
    const files = [migration('1'), migration('2'), migration('10')]
    expect(shown(files, applied('1'), applied('10', { state: 'partly-applied' }))).toEqual([
      '1 applied',
      '2 pending out of order',
      '10 partly-applied',
    ])
    const { problems, pending } = standing(files, applied('1'), applied('10'))
    expect(problems.map(({ code }) => code)).toEqual(['out-of-order-migration'])
    expect(problems[0]?.message).toBe('db/2_m2.sql is not applied, but is older than 10_m10, which is')
    expect(problems[0]?.hint).toContain('`kei migrate up --allow-out-of-order`')
    expect(pending.map(({ version }) => version)).toEqual(['2'])
  })

  it('has one entry for each version, in order, and calls pending exactly what the history does not have', () => {
    const versions = fc.uniqueArray(fc.integer({ min: 0, max: 40 }), { maxLength: 20 })
    fc.assert(
      fc.property(versions, versions, (withFile, inHistory) => {
        const files = withFile.sort((a, b) => a - b).map((version) => migration(String(version)))
        const { entries, pending, problems } = standing(files, ...inHistory.map((version) => applied(String(version))))
        const all = [...new Set([...withFile, ...inHistory])].sort((a, b) => a - b).map(String)
        expect(entries.map(({ version }) => version)).toEqual(all)
        expect(entries.toSorted((a, b) => compareVersions(a.version, b.version))).toEqual(entries)
        const missing = withFile.filter((version) => !inHistory.includes(version))
        expect(pending.map(({ version }) => Number(version))).toEqual(missing)
        const late = missing.filter((version) => version < Math.max(...inHistory))
        expect(problems).toHaveLength(late.length + inHistory.filter((version) => !withFile.includes(version)).length)
      }),
    )
  })
})

describe('planHash', () => {
  it('changes with a version, a statement or the order, and not with a comment or zeros in front', () => {
    const hash = planHash([migration('1'), migration('2')])
    expect(hash).toMatch(/^[0-9a-f]{64}$/)
    expect(planHash([migration('01', 'select 1 -- one'), migration('2')])).toBe(hash)
    expect(planHash([migration('2'), migration('1')])).not.toBe(hash)
    expect(planHash([migration('1')])).not.toBe(hash)
    expect(planHash([migration('1'), migration('2', 'SELECT 3')])).not.toBe(hash)
  })
})
