import { setFlagsFromString } from 'node:v8'
import type { CheckResult } from '../../check/check.ts'
import type { Config } from '../../config/config.ts'
import { exitCodes, usageError } from '../../errors.ts'
import type { Database } from '../../findings/database.ts'
import { atLeast, severities, worstOf } from '../../findings/finding.ts'
import type { Severity } from '../../findings/finding.ts'
import type { CheckReport } from '../../findings/report.ts'
import type { RuleDescription } from '../../reporters/rule-description.ts'
import { defineCommand } from '../command.ts'
import type { CommandContext, CommandInput } from '../command.ts'
import { leaveOutKnown, readKnownOptions } from '../known-findings.ts'
import { databaseOptions, findTarget } from '../target.ts'
import { startProgress } from '../terminal/progress.ts'
import type { Progress } from '../terminal/progress.ts'

const reporterNames = ['pretty', 'json', 'sarif', 'github', 'gitlab', 'junit', 'markdown'] as const

export const check = defineCommand({
  name: 'check',
  summary: 'Judge the migrations of a repository',
  description:
    'Finds the migration folders below PATH, runs their whole history on a throw-away PostgreSQL, and reports what is ' +
    'wrong, how it is known and what to do. It needs no configuration and no database, and changes nothing unless ' +
    '--fix or --accept is given.\n\n' +
    'With --url or --target it also reads that database, by one session and without locking anything: its catalogs, ' +
    'statistics, settings and who may log in. No other way leads to a database.\n\n' +
    'Exit code: 0 nothing found, 1 findings at --fail-on or above, 2 wrong usage or nothing to check, 3 the database ' +
    'cannot be reached.',
  arguments: [{ name: '[path]', description: 'A repository, a folder in it, or one migration file (default: here)' }],
  options: [
    {
      flags: '--postgres-major <major>',
      description: 'PostgreSQL major to judge by (default: 17, or what kei.jsonc says)',
      choices: ['16', '17', '18'],
    },
    ...databaseOptions,
    { flags: '--no-trace', description: 'Judge by the text alone: no server is started' },
    { flags: '--all', description: 'Show what is only counted: findings on files that are on the main branch' },
    { flags: '--since <ref>', description: 'Judge what came since a commit or branch: what it has counts as released' },
    { flags: '--staged', description: 'Judge what the next commit will have: the staged texts of the staged files' },
    { flags: '--known <file>', description: 'Report only what is not in this file of accepted findings' },
    { flags: '--accept', description: 'Write what is found today into the file of --known' },
    {
      flags: '--fix [how]',
      description: 'Make the safe edits (safe, the default), or go through all fixes and ask for each (review)',
      choices: ['safe', 'review'],
    },
    { flags: '--yes', description: 'With --fix=review: make all fixes, ask nothing' },
    { flags: '--dry-run', description: 'With --fix or --accept: show what would be written, and write nothing' },
    {
      flags: '--fail-on <severity>',
      description: 'Lowest severity that makes the exit code 1 (default: warning)',
      choices: severities,
    },
    {
      flags: '--reporter <name[=file]>',
      description: `How to print: ${reporterNames.join(', ')}; with =FILE into a file. May be given several times`,
      repeatable: true,
    },
    { flags: '--json', description: 'Short for --reporter json' },
  ],
  examples: [
    { command: 'kei check', says: 'this repository' },
    { command: 'kei check db/migrations --no-trace', says: 'one folder, by its text alone' },
    { command: 'kei check --url postgresql://db.example.com/shop', says: 'a running database, too' },
    { command: 'kei check --since origin/main', says: 'what this branch adds' },
    { command: 'kei check --fix --dry-run', says: 'the edits that --fix would make' },
    { command: 'kei check --reporter pretty --reporter json=report.json', says: 'for people and for a machine' },
  ],
  async run({ arguments: [given], options }, context) {
    const path = typeof given === 'string' ? given : '.'
    const known = readKnownOptions(options)
    const outputs = readReporters(options['reporter'] as string[] | undefined, options['json'] === true)
    // The parser is WebAssembly that runs for a second at most: compiling it a second time, optimised, costs more than
    // it gains (bench/README.md). Only the program sets this; a library leaves its host's engine alone.
    setFlagsFromString('--liftoff-only')
    // Nor is there time for optimised JavaScript to pay: it is compiled plainly at once, and optimised only where it
    // has run twenty times as long as V8 asks for by itself.
    setFlagsFromString('--always-sparkplug')
    setFlagsFromString('--interrupt-budget=1500000')
    const { checkProject } = await import('../../check/check.ts')
    const checkOnce = () => {
      const progress = startProgress(context.terminal.err)
      return checkProject({
        path,
        workingDirectory: context.workingDirectory,
        postgresMajor: readMajor(options['postgresMajor']),
        trace: options['trace'] !== false,
        all: options['all'] === true,
        since: options['since'] as string | undefined,
        staged: options['staged'] === true,
        readDatabase: databaseReader(options, context, progress),
        signal: context.signal,
        onProgress: progress.say,
      }).finally(progress.end)
    }
    const leaveOut = ({ report, isWhole }: CheckResult) =>
      known === undefined ? report : leaveOutKnown(report, known, isWhole, context)
    let result = await checkOnce()
    const failOn = (options['failOn'] as Severity | undefined) ?? result.failOn
    const exitCode = (worst: Severity | undefined) =>
      worst !== undefined && atLeast(worst, failOn) ? exitCodes.answerIsNo : exitCodes.clean
    // Reading a large report and writing it again takes longer than all else.
    if (result.json !== undefined && known === undefined && options['fix'] === undefined && isJsonAlone(outputs)) {
      context.terminal.out.write(result.json)
      return exitCode(result.worst)
    }
    let report = leaveOut(result)
    if (options['fix'] !== undefined) {
      const { makeFixes, readFixOptions } = await import('../fixes.ts')
      if (await makeFixes(report.findings, result, readFixOptions(options), context)) {
        result = await checkOnce()
        report = leaveOut(result)
      }
    }
    // The changes that would be made are the answer to --fix --dry-run.
    if (options['fix'] === undefined || options['dryRun'] !== true) {
      await print(report, result.textOf, outputs, context)
    }
    return exitCode(worstOf(report.findings))
  },
})

