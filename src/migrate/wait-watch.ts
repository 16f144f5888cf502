import type { Wait } from './blockers.ts'
import { readWait, transactionProcess } from './blockers.ts'
import type { Runner } from './runner.ts'

/** Milliseconds after which a step that is not done is looked at, and between two looks, at most and at least. */
const [seldom, often] = [200, 10]

/** Looks, while a transaction runs, whether it waits. */
export interface WaitWatch {
  /** The last wait that was seen. */
  last(): Wait | undefined
  stop(): void
}

/**
 * Looks from the control session, in the background: nothing waits for an answer, which behind a pooler with one server
 * connection comes only when the transaction has ended. `onWait` is told of each new set of blockers. A wait that gives up
 * after `lockTimeout` milliseconds is looked at several times before that.
 */
export function watchWaits(runner: Runner, lockTimeout: number, onWait: (wait: Wait) => void): WaitWatch {
  // A timeout of 0 is none at all.
  const lookEvery = lockTimeout === 0 ? seldom : Math.max(often, Math.min(seldom, lockTimeout / 4))
  let last: Wait | undefined
  let seen = ''
  let stopped = false
  let timer = setTimeout(() => void look(), lookEvery)

  async function look(): Promise<void> {
    try {
      const pid = await workProcess(runner)
      const wait = pid === undefined || stopped ? undefined : await readWait(runner.control.client, pid)
      const found = wait?.blockers.map((blocker) => blocker.pid).join() ?? ''
      if (wait !== undefined && found !== '') {
        last = wait
        if (found !== seen && !stopped) onWait(wait)
        seen = found
      }
    } catch {
      // Who blocks is only told; the run does not depend on it.
    }
    if (!stopped) timer = setTimeout(() => void look(), lookEvery)
  }

  return {
    last: () => last,
    stop() {
      stopped = true
      clearTimeout(timer)
    },
  }
}

/** The server process of the open transaction; behind a pooler only the server knows it. */
export async function workProcess({ work, control, history }: Runner): Promise<number | undefined> {
  return work.pooled ? transactionProcess(control.client, history.schema) : work.pid
}
