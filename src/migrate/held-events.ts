import { failure } from '../errors.ts'
import { sqlStateOf } from './database-refusal.ts'
import type { MigrationEvent } from './event.ts'
import { leaseLost } from './lease.ts'
import type { Runner } from './runner.ts'

/** Milliseconds after which a commit waits for the disk again, so that what is done is also told. */
const longestSilence = 500

/**
 * What a run on an empty history keeps back until it is on the disk: its commits need not wait for the disk one by one,
 * because nothing that a crash could take was there before; but nothing is said to be done that could still be lost.
 */
export interface HeldEvents {
  /** Whether the next transaction may commit without waiting for the disk; the last of a run must not. */
  mayRelax(isLast: boolean): boolean
  /** Tells the events, at once or when what they tell is on the disk. `relaxed`: the commit did not wait for it. */
  tell(relaxed: boolean, events: readonly MigrationEvent[]): void
  /**
   * Brings to the disk what is not, and tells what was kept back; to be called before any end of a run,
   * with no transaction open.
   * @throws KeiError `not-on-disk`, `lease-lost`
   */
  settle(): Promise<void>
}

export function holdEvents(runner: Runner): HeldEvents {
  const { onEvent } = runner.request
  let held: MigrationEvent[] = []
  let durableAt = performance.now()

  function release(): void {
    for (const event of held) onEvent(event)
    held = []
    durableAt = performance.now()
  }

  return {
    mayRelax: (isLast) => runner.fresh && !isLast && performance.now() - durableAt < longestSilence,
    tell(relaxed, events) {
      held.push(...events)
      // A commit that waits for the disk has brought all before it there too.
      if (!relaxed) release()
    },
    async settle() {
      if (held.length === 0) return
      try {
        // It locks a row, so there is something to be written; its commit waits for the disk.
        await runner.control.client.query(runner.lease.proof)
      } catch (cause) {
        if (sqlStateOf(cause) === '22012') throw runner.lease.lost() ?? leaseLost()
        throw failure({
          code: 'not-on-disk',
          message: `The last commits may not be on the server's disk: ${cause instanceof Error ? cause.message : String(cause)}`,
          hint: 'Run `kei migrate up` again: what was lost, the history has lost too.',
          cause,
        })
      }
      release()
    },
  }
}
