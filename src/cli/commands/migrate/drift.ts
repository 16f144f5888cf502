import { exitCodes } from '../../../errors.ts'
import type { DriftReport } from '../../../migrate/drift.ts'
import { printable } from '../../../sql/printable.ts'
import { defineCommand } from '../../command.ts'
import type { Output } from '../../terminal/terminal.ts'
import { startProgress } from '../../terminal/progress.ts'
import { connectionOptions, folderOptions, jsonOption } from './options.ts'

export const migrateDrift = defineCommand({
  name: 'migrate drift',
  summary: 'Compare the database with what its applied files make',
  description:
    'Runs the applied files on a throw-away PostgreSQL of the same major, compares the two catalogs object by object, ' +
    'and names what differs. It only reads. Members of extensions, the history, the schemas of providers, the order ' +
    'of columns and the values of sequences are left out.\n\n' +
    'Exit code: 0 the same, 1 different, 2 wrong usage, 3 no connection.',
  arguments: [],
  options: [
    { flags: '--privileges', description: 'Compare owners, grants and default privileges, too' },
    ...folderOptions,
    ...connectionOptions,
    jsonOption,
  ],
  examples: [
    { command: 'kei migrate drift', says: 'what was changed by hand' },
    { command: 'kei migrate drift --privileges --json', says: 'with grants, for a machine' },
  ],
  async run({ options }, context) {
    const { terminal, signal } = context
    const [{ openRunner }, { drift }] = await Promise.all([
      import('./open-runner.ts'),
      import('../../../migrate/drift.ts'),
    ])
    const { source, request, place } = await openRunner(options, context, {
      command: 'drift',
      writes: false,
      withoutDown: true,
    })
    const progress = startProgress(terminal.err)
    const report = await drift({
      source,
      settings: request.settings,
      connect: request.connect,
      privileges: options['privileges'] === true,
      signal,
      onProgress: progress.say,
    }).finally(progress.end)
    if (options['json'] === true) terminal.out.write(`${JSON.stringify({ version: 1, ...report }, null, 2)}\n`)
    else print(report, place(), terminal.out)
    return report.differences.length > 0 ? exitCodes.answerIsNo : exitCodes.clean
  },
})

function print(
  { differences, unknown, notTraced, notices, versions, applied }: DriftReport,
  place: string,
  out: Output,
): void {
  const lines: string[] = []
  for (const { objectType, name, change, details, expected, actual } of differences) {
    lines.push(`${change.padEnd(10)}  ${objectType} ${name}`, ...details.map((detail) => `            ${detail}`))
    if (details.length > 0 || change !== 'different') continue
    if (actual !== undefined) lines.push(`            is         ${oneLine(actual)}`)
    if (expected !== undefined) lines.push(`            files say  ${oneLine(expected)}`)
  }
  if (unknown.length > 0) {
    lines.push('', 'May differ: statements that name them could not be run on the throw-away server')
    for (const { objectType, name, change } of unknown) lines.push(`  ${change}  ${objectType} ${name}`)
  }
  for (const { file, line, cause } of notTraced) lines.push(`not run: ${file}:${line}: ${cause}`)
  for (const notice of notices) lines.push(`note: ${notice}`)
  const files = applied === 1 ? 'the file that is applied makes' : `the ${applied} files that are applied make`
  const judged = `${files} of it on PostgreSQL ${versions.shadow} ${place}`
  if (lines.length > 0) lines.push('')
  lines.push(
    differences.length === 0
      ? `The database is what ${judged}.`
      : `${differences.length === 1 ? '1 object is' : `${differences.length} objects are`} not what ${judged}.`,
  )
  out.write(`${lines.map(printable).join('\n')}\n`)
}

/** Characters of a definition that are shown; all of it is in --json. */
const shownDefinition = 300

function oneLine(definition: string): string {
  const line = definition.replace(/\s+/g, ' ').trim()
  return line.length > shownDefinition ? `${line.slice(0, shownDefinition - 1)}…` : line
}
