import { describe, expect, it } from 'vitest'
import { allCases } from '../bench/rules/cases/all.ts'
import { hazardKinds } from '../bench/rules/case.ts'
import { kindsOfKei, kindsOfPgfence, kindsOfPgls, kindsOfSquawk } from '../bench/rules/kinds-of-rules.ts'
import { coveredRules, uncoveredRules } from '../bench/rules/sources.ts'
import { lockTable } from '../src/rules/lock-table/lock-table.ts'
import { allRules } from '../src/rules/registry.ts'
import { loadParser } from '../src/sql/parse.ts'

const cases = allCases()
const parser = await loadParser()

describe('the cases of the rule benchmark', () => {
  it('are at least 250, with one for each row of the lock table', () => {
    expect(cases.length).toBeGreaterThanOrEqual(250)
    const rows = cases.flatMap(({ sources }) => sources).filter((source) => source.startsWith('lock table '))
    expect(rows.sort()).toEqual(
      Object.keys(lockTable)
        .map((name) => `lock table ${name}`)
        .sort(),
    )
  })

  it('have ids of their own and a source', () => {
    const ids = cases.map(({ id }) => id)
    expect(ids.filter((id, index) => ids.indexOf(id) !== index)).toEqual([])
    expect(ids.filter((id) => !/^[a-z0-9]+(?:-[a-z0-9]+)*$/.test(id))).toEqual([])
    expect(cases.filter(({ sources }) => sources.length === 0)).toEqual([])
  })

  it('are SQL that the parser reads', () => {
    const unread = cases.flatMap(({ id, setup, sql, earlier = '' }) =>
      [setup, sql, earlier].flatMap((text) => {
        const parsed = parser.parse(text)
        return parsed.kind === 'parsed' ? [] : [`${id}: ${parsed.message}`]
      }),
    )
    expect(unread).toEqual([])
  })

  it('have a hazardous and a harmless one of every kind', () => {
    const missing = hazardKinds.flatMap((kind) =>
      [true, false]
        .filter((hazard) => !cases.some((one) => one.kind === kind && one.hazard === hazard))
        .map((hazard) => `${kind}: ${hazard ? 'hazardous' : 'harmless'}`),
    )
    expect(missing).toEqual([])
  })

  it('cover every rule of the other tools that is listed, and no rule of theirs that is not', () => {
    const listed = Object.entries(coveredRules).flatMap(([tool, rules]) => rules.map((rule) => `${tool} ${rule}`))
    const named = new Set(cases.flatMap(({ sources }) => sources))
    expect(listed.filter((source) => !named.has(source))).toEqual([])
    const strange = [...named].filter(
      (source) => (source.split(' ')[0] ?? '') in coveredRules && !/ #\d+$/.test(source) && !listed.includes(source),
    )
    expect(strange).toEqual([])
    expect(Object.keys(uncoveredRules).filter((source) => named.has(source))).toEqual([])
  })

  it('can be found by the rules of each tool: every rule has kinds, or says that it has none', () => {
    expect(Object.keys(kindsOfKei).sort()).toEqual(allRules.map(({ id }) => id).sort())
    const covered = (tool: string) => coveredRules[tool] ?? []
    expect(covered('squawk').filter((rule) => (kindsOfSquawk[rule]?.about ?? []).length === 0)).toEqual([])
    // Those of pgfence that its version on npm does not have are in its repository.
    expect(Object.keys(kindsOfPgfence).length).toBeGreaterThan(40)
    expect(covered('pgls').filter((rule) => kindsOfPgls[rule] === undefined)).toEqual([])
  })
})
