import { exitCodes } from '../../../errors.ts'
import type { MigrationStatus, VersionStatus } from '../../../migrate/status.ts'
import { printable } from '../../../sql/printable.ts'
import { redactText } from '../../../sql/redact.ts'
import { defineCommand } from '../../command.ts'
import type { Output } from '../../terminal/terminal.ts'
import { leaseLines } from './lease-text.ts'
import { connectionOptions, folderOptions, jsonOption } from './options.ts'
import { refusalLines } from './refusal-text.ts'

export const migrateStatus = defineCommand({
  name: 'migrate status',
  summary: 'Show what is applied and what is pending',
  description:
    'Shows each migration with its state: applied, pending, edited, missing, applied in part. It only reads, takes no ' +
    'lock, and works on a standby.\n\n' +
    'Exit code: 0; with --exit-code 1 when something is pending or stands in the way; 2 wrong usage, 3 no connection.',
  arguments: [],
  options: [
    { flags: '--exit-code', description: 'End with 1 when something is pending or stands in the way of `up`' },
    { flags: '--all', description: 'Show every applied migration, not only the last ten' },
    ...folderOptions,
    ...connectionOptions,
    jsonOption,
  ],
  examples: [
    { command: 'kei migrate status', says: '' },
    { command: 'kei migrate status --exit-code', says: 'in a deployment' },
  ],
  async run({ options }, context) {
    const [{ openRunner }, { migrationStatus }] = await Promise.all([
      import('./open-runner.ts'),
      import('../../../migrate/status.ts'),
    ])
    const { request, place } = await openRunner(options, context, {
      command: 'status',
      writes: false,
      withoutDown: true,
    })
    const status = await migrationStatus(request)
    const { out } = context.terminal
    if (options['json'] === true) out.write(`${JSON.stringify(documentOf(status), null, 2)}\n`)
    else print(status, place(), options['all'] === true, out)
    const settled = status.pending.length === 0 && status.problems.length === 0
    return options['exitCode'] === true && !settled ? exitCodes.answerIsNo : exitCodes.clean
  },
})

function documentOf(status: MigrationStatus): object {
  const problems = status.problems.map((problem) => ({ ...problem, message: redactText(problem.message) }))
  return { version: 1, ...status, problems }
}

/** How many applied migrations are shown without --all. */
const shownApplied = 10

function print(status: MigrationStatus, place: string, all: boolean, out: Output): void {
  const lines: string[] = []
  const firstShown = all ? 0 : status.migrations.filter(({ state }) => state === 'applied').length - shownApplied
  let applied = 0
  for (const migration of status.migrations) {
    if (migration.state === 'applied' && applied++ < firstShown) continue
    lines.push(lineOf(migration))
  }
  if (firstShown > 0) lines.unshift(`(${firstShown} older ones are applied; --all shows them)`)
  lines.push(...refusalLines(status.problems))
  lines.push(...leaseLines(status.lease))
  lines.push(`${applied} applied, ${status.pending.length} pending ${place}.`)
  out.write(
    `${lines
      .flatMap((line) => line.split('\n'))
      .map(printable)
      .join('\n')}\n`,
  )
}

function lineOf({ version, name, state, at, by, baseline, outOfOrder, statements, open }: VersionStatus): string {
  const when = at === undefined || state === 'pending' ? '' : `  ${at.slice(0, 19).replace('T', ' ')}  ${by ?? ''}`
  const notes = [
    ...(baseline === true ? ['baseline'] : []),
    ...(outOfOrder ? ['older than the newest applied one'] : []),
    ...(statements === undefined ? [] : [`${statements.done} of ${statements.total ?? 'its'} statements`]),
    ...(open === undefined
      ? []
      : [`statement ${open.statement} was begun: ${open.text.replace(/\s+/g, ' ').slice(0, 60)}`]),
  ]
  return `${state.padEnd(15)} ${version}_${name}${when}${notes.length > 0 ? `  (${notes.join('; ')})` : ''}`
}
