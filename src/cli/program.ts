import { Command as Commander, CommanderError, Option } from 'commander'
import { KeiError, exitCodes } from '../errors.ts'
import type { ExitCode } from '../errors.ts'
import type { Command, CommandContext } from './command.ts'
import { allCommands, commandGroups, commandModules } from './commands.ts'
import { processTerminal } from './terminal/terminal.ts'
import { readVersion } from '../version.ts'

/**
 * Runs the command line and gives the exit code. Nothing below this function ends the process, except a second
 * interrupt.
 */
export async function runProgram(argv: readonly string[]): Promise<ExitCode> {
  const terminal = processTerminal()
  const interruption = new AbortController()
  process.once('SIGINT', () => interruption.abort())
  process.once('SIGTERM', () => interruption.abort())
  // A reader that has seen enough (`| head`) is not an error.
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE') throw error
    })
  }

  const context: CommandContext = { terminal, workingDirectory: process.cwd(), signal: interruption.signal }
  let exitCode: ExitCode = exitCodes.clean
  const [word = '', next] = argv
  const load = Object.hasOwn(commandModules, word) ? commandModules[word] : undefined
  const program = buildProgram(await (load === undefined ? allCommands() : load(next)), (command) => async (input) => {
    exitCode = await command.run(input, context)
  })
  try {
    await program.parseAsync(argv, { from: 'user' })
    return exitCode
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.clean : exitCodes.usage
    if (!interruption.signal.aborted) {
      const { printError } = await import('./terminal/error-text.ts')
      return printError(error, terminal.err)
    }
    const hint = error instanceof KeiError && error.code === 'interrupted' ? error.hint : undefined
    terminal.err.write(`Interrupted.${hint === undefined ? '' : ` ${hint}`}\n`)
    return exitCodes.interrupted
  }
}

type Runner = (input: Parameters<Command['run']>[0]) => Promise<void>

function buildProgram(commands: readonly Command[], runnerOf: (command: Command) => Runner): Commander {
  const program = new Commander('kei')
  program
    .description('PostgreSQL itself judges your migrations.')
    .version(readVersion(), '-V, --version', 'Print the version')
    .helpOption('-h, --help', 'Show help')
    .helpCommand('help [command]', 'Show help for a command')
    .showSuggestionAfterError()
    .exitOverride()
    .addHelpText(
      'after',
      '\nStart with `kei check` in a repository that has migrations; it needs no configuration and no database.',
    )

  const groups = new Map<string, Commander>()
  for (const command of commands) {
    const [outer, inner] = command.name.split(' ')
    if (outer === undefined) continue
    const parent = inner === undefined ? program : groupOf(program, groups, outer)
    addCommand(parent, inner ?? outer, command, runnerOf(command))
  }
  return program
}

function groupOf(program: Commander, groups: Map<string, Commander>, name: string): Commander {
  let group = groups.get(name)
  if (group === undefined) {
    group = program
      .command(name)
      .description(commandGroups[name] ?? '')
      .helpOption('-h, --help', 'Show help')
    group.exitOverride()
    groups.set(name, group)
  }
  return group
}

function addCommand(parent: Commander, name: string, command: Command, run: Runner): void {
  const child = parent.command(name)
  child
    .summary(command.summary)
    .description(command.description)
    .helpOption('-h, --help', 'Show help')
    .exitOverride()
    .showSuggestionAfterError()
    .addHelpText('after', examplesText(command))
  for (const argument of command.arguments) child.argument(argument.name, argument.description)
  for (const option of command.options) {
    const built = new Option(option.flags, option.description)
    if (option.choices !== undefined) built.choices(option.choices)
    if (option.repeatable === true) {
      built.argParser((value: string, previous: string[] | undefined) => [...(previous ?? []), value])
    }
    child.addOption(built)
  }
  child.action(async () => {
    await run({ arguments: child.processedArgs as Parameters<Command['run']>[0]['arguments'], options: child.opts() })
  })
}

function examplesText(command: Command): string {
  if (command.examples.length === 0) return ''
  const width = Math.max(...command.examples.map((example) => example.command.length))
  const lines = command.examples.map((example) => `  ${example.command.padEnd(width)}  ${example.says}`)
  return `\nExamples:\n${lines.join('\n')}`
}
