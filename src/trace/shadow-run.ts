import { basename } from 'node:path/posix'
import type { Client } from 'pg'
import { KeiError, failure, interrupted } from '../errors.ts'
import type { Catalog } from '../findings/catalog.ts'
import { readPrivileges } from '../postgres/catalog/privileges.ts'
import { readCatalog, readFurtherObjects } from '../postgres/catalog/snapshot.ts'
import type { SnapshotExclusions } from '../postgres/catalog/snapshot.ts'
import { positionsOf } from '../sql/positions.ts'
import { mayChangeSession } from '../sql/session-state.ts'
import type { Statement } from '../sql/statement.ts'
import { hashAfter } from './chain.ts'
import type { SchemaRest } from './history.ts'
import { loseNames, noLostNames } from './lost-names.ts'
import type { LostNames, Root } from './lost-names.ts'
import { recorderSchema } from './recorder.ts'
import type { SessionSettings } from './replay-session.ts'
import { runFile } from './run-file.ts'
import type { FileRun } from './run-file.ts'
import type { StubPlan } from './stubs.ts'
import { isSyntaxError, statementsOf } from './trace-request.ts'
import type { TraceMigration, TraceRequest } from './trace-request.ts'
import { openWorkplace } from './workplace.ts'
import type { Sessions, Workplace } from './workplace.ts'

/** Milliseconds. */
export const defaultHistoryTime = 600_000

/** Times that a history is begun while other runs remove what it keeps on its way; the last time it keeps nothing. */
const mostAttempts = 3

/** What is to be traced, and what of it is known. */
export interface ShadowRunPlan {
  request: TraceRequest
  stubs: StubPlan
  settings: SessionSettings
  /** One longer than the migrations: it begins with the empty history. */
  chain: string[]
  /** How many files from the first on have evidence. */
  known: number
}

export interface ShadowRun {
  /** By chain hash. */
  files: Map<string, FileRun>
  catalog: Catalog
  rest?: SchemaRest
  /** False when a limit decided what was seen: then it is not kept. */
  repeatable: boolean
}

/**
 * Traces the files that no evidence covers, from the nearest state that the cluster keeps. `keep` is called with the
 * result while the server is still tidying up; it is waited for.
 */
export async function traceOnShadow(
  plan: ShadowRunPlan,
  evidence: ReadonlyMap<string, FileRun>,
  keep: (run: ShadowRun) => Promise<void>,
): Promise<ShadowRun> {
  const { request, stubs } = plan
  const { signal, onProgress } = request
  if (signal?.aborted === true) throw interrupted()
  const { historyTime, ...limits } = { historyTime: defaultHistoryTime, ...request.limits }
  const deadline = { at: Date.now() + historyTime, historyTime }
  const workplace = await openWorkplace({
    ...request,
    stubs,
    setup: request.setup ?? [],
    settings: plan.settings,
    limits,
    onProgress: (message) => onProgress?.({ message, done: 0, total: request.migrations.length }),
  })
  try {
    for (let attempt = 1; attempt <= mostAttempts; attempt++) {
      const keepsOnTheWay = workplace.keepsTemplates && attempt < mostAttempts
      const run = await traceIn(workplace, plan, evidence, deadline, keep, keepsOnTheWay)
      if (run !== 'template-gone') return run
    }
    throw new Error('a run that keeps nothing on its way cannot miss what it kept')
  } finally {
    await workplace.close()
  }
}

interface Deadline {
  /** As Date.now(). */
  at: number
  historyTime: number
}

/**
 * Runs the history from the nearest state that there is. Where `keepsOnTheWay`, it goes on from a copy of each state
 * worth keeping; `template-gone` when another run removed one before it was copied.
 */
async function traceIn(
  workplace: Workplace,
  plan: ShadowRunPlan,
  evidence: ReadonlyMap<string, FileRun>,
  deadline: Deadline,
  keep: (run: ShadowRun) => Promise<void>,
  keepsOnTheWay: boolean,
): Promise<ShadowRun | 'template-gone'> {
  const { request, stubs, chain } = plan
  const { migrations, signal } = request
  const start = await startingDatabase(workplace, plan)
  const { from } = start
  let { database } = start
  let sessions: Sessions | undefined
  try {
    sessions = await workplace.open(database, { empty: start.empty })
    const lost = noLostNames()
    for (const [index, migration] of migrations.slice(0, from).entries()) {
      const run = evidence.get(hashAfter(chain, index + 1))
      if (run !== undefined) noteLost(lost, migration, run)
    }

    const files = new Map<string, FileRun>()
    let repeatable = true
    for (const [index, migration] of migrations.entries()) {
      if (index < from) continue
      if (index > from && repeatable && keepsOnTheWay && isBoundary(index, plan)) {
        await sessions.end()
        await workplace.databases.keep(database, hashAfter(chain, index))
        const copy = await workplace.databases.copy(workplace.owner, hashAfter(chain, index))
        if (copy === undefined) return 'template-gone'
        database = copy
        sessions = await workplace.open(database, { empty: false })
      }
      request.onProgress?.({ message: migration.file, done: index - from, total: migrations.length - from })
      const run =
        Date.now() > deadline.at
          ? outOfTime(migration, deadline.historyTime)
          : await runMigration(migration, sessions, plan, lost)
      if (signal?.aborted === true) throw interrupted()
      if (run.stopped) repeatable = false
      files.set(hashAfter(chain, index + 1), run)
      noteLost(lost, migration, run)
      if (sessions.session.lost()) {
        await sessions.end()
        sessions = await workplace.open(database, { empty: false })
      }
      await noteApplied(sessions, stubs, migration, run)
    }

    const exclude = { schemas: [recorderSchema, ...stubs.exclude.schemas], names: stubs.exclude.names }
    const catalog = await readCatalog(sessions.superuser, exclude)
    const rest = request.whole === true ? await readRest(sessions.superuser, workplace.owner, exclude) : undefined
    const run = { files, catalog, ...(rest && { rest }), repeatable }
    const kept = keep(run)
    kept.catch(() => undefined)
    await sessions.end()
    sessions = undefined
    if (repeatable) await workplace.settle(database, hashAfter(chain, migrations.length))
    else await workplace.databases.drop(database)
    await kept
    return run
  } catch (error) {
    await sessions?.end()
    await workplace.databases.drop(database).catch(() => undefined)
    throw asRefusal(error, signal)
  }
}

