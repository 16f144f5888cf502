import { KeiError } from '../errors.ts'
import { compareLockModes } from '../findings/lock-mode.ts'
import type { RelationLock } from '../findings/lock-mode.ts'
import type { ObjectChange, Observation, StatementTrace } from '../findings/observation.ts'
import type { Session } from '../postgres/connect/connect.ts'
import { readBoundIgnores } from '../sql/bound-ignore.ts'
import type { BoundIgnore } from '../sql/bound-ignore.ts'
import type { Parser } from '../sql/parse.ts'
import { positionsOf } from '../sql/positions.ts'
import { redactServerMessage, redactSql, redactText } from '../sql/redact.ts'
import type { Statement } from '../sql/statement.ts'
import type { HistoryTrace } from '../trace/history.ts'
import { readStates } from './applied-states.ts'
import { canonicalVersion } from './fold.ts'
import type { VersionState } from './history.ts'
import { readLiveState } from './live-state.ts'
import type { LiveState } from './live-state.ts'
import type { Migration } from './migration.ts'
import type { MigrationFiles } from './read-migrations.ts'
import { standingOf } from './standing.ts'
import type { Step } from './step.ts'
import { parseMigration, remainingSteps, stepsOf } from './steps.ts'
import { readTargetSettings } from './target.ts'
import type { TargetSettings } from './target.ts'
import { traceMigrations } from './trace-migrations.ts'
import type { UpScript } from './trace-migrations.ts'

export interface PlanOptions {
  source: MigrationFiles
  /** Of the history. */
  schema: string
  /** Opens a session with the target, which the plan ends. Without one every file counts as pending. */
  connect?: (() => Promise<Session>) | undefined
  signal?: AbortSignal
  /** Called with what is going on. */
  onProgress?: (text: string) => void
}

/** What `up` would do. */
export interface RunPlan {
  /** Exact version of the shadow server that the history was traced on; absent where there was none. */
  server?: string
  /** Pending, in the order in which they run. */
  migrations: PlannedMigration[]
  /** Why `up` would refuse. */
  problems: KeiError[]
  /** The target now; absent without one, and where nothing is pending. */
  live?: LiveState
  notices: string[]
}

export interface PlannedMigration {
  version: string
  name: string
  file: string
  /** How many statements of the file are committed already. */
  done: number
  /** The reasons of the ignore comments for the whole file. */
  ignores: PlannedIgnore[]
  steps: PlannedStep[]
}

/** Statements that the runner commits together, or one that it sends alone. */
export interface PlannedStep {
  kind: Step['kind']
  /** Numbers of statements in the file, from 1. */
  first: number
  last: number
  statements: PlannedStatement[]
  /** The strongest lock on each relation that is there before the run; in a transaction all are held until its end. */
  locks: RelationLock[]
}

export interface PlannedStatement {
  number: number
  line: number
  /** Its first lines, redacted. */
  text: string
  /** The reasons of the ignore comments that are about it: what somebody answers for. */
  ignores: PlannedIgnore[]
  /** Absent without a shadow server. */
  trace?: PlannedTrace
}

/** An ignore comment for `kei check` that gives a reason. */
export interface PlannedIgnore {
  rule: string
  /** Redacted. */
  reason: string
}

/** What a statement does to what is there before the run. */
export type PlannedTrace =
  | {
      status: 'traced'
      /** That the step's statements before it have not taken. */
      locks: RelationLock[]
      rewrites: string[]
      indexRebuilds: string[]
      scans: string[]
      /** Tables, columns and sequences that are gone with what they hold. */
      destroys: ObjectChange[]
      /** What kei changed before it ran on the shadow, in words. */
      edited?: string
    }
  | { status: 'not-traced'; cause: string; root?: { file: string; line: number } }

/**
 * Says what `up` would do: the pending files by the target's history, in the runner's steps, with the locks, rewrites
 * and scans that a trace of the whole history shows, and who stands in their way on the target now. Changes nothing.
 * @throws KeiError of `parseMigration`, `traceMigrations` and of the connection
 */
export async function planRun(options: PlanOptions): Promise<RunPlan> {
  const { source, connect } = options
  const session = await connect?.()
  try {
    const states =
      session === undefined ? new Map<string, VersionState>() : await readStates(session.client, options.schema)
    const { target, notices } =
      session === undefined
        ? { target: { major: source.config.postgres.major }, notices: [] }
        : await readTargetSettings(session)
    const { pending, problems } = standingOf(source.migrations, states)
    if (pending.length === 0) return { migrations: [], problems, notices: [] }

    const scripts = await Promise.all(source.migrations.map(readScript))
    const parser = await (await import('../sql/parse.ts')).loadParser()
    const traced = await traceWhere(options, scripts, pending, target)
    const { trace } = traced
    const migrations = plannedMigrations(parser, scripts, pending, states, trace)
    const result: RunPlan = {
      ...(trace && { server: trace.server }),
      migrations,
      problems,
      notices: [...notices, ...traced.notices],
    }
    if (session === undefined || trace === undefined) return result
    return { ...result, live: await readLiveState(session.client, ...met(migrations)) }
  } finally {
    await session?.client.end()
  }
}

async function readScript(migration: Migration): Promise<UpScript> {
  return { migration, text: migration.up.text, statements: await parseMigration(migration.up) }
}

