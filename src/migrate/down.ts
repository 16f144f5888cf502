import { failure } from '../errors.ts'
import type { KeiError } from '../errors.ts'
import { compareVersions } from '../project/layouts/layout.ts'
import { canonicalVersion, foldHistory } from './fold.ts'
import { openHistory } from './history-table.ts'
import type { VersionState } from './history.ts'
import type { Leadership } from './leader.ts'
import type { Migration } from './migration.ts'
import type { RunRequest } from './run-request.ts'
import type { PreparedScript, ScriptRun } from './run-script.ts'
import { standingOf } from './standing.ts'
import type { StandingEntry } from './standing.ts'
import { unknownVersion } from './up.ts'
import type { RunResult } from './up.ts'

export interface DownRequest extends RunRequest {
  /** How many are taken back. Default: 1, unless `to` is there. */
  count?: number
  /** The newest version that stays; `0` takes back all. */
  to?: string
  /** Whether tables and columns that hold rows may be dropped. */
  acceptDataLoss?: boolean
  /** Cancel the statement of an interrupted run that is still at work, rather than wait for it. */
  cancel?: boolean
  /** Say what would be taken back, and change nothing. */
  dryRun?: boolean
}

/**
 * Takes back what is applied, newest first, by the down files; one that is taken back in part is finished. All of them
 * are looked at before the first one runs.
 *
 * @throws KeiError `unknown-version`, `partly-applied`, `missing-migration`, `irreversible-migration`, `no-down-file`;
 * `data-loss` and the others of `rehearse`; and those of `prepareScript`, `lead` and `runScript`
 */
export async function down(request: DownRequest): Promise<RunResult> {
  const control = await request.connect()
  try {
    const history = openHistory(request.settings.schema)
    const exists = await history.exists(control.client)
    const states = foldHistory(exists ? await history.read(control.client) : [])
    const chosen = whatToRevert(request, states)
    if (chosen.length === 0) return { applied: [], direction: 'down' }
    const { prepareScript } = await import('./run-script.ts')
    const scripts: PreparedScript[] = []
    for (const migration of chosen) scripts.push(await prepareScript(migration, 'down'))
    if (request.dryRun === true) return { applied: scripts.map(wouldRun), direction: 'down' }
    const { lead } = await import('./leader.ts')
    return await lead({ request, control, history, command: 'migrate down' }, async (leadership) => {
      if (planOf(whatToRevert(request, leadership.states)) !== planOf(chosen)) throw historyChanged()
      return revert(request, scripts, leadership)
    })
  } catch (error) {
    const { explainDriverError } = await import('./driver-error.ts')
    throw explainDriverError(error)
  } finally {
    await control.client.end().catch(() => undefined)
  }
}

async function revert(
  request: DownRequest,
  scripts: readonly PreparedScript[],
  { runner, states, held }: Leadership,
): Promise<RunResult> {
  const [{ rehearse }, { refuseThroughPooler, runScript }] = await Promise.all([
    import('./rehearsal.ts'),
    import('./run-script.ts'),
  ])
  for (const script of scripts) refuseThroughPooler(script, runner.work)
  const { token } = runner.lease
  const pending = scripts.map(({ script: { migration } }) => ({ version: migration.version, name: migration.name }))
  request.onEvent({ event: 'started', token, pending, direction: 'down' })
  const stateOf = ({ script }: PreparedScript) => states.get(canonicalVersion(script.migration.version))
  const doneOf = (state: VersionState | undefined) => (state?.state === 'partly-reverted' ? state.done.length : 0)
  const guards =
    request.acceptDataLoss === true
      ? undefined
      : await rehearse(
          runner,
          scripts.map((prepared) => ({ prepared, done: doneOf(stateOf(prepared)) })),
        )
  const applied: ScriptRun[] = []
  for (const [index, script] of scripts.entries()) {
    const own = guards?.get(script)
    applied.push(
      await runScript(runner, script, {
        state: stateOf(script),
        held,
        isLast: index === scripts.length - 1,
        ...(request.cancel === true && { cancel: true }),
        ...(own !== undefined && { guards: own }),
      }),
    )
  }
  return { applied, direction: 'down', token }
}

function wouldRun({ script, statements }: PreparedScript): ScriptRun {
  const { version, name } = script.migration
  return { version, name, milliseconds: 0, statements: statements.length, locks: [] }
}

/** The migrations to be taken back, newest first; refused when one of them cannot be. */
function whatToRevert(
  { migrations, count = 1, to }: DownRequest,
  states: ReadonlyMap<string, VersionState>,
): Migration[] {
  const applied = standingOf(migrations, states)
    .entries.filter(({ state }) => state !== 'pending')
    .toSorted((a, b) => compareVersions(b.version, a.version))
  if (to === undefined) return applied.slice(0, count).map(revertible)
  const stays = compareVersions(to, '0') === 0 || applied.some(({ version }) => compareVersions(version, to) === 0)
  if (!stays) throw unknownVersion(to)
  return applied.filter(({ version }) => compareVersions(version, to) > 0).map(revertible)
}

/** @throws KeiError why it cannot be taken back */
function revertible({ version, name, state, migration }: StandingEntry): Migration {
  if (state === 'partly-applied') {
    throw failure({
      code: 'partly-applied',
      message: `${version}_${name} is applied in part: its down file is for the whole of it.`,
      hint: 'Apply the rest first: `kei migrate up`. Then take it back.',
    })
  }
  if (migration === undefined) {
    throw failure({
      code: 'missing-migration',
      message: `${version}_${name} is applied, but its file is not there.`,
      hint: 'Bring it back, with its down file.',
    })
  }
  const { irreversible } = migration.up.header
  if (irreversible !== undefined) {
    throw failure({
      code: 'irreversible-migration',
      message: `${migration.up.file} cannot be taken back: ${irreversible}`,
      hint: 'Write a new migration that changes what is to be changed.',
    })
  }
  if (migration.down === undefined) {
    throw failure({
      code: 'no-down-file',
      message: `${migration.up.file} has no down file.`,
      hint: `Write ${migration.up.file.replace(/\.sql$/, '.down.sql')}, or a new migration that changes what is to be changed.`,
    })
  }
  return migration
}

function planOf(migrations: readonly Migration[]): string {
  return migrations.map(({ version }) => canonicalVersion(version)).join()
}

function historyChanged(): KeiError {
  return failure({
    code: 'history-changed',
    message: 'Another run changed what is applied while this one waited.',
    hint: '`kei migrate status` shows what is applied now. Then run `kei migrate down` again.',
  })
}