/** What a run ends with when an error ends it. */
export function asRefusal(error: unknown, signal: AbortSignal | undefined): KeiError {
  if (signal?.aborted === true) return interrupted()
  if (error instanceof KeiError) return error
  return failure({
    code: 'shadow-lost',
    message: `The shadow server failed while the history ran: ${(error as Error).message}`,
    hint: 'Run the command again, or with --no-trace.',
    cause: error,
  })
}

async function readRest(superuser: Client, owner: string, exclude: SnapshotExclusions): Promise<SchemaRest> {
  const objects = await readFurtherObjects(superuser, exclude)
  return { objects, privileges: await readPrivileges(superuser, exclude), owner }
}

/** The longest known prefix for which the cluster holds a template, else an empty database. */
export async function startingDatabase(
  workplace: Workplace,
  { chain, known }: Pick<ShadowRunPlan, 'chain' | 'known'>,
): Promise<{ database: string; from: number; empty: boolean }> {
  for (let from = known; from >= 0; from--) {
    const hash = hashAfter(chain, from)
    if (!workplace.hasTemplate(hash)) continue
    const database = await workplace.databases.copy(workplace.owner, hash)
    if (database !== undefined) return { database, from, empty: false }
  }
  return { database: await workplace.databases.create(workplace.owner), from: 0, empty: true }
}

/**
 * Kept on the way: the main branch's state, and the state before the first file that is new or was edited since the
 * last time, which is likely to be edited again.
 */
function isBoundary(index: number, { request, known }: ShadowRunPlan): boolean {
  return index === known || index === request.checkpoint
}

/** Runs a section of a file in a session that is as if it had just been opened. */
export async function runMigration(
  migration: TraceMigration,
  sessions: Sessions,
  { request, stubs }: Pick<ShadowRunPlan, 'request' | 'stubs'>,
  lost: LostNames,
): Promise<FileRun> {
  if (isSyntaxError(migration.statements)) return { traces: [], lost: [], stopped: false }
  const code = codeBefore(migration, request.code ?? [])
  const replay = {
    ...sessions,
    extensions: stubs.extensions,
    lost: { entries: [...lost.entries] },
    signal: request.signal,
  }
  const run = await runFile(
    {
      mode: migration.section.mode,
      statements: migration.statements,
      at: rootsIn(migration),
      ...(code !== undefined && { codeBefore: code }),
    },
    replay,
  )
  sessions.ledger = replay.ledger
  if (!sessions.session.lost() && migration.statements.some(mayChangeSession)) await sessions.session.reset()
  return run
}

/** Notes a file in the runner's own table, where the history reads that. */
export async function noteApplied(
  sessions: Sessions,
  stubs: StubPlan,
  migration: TraceMigration,
  run: FileRun,
): Promise<void> {
  if (stubs.runnerTable === undefined) return
  if (run.traces.some(({ status }) => status === 'failed' || status === 'not-reached')) return
  await sessions.session.run(stubs.runnerTable.note(migration.file))
}

/** Notes what a file's run would have made, where that is missing now. */
export function noteLost(lost: LostNames, migration: TraceMigration, run: FileRun): void {
  if (isSyntaxError(migration.statements)) {
    const { line } = positionsOf(migration.text)(migration.statements.offset)
    loseNames(lost, { file: migration.file, line }, migration.section.text)
    return
  }
  for (const { root, statements } of run.lost) {
    const text = statements.map((index) => statementsOf(migration)[index]?.text ?? '').join('\n')
    loseNames(lost, root, text)
  }
}

function outOfTime(migration: TraceMigration, historyTime: number): FileRun {
  const cause = `the history as a whole took longer than ${historyTime / 1000} s`
  return { traces: statementsOf(migration).map(() => ({ status: 'skipped', cause })), lost: [], stopped: true }
}

/** The nearest migration of the folder that is code and runs before this one, by the number its name begins with. */
export function codeBefore(migration: TraceMigration, code: readonly string[]): string | undefined {
  const number = (path: string) => BigInt(/^\d+/.exec(basename(path))?.[0] ?? 0)
  const before = code.filter((path) => number(path) < number(migration.file))
  return before.sort((a, b) => (number(a) < number(b) ? -1 : 1)).at(-1)
}

function rootsIn(migration: TraceMigration): (statement: Statement) => Root {
  const position = positionsOf(migration.text)
  return (statement) => ({ file: migration.file, line: position(statement.start).line })
}
