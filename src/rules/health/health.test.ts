import { describe, expect, it } from 'vitest'
import type { Database, OpenTransaction, ReplicationSlot, TableStatistics } from '../../findings/database.ts'
import type { Rule, Verdict } from '../rule.ts'
import noBloatedTable from './no-bloated-table.ts'
import noIdleTransaction from './no-idle-transaction.ts'
import noLongTransaction from './no-long-transaction.ts'
import noOrphanedPreparedTransaction from './no-orphaned-prepared-transaction.ts'
import noSlotHoldingWal from './no-slot-holding-wal.ts'
import noWraparoundRisk from './no-wraparound-risk.ts'

const quiet: Database = {
  ...{ name: 'shop', address: 'db:5432', major: 17, version: '17.10', user: 'app', standby: false, standbys: 0 },
  ...{ readAt: '2026-11-23T12:00:00Z', statisticsSince: '2026-11-01T00:00:00Z' },
  catalog: { relations: [], indexes: [], constraints: [], objects: [] },
  ...{ tables: new Map(), indexes: new Map(), columns: new Map(), sequences: [], ages: [] },
  ...{ transactions: [], preparedTransactions: [], replicationSlots: [], denied: {} },
  settings: { from: 'server', settings: new Map(), overridden: [], faults: [], unread: [], ownValues: new Set() },
}

function judge(rule: Rule<'database'>, database: Partial<Database>): Verdict[] {
  const options = Object.fromEntries(Object.entries(rule.options).map(([name, option]) => [name, option.default]))
  return [...rule.check({ ...quiet, ...database }, { major: 17, today: '2026-11-23', options })]
}

/** Each finding in a line: its severity and message. */
function found(rule: Rule<'database'>, database: Partial<Database>): string[] {
  return judge(rule, database).map((verdict) =>
    verdict.kind === 'finding'
      ? `${verdict.severity ?? rule.severity}: ${verdict.message}`
      : `unknown: ${verdict.needs}`,
  )
}

const table: TableStatistics = {
  ...{ bytes: 0, liveRows: 0, deadRows: 0, sequentialScans: 0, sequentialRows: 0, indexScans: 0 },
  ...{ inserts: 0, updates: 0, hotUpdates: 0, deletes: 0, autovacuumDisabled: false },
}

describe('no-wraparound-risk', () => {
  const ages = (age: number, multixactAge = 0) => [{ database: 'shop', age, multixactAge }]

  it('is a warning above its option and an error above the failsafe age', () => {
    expect(found(noWraparoundRisk, { ages: ages(1e9) })).toEqual([])
    expect(found(noWraparoundRisk, { ages: ages(1_200_000_000) })).toEqual([
      'warning: The oldest rows of shop are 1,200,000,000 transactions old, 56 % of the way to wraparound',
    ])
    expect(
      found(noWraparoundRisk, { ages: ages(1_700_000_000, 1_100_000_000) }).map((line) => line.split(':')[0]),
    ).toEqual(['error', 'warning'])
  })

  it('names the oldest tables of the database that was asked, and vacuumdb for another', () => {
    const tables = new Map([
      ['public.a', { ...table, age: 5 }],
      ['public.b', { ...table, age: 1_200_000_000, autovacuumDisabled: true }],
    ])
    const [own] = judge(noWraparoundRisk, { ages: ages(1_200_000_000), tables })
    expect(own).toMatchObject({ next: expect.stringContaining('ALTER TABLE public.b RESET (autovacuum_enabled);') })
    expect(own).toMatchObject({ next: expect.stringMatching(/VERBOSE\) public\.b;\nVACUUM .* public\.a;/) })
    const [other] = judge(noWraparoundRisk, {
      ages: [{ database: 'crm', age: 1_200_000_000, multixactAge: 0 }],
      tables,
    })
    expect(other).toMatchObject({ next: expect.stringContaining('vacuumdb --freeze --jobs=2 crm') })
  })
})

