import { setFlagsFromString } from 'node:v8'
import { exitCodes, usageError } from '../../errors.ts'
import { atLeast, severities } from '../../findings/finding.ts'
import type { Severity } from '../../findings/finding.ts'
import type { CheckReport } from '../../findings/report.ts'
import { defineCommand } from '../command.ts'
import type { CommandContext } from '../command.ts'
import { startProgress } from '../terminal/progress.ts'

const reporterNames = ['pretty', 'json'] as const

export const check = defineCommand({
  name: 'check',
  summary: 'Judge the migrations of a repository',
  description:
    'Finds the migration folders below PATH, runs their whole history on a throw-away PostgreSQL, and reports what is ' +
    'wrong, how it is known and what to do. It needs no configuration and no database, and changes nothing.\n\n' +
    'Exit code: 0 nothing found, 1 findings at --fail-on or above, 2 wrong usage or nothing to check.',
  arguments: [{ name: '[path]', description: 'A repository, a folder in it, or one migration file (default: here)' }],
  options: [
    {
      flags: '--postgres-major <major>',
      description: 'PostgreSQL major to judge by (default: 17, or what kei.jsonc says)',
      choices: ['16', '17', '18'],
    },
    { flags: '--no-trace', description: 'Judge by the text alone: no server is started' },
    { flags: '--all', description: 'Show what is only counted: findings on files that are on the main branch' },
    {
      flags: '--fail-on <severity>',
      description: 'Lowest severity that makes the exit code 1 (default: warning)',
      choices: severities,
    },
    {
      flags: '--reporter <name[=file]>',
      description: `How to print: ${reporterNames.join(' or ')}; with =FILE into a file. May be given several times`,
      repeatable: true,
    },
    { flags: '--json', description: 'Short for --reporter json' },
  ],
  examples: [
    { command: 'kei check', says: 'this repository' },
    { command: 'kei check db/migrations --no-trace', says: 'one folder, by its text alone' },
    { command: 'kei check --reporter pretty --reporter json=report.json', says: 'for people and for a machine' },
  ],
  async run({ arguments: [given], options }, context) {
    const path = typeof given === 'string' ? given : '.'
    const outputs = readReporters(options['reporter'] as string[] | undefined, options['json'] === true)
    // The parser is WebAssembly that runs for a second at most: compiling it a second time, optimised, costs more than
    // it gains (bench/README.md). Only the program sets this; a library leaves its host's engine alone.
    setFlagsFromString('--liftoff-only')
    const { checkProject } = await import('../../check/check.ts')
    const progress = startProgress(context.terminal.err)
    const result = await checkProject({
      path,
      workingDirectory: context.workingDirectory,
      postgresMajor: readMajor(options['postgresMajor']),
      trace: options['trace'] !== false,
      all: options['all'] === true,
      signal: context.signal,
      onProgress: progress.say,
    }).finally(progress.end)
    await print(result.report, result.textOf, outputs, context)
    const failOn = (options['failOn'] as Severity | undefined) ?? result.failOn
    return result.report.findings.some((finding) => atLeast(finding.severity, failOn))
      ? exitCodes.answerIsNo
      : exitCodes.clean
  },
})

interface ReporterOutput {
  name: (typeof reporterNames)[number]
  file: string | undefined
}

function readReporters(given: readonly string[] | undefined, json: boolean): ReporterOutput[] {
  const written = [...(given ?? []), ...(json ? ['json'] : [])]
  if (written.length === 0) return [{ name: 'pretty', file: undefined }]
  const outputs = written.map((text): ReporterOutput => {
    const [name = '', ...rest] = text.split('=')
    const known = reporterNames.find((candidate) => candidate === name)
    const file = rest.length === 0 ? undefined : rest.join('=')
    if (known === undefined || file === '') {
      throw usageError({
        code: 'unknown-reporter',
        message: `--reporter ${text}: there is no such reporter`,
        hint: `Reporters: ${reporterNames.join(', ')}; write NAME or NAME=FILE.`,
      })
    }
    return { name: known, file }
  })
  if (outputs.filter((output) => output.file === undefined).length > 1) {
    throw usageError({
      code: 'several-reporters',
      message: 'Several reporters would print to the terminal at once',
      hint: 'Give all but one a file: --reporter json=report.json.',
    })
  }
  return outputs
}

function readMajor(given: unknown): 16 | 17 | 18 | undefined {
  switch (given) {
    case '16':
      return 16
    case '17':
      return 17
    case '18':
      return 18
    default:
      return undefined
  }
}

async function print(
  report: CheckReport,
  textOf: (file: string) => string | undefined,
  outputs: readonly ReporterOutput[],
  { terminal, workingDirectory }: CommandContext,
): Promise<void> {
  const { reporters } = await import('../../reporters/reporters.ts')
  for (const { name, file } of outputs) {
    const reporter = await reporters[name]()
    if (file === undefined) {
      terminal.out.write(reporter(report, { colour: terminal.out.colour, width: terminal.out.width, textOf }))
    } else {
      const { writeWhole } = await import('../../project/write-whole.ts')
      const { resolve } = await import('node:path')
      writeWhole(resolve(workingDirectory, file), reporter(report, { colour: false, width: 100, textOf }))
    }
  }
}
