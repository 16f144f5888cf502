import { createInterface } from 'node:readline'
import { failure, interrupted, usageError } from '../../errors.ts'
import type { Session } from '../../postgres/connect/connect.ts'
import { serverLines } from './server-lines.ts'
import type { Output } from './terminal.ts'

/** What a command is about to write to. */
export interface Confirmation {
  target: { name?: string; production: boolean }
  session: Session
  /** Whether --yes is given: nothing is asked. */
  yes: boolean
}

/** Where the answer comes from: the process's standard input. */
export type Input = NodeJS.ReadableStream & { isTTY?: boolean }

/**
 * Before a command writes to a target that is marked production: shows on `err` which server it is, and asks for the
 * target's name, unless --yes is given. Any other target is let pass in silence.
 * @throws KeiError `confirmation-needed` (exit 2) where nobody can be asked, `not-confirmed` (exit 4) for another
 * answer, `interrupted`
 */
export async function confirmTarget(
  { target, session, yes }: Confirmation,
  err: Output,
  signal: AbortSignal,
  input: Input = process.stdin,
): Promise<void> {
  const { name = '', production } = target
  if (!production) return
  err.write(`${[`Target ${name} is marked production.`, ...serverLines(session)].join('\n')}\n`)
  if (yes) return
  if (input.isTTY !== true || !err.interactive) {
    throw usageError({
      code: 'confirmation-needed',
      message: `${name} is marked production, and there is no terminal to confirm it on.`,
      hint: 'Pass --yes to write to it.',
    })
  }
  err.write('Type the name of the target to write to it: ')
  const answer = await readLine(input, signal)
  if (answer?.trim() === name) return
  throw failure({
    code: 'not-confirmed',
    message: answer === undefined ? 'No answer was given.' : `The answer is not ${name}.`,
    hint: 'Nothing was changed. Run the command again, or pass --yes.',
  })
}

/** The next line; undefined at the end of the input. The terminal itself does the editing, and sends the interrupt. */
export async function readLine(input: Input, signal: AbortSignal): Promise<string | undefined> {
  const lines = createInterface({ input, terminal: false })
  const stop = new AbortController()
  try {
    return await new Promise<string | undefined>((resolve, reject) => {
      const leave = () => reject(interrupted())
      if (signal.aborted) leave()
      signal.addEventListener('abort', leave, { signal: stop.signal })
      lines.once('line', resolve)
      lines.once('close', () => resolve(undefined))
    })
  } finally {
    stop.abort()
    lines.close()
  }
}
