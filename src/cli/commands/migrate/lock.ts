import { exitCodes } from '../../../errors.ts'
import { printable } from '../../../sql/printable.ts'
import { defineCommand } from '../../command.ts'
import { leaseLines } from './lease-text.ts'
import { connectionOptions, folderOptions, jsonOption } from './options.ts'

export const migrateLock = defineCommand({
  name: 'migrate lock',
  summary: 'Show who is migrating, and end the lease of a run that is gone',
  description:
    'Shows who has the right to migrate this database now. A lease is ended by --end only when nobody is behind it any ' +
    'more: it has expired, or its session is gone. A run that is alive is never ended.\n\n' +
    'Exit code: 0 shown or ended, 2 wrong usage, 3 no connection, 4 the lease is held.',
  arguments: [],
  options: [
    { flags: '--end', description: 'End the lease of a run that is gone' },
    ...folderOptions,
    ...connectionOptions,
    { flags: '--yes', description: 'Do not ask before writing to a target that is marked production' },
    jsonOption,
  ],
  examples: [
    { command: 'kei migrate lock', says: 'who is migrating' },
    { command: 'kei migrate lock --end', says: 'after a runner has died, not to wait for its lease to expire' },
  ],
  async run({ options }, context) {
    const [{ openRunner }, { endLease, leaseState }] = await Promise.all([
      import('./open-runner.ts'),
      import('../../../migrate/lease-view.ts'),
    ])
    const end = options['end'] === true
    const { request, place } = await openRunner(options, context, { command: 'lock', writes: end, mayBeEmpty: true })
    const session = await request.connect()
    const { out } = context.terminal
    try {
      const { schema } = request.settings
      const lease = end ? await endLease(session, schema) : await leaseState(session, schema)
      if (options['json'] === true) {
        out.write(
          `${JSON.stringify({ version: 1, lease: lease ?? null, ended: end && lease !== undefined }, null, 2)}\n`,
        )
      } else if (lease === undefined) {
        out.write(`${printable(`Nobody is migrating ${place()}.`)}\n`)
      } else {
        const lines = end ? [`Ended the lease of ${lease.holder} ${place()}.`] : leaseLines(lease)
        out.write(`${lines.map(printable).join('\n')}\n`)
      }
    } finally {
      await session.client.end()
    }
    return exitCodes.clean
  },
})
