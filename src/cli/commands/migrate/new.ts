import { exitCodes } from '../../../errors.ts'
import { printable } from '../../../sql/printable.ts'
import { defineCommand } from '../../command.ts'
import { folderOptions, jsonOption, textOption } from './options.ts'

export const migrateNew = defineCommand({
  name: 'migrate new',
  summary: 'Write the files of one more migration',
  description:
    'Writes <time>_<name>.sql and <time>_<name>.down.sql into the migration folder; the time is UTC, 14 digits. In a ' +
    'folder that counts with plain numbers it takes the next one. It opens no connection.\n\n' +
    'Exit code: 0 written, 2 wrong usage, 4 the files cannot be written.',
  arguments: [{ name: '<name...>', description: 'What it does, in a few words' }],
  options: [
    ...folderOptions,
    { flags: '--irreversible <reason>', description: 'There is no way back, and why: no down file is written' },
    { flags: '--dry-run', description: 'Show the names of the files; write nothing' },
    jsonOption,
  ],
  examples: [
    { command: 'kei migrate new create users', says: 'in the folder that is found' },
    { command: 'kei migrate new "drop old totals" --irreversible "the totals cannot be made again"', says: '' },
  ],
  async run({ arguments: [words], options }, { terminal, workingDirectory }) {
    const name = (Array.isArray(words) ? words : [words ?? '']).join(' ')
    const { writeNewMigration } = await import('../../../migrate/new-files.ts')
    const irreversible = textOption(options, 'irreversible')
    const dir = textOption(options, 'dir')
    const files = await writeNewMigration({
      name,
      workingDirectory,
      ...(dir !== undefined && { path: dir }),
      ...(irreversible !== undefined && { irreversible }),
      dryRun: options['dryRun'] === true,
    })
    if (options['json'] === true) terminal.out.write(`${JSON.stringify({ version: 1, files }, null, 2)}\n`)
    else for (const { file } of files) terminal.out.write(`${printable(file)}\n`)
    return exitCodes.clean
  },
})
