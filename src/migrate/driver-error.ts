import { KeiError, failure } from '../errors.ts'
import { redactText } from '../sql/redact.ts'
import { isAnswer } from './answer.ts'
import { cutOff, isConnectionLost } from './outside/failures.ts'

/**
 * What the driver threw where nothing more is known about it, as an error of kei's: `connection-lost`, or
 * `server-refused` with what PostgreSQL says. Any other error stays what it is.
 */
export function explainDriverError(error: unknown): unknown {
  if (error instanceof KeiError) return error
  if (isConnectionLost(error)) return cutOff(error)
  if (!isAnswer(error)) return error
  return failure({
    code: 'server-refused',
    message: `The server refused a statement of kei's own: ${redactText(error.message)} (${error.code ?? '?'})`,
    hint:
      error.code === '57014'
        ? "The statement_timeout of the role or the database is too short for kei's own statements: raise it for this role (ALTER ROLE … SET statement_timeout). What was committed before is in the history."
        : 'What was committed before is in the history. Run the command again.',
    cause: error,
  })
}
