import { parseDuration } from '../../../config/duration.ts'
import { usageError } from '../../../errors.ts'
import type { CommandInput, CommandOption } from '../../command.ts'
import { targetOptions } from '../../target.ts'

/** Where the files are. */
export const folderOptions: readonly CommandOption[] = [
  { flags: '--dir <folder>', description: 'The migration folder, or a folder above it (default: here)' },
]

/** Which database. */
export const connectionOptions: readonly CommandOption[] = [
  ...targetOptions,
  { flags: '--schema <name>', description: 'Schema of the history (default: kei)' },
]

/** How the runner behaves. */
export const runnerOptions: readonly CommandOption[] = [
  { flags: '--role <name>', description: 'Role that the statements run as, and that owns what they make' },
  { flags: '--lock-timeout <duration>', description: 'How long a statement waits for a lock (default: 1s)' },
  { flags: '--retry-for <duration>', description: 'How long a group that got no lock is tried again (default: 10min)' },
  ...waitOptions(),
]

function waitOptions(): CommandOption[] {
  return [
    { flags: '--wait-timeout <duration>', description: 'How long to wait for another runner (default: 10min)' },
    { flags: '--yes', description: 'Do not ask before writing to a target that is marked production' },
  ]
}

/** For commands that write to the history and run nothing. */
export const writeOptions: readonly CommandOption[] = waitOptions()

export const jsonOption: CommandOption = { flags: '--json', description: 'One JSON document' }

export type Options = CommandInput['options']

/** The text of an option; undefined when it was not given. */
export function textOption(options: Options, name: string): string | undefined {
  const value = options[name]
  return typeof value === 'string' ? value : undefined
}

/**
 * The milliseconds of an option.
 * @throws KeiError `invalid-duration`
 */
export function durationOption(options: Options, name: string, flag: string): number | undefined {
  const text = textOption(options, name)
  if (text === undefined) return undefined
  const milliseconds = parseDuration(text)
  if (milliseconds !== undefined) return milliseconds
  throw usageError({
    code: 'invalid-duration',
    message: `${flag} ${text}: this is not a duration`,
    hint: 'Write a number with its unit: 500ms, 5s, 10min or 1h.',
  })
}

/**
 * The text of an option that must be given.
 * @throws KeiError `option-missing`
 */
export function requiredText(options: Options, name: string, flag: string, example: string): string {
  const text = textOption(options, name)
  if (text !== undefined && text.trim() !== '') return text
  throw usageError({ code: 'option-missing', message: `${flag} is missing`, hint: `Add ${example}.` })
}
