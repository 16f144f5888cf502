import type { HistoryRow, VersionState } from './history.ts'
import type { Direction } from './migration.ts'

/** A version without zeros in front: `1` and `0001` are the same. */
export function canonicalVersion(version: string): string {
  return version.replace(/^0+(?=\d)/, '')
}

/** A version as far as the rows have been read. */
interface Account {
  /** Where it stands when nothing is under way; undefined for one that was never whole. */
  settled?: VersionState
  /** A direction that was begun and is not whole. */
  underWay?: UnderWay
}

interface UnderWay {
  direction: Direction
  done: string[]
  open?: NonNullable<VersionState['open']>
  milliseconds: number
  /** The newest row. */
  row: HistoryRow
}

/**
 * Where every version stands, by its canonical version. `rows` are in the order of writing; those of different versions
 * may lie in any order among each other. A version of which nothing is left (its only intent was withdrawn) has no
 * state, as one that was never touched.
 */
export function foldHistory(rows: readonly HistoryRow[]): Map<string, VersionState> {
  const accounts = new Map<string, Account>()
  for (const row of rows) {
    const version = canonicalVersion(row.version)
    const account = accounts.get(version)
    if (account === undefined) accounts.set(version, take({}, row))
    else take(account, row)
  }
  const states = new Map<string, VersionState>()
  for (const [version, account] of accounts) {
    const state = stateOf(account)
    if (state !== undefined) states.set(version, state)
  }
  return states
}

function take(account: Account, row: HistoryRow): Account {
  switch (row.event) {
    case 'ran':
      ran(account, row)
      break
    case 'intent':
      if (row.intent !== undefined) {
        const { id, first: number, direction, intent, token } = row
        const underWay = begun(account, row)
        underWay.open = { id, number, direction, intent, token }
      }
      break
    case 'withdrawn':
      if (account.underWay !== undefined) {
        delete account.underWay.open
        if (account.underWay.done.length === 0) delete account.underWay
      }
      break
    case 'baseline':
      delete account.underWay
      account.settled = { ...settledBy(row, 'applied', row.milliseconds), baseline: true }
      break
    case 'edit':
      if (account.settled !== undefined) account.settled.checksum = row.checksum
      break
  }
  return account
}

function ran(account: Account, row: HistoryRow): void {
  const { direction, first, last } = row
  const underWay = begun(account, row)
  underWay.milliseconds += row.milliseconds
  // A row about no statement only says that the file is whole.
  if (first > 0) underWay.done.splice(first - 1, last - first + 1, ...row.hashes)
  if (underWay.open !== undefined && underWay.open.number <= last) delete underWay.open
  if (!row.complete) return
  account.settled = settledBy(row, direction === 'up' ? 'applied' : 'reverted', underWay.milliseconds)
  delete account.underWay
}

/** What is under way in the row's direction, begun now if nothing was. */
function begun(account: Account, row: HistoryRow): UnderWay {
  if (account.underWay?.direction !== row.direction) {
    account.underWay = { direction: row.direction, done: [], milliseconds: 0, row }
  }
  account.underWay.row = row
  return account.underWay
}

function settledBy(row: HistoryRow, state: 'applied' | 'reverted', milliseconds: number): VersionState {
  const { version, name, checksum, at, by } = row
  return { version, name, state, checksum, done: [], at, by, milliseconds, baseline: false }
}

function stateOf({ settled, underWay }: Account): VersionState | undefined {
  if (underWay === undefined) return settled
  const { row, direction, done, open, milliseconds } = underWay
  const { version, name, checksum, at, by } = row
  const state = direction === 'up' ? 'partly-applied' : 'partly-reverted'
  return {
    ...{ version, name, state, checksum, done, at, by, milliseconds },
    ...(open !== undefined && { open }),
    baseline: false,
  }
}