/** Reads the database that the command line names; undefined where it names none. */
function databaseReader(
  options: CommandInput['options'],
  context: CommandContext,
  progress: Progress,
): ((config: Config) => Promise<Database>) | undefined {
  if (options['url'] === undefined && options['target'] === undefined) return undefined
  return async (config) => {
    const [{ readDatabase }, { printable }] = await Promise.all([
      import('../../sources/database/read.ts'),
      import('../../sql/printable.ts'),
    ])
    const target = await findTarget(options, context, config)
    progress.clear()
    for (const note of target.notes) context.terminal.err.write(`note: ${printable(note)}\n`)
    return readDatabase(target.connection, {
      applicationName: 'kei/check',
      leaveOut: [config.migrate.schema],
      signal: context.signal,
      onProgress: progress.say,
    })
  }
}

interface ReporterOutput {
  name: (typeof reporterNames)[number]
  file: string | undefined
}

function readReporters(given: readonly string[] | undefined, json: boolean): ReporterOutput[] {
  const written = [...(given ?? []), ...(json ? ['json'] : [])]
  if (written.length === 0) return usualReporters()
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

/** Whether JSON on the terminal is all that is asked for. */
function isJsonAlone([first, ...others]: readonly ReporterOutput[]): boolean {
  return first?.name === 'json' && first.file === undefined && others.length === 0
}

/** For people, and in GitHub Actions annotations beside it. */
function usualReporters(): ReporterOutput[] {
  const names = process.env['GITHUB_ACTIONS'] === 'true' ? (['pretty', 'github'] as const) : (['pretty'] as const)
  return names.map((name) => ({ name, file: undefined }))
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
    const reporter = await reporters[name](describeRules)
    if (file === undefined) {
      terminal.out.write(reporter(report, { colour: terminal.out.colour, width: terminal.out.width, textOf }))
    } else {
      const { writeWhole } = await import('../../project/write-whole.ts')
      const { resolve } = await import('node:path')
      writeWhole(resolve(workingDirectory, file), reporter(report, { colour: false, width: 100, textOf }))
    }
  }
}

async function describeRules(): Promise<RuleDescription[]> {
  const [{ allRules }, { rulePage }] = await Promise.all([
    import('../../rules/registry.ts'),
    import('../../rules/page.ts'),
  ])
  return allRules.map((rule) => ({ ...rule, page: rulePage(rule) }))
}
