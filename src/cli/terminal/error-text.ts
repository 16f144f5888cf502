import { KeiError, exitCodes } from '../../errors.ts'
import type { ExitCode } from '../../errors.ts'
import { printable } from '../../sql/printable.ts'
import { redactText } from '../../sql/redact.ts'
import type { Output } from './terminal.ts'

/**
 * Prints an error as one message with its code and what to do next, and gives the exit code. Never a stack trace:
 * an error that kei did not throw on purpose is said to be a defect, and KEI_DEBUG=1 shows where.
 */
export function printError(error: unknown, output: Output): ExitCode {
  if (error instanceof KeiError) {
    output.write(`error[${error.code}]: ${clean(error.message)}\n`)
    if (error.hint !== undefined) output.write(`  ${clean(error.hint)}\n`)
    return error.exitCode
  }
  const message = error instanceof Error ? error.message : String(error)
  output.write(`error[internal]: ${clean(message)}\n`)
  if (process.env['KEI_DEBUG'] === '1' && error instanceof Error) output.write(`${clean(error.stack ?? '')}\n`)
  else output.write('  This is a defect in kei. Run again with KEI_DEBUG=1 to see where, and report it.\n')
  return exitCodes.failed
}

function clean(text: string): string {
  return redactText(text)
    .split('\n')
    .map((line) => printable(line))
    .join('\n')
}
