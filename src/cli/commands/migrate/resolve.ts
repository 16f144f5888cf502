import { exitCodes, usageError } from '../../../errors.ts'
import { printable } from '../../../sql/printable.ts'
import { defineCommand } from '../../command.ts'
import { connectionOptions, folderOptions, jsonOption, requiredText, writeOptions } from './options.ts'

export const migrateResolve = defineCommand({
  name: 'migrate resolve',
  summary: 'Say what became of a statement that commits by itself and was cut off',
  description:
    'A CALL or DO that commits by itself can be cut off between two of its commits; only a person can then say what ' +
    'became of it. --done: it had its whole effect. --redo: nothing of it is left, and `up` runs it again. It is the ' +
    'only case; `kei migrate up` names it.\n\n' +
    'Exit code: 0 written down, 2 wrong usage, 3 no connection, 4 there is nothing to resolve.',
  arguments: [
    { name: '<version:statement>', description: 'The migration and the number of the statement in its file' },
  ],
  options: [
    { flags: '--done', description: 'The statement had its whole effect' },
    { flags: '--redo', description: 'Nothing of the statement is left; it is to run again' },
    { flags: '--reason <text>', description: 'How you know; kept in the history' },
    ...folderOptions,
    ...connectionOptions,
    ...writeOptions,
    jsonOption,
  ],
  examples: [
    { command: 'kei migrate resolve 20261122093000:3 --done --reason "all rows are moved"', says: '' },
    { command: 'kei migrate resolve 20261122093000:3 --redo --reason "it can be run twice"', says: '' },
  ],
  async run({ arguments: [given], options }, context) {
    const [, version, statement] = /^(\d+):(\d+)$/.exec(String(given)) ?? []
    if (version === undefined || statement === undefined) {
      throw usageError({
        code: 'invalid-statement',
        message: `${String(given)} names no statement of a migration`,
        hint: 'Write VERSION:NUMBER as `kei migrate up` printed it, for example 20261122093000:3.',
      })
    }
    if ((options['done'] === true) === (options['redo'] === true)) {
      throw usageError({
        code: 'done-or-redo',
        message: 'It is not said what became of the statement',
        hint: 'Give either --done or --redo.',
      })
    }
    const reason = requiredText(options, 'reason', '--reason', '`--reason "how you know"`')
    const [{ openRunner }, { resolveStatement }] = await Promise.all([
      import('./open-runner.ts'),
      import('../../../migrate/resolve.ts'),
    ])
    const { request, place } = await openRunner(options, context, { command: 'resolve', writes: true })
    const outcome = options['done'] === true ? 'done' : 'redo'
    const resolved = await resolveStatement({ ...request, version, statement: Number(statement), outcome, reason })
    const { out } = context.terminal
    if (options['json'] === true) {
      const { version: migration, ...rest } = resolved
      out.write(`${JSON.stringify({ version: 1, migration, ...rest }, null, 2)}\n`)
    } else {
      const said = outcome === 'done' ? 'is done' : 'is to run again'
      out.write(`${printable(`Statement ${statement} of ${version}_${resolved.name} ${said} ${place()}. `)}`)
      out.write('`kei migrate up` goes on.\n')
    }
    return exitCodes.clean
  },
})
