import type { ExitCode } from '../errors.ts'
import type { Terminal } from './terminal/terminal.ts'

/** An option as the command table declares it; help, the reference page and the parser are made from it. */
export interface CommandOption {
  /** As commander reads it: `--fail-on <severity>`, `-n, --name <name>`, `--no-trace`. */
  flags: string
  description: string
  choices?: readonly string[]
  /** May be given several times; the value is then a list. Not together with `choices`. */
  repeatable?: boolean
}

export interface CommandArgument {
  /** `<name>` when it must be given, `[name]` when it may. */
  name: string
  description: string
}

export interface CommandContext {
  terminal: Terminal
  workingDirectory: string
  /** Aborted when the user interrupts. */
  signal: AbortSignal
}

export interface CommandInput {
  /** In their order; a variadic one is a list. */
  arguments: (string | string[] | undefined)[]
  /** By the long name in camel case: `--fail-on` is `failOn`. */
  options: Readonly<Record<string, unknown>>
}

/** One command. `run` imports what it needs, so that the table itself loads fast. */
export interface Command {
  /** `check`, or `pg start` for one below another. */
  name: string
  /** One line for the list of commands. */
  summary: string
  /** What it does, what it reads and writes; shown by `--help`. */
  description: string
  arguments: readonly CommandArgument[]
  options: readonly CommandOption[]
  examples: readonly { command: string; says: string }[]
  run(input: CommandInput, context: CommandContext): Promise<ExitCode>
}

/** Types a command. */
export function defineCommand(command: Command): Command {
  return command
}
