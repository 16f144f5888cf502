import { exitCodes, usageError } from '../../../errors.ts'
import { readMigrations } from '../../../migrate/read-migrations.ts'
import { printable } from '../../../sql/printable.ts'
import { defineCommand } from '../../command.ts'
import type { CommandContext } from '../../command.ts'
import type { OpenRunner } from './open-runner.ts'
import { connectionOptions, folderOptions, jsonOption, textOption, writeOptions } from './options.ts'
import type { Options } from './options.ts'

export const migrateBaseline = defineCommand({
  name: 'migrate baseline',
  summary: 'Take over a database that is there already',
  description:
    'With a VERSION: writes into the history that every migration up to it is applied, and runs nothing. With --write: ' +
    'writes the schema of a database that has no files yet as the first migration (by pg_dump), and notes it as applied ' +
    'here.\n\n' +
    'Exit code: 0 done, 2 wrong usage, 3 no connection, 4 refused, nothing changed.',
  arguments: [{ name: '[version]', description: 'The last migration that the database has' }],
  options: [
    { flags: '--write', description: "Write the database's schema as the first migration" },
    { flags: '--dry-run', description: 'Print what would be written; write nothing' },
    ...folderOptions,
    ...connectionOptions,
    ...writeOptions,
    jsonOption,
  ],
  examples: [
    { command: 'kei migrate baseline 20261122093000', says: 'the database has everything up to that version' },
    { command: 'kei migrate baseline --write --dir migrations', says: 'there are no files yet' },
  ],
  async run({ arguments: [version], options }, context) {
    const write = options['write'] === true
    if ((version !== undefined) === write) {
      throw usageError({
        code: 'version-or-write',
        message: write ? 'Both a version and --write are given' : 'Neither a version nor --write is given',
        hint: 'Give the last version that the database has; or --write where there are no files yet.',
      })
    }
    const { openRunner } = await import('./open-runner.ts')
    const dryRun = options['dryRun'] === true
    const runner = await openRunner(options, context, { command: 'baseline', writes: !dryRun, mayBeEmpty: write })
    if (write) await writeFirst(runner, dryRun, options, context)
    else await record(runner, String(version), dryRun, options, context)
    return exitCodes.clean
  },
})

async function record(
  { request, place }: OpenRunner,
  version: string,
  dryRun: boolean,
  options: Options,
  { terminal: { out } }: CommandContext,
): Promise<void> {
  const { baseline } = await import('../../../migrate/baseline.ts')
  const { recorded, already } = await baseline({ ...request, version, dryRun })
  if (options['json'] === true) {
    out.write(`${JSON.stringify({ version: 1, recorded, already, dryRun }, null, 2)}\n`)
    return
  }
  for (const migration of recorded) out.write(`${printable(`${migration.version}_${migration.name}`)}\n`)
  const before = already === 0 ? '' : `; ${already} were applied before`
  const said = dryRun ? 'Would take as applied' : 'Taken as applied'
  const count = recorded.length === 1 ? '1 migration' : `${recorded.length} migrations`
  out.write(`${printable(`${said}: ${count}${before} ${place()}.`)}\n`)
}

async function writeFirst(
  { source, request, resolved, place }: OpenRunner,
  dryRun: boolean,
  options: Options,
  { terminal: { out, err }, workingDirectory, signal }: CommandContext,
): Promise<void> {
  const { writeBaseline } = await import('../../../migrate/dump-baseline.ts')
  const session = await request.connect()
  const file = await writeBaseline({
    source,
    schema: request.settings.schema,
    session,
    resolved,
    dryRun,
    signal,
  }).finally(() => session.client.end())
  for (const notice of file.notices) err.write(`note: ${printable(notice)}\n`)
  if (!dryRun) {
    const { baseline } = await import('../../../migrate/baseline.ts')
    const { migrations } = await readMigrations({ workingDirectory, path: textOption(options, 'dir') ?? source.folder })
    await baseline({ ...request, migrations, version: file.version })
  }
  if (options['json'] === true) {
    const { version: migration, ...rest } = file
    out.write(`${JSON.stringify({ version: 1, migration, ...rest }, null, 2)}\n`)
  } else if (dryRun) {
    out.write(file.text)
  } else {
    out.write(`${printable(`${file.file} is the schema of the database, and is noted as applied ${place()}.`)}\n`)
  }
}