async function traceWhere(
  { source, signal, onProgress }: PlanOptions,
  scripts: readonly UpScript[],
  pending: readonly Migration[],
  target: TargetSettings,
): Promise<{ trace?: HistoryTrace; notices: string[] }> {
  const checkpoint = scripts.findIndex(({ migration }) => pending.includes(migration))
  try {
    const trace = await traceMigrations(source, scripts, {
      ...target,
      ...(checkpoint > 0 && { checkpoint }),
      ...(signal && { signal }),
      onProgress,
    })
    return { trace, notices: trace.notices }
  } catch (error) {
    if (!(error instanceof KeiError) || error.code !== 'postgres-server-not-found') throw error
    return { notices: [`${error.message} Locks, rewrites and scans are not known. ${error.hint ?? ''}`.trim()] }
  }
}

function plannedMigrations(
  parser: Parser,
  scripts: readonly UpScript[],
  pending: readonly Migration[],
  states: ReadonlyMap<string, VersionState>,
  trace: HistoryTrace | undefined,
): PlannedMigration[] {
  // What the run itself makes: nobody else can be using it.
  const made = new Set<string>()
  const byFile = new Map(trace?.files.map(({ file, statements }) => [file, statements]))
  return scripts
    .filter(({ migration }) => pending.includes(migration))
    .map(({ migration, statements }) => {
      const { version, name, up } = migration
      const done = states.get(canonicalVersion(version))?.done ?? []
      const traces = byFile.get(up.file)
      const position = positionsOf(up.text)
      const bound = readBoundIgnores(parser, up.text, { text: up.text, start: 0 }, statements, () => [])
      const steps = remainingSteps(stepsOf(statements, up.header), statements, done, up).map((step): PlannedStep => {
        const held: RelationLock[] = []
        const planned = step.statements.map((statement): PlannedStatement => {
          const seen = trace && plannedTrace(traces?.[statement.index], made)
          if (seen?.status === 'traced') held.push(...seen.locks)
          return {
            number: statement.index + 1,
            line: position(statement.start).line,
            text: firstLines(statement),
            ignores: ignoresOf(bound, statement),
            ...(seen && { trace: seen }),
          }
        })
        return {
          kind: step.kind,
          first: step.first,
          last: step.last,
          statements: planned,
          locks: strongestOfEach(held),
        }
      })
      return { version, name, file: up.file, done: done.length, ignores: ignoresOf(bound, 'file'), steps }
    })
}

function ignoresOf(bound: readonly BoundIgnore[], covered: Statement | 'file'): PlannedIgnore[] {
  return bound.flatMap(({ ignore: { rule, reason }, covers }) =>
    covers === covered && reason !== '' ? [{ rule, reason: redactText(reason) }] : [],
  )
}

function plannedTrace(trace: StatementTrace | undefined, made: Set<string>): PlannedTrace {
  if (trace?.status !== 'traced') {
    const root = trace?.status === 'not-reached' ? { root: trace.root } : undefined
    return { status: 'not-traced', cause: redactServerMessage(trace?.cause ?? 'it was not run'), ...root }
  }
  const { observation, edited } = trace
  for (const { objectType, name } of observation.created) if (relationTypes.has(objectType)) made.add(name)
  const isOld = (name: string) => !made.has(name)
  const planned: PlannedTrace = {
    status: 'traced',
    locks: observation.locks.filter(({ relation }) => isOld(relation)),
    rewrites: observation.rewrites.filter(isOld),
    indexRebuilds: observation.indexRebuilds.filter(isOld),
    scans: observation.scans.filter(isOld),
    destroys: destroyed(observation, made),
    ...(edited !== undefined && { edited }),
  }
  for (const { name } of observation.dropped) made.delete(name)
  return planned
}

const relationTypes: ReadonlySet<string> = new Set([
  'table',
  'index',
  'sequence',
  'view',
  'materialized view',
  'foreign table',
])

const holdersOfValues: ReadonlySet<string> = new Set(['table', 'table column', 'sequence'])

/** A column's name is that of its table with one part more. */
function destroyed({ dropped }: Observation, made: ReadonlySet<string>): ObjectChange[] {
  return dropped.filter(({ objectType, name }) => {
    const relation = objectType === 'table column' ? name.replace(/\.(?:"(?:[^"]|"")*"|[^."]*)$/, '') : name
    return holdersOfValues.has(objectType) && !made.has(relation)
  })
}

/** The longest part of a statement's text that a plan shows. */
const shownText = { lines: 3, characters: 300 }

function firstLines(statement: Statement): string {
  const text = redactSql(statement.text)
  const shown = text.split('\n').slice(0, shownText.lines).join('\n').slice(0, shownText.characters)
  return shown.length < text.length ? `${shown} …` : shown
}

function strongestOfEach(locks: readonly RelationLock[]): RelationLock[] {
  const strongest = new Map<string, RelationLock>()
  for (const lock of locks) {
    const known = strongest.get(lock.relation)
    if (known === undefined || compareLockModes(lock.mode, known.mode) > 0) strongest.set(lock.relation, lock)
  }
  return [...strongest.values()].sort((a, b) => (a.relation < b.relation ? -1 : 1))
}

/** The strongest lock on each relation, and the relations whose size matters. */
function met(migrations: readonly PlannedMigration[]): [RelationLock[], string[]] {
  const steps = migrations.flatMap((migration) => migration.steps)
  const locks = strongestOfEach(steps.flatMap((step) => step.locks))
  const traces = steps.flatMap((step) => step.statements.flatMap(({ trace }) => trace ?? []))
  const measured = new Set(
    locks.flatMap(({ relation, mode }) => (compareLockModes(mode, 'SHARE') >= 0 ? [relation] : [])),
  )
  for (const trace of traces) {
    if (trace.status !== 'traced') continue
    for (const name of [...trace.rewrites, ...trace.indexRebuilds, ...trace.scans]) measured.add(name)
  }
  return [locks, [...measured].sort()]
}
