import { exitCodes } from '../../../errors.ts'
import { printable } from '../../../sql/printable.ts'
import { defineCommand } from '../../command.ts'
import { connectionOptions, folderOptions, jsonOption, requiredText, writeOptions } from './options.ts'

export const migrateAcceptEdit = defineCommand({
  name: 'migrate accept-edit',
  summary: 'Accept that a file was edited after it was applied',
  description:
    'Writes into the history that the file as it is now is the right one, with the reason and who accepted it. Nothing ' +
    'is run. `kei migrate verify` shows what was edited.\n\n' +
    'Exit code: 0 accepted, 2 wrong usage, 3 no connection, 4 there is nothing to accept.',
  arguments: [{ name: '<version>', description: 'The version of the migration' }],
  options: [
    { flags: '--reason <text>', description: 'Why the edit is right; kept in the history' },
    ...folderOptions,
    ...connectionOptions,
    ...writeOptions,
    jsonOption,
  ],
  examples: [
    { command: 'kei migrate accept-edit 20261122093000 --reason "the comment named a wrong ticket"', says: '' },
  ],
  async run({ arguments: [given], options }, context) {
    const reason = requiredText(options, 'reason', '--reason', '`--reason "why the edit is right"`')
    const [{ openRunner }, { acceptEdit }] = await Promise.all([
      import('./open-runner.ts'),
      import('../../../migrate/accept-edit.ts'),
    ])
    const { request, place } = await openRunner(options, context, { command: 'accept-edit', writes: true })
    const accepted = await acceptEdit({ ...request, version: String(given), reason })
    const { out } = context.terminal
    if (options['json'] === true) {
      const { version: migration, ...rest } = accepted
      out.write(`${JSON.stringify({ version: 1, migration, ...rest }, null, 2)}\n`)
    } else {
      out.write(`${printable(`Accepted ${accepted.version}_${accepted.name} as its file is now ${place()}.`)}\n`)
    }
    return exitCodes.clean
  },
})
