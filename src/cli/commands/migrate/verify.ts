import { exitCodes } from '../../../errors.ts'
import type { Verification } from '../../../migrate/verify.ts'
import { printable } from '../../../sql/printable.ts'
import { defineCommand } from '../../command.ts'
import type { Output } from '../../terminal/terminal.ts'
import { connectionOptions, folderOptions, jsonOption } from './options.ts'

export const migrateVerify = defineCommand({
  name: 'migrate verify',
  summary: 'Compare the files with what was applied',
  description:
    'Compares checksums and order of the files with the history, and shows a diff where a file was edited after it was ' +
    'applied. Comments, white space, line endings and the case of keywords do not count. It only reads.\n\n' +
    'Exit code: 0 they agree, 1 they do not, 2 wrong usage, 3 no connection.',
  arguments: [],
  options: [...folderOptions, ...connectionOptions, jsonOption],
  examples: [{ command: 'kei migrate verify', says: 'before a release' }],
  async run({ options }, context) {
    const [{ openRunner }, { migrationVerification }] = await Promise.all([
      import('./open-runner.ts'),
      import('../../../migrate/status.ts'),
    ])
    const { request } = await openRunner(options, context, { command: 'verify', writes: false, withoutDown: true })
    const found = await migrationVerification(request)
    const { out } = context.terminal
    if (options['json'] === true) out.write(`${JSON.stringify({ version: 1, migrations: found }, null, 2)}\n`)
    else print(found, out)
    return found.some(({ verdict }) => verdict !== 'ok' && verdict !== 'in-part')
      ? exitCodes.answerIsNo
      : exitCodes.clean
  },
})

const says: Readonly<Record<Verification['verdict'], string>> = {
  ok: 'is as it was applied',
  edited: 'was edited after it was applied. Restore it, or accept it: `kei migrate accept-edit VERSION --reason …`',
  missing: 'is applied, and its file is gone. Restore the file',
  'out-of-order': 'is pending, and older than the newest applied one. Give it a newer version',
  'unknown-algorithm': 'was applied by a newer kei, whose checksum this one does not know. Use that kei',
  'in-part': 'is applied in part; `kei migrate up` compares its statements',
}

function print(found: readonly Verification[], out: Output): void {
  const wrong = found.filter(({ verdict }) => verdict !== 'ok')
  const lines = wrong.flatMap(({ version, name, verdict, file, diff }) => [
    `${file ?? `${version}_${name}`} ${says[verdict].replace('VERSION', version)}.`,
    ...(diff === undefined
      ? []
      : diff
          .trimEnd()
          .split('\n')
          .map((line) => `  ${line}`)),
  ])
  const right = found.length - wrong.length
  lines.push(
    `${right} of ${found.length} applied ${found.length === 1 ? 'migration is' : 'migrations are'} as applied.`,
  )
  out.write(`${lines.map(printable).join('\n')}\n`)
}
