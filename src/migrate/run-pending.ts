import { canonicalVersion } from './fold.ts'
import type { VersionState } from './history.ts'
import { lead } from './leader.ts'
import { runTogether, togetherCount } from './run-together.ts'
import type { LeadOptions } from './leader.ts'
import type { Migration } from './migration.ts'
import { prepareScript, refuseThroughPooler, runScript } from './run-script.ts'
import type { PreparedScript, ScriptRun } from './run-script.ts'
import { remainingSteps } from './steps.ts'
import type { RunResult, UpRequest } from './up.ts'

/**
 * Applies the files as the leader. What is pending is asked again once this run is: another may have applied it
 * meanwhile. All files are parsed before the first one runs.
 */
export async function runPending(
  options: LeadOptions & { request: UpRequest },
  pending: readonly Migration[],
  pendingBy: (states: ReadonlyMap<string, VersionState>) => Promise<Migration[]>,
): Promise<RunResult> {
  const { request } = options
  const prepared = new Map<Migration, PreparedScript>()
  for (const migration of pending) prepared.set(migration, await prepareScript(migration, 'up'))
  return lead(options, async ({ runner, states, held }) => {
    const now = await pendingBy(states)
    if (now.length === 0) return { applied: [], direction: 'up' }
    const scripts: PreparedScript[] = []
    for (const migration of now) scripts.push(prepared.get(migration) ?? (await prepareScript(migration, 'up')))
    for (const script of scripts) refuseThroughPooler(script, runner.work)
    const { token } = runner.lease
    const started = now.map(({ version, name }) => ({ version, name }))
    request.onEvent({ event: 'started', token, pending: started, direction: 'up' })
    const applied: ScriptRun[] = []
    let index = 0
    while (index < scripts.length) {
      const together = togetherCount(runner, scripts.slice(index))
      if (together > 1) {
        const relaxed = held.mayRelax(false)
        const isRelaxed = (at: number) => relaxed && index + at < scripts.length - 1
        const { runs } = await runTogether(runner, scripts.slice(index, index + together), isRelaxed, (run) => {
          applied.push(...run.runs)
          const isWhole = index + run.runs.length === scripts.length
          held.tell(relaxed && !isWhole, run.events)
        })
        index += runs.length
        if (runs.length === together) continue
      }
      const script = scripts[index]
      if (script === undefined) break
      applied.push(
        await runScript(runner, script, {
          state: states.get(canonicalVersion(script.script.migration.version)),
          held,
          isLast: index === scripts.length - 1,
          ...(request.cancel === true && { cancel: true }),
        }),
      )
      index += 1
    }
    return { applied, direction: 'up', token }
  })
}

/** What would be applied, with everything refused that can be without a run. */
export async function dryRun(
  pending: readonly Migration[],
  states: ReadonlyMap<string, VersionState>,
): Promise<RunResult> {
  const applied: ScriptRun[] = []
  for (const migration of pending) {
    const { version, name } = migration
    const { script, statements, steps } = await prepareScript(migration, 'up')
    const done = states.get(canonicalVersion(version))?.done ?? []
    if (done.length > 0) remainingSteps(steps, statements, done, script.text)
    applied.push({ version, name, milliseconds: 0, statements: statements.length - done.length, locks: [] })
  }
  return { applied, direction: 'up' }
}
