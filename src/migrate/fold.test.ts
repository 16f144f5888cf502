import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { canonicalVersion, foldHistory } from './fold.ts'
import type { HistoryRow, VersionState } from './history.ts'

const intent = { statement: 'VACUUM', pid: 7, backendStart: '2026-01-01 00:00:00.000000+00', before: undefined }

function row(fields: Partial<HistoryRow>): HistoryRow {
  const { first = 1, last = first } = fields
  return {
    ...{ id: '1', event: 'ran', direction: 'up', version: '1', name: 'a', first, last },
    ...{ hashes: [], complete: false, checksum: '1:c', at: '2026-01-01T00:00:00Z', by: 'owner' },
    ...{ milliseconds: 1, kei: '0.1.0', token: '1' },
    ...fields,
  }
}

function ran(first: number, last: number, fields: Partial<HistoryRow> = {}): HistoryRow {
  const hashes = Array.from({ length: last - first + 1 }, (_, index) => `h${first + index}`)
  return row({ first, last, hashes, ...fields })
}

function stateAfter(...rows: HistoryRow[]): VersionState | undefined {
  return foldHistory(rows.map((each, index) => ({ ...each, id: String(index + 1) }))).get('1')
}

describe('canonicalVersion', () => {
  it.each([
    ['0001', '1'],
    ['1', '1'],
    ['000', '0'],
    ['20260101000000', '20260101000000'],
  ])('of %s is %s', (version, canonical) => {
    expect(canonicalVersion(version)).toBe(canonical)
  })
})

describe('foldHistory', () => {
  it('takes versions with and without zeros in front for the same, and the newest name', () => {
    const states = foldHistory([ran(1, 1, { version: '0001' }), ran(2, 2, { version: '1', name: 'b', complete: true })])
    expect([...states.keys()]).toEqual(['1'])
    expect(states.get('1')).toMatchObject({ state: 'applied', name: 'b', done: [], milliseconds: 2 })
  })

  it('takes a file without statements for applied by its one row', () => {
    expect(stateAfter(row({ first: 0, hashes: [], complete: true }))).toMatchObject({ state: 'applied', done: [] })
  })

  it('keeps what is done of a file that is under way, and the statement whose outcome is not known', () => {
    const open = row({ event: 'intent', first: 3, intent, token: '9' })
    expect(stateAfter(ran(1, 2), open)).toMatchObject({
      ...{ state: 'partly-applied', done: ['h1', 'h2'] },
      open: { id: '2', number: 3, direction: 'up', intent, token: '9' },
    })
    expect(stateAfter(ran(1, 2), open, ran(3, 3))?.open).toBeUndefined()
    expect(stateAfter(ran(1, 2), open, row({ event: 'withdrawn', first: 3 }))).toMatchObject({ done: ['h1', 'h2'] })
  })

  it('forgets a version when its only intent was withdrawn', () => {
    const rows = [row({ event: 'intent', intent }), row({ event: 'withdrawn' })]
    expect(stateAfter(...rows)).toBeUndefined()
    const applied = ran(1, 1, { complete: true })
    const reverted = ran(1, 1, { direction: 'down', complete: true })
    expect(stateAfter(applied, reverted, ...rows)).toMatchObject({ state: 'reverted' })
    const down = rows.map((each): HistoryRow => ({ ...each, direction: 'down' }))
    expect(stateAfter(applied, ...down)).toMatchObject({ state: 'applied', checksum: '1:c' })
  })

  it('takes the checksum of an accepted edit until the version is applied anew', () => {
    const edit = row({ event: 'edit', first: 0, checksum: '1:d', reason: 'a typo' })
    const applied = ran(1, 1, { complete: true })
    expect(stateAfter(applied, edit)).toMatchObject({ state: 'applied', checksum: '1:d' })
    const reverted = ran(1, 1, { direction: 'down', complete: true })
    expect(stateAfter(applied, edit, reverted, applied)?.checksum).toBe('1:c')
  })

  it('takes a baseline for applied', () => {
    const baseline = row({ event: 'baseline', first: 0, complete: true })
    expect(stateAfter(baseline)).toMatchObject({ state: 'applied', baseline: true, done: [] })
    const reverted = ran(1, 1, { direction: 'down', complete: true })
    expect(stateAfter(baseline, reverted, ran(1, 1, { complete: true }))).toMatchObject({ baseline: false })
  })

  it('follows whatever runners can have written, in any interleaving of versions', () => {
    // What a runner does to one version: it goes on where the last one stopped, or finds it done or undone.
    const act = fc.record({ versionIndex: fc.nat(3), move: fc.constantFrom('step', 'outside', 'resolve', 'edit') })
    fc.assert(
      fc.property(fc.array(act, { maxLength: 60 }), fc.nat(3), (acts, extra) => {
        const rows: HistoryRow[] = []
        const models = Array.from({ length: 4 }, (_, index) => newModel(`00${index}`, 1 + ((index + extra) % 4)))
        const write = (fields: Partial<HistoryRow>) => rows.push({ ...row(fields), id: String(rows.length + 1) })
        for (const { versionIndex, move } of acts) {
          const model = models[versionIndex]
          if (model !== undefined) advance(model, move, write)
        }
        const states = foldHistory(rows)
        for (const model of models) {
          const state = states.get(canonicalVersion(model.version))
          const { applied, done, open } = model
          if (!model.touched && done === 0 && open === undefined) {
            expect(state).toBeUndefined()
            continue
          }
          const underWay = done > 0 || open !== undefined
          const settled = applied ? 'applied' : 'reverted'
          expect(state?.state).toBe(underWay ? (applied ? 'partly-reverted' : 'partly-applied') : settled)
          expect(state?.done).toEqual(Array.from({ length: done }, (_, index) => `${model.version}-${index + 1}`))
          expect(state?.open?.number).toBe(open)
          if (!underWay) expect(state?.checksum).toBe(model.checksum)
        }
      }),
      { numRuns: 500 },
    )
  })
})

interface Model {
  version: string
  total: number
  applied: boolean
  touched: boolean
  done: number
  open: number | undefined
  checksum: string
}

function newModel(version: string, total: number): Model {
  return { version, total, applied: false, touched: false, done: 0, open: undefined, checksum: '' }
}

function advance(model: Model, move: string, write: (fields: Partial<HistoryRow>) => void): void {
  const { version } = model
  const direction = model.applied ? 'down' : 'up'
  const finish = (number: number) => {
    const complete = number === model.total
    const checksum = `1:${direction}`
    write({ version, direction, first: number, hashes: [`${version}-${number}`], complete, checksum })
    model.open = undefined
    model.done = complete ? 0 : number
    if (!complete) return
    model.applied = !model.applied
    model.touched = true
    model.checksum = checksum
  }
  if (model.open !== undefined) {
    // Nothing else is written before the open statement is settled.
    if (move === 'resolve') {
      write({ version, direction, event: 'withdrawn', first: model.open })
      model.open = undefined
    } else {
      finish(model.open)
    }
  } else if (move === 'step') {
    finish(model.done + 1)
  } else if (move === 'outside') {
    model.open = model.done + 1
    write({ version, direction, event: 'intent', first: model.open, intent })
  } else if (move === 'edit' && model.applied && model.done === 0) {
    model.checksum = '1:edited'
    write({ version, event: 'edit', first: 0, checksum: model.checksum })
  }
}
