import { failure } from '../errors.ts'
import type { KeiError, KeiErrorDetails } from '../errors.ts'
import { framesOf } from '../sql/syntax-frame.ts'
import type { Span } from '../sql/positions.ts'
import type { MigrationText } from './migration.ts'

/** Columns of a source line in a message. */
const frameWidth = 100

/**
 * An error (exit 4) about a place in a migration file: `file:line:column: message`, then the line with carets under
 * the place, its secrets hidden.
 */
export function failureAt(
  { file, text }: MigrationText,
  place: Span,
  details: Omit<KeiErrorDetails, 'exitCode'>,
): KeiError {
  const { line, column, excerpt, marker } = framesOf(text)(place, frameWidth)
  return failure({ ...details, message: `${file}:${line}:${column}: ${details.message}\n  ${excerpt}\n  ${marker}` })
}