describe('transactions', () => {
  const open = (given: Partial<OpenTransaction>): Partial<Database> => ({
    transactions: [
      {
        pid: 7,
        user: 'app',
        application: 'web',
        state: 'active',
        seconds: 1,
        stateSeconds: 1,
        holdsSnapshot: true,
        ...given,
      },
    ],
  })

  it('are found by one rule: at work for long, or idle', () => {
    const job = open({ seconds: 7500, stateSeconds: 30 })
    expect(found(noLongTransaction, job)).toEqual([
      'warning: A transaction of app (web), process 7, is open for 2 h 5 min and keeps VACUUM from removing rows',
    ])
    expect(found(noIdleTransaction, job)).toEqual([])
    const busy = open({ state: 'idle', seconds: 7500, stateSeconds: 0.2 })
    expect([...found(noLongTransaction, busy), ...found(noIdleTransaction, busy)]).toHaveLength(1)
    const forgotten = open({ state: 'idle', seconds: 7500, stateSeconds: 7400 })
    expect(found(noLongTransaction, forgotten)).toEqual([])
    expect(found(noIdleTransaction, forgotten)).toEqual([
      'warning: A transaction of app (web), process 7, is open and has done nothing for 2 h 3 min',
    ])
    expect(found(noLongTransaction, open({ seconds: 7500, holdsSnapshot: false }))).toEqual([])
  })

  it('are unknown where the role may not see them', () => {
    const denied = { denied: { transactions: 'the role pg_read_all_stats' } }
    expect(found(noLongTransaction, denied)).toEqual(['unknown: the role pg_read_all_stats'])
    expect(found(noIdleTransaction, denied)).toEqual(['unknown: the role pg_read_all_stats'])
  })

  it('that are prepared are ended by their name, quoted', () => {
    const [verdict] = judge(noOrphanedPreparedTransaction, {
      preparedTransactions: [{ identifier: "it's", owner: 'app', seconds: 4000 }],
    })
    expect(verdict).toMatchObject({ next: expect.stringContaining("ROLLBACK PREPARED 'it''s';") })
  })
})

describe('no-slot-holding-wal', () => {
  const slot = (given: Partial<ReplicationSlot>): Partial<Database> => ({
    replicationSlots: [{ name: 's', type: 'physical', active: false, walStatus: 'reserved', ...given }],
  })
  const gigabyte = 1024 ** 3

  it('allows more to a slot that is read', () => {
    const idle = slot({ retainedBytes: 2 * gigabyte, inactiveSince: '2026-11-20T12:00:00Z' })
    expect(found(noSlotHoldingWal, idle)).toEqual([
      'warning: The server keeps 2.0 GB of WAL for the physical slot s, which nothing has read for 3 d',
    ])
    expect(found(noSlotHoldingWal, slot({ retainedBytes: 2 * gigabyte, active: true }))).toEqual([])
    expect(found(noSlotHoldingWal, slot({ retainedBytes: 11 * gigabyte, active: true }))).toHaveLength(1)
    expect(found(noSlotHoldingWal, slot({ retainedBytes: gigabyte }))).toEqual([])
  })

  it('is an error where WAL is lost or about to be', () => {
    expect(found(noSlotHoldingWal, slot({ walStatus: 'unreserved', retainedBytes: 1 }))[0]).toMatch(/^error: /)
    expect(found(noSlotHoldingWal, slot({ walStatus: 'lost' }))).toEqual([
      'error: WAL that the physical slot s needs is gone: what read it must be set up again',
    ])
  })
})

describe('no-bloated-table', () => {
  const megabyte = 1024 ** 2
  const one = (given: Partial<TableStatistics>) => ({ tables: new Map([['public.t', { ...table, ...given }]]) })

  it('says each table once, and nothing of small ones', () => {
    const both = { bytes: 1000 * megabyte, liveRows: 10, deadRows: 90, rows: 10, packedBytes: megabyte }
    expect(found(noBloatedTable, one(both))).toEqual([
      'note: 90 % of the rows of public.t are dead: VACUUM has not come to them, or may not remove them',
    ])
    expect(found(noBloatedTable, one({ ...both, deadRows: 0 }))).toEqual([
      'note: About 100 % of public.t, 999 MB, is empty by an estimate from its statistics',
    ])
    expect(found(noBloatedTable, one({ ...both, bytes: 50 * megabyte }))).toEqual([])
    expect(found(noBloatedTable, one({ bytes: 1000 * megabyte, liveRows: 100, rows: 100 }))).toEqual([])
  })
})
