import { failure } from '../../errors.ts'

/** The error `development-server-failed`. `output` is what a server program printed, or what is wrong with the cluster. */
export function serverFailed(output: string, cause?: unknown): Error {
  return failure({
    code: 'development-server-failed',
    message: `The development server did not do what it was told: ${output}`,
    hint: 'Correct what the message names, then run the command again.',
    cause,
  })
}
