import type { Client } from 'pg'
import { KeiError, interrupted } from '../errors.ts'
import type { Observation, StatementTrace } from '../findings/observation.ts'
import type { RelationLock } from '../findings/lock-mode.ts'
import { nodeOf, statementOf } from '../sql/statement.ts'
import type { NodeTag, Statement } from '../sql/statement.ts'
import { behaviourOf, groupStatements } from '../sql/transactions.ts'
import type { TransactionMode } from '../sql/transactions.ts'
import type { ExtensionPlan } from './extensions.ts'
import { beginTransaction, endTransaction, noteStorage, observe, observeUnread } from './ledger.ts'
import type { Ledger, StatementFacts } from './ledger.ts'
import { isNamingError, loseNames, rootOf } from './lost-names.ts'
import type { LostNames, Root } from './lost-names.ts'
import { documentedLocks, parkTarget, quoted, runParked } from './parked.ts'
import type { ReplayError, ReplaySession } from './replay-session.ts'
import { editStatement } from './statement-edit.ts'

/** Where a file runs. */
export interface Replay {
  session: ReplaySession
  /** A superuser's session in the same database, which parks statements. */
  superuser: Client
  ledger: Ledger
  extensions: ExtensionPlan
  /** Names that are missing because of earlier failures; those of this file are added. */
  lost: LostNames
  /** Ends the run between two statements; whoever aborts it also sees to the one that is running. */
  signal: AbortSignal | undefined
}

export interface FileToRun {
  mode: TransactionMode
  statements: readonly Statement[]
  /** Where a statement stands. */
  at(statement: Statement): Root
  /** A migration before it that is code, which a trace cannot run. */
  codeBefore?: string
}

/** What came of a file. */
export interface FileRun {
  /** One for each statement, in order. */
  traces: StatementTrace[]
  /** Where things went wrong: what these statements would have made does not exist. */
  lost: { root: Root; statements: number[] }[]
  /** kei stopped a statement, so another run may show something else. */
  stopped: boolean
}

/** Statements of one file that may fail by themselves before kei gives the rest of it up. */
const mostFailures = 8

/**
 * Runs a file as its runner would, and records each statement.
 *
 * A statement that fails takes its transaction with it. The transaction then runs again without that statement: what
 * follows usually stands on its own, and where the history is known to have run, the failure is the shadow's.
 * @throws KeiError `interrupted`, `statement-cannot-be-stopped`
 */
export async function runFile(file: FileToRun, replay: Replay): Promise<FileRun> {
  const run: Run = { file, replay, traces: new Map(), failures: 0, stopped: undefined, lost: [] }
  for (const group of groupStatements(file.statements, file.mode)) {
    if (run.stopped !== undefined) break
    heedSignal(run)
    if (group.kind === 'transaction') await runGroup(group.statements, group.rolledBack === true, run)
    else
      for (const statement of group.statements) {
        heedSignal(run)
        await runAlone(statement, run)
      }
  }

  const stopped = run.stopped
  const traces = file.statements.map((statement): StatementTrace => {
    const trace = run.traces.get(statement.index)
    if (trace !== undefined) return trace
    if (stopped === undefined || statement.index < stopped.at) return controlTrace
    return { status: 'not-reached', cause: 'its file was given up after an earlier statement', root: stopped.root }
  })
  if (stopped !== undefined) {
    const rest = file.statements.flatMap(({ index }) => (index >= stopped.at ? [index] : []))
    run.lost.push({ root: stopped.root, statements: rest })
  }
  return { traces, lost: run.lost, stopped: stopped?.byLimit === true }
}

interface Run {
  file: FileToRun
  replay: Replay
  traces: Map<number, StatementTrace>
  failures: number
  /** The file is not run on from here. */
  stopped: { at: number; root: Root; byLimit: boolean } | undefined
  lost: FileRun['lost']
}

const controlTrace: StatementTrace = {
  status: 'traced',
  observation: observeUnread({ events: [], notices: [], milliseconds: 0 }),
}

/** @throws KeiError `interrupted` */
function heedSignal({ replay }: Run): void {
  if (replay.signal?.aborted === true) throw interrupted()
}

/**
 * Notes a failure as a root or as what follows from an earlier one.
 * @throws KeiError `interrupted` when that is why
 */
