import { failure, usageError } from '../errors.ts'
import type { KeiError } from '../errors.ts'
import { compareVersions } from '../project/layouts/layout.ts'
import { foldHistory } from './fold.ts'
import { openHistory } from './history-table.ts'
import type { VersionState } from './history.ts'
import type { Direction, Migration } from './migration.ts'
import type { RunRequest } from './run-request.ts'
import type { ScriptRun } from './run-script.ts'
import { planHash, standingOf } from './standing.ts'
import type { Standing } from './standing.ts'

export interface UpRequest extends RunRequest {
  /** The last version to be applied; all that are pending by default. */
  to?: string
  /** Whether a pending file that is older than an applied one is applied all the same. */
  allowOutOfOrder?: boolean
  /** Cancel the statement of an interrupted run that is still at work, rather than wait for it. */
  cancel?: boolean
  /** Say what would be applied, and change nothing. */
  dryRun?: boolean
}

/** What a run did. */
export interface RunResult {
  /** In the order in which they ran; after a dry run, what would run. */
  applied: ScriptRun[]
  direction: Direction
  /** Of the run's lease; absent where there was nothing to do, and after a dry run. */
  token?: string
}

/**
 * Applies what is pending, in order. With nothing to do it takes no lease, and reads the history only.
 *
 * @throws KeiError those of `standingOf` (`edited-migration`, `missing-migration`, `out-of-order-migration`),
 * `unknown-version`, `partly-reverted`; of the files, `syntax-error` and what else `prepareScript` refuses, before
 * anything runs; of the lease, `lease-wait-timeout`, `lease-lost`, `read-only-server`, `history-not-permitted`; and
 * those of `runScript`
 */
export async function up(request: UpRequest): Promise<RunResult> {
  const { migrations, settings, to } = request
  if (to !== undefined) requireVersion(migrations, to)
  const control = await request.connect()
  try {
    const history = openHistory(settings.schema)
    // Most runs find nothing to do; they need not read a long history. Asked along with whether there is one.
    const asked = history.appliedHash(control.client).catch(() => undefined)
    const asking = history.exists(control.client)
    // Heard of again where it is awaited.
    asking.catch(() => undefined)
    const all = planHash(migrations)
    const exists = await asking
    if (exists && (await asked) === all) return nothingToDo
    const states = foldHistory(exists ? await history.read(control.client) : [])
    const pending = await whatIsPending(request, states)
    if (pending.length === 0) return nothingToDo
    const { dryRun, runPending } = await import('./run-pending.ts')
    if (request.dryRun === true) return await dryRun(pending, states)
    const again = (now: ReadonlyMap<string, VersionState>) => whatIsPending(request, now)
    return await runPending(
      { request, control, history, command: 'migrate up', plan: planHash(pending) },
      pending,
      again,
    )
  } catch (error) {
    const { explainDriverError } = await import('./driver-error.ts')
    throw explainDriverError(error)
  } finally {
    await control.client.end().catch(() => undefined)
  }
}

const nothingToDo: RunResult = { applied: [], direction: 'up' }

/** What is to be applied, by the history as it is. */
async function whatIsPending(
  { migrations, to, allowOutOfOrder = false, onEvent }: UpRequest,
  states: ReadonlyMap<string, VersionState>,
): Promise<Migration[]> {
  const standing = standingOf(migrations, states)
  const isOutOfOrder = ({ code }: KeiError) => code === 'out-of-order-migration'
  const others = standing.problems.filter((problem) => !isOutOfOrder(problem))
  if (others.length > 0) throw joint(others)
  refuseHalfReverted(standing)
  const pending = standing.pending.filter(({ version }) => to === undefined || compareVersions(version, to) <= 0)
  const late = standing.entries.flatMap(({ outOfOrder, migration }) =>
    outOfOrder && migration !== undefined && pending.includes(migration) ? [migration] : [],
  )
  if (late.length > 0) {
    const { sharedObjects } = await import('./shared-objects.ts')
    const shared = await sharedObjects(late, standing)
    if (!allowOutOfOrder) throw withLines(joint(standing.problems.filter(isOutOfOrder)), shared)
    for (const message of shared) onEvent({ event: 'notice', message })
  }
  return pending
}

function requireVersion(migrations: readonly Migration[], to: string): void {
  if (migrations.some(({ version }) => compareVersions(version, to) === 0)) return
  throw unknownVersion(to)
}

/** The error for a version that a command names and no file has. */
export function unknownVersion(version: string): KeiError {
  return usageError({
    code: 'unknown-version',
    message: `There is no migration with the version ${version}.`,
    hint: '`kei migrate status` lists them.',
  })
}

function refuseHalfReverted({ entries }: Standing): void {
  const entry = entries.find(({ state }) => state === 'partly-reverted')
  if (entry === undefined) return
  throw failure({
    code: 'partly-reverted',
    message: `${entry.version}_${entry.name} is taken back in part.`,
    hint: 'Take it back whole first: `kei migrate down`. Then `kei migrate up` applies it again.',
  })
}

/** Several as one, with the code and the hint of the first. */
function joint(problems: readonly KeiError[]): KeiError {
  const [first] = problems
  if (first === undefined) throw new Error('no problem')
  return problems.length === 1
    ? first
    : withLines(
        first,
        problems.slice(1, shownProblems).map(({ message }) => message),
        problems.length - shownProblems,
      )
}

/** The rest is a count; `kei migrate status --json` has all of them. */
const shownProblems = 10

function withLines({ code, message, hint, cause }: KeiError, lines: readonly string[], more = 0): KeiError {
  const rest = more > 0 ? [`and ${more} more: \`kei migrate status --json\` has all of them`] : []
  return failure({
    code,
    message: [message, ...lines, ...rest].join('\n  '),
    ...(hint !== undefined && { hint }),
    cause,
  })
}
