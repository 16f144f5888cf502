import type { RunRequest } from '../../../migrate/run-request.ts'
import type { RunResult } from '../../../migrate/up.ts'
import type { CommandContext } from '../../command.ts'
import { openRunner } from './open-runner.ts'
import type { Options } from './options.ts'
import { reportRun } from './report-run.ts'

/** Runs files and reports it while it goes on, in the form that the options ask for; so is what prevents the run. */
export async function runReported(
  options: Options,
  context: CommandContext,
  command: { command: 'up' | 'down'; withoutDown: boolean },
  run: (request: RunRequest & { dryRun: boolean }) => Promise<RunResult>,
): Promise<void> {
  const dryRun = options['dryRun'] === true
  const report = reportRun(options, context)
  try {
    const { request, place } = await openRunner(options, context, {
      ...command,
      writes: !dryRun,
      onEvent: report.onEvent,
    })
    report.end(await run({ ...request, dryRun }), { dryRun, place: place() })
  } catch (error) {
    report.failed(error)
    throw error
  }
}
