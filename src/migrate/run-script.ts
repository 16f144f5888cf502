import { compareVersions } from '../project/layouts/layout.ts'
import { leftInSession, mayChangeSession } from '../sql/session-state.ts'
import { statementOf } from '../sql/statement.ts'
import type { Statement } from '../sql/statement.ts'
import type { HeldLock } from './event.ts'
import type { HeldEvents } from './held-events.ts'
import type { VersionState } from './history.ts'
import { throwIfStopped } from './interruption.ts'
import type { Direction, Migration } from './migration.ts'
import { directConnectionNeeded } from './outside/failures.ts'
import { recoverIntent } from './outside/recover.ts'
import { runOutside } from './outside/run-outside.ts'
import { failureAt } from './place.ts'
import { sendPipeline } from './pipeline.ts'
import { forgetSettings, runTransaction } from './run-transaction.ts'
import type { TransactionOptions } from './run-transaction.ts'
import type { Runner, Script } from './runner.ts'
import { statementRefusal } from './server-refusal.ts'
import type { Step } from './step.ts'
import { parseMigration, refuseScript, remainingSteps, stepsOf } from './steps.ts'
import type { WorkSession } from './work-session.ts'

/** A file that is ready to be run. */
export interface PreparedScript {
  script: Script
  statements: Statement[]
  steps: Step[]
}

/** A file that ran. */
export interface ScriptRun {
  version: string
  name: string
  /** Of its statements that ran now. */
  milliseconds: number
  /** How many ran now. */
  statements: number
  locks: HeldLock[]
}

/**
 * Parses a file and refuses what the runner does not send; nothing goes to the server.
 * @throws KeiError those of `parseMigration` and `refuseScript`
 */
export async function prepareScript(migration: Migration, direction: Direction): Promise<PreparedScript> {
  const text = direction === 'up' ? migration.up : migration.down
  if (text === undefined) throw new Error(`${migration.version} has no file for ${direction}`)
  const statements = await parseMigration(text)
  refuseScript(text, statements)
  const script = { migration, direction, text, total: statements.length }
  return { script, statements, steps: stepsOf(statements, text.header) }
}

/** Of a file of which nothing is left to be sent: its row in the history is all there is to do. */
const emptyStep: Step = { kind: 'transaction', statements: [], first: 0, last: 0, hashes: [] }

/**
 * Refuses what cannot go through a pooler, before anything of the run is sent.
 * @throws KeiError `session-setting-through-pooler`, `direct-connection-needed`
 */
export function refuseThroughPooler({ script, statements, steps }: PreparedScript, work: WorkSession): void {
  if (!work.pooled) return
  for (const statement of statements) {
    const left = leftInSession(statement)
    if (left === undefined) continue
    throw failureAt(script.text, statement, {
      code: 'session-setting-through-pooler',
      message: `${left} would stay in the server's session, which the pooler gives to its next client`,
      hint: 'Make it end with the transaction (SET LOCAL, ON COMMIT DROP, pg_advisory_xact_lock), or give a direct connection beside the pooled one: KEI_DIRECT_DATABASE_URL, or targets.NAME.directUrl in kei.jsonc.',
    })
  }
  const outside = steps.find((step) => step.kind === 'outside')
  if (outside?.kind === 'outside') throw directConnectionNeeded(script, outside.statements[0])
}

export interface ScriptOptions {
  /** Where the version stands; undefined for one that was never touched. */
  state: VersionState | undefined
  held: HeldEvents
  /** Whether no other file comes after it in the run. */
  isLast: boolean
  /** When the session of an interrupted run still works: whether to cancel it rather than to wait. */
  cancel?: boolean
  /** For the file's first transaction. */
  guards?: TransactionOptions['guards']
}

/**
 * Runs what is left of one file, step by step, each with its row in the history.
 * @throws KeiError those of `runTransaction`, `runOutside`, `recoverIntent` and `remainingSteps`
 */
