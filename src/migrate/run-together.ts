import { mayChangeSession } from '../sql/session-state.ts'
import { connectionLost } from './connection-lost.ts'
import type { MigrationEvent } from './event.ts'
import { cancelOnStop, throwIfStopped } from './interruption.ts'
import { sendPipeline } from './pipeline.ts'
import { isWorthRetrying } from './retry.ts'
import type { PreparedScript, ScriptRun } from './run-script.ts'
import { forwardNotices, rollBack, transactionParts, transactionRefusal } from './run-transaction.ts'
import type { Part } from './run-transaction.ts'
import type { Runner } from './runner.ts'
import type { Step } from './step.ts'
import { watchWaits } from './wait-watch.ts'

/** Files in one round trip, and UTF-16 code units of all their texts. */
const mostFiles = 32
const mostText = 256 * 1024

/**
 * How many of the files, from the first on, `runTogether` takes: each of one transaction after which the session is as
 * before. Only on an empty history, where nobody is kept waiting by a queue of locks that others would want to see told.
 */
export function togetherCount(runner: Runner, scripts: readonly PreparedScript[]): number {
  if (!runner.fresh) return 0
  let text = 0
  const end = scripts.findIndex((prepared, index) => {
    text += prepared.script.text.text.length
    return index === mostFiles || text > mostText || !isPlain(prepared)
  })
  return end === -1 ? scripts.length : end
}

function isPlain({ steps, statements }: PreparedScript): boolean {
  return steps.length === 1 && steps[0]?.kind === 'transaction' && !statements.some(mayChangeSession)
}

/** What became of files that were sent together. */
export interface TogetherRun {
  /** Those that are committed, from the first on. The next one, if there is one, met another session's lock. */
  runs: ScriptRun[]
  /** What there is to be told of them. */
  events: MigrationEvent[]
}

/**
 * Runs several files, each in its own transaction with its row in the history, in one round trip: after one that fails
 * the server skips all that was sent behind it.
 * @param relaxed whether the commit of the file at an index need not wait for the disk
 * @throws KeiError those of `runTransaction` but for waiting, with `told` called for what was committed before
 */
export async function runTogether(
  runner: Runner,
  scripts: readonly PreparedScript[],
  relaxed: (index: number) => boolean,
  told: (run: TogetherRun) => void,
): Promise<TogetherRun> {
  const { work, request } = runner
  throwIfStopped(runner)
  const files = scripts.map((prepared, index) => fileOf(runner, prepared, relaxed(index)))
  const [{ version = '' } = {}] = scripts.map(({ script }) => script.migration)
  const watch = watchWaits(runner, request.settings.lockTimeout, (wait) =>
    request.onEvent({ event: 'blocked', version, attempt: 1, ...wait }),
  )
  const stopNotices = forwardNotices(runner)
  const sent = files.flatMap(({ parts }) => parts.map((part) => part.sent))
  const end = await cancelOnStop(runner, () => sendPipeline(work.client, sent))
  watch.stop()
  stopNotices()

  const done: TogetherRun = { runs: [], events: [] }
  let first = 0
  for (const { parts, prepared, step } of files) {
    const commit = first + parts.length - 1
    const answer = end.answers[commit]
    if (answer !== undefined && answer.command !== 'COMMIT') {
      throw new Error(`the server answered ${answer.command} to COMMIT`)
    }
    if (answer === undefined) {
      told(done)
      if (end.kind === 'done') throw new Error('the server left a statement unanswered')
      const { script } = prepared
      if (end.kind === 'lost') throw await connectionLost(runner, script, step, end.error)
      await rollBack(work.client)
      throwIfStopped(runner)
      if (isWorthRetrying(end.error.code)) return done
      throw transactionRefusal(runner, script, step, parts[end.at - first], end.error, {})
    }
    const [row] = end.answers[commit - 1]?.rows ?? []
    note(done, prepared, step, Number(row?.['milliseconds'] ?? 0))
    first = commit + 1
  }
  told(done)
  return done
}

interface SentFile {
  prepared: PreparedScript
  step: Step
  /** The last two are the history's row and COMMIT. */
  parts: Part[]
}

function fileOf(runner: Runner, prepared: PreparedScript, relaxed: boolean): SentFile {
  const { script, steps } = prepared
  const [step] = steps
  if (step === undefined) throw new Error('a file that is sent with others has one step')
  const lockTimeout = script.text.header.lockTimeout ?? runner.request.settings.lockTimeout
  const parts = transactionParts(runner, script, step, lockTimeout, { begins: true, relaxed }).map((part) =>
    // Answers come together; only the server knows how long each file took.
    part.kind === 'row'
      ? { ...part, sent: { ...part.sent, text: `${part.sent.text} RETURNING milliseconds`, rows: true as const } }
      : part,
  )
  return { prepared, step, parts }
}

function note(done: TogetherRun, { script, statements }: PreparedScript, step: Step, milliseconds: number): void {
  const { direction, migration, text } = script
  const { version, name } = migration
  const { first, last } = step
  done.runs.push({ version, name, milliseconds, statements: statements.length, locks: [] })
  done.events.push(
    { event: 'migration', version, name, direction, file: text.file },
    { event: 'step', version, direction, first, last, milliseconds, locks: [] },
    { event: 'done', version, name, direction, milliseconds },
  )
}
