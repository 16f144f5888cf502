import { interrupted } from '../errors.ts'
import type { RoundTrip } from '../findings/round-trip.ts'
import type { Evidence } from './evidence-cache.ts'
import { isNamingError } from './lost-names.ts'
import { isUneventful, unknownRoundTrip, wholeTrace } from './round-trip.ts'
import { openStage } from './round-trip-stage.ts'
import type { Stage, StagePlan } from './round-trip-stage.ts'
import type { FileRun } from './run-file.ts'
import { schemaDifferences } from './schema-differences.ts'
import { asRefusal, codeBefore, defaultHistoryTime } from './shadow-run.ts'
import type { TraceMigration } from './trace-request.ts'
import { openWorkplace } from './workplace.ts'

/** What came of one round trip. */
export interface Tried {
  trip: RoundTrip
  /** False when a limit decided it: then it is not kept. */
  repeatable: boolean
}

/**
 * Runs migrations of a traced history up, down and up again, by index, in order. `evidence` has every file before the
 * last of them.
 *
 * One database serves as long as each round trip ends where it began. One that does not is only believed in a database
 * that no other has been in, and the next begins with a new copy of the nearest state that the cluster keeps.
 * @throws KeiError as `traceHistory`
 */
export async function runRoundTrips(
  plan: StagePlan,
  wanted: readonly number[],
  evidence: Evidence,
): Promise<Map<number, Tried>> {
  const { historyTime = defaultHistoryTime } = plan.request.limits ?? {}
  const deadline = Date.now() + historyTime
  const tried = new Map<number, Tried>()
  let left = wanted
  while (left.length > 0 && Date.now() <= deadline) {
    const stretch = await runStretch(plan, left, evidence, deadline)
    for (const [index, each] of stretch) tried.set(index, each)
    left = left.slice(stretch.size)
  }
  const outOfTime = unknownRoundTrip(`more time: the round trips as a whole took longer than ${historyTime / 1000} s`)
  for (const index of left) tried.set(index, { trip: outOfTime, repeatable: false })
  return tried
}

/** Runs as many as one database serves: at least one of them, unless the time is up. */
async function runStretch(
  plan: StagePlan,
  wanted: readonly number[],
  evidence: Evidence,
  deadline: number,
): Promise<Map<number, Tried>> {
  const { request, stubs, settings } = plan
  const { signal, setup = [], limits = {}, onProgress } = request
  if (signal?.aborted === true) throw interrupted()
  const workplace = await openWorkplace({
    ...request,
    stubs,
    setup,
    settings,
    limits,
    onProgress: (message) => onProgress?.({ message, done: 0, total: 0 }),
  })
  let stage: Stage | undefined
  try {
    stage = await openStage(workplace, plan, wanted[0] ?? 0, evidence)
    return await runOn(stage, wanted, deadline)
  } catch (error) {
    throw asRefusal(error, signal)
  } finally {
    await stage?.close().catch(() => undefined)
    await workplace.close()
  }
}

async function runOn(stage: Stage, wanted: readonly number[], deadline: number): Promise<Map<number, Tried>> {
  const tried = new Map<number, Tried>()
  const { migrations, onProgress } = stage.plan.request
  for (const [done, index] of wanted.entries()) {
    while (stage.position() < index && Date.now() <= deadline) await stage.up()
    const migration = migrations[index]
    if (migration === undefined || Date.now() > deadline) return tried
    onProgress?.({ message: `${migration.file}: up, down, up`, done, total: wanted.length })
    const each = await roundTrip(stage, index, migration)
    const uneventful = isUneventful(each.trip)
    if (uneventful || done === 0) tried.set(index, each)
    if (!uneventful) return tried
  }
  return tried
}

async function roundTrip(stage: Stage, index: number, migration: TraceMigration): Promise<Tried> {
  const code = codeBefore(migration, stage.plan.request.code ?? [])
  const before = await stage.schemaAfter(index)
  if (stage.position() === index) {
    const first = await stage.up()
    if (first.traces.some(({ status }) => status !== 'traced')) {
      const needs = first.stopped ? withinLimits : 'a history that runs the second time as it ran the first'
      return { trip: unknownRoundTrip(needs), repeatable: !first.stopped }
    }
  }
  const after = await stage.schemaAfter(index + 1)

  const downFailed = failureOf(await stage.down(), code)
  if (downFailed !== undefined) return failed('down', downFailed, [])
  const afterDown = schemaDifferences(before, await stage.schema())

  const upFailed = failureOf(await stage.up(), code)
  if (upFailed !== undefined) return failed('up', upFailed, afterDown)
  const afterUp = schemaDifferences(after, await stage.schema())
  return { trip: { status: 'completed', afterDown, afterUp }, repeatable: true }
}

type Failure = { statement: number; cause: string; sqlstate?: string } | { needs: string; repeatable: boolean }

const withinLimits = 'sections that stay within the limits of a trace'

/** Why a section did not run as it should have; undefined when it did. */
function failureOf({ traces, stopped }: FileRun, code: string | undefined): Failure | undefined {
  if (stopped) return { needs: withinLimits, repeatable: false }
  const statement = traces.findIndex(({ status }) => status === 'failed')
  const first = traces[statement]
  if (first?.status === 'failed') {
    const { cause, sqlstate } = first
    if (code !== undefined && isNamingError({ message: cause, ...(sqlstate !== undefined && { sqlstate }) })) {
      return { needs: `a trace of ${code}, which is code`, repeatable: true }
    }
    return { statement, cause, ...(sqlstate !== undefined && { sqlstate }) }
  }
  if (traces.every(({ status }) => status === 'traced')) return undefined
  return { needs: wholeTrace, repeatable: true }
}

function failed(
  section: 'down' | 'up',
  failure: Failure,
  afterDown: (RoundTrip & { status: 'failed' })['afterDown'],
): Tried {
  if ('needs' in failure) return { trip: unknownRoundTrip(failure.needs), repeatable: failure.repeatable }
  return { trip: { status: 'failed', section, ...failure, afterDown }, repeatable: true }
}