export async function runScript(runner: Runner, prepared: PreparedScript, options: ScriptOptions): Promise<ScriptRun> {
  const { script, statements } = prepared
  const { migration, direction, text } = script
  const { version, name } = migration
  const { held, isLast } = options
  const { onEvent } = runner.request
  onEvent({ event: 'migration', version, name, direction, file: text.file })
  const { done, whole } = await doneStatements(runner, prepared, options)
  const left = done.length === 0 ? prepared.steps : remainingSteps(prepared.steps, statements, done, text)
  // Where what was left has been taken out of the file, only the history has yet to be told.
  const steps = left.length > 0 || whole ? left : [emptyStep]
  const [next] = steps
  if (next?.first === 1 && next.kind !== 'transaction' && !runner.work.pooled)
    await runner.work.client.query(forgetSettings.text)
  if (next !== undefined) await setAgain(runner.work, script, next, statements.slice(0, done.length))

  const run: ScriptRun = { version, name, milliseconds: 0, statements: 0, locks: [] }
  let { guards } = options
  for (const step of steps) {
    throwIfStopped(runner)
    const isLastStep = step === steps.at(-1)
    let relaxed = false
    let locks: HeldLock[] = []
    let milliseconds: number
    if (step.kind === 'transaction') {
      relaxed = held.mayRelax(isLast && isLastStep)
      const earlier = statements.slice(0, Math.max(0, step.first - 1))
      const begins = step.first === 1
      const ran = await runTransaction(runner, script, step, { earlier, begins, relaxed, ...(guards && { guards }) })
      guards = undefined
      ;({ milliseconds, locks } = ran)
    } else {
      await held.settle()
      ;({ milliseconds } = await runOutside(runner, script, step))
    }
    run.milliseconds += milliseconds
    run.statements += step.first === 0 ? 0 : step.last - step.first + 1
    run.locks.push(...locks)
    const { first, last } = step
    held.tell(relaxed, [
      { event: 'step', version, direction, first, last, milliseconds, locks },
      ...(isLastStep ? [{ event: 'done' as const, version, name, direction, milliseconds: run.milliseconds }] : []),
    ])
  }
  if (steps.length === 0) held.tell(false, [{ event: 'done', version, name, direction, milliseconds: 0 }])
  if (!runner.work.pooled && statements.some(mayChangeSession)) await runner.work.client.query('DISCARD ALL')
  return run
}

/** The hashes of the statements that are done, once it is known what became of an open one; and whether that is all. */
async function doneStatements(
  runner: Runner,
  { script, statements }: PreparedScript,
  { state, cancel = false }: ScriptOptions,
): Promise<{ done: string[]; whole: boolean }> {
  const { direction, migration } = script
  if (state?.state !== (direction === 'up' ? 'partly-applied' : 'partly-reverted')) return { done: [], whole: false }
  if (state.open === undefined) return { done: state.done, whole: false }
  const { number, intent } = state.open
  const message = `An earlier run was cut off in: ${intent.statement}`
  runner.request.onEvent({ event: 'recovering', version: migration.version, statement: number, message })
  const outcome = await recoverIntent(runner, script, statements, state.open, { cancel })
  if (outcome === 'withdrawn') return { done: state.done, whole: false }
  const rows = await runner.history.read(runner.work.client)
  const row = rows.findLast(
    ({ event, direction: of, version }) =>
      event === 'ran' && of === direction && compareVersions(version, migration.version) === 0,
  )
  return { done: [...state.done.slice(0, number - 1), ...(row?.hashes ?? [])], whole: row?.complete ?? false }
}

/** What the part of a file that is done had set for the session, for the part that is not. */
async function setAgain(
  { client, pooled }: WorkSession,
  script: Script,
  next: Step,
  done: readonly Statement[],
): Promise<void> {
  if (pooled) return
  for (const statement of done) {
    const set = statementOf(statement, 'VariableSetStmt')
    if (set === undefined || set.is_local === true || leftInSession(statement) === undefined) continue
    const end = await sendPipeline(client, [{ text: statement.text }])
    if (end.kind === 'refused') throw statementRefusal(script, next, statement, end.error)
    if (end.kind === 'lost') throw end.error
  }
}