function fail(statement: Statement, error: ReplayError, run: Run): void {
  heedSignal(run)
  const { file, replay } = run
  const earlier = rootOf(replay.lost, error)
  const code = earlier === undefined && isNamingError(error) ? file.codeBefore : undefined
  const cause = error.message + (code === undefined ? '' : ` (${code} before it is code, which a trace cannot run)`)
  const root = earlier ?? file.at(statement)
  const sqlstate = error.sqlstate !== undefined && { sqlstate: error.sqlstate }
  run.traces.set(
    statement.index,
    earlier === undefined
      ? { status: 'failed', cause, ...sqlstate, ...(code !== undefined && { codeBefore: code }) }
      : { status: 'not-reached', cause, root },
  )
  run.lost.push({ root, statements: [statement.index] })
  loseNames(replay.lost, root, statement.text)
  run.failures++
  if (error.stopped === true || replay.session.lost() || run.failures >= mostFailures) {
    run.stopped = { at: statement.index + 1, root, byLimit: error.stopped === true }
  }
}

function skip(statement: Statement, edited: { cause: string; leavesOut: boolean }, run: Run): void {
  run.traces.set(statement.index, { status: 'skipped', cause: edited.cause })
  if (!edited.leavesOut || run.lost.some(({ statements }) => statements.includes(statement.index))) return
  const root = run.file.at(statement)
  run.lost.push({ root, statements: [statement.index] })
  loseNames(run.replay.lost, root, statement.text)
}

/** The statements of one transaction, and those among them that PostgreSQL refuses in one. */
async function runGroup(statements: readonly Statement[], rolledBack: boolean, run: Run): Promise<void> {
  let together: Statement[] = []
  for (const statement of statements) {
    heedSignal(run)
    if (behaviourOf(statement) !== 'outside') {
      together.push(statement)
      continue
    }
    await runTransaction(together, rolledBack, run)
    together = []
    if (run.stopped !== undefined) return
    // Its runner would be refused; what follows is worth seeing all the same.
    await runOutside(statement, run, 'ran alone: in a transaction it is refused (25001)')
    if (run.stopped !== undefined) return
  }
  await runTransaction(together, rolledBack, run)
}

/** Runs statements in one transaction; again without the one that failed, until all others run. */
async function runTransaction(statements: readonly Statement[], rolledBack: boolean, run: Run): Promise<void> {
  let left = statements
  while (left.length > 0) {
    heedSignal(run)
    const failure = await tryTransaction(left, rolledBack, run)
    if (failure === undefined) return
    fail(failure.statement, failure.error, run)
    if (run.stopped !== undefined) {
      // What ran before it was rolled back with it.
      const undone = left.flatMap(({ index }) => (index < failure.statement.index ? [index] : []))
      run.lost.push({ root: run.stopped.root, statements: undone })
      return
    }
    left = left.filter((statement) => statement !== failure.statement)
  }
}

interface Failure {
  statement: Statement
  error: ReplayError
}

async function tryTransaction(
  statements: readonly Statement[],
  rolledBack: boolean,
  run: Run,
): Promise<Failure | undefined> {
  const { session, ledger } = run.replay
  // Sent ahead of the first statement; waited for behind it.
  const begun = session.begin()
  begun.catch(() => undefined)
  beginTransaction(ledger)
  let last: Statement | undefined
  for (const statement of statements) {
    heedSignal(run)
    last = statement
    const error = (await step(statement, run)) ?? (await begun.then(() => undefined, unreadable))
    if (error === undefined) continue
    await session.rollback()
    endTransaction(ledger, false)
    return { statement, error }
  }
  // Deferred constraints speak up here; the last statement stands for the transaction.
  const { error } = await session.run(rolledBack ? 'rollback' : 'commit')
  endTransaction(ledger, !rolledBack && error === undefined)
  return error !== undefined && last !== undefined ? { statement: last, error } : undefined
}

async function runAlone(statement: Statement, run: Run): Promise<void> {
  switch (behaviourOf(statement)) {
    case 'outside':
      return runOutside(statement, run)
    case 'control': {
      const ran = await run.replay.session.run(statement.text)
      if (ran.error !== undefined) return fail(statement, ran.error, run)
      run.traces.set(statement.index, { status: 'traced', observation: observeUnread(ran) })
      return
    }
    case 'inside':
    case 'may-commit': {
      const failure = await tryTransaction([statement], false, run)
      if (failure === undefined) return
      if (failure.error.sqlstate !== '2D000') return fail(statement, failure.error, run)
      // It commits by itself, which it cannot in a transaction: run it as it is sent, with nothing to be read.
      return runOutside(statement, run)
    }
  }
}

/** They lock no relation of the user's and make none, so nothing is there to be read. */
const lockless: ReadonlySet<NodeTag> = new Set<NodeTag>([
  'AlterEnumStmt',
  'AlterFunctionStmt',
  'CreateEnumStmt',
  'CreateFunctionStmt',
  'TransactionStmt',
  'VariableSetStmt',
])

