import { createHash } from 'node:crypto'
import type { RoundTrip } from '../findings/round-trip.ts'
import type { StatementTrace } from '../findings/observation.ts'
import { hashAfter } from './chain.ts'
import type { FileRun } from './run-file.ts'
import { isSyntaxError } from './trace-request.ts'
import type { TraceMigration } from './trace-request.ts'

/** Changes with everything that decides how a round trip is run and judged; part of every key. */
const roundTripVersion = 1

/** How many migrations of one history get a round trip: the last ones. */
export const mostRoundTrips = 50

/** What the round trips of a history come to before any of them is run. */
export interface RoundTripPlan {
  /** Those that have to be run, by index, in order. */
  wanted: number[]
  /** Those that are known, and those that cannot be known. */
  settled: Map<number, RoundTrip>
}

/** Indexes of the migrations whose way back is to be tried: the last ones that have a `down`. */
export function triedMigrations(migrations: readonly TraceMigration[]): number[] {
  return migrations.flatMap(({ down }, index) => (down === undefined ? [] : [index])).slice(-mostRoundTrips)
}

/** What decides the round trip of a migration: all that decides what its up section does, and the down section. */
export function roundTripKey(chain: readonly string[], index: number, { down }: TraceMigration): string {
  const parts = [roundTripVersion, hashAfter(chain, index + 1), down?.section.mode, down?.section.text]
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex')
}

/**
 * Sorts the round trips of a history that has been traced. One is only worth running where the whole history up to it
 * ran: elsewhere the database is not the one that the migration was written for.
 */
export function planRoundTrips(
  migrations: readonly TraceMigration[],
  runs: readonly (FileRun | undefined)[],
  known: (index: number) => RoundTrip | undefined,
): RoundTripPlan {
  const tried = new Set(triedMigrations(migrations))
  const plan: RoundTripPlan = { wanted: [], settled: new Map() }
  let failed = false
  for (const [index, migration] of migrations.entries()) {
    const traces = runs[index]?.traces ?? []
    if (migration.down !== undefined) {
      const kept = known(index)
      if (!tried.has(index)) {
        plan.settled.set(index, unknownRoundTrip(`a round trip, which the last ${mostRoundTrips} down sections get`))
      } else if (failed) {
        plan.settled.set(index, unknownRoundTrip('a trace of all files before it'))
      } else if (!traces.every(({ status }) => status === 'traced')) {
        plan.settled.set(index, unknownRoundTrip(wholeTrace))
      } else if (kept !== undefined) {
        plan.settled.set(index, kept)
      } else {
        plan.wanted.push(index)
      }
    }
    failed ||= isSyntaxError(migration.statements) || traces.some(isFailure)
  }
  return plan
}

/** What an up section that is partly traced needs, and a down section. */
export const wholeTrace = 'a trace of all its statements'

export function unknownRoundTrip(needs: string): RoundTrip {
  return { status: 'unknown', needs }
}

/** Whether a round trip ended where it began, so that the history can go on from there. */
export function isUneventful(trip: RoundTrip): boolean {
  return trip.status === 'completed' && trip.afterDown.length === 0 && trip.afterUp.length === 0
}

function isFailure({ status }: StatementTrace): boolean {
  return status === 'failed' || status === 'not-reached'
}
