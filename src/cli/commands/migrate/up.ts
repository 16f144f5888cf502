import { exitCodes } from '../../../errors.ts'
import { defineCommand } from '../../command.ts'
import { connectionOptions, folderOptions, jsonOption, runnerOptions, textOption } from './options.ts'

export const migrateUp = defineCommand({
  name: 'migrate up',
  summary: 'Apply what is pending',
  description:
    'Applies the pending migrations in order. Statements that PostgreSQL takes in a transaction run in one, with the ' +
    'row of the history that says so; the others are written down first and checked afterwards. It may be killed at ' +
    'any moment and run again. Of several that start at once one runs, the others wait.\n\n' +
    'Exit code: 0 applied or nothing to do, 2 wrong usage or a file that cannot be run, 3 no connection, 4 a step ' +
    'failed and left nothing behind, 5 the outcome of a statement is unknown, 130 interrupted.',
  arguments: [],
  options: [
    { flags: '--to <version>', description: 'The last version to apply' },
    { flags: '--allow-out-of-order', description: 'Also apply what is older than the newest applied migration' },
    {
      flags: '--cancel',
      description: 'Cancel what an earlier run left working on the server instead of waiting for it',
    },
    { flags: '--dry-run', description: 'Show what would be applied; write nothing' },
    ...folderOptions,
    ...connectionOptions,
    ...runnerOptions,
    jsonOption,
    { flags: '--jsonl', description: 'One JSON document a line for everything that happens, then the result' },
  ],
  examples: [
    { command: 'kei migrate up', says: 'all that is pending' },
    { command: 'kei migrate up --to 20261122093000', says: 'up to that version' },
    { command: 'kei migrate up --jsonl', says: 'for a machine that watches' },
  ],
  async run({ options }, context) {
    const [{ runReported }, { up }] = await Promise.all([import('./run-reported.ts'), import('../../../migrate/up.ts')])
    const to = textOption(options, 'to')
    await runReported(options, context, { command: 'up', withoutDown: true }, (request) =>
      up({
        ...request,
        ...(to !== undefined && { to }),
        allowOutOfOrder: options['allowOutOfOrder'] === true,
        cancel: options['cancel'] === true,
      }),
    )
    return exitCodes.clean
  },
})