/** Runs one statement in the open transaction and reads what it holds. */
async function step(statement: Statement, run: Run): Promise<ReplayError | undefined> {
  const { session, ledger, extensions } = run.replay
  const edited = editStatement(statement, extensions)
  if (edited.kind === 'skip') {
    skip(statement, edited, run)
    return undefined
  }
  // Tables are empty here. With this, a scan of one means that no index would serve on a full one either; such
  // statements need whole rows, so that an index cannot be read from end to end in place of the table.
  const finds = statement.tag === 'UpdateStmt' || statement.tag === 'DeleteStmt'
  // Fails where BEGIN did, and where the session is gone.
  const refused = finds ? await session.setSequentialScans(false).then(() => undefined, unreadable) : undefined
  if (refused !== undefined) return refused
  const { ran, reading: held } = lockless.has(statement.tag)
    ? { ran: await session.run(edited.text), reading: undefined }
    : await session.runAndRead(edited.text, ledger.newestConstraint)
  if (ran.error !== undefined) return ran.error
  try {
    const reading = await held
    if (finds) await session.setSequentialScans(true)
    const validates = await validatedEnds(statement, session)
    const facts: StatementFacts = { ...ran, truncates: statement.tag === 'TruncateStmt', validates }
    run.traces.set(statement.index, tracedAs(observe(ledger, reading, facts), edited.edited))
    return undefined
  } catch (error) {
    return unreadable(error)
  }
}

/** Runs a statement with no transaction around it. `why` says so where its runner would have one. */
async function runOutside(statement: Statement, run: Run, why?: string): Promise<void> {
  const { replay } = run
  const edited = editStatement(statement, replay.extensions)
  if (edited.kind === 'skip') return skip(statement, edited, run)

  try {
    const outcome = await observeOutside(statement, edited.text, replay)
    if ('error' in outcome) return fail(statement, outcome.error, run)
    const { observation } = outcome
    run.traces.set(statement.index, tracedAs(observation, [edited.edited, why].filter(Boolean).join('; ') || undefined))
  } catch (error) {
    if (error instanceof KeiError) throw error
    fail(statement, unreadable(error), run)
  }
}

async function observeOutside(
  statement: Statement,
  text: string,
  replay: Replay,
): Promise<{ error: ReplayError } | { observation: Observation }> {
  const { session, superuser } = replay
  const target = parkTarget(statement)
  const table = target === undefined ? undefined : await session.tableBehind(target)
  const { result: ran, locks } =
    target === undefined
      ? { result: await session.run(text), locks: await namedLocks(documentedLocks(statement), session) }
      : await runParked(superuser, table, session.pid, () => session.run(text))
  if (ran.error !== undefined) {
    if (!session.lost()) replay.ledger = await session.openLedger()
    return { error: ran.error }
  }

  const after = table === undefined ? undefined : await session.tableStorage(table.oid)
  const changed =
    after === undefined
      ? replaceLedger(replay, await session.openLedger())
      : noteStorage(replay.ledger, after.relations)
  const scans = table !== undefined && after !== undefined && after.scans > table.scans ? [table.name] : []
  return { observation: { ...observeUnread(ran), locks, scans, ...changed } }
}

/** The session's own settings, a statement_timeout of a millisecond, can stop the recorder's queries. */
function unreadable(error: unknown): ReplayError {
  return { message: `its effects could not be read: ${(error as Error).message}` }
}

function replaceLedger(replay: Replay, current: Ledger): Pick<Observation, 'rewrites' | 'indexRebuilds'> {
  const changed = noteStorage(
    replay.ledger,
    [...current.known].map(([oid, { name, kind, file }]) => [oid, name, kind, file]),
  )
  replay.ledger = current
  return changed
}

function tracedAs(observation: Observation, edited: string | undefined): StatementTrace {
  return { status: 'traced', observation, ...(edited !== undefined && { edited }) }
}

/** Locks with the names that PostgreSQL prints, for those that were written. */
async function namedLocks(locks: readonly RelationLock[], session: ReplaySession): Promise<RelationLock[]> {
  const named: RelationLock[] = []
  for (const { relation, mode } of locks) {
    const found = await session.tableBehind(relation)
    if (found !== undefined) named.push({ relation: found.name, mode })
  }
  return named
}

/** ALTER TABLE … VALIDATE CONSTRAINT of a foreign key reads both tables, which no counter shows on empty ones. */
async function validatedEnds(statement: Statement, session: ReplaySession): Promise<string[]> {
  const alter = statementOf(statement, 'AlterTableStmt')
  const names = (alter?.cmds ?? []).flatMap((command) => {
    const fields = nodeOf(command, 'AlterTableCmd')
    return fields?.subtype === 'AT_ValidateConstraint' && fields.name !== undefined ? [fields.name] : []
  })
  if (names.length === 0) return []
  const table = await session.tableBehind(quoted(alter?.relation))
  if (table === undefined) return []
  const ends = await Promise.all(names.map((name) => session.foreignKeyEnds(table.oid, name)))
  return ends.flat()
}
