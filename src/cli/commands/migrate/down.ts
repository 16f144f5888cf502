import { exitCodes, usageError } from '../../../errors.ts'
import { defineCommand } from '../../command.ts'
import { connectionOptions, folderOptions, jsonOption, runnerOptions, textOption } from './options.ts'

export const migrateDown = defineCommand({
  name: 'migrate down',
  summary: 'Take back the newest migrations',
  description:
    'Takes back applied migrations by their down files, newest first: one, or COUNT, or all that are newer than --to. ' +
    'A migration without a down file, or one that is marked irreversible, ends it before anything runs. Where a table ' +
    'or column that would be dropped holds rows it refuses, unless --accept-data-loss is given.\n\n' +
    'Exit code: as for `kei migrate up`.',
  arguments: [{ name: '[count]', description: 'How many migrations (default: 1)' }],
  options: [
    { flags: '--to <version>', description: 'Take back all that is newer than this version; 0 takes back everything' },
    { flags: '--accept-data-loss', description: 'Drop tables and columns that hold rows' },
    { flags: '--dry-run', description: 'Show what would be taken back; write nothing' },
    ...folderOptions,
    ...connectionOptions,
    ...runnerOptions,
    jsonOption,
    { flags: '--jsonl', description: 'One JSON document a line for everything that happens, then the result' },
  ],
  examples: [
    { command: 'kei migrate down', says: 'the newest' },
    { command: 'kei migrate down 3 --dry-run', says: 'which three it would be' },
    { command: 'kei migrate down --to 20261122093000', says: 'back to that version' },
  ],
  async run({ arguments: [given], options }, context) {
    const count = readCount(given)
    const to = textOption(options, 'to')
    if (count !== undefined && to !== undefined) {
      throw usageError({
        code: 'count-and-version',
        message: 'Both a count and --to are given',
        hint: 'Give one of them.',
      })
    }
    const [{ runReported }, { down }] = await Promise.all([
      import('./run-reported.ts'),
      import('../../../migrate/down.ts'),
    ])
    await runReported(options, context, { command: 'down', withoutDown: false }, (request) =>
      down({
        ...request,
        ...(count !== undefined && { count }),
        ...(to !== undefined && { to }),
        acceptDataLoss: options['acceptDataLoss'] === true,
      }),
    )
    return exitCodes.clean
  },
})

function readCount(given: unknown): number | undefined {
  if (given === undefined) return undefined
  const count = Number(given)
  if (Number.isInteger(count) && count > 0) return count
  throw usageError({
    code: 'invalid-count',
    message: `${String(given)} is not a number of migrations`,
    hint: 'Give a whole number, for example `kei migrate down 2`, or a version with --to.',
  })
}
