import pg from 'pg'
import type { DatabaseError } from 'pg'
import { KeiError, exitCodes, failure } from '../../errors.ts'
import { printable } from '../../sql/printable.ts'
import type { Span } from '../../sql/positions.ts'
import { isAnswer } from '../answer.ts'
import { failureAt } from '../place.ts'
import type { Script } from '../runner.ts'
import { statementRefusal } from '../server-refusal.ts'
import type { Step } from '../step.ts'

/** A step of one statement, with what messages about it need. */
export interface PlacedStep {
  script: Script
  step: Extract<Step, { kind: 'outside' | 'may-commit' }>
}

/** Whether the server went away or ended the session, or the network failed. */
export function isConnectionLost(error: unknown): boolean {
  if (!(error instanceof Error) || error instanceof KeiError || isAnswer(error)) return false
  if (error instanceof pg.DatabaseError) return true
  const isOfSystem = 'code' in error && typeof error.code === 'string' && /^E[A-Z]+$/.test(error.code)
  return isOfSystem || /^(?:Connection terminated|Client has encountered|Client was closed)/.test(error.message)
}

/** The connection was lost at a statement whose outcome the catalog shows. */
export function cutOff(cause: unknown): KeiError {
  return failure({
    code: 'connection-lost',
    message: `The connection to the server was lost${cause instanceof Error ? `: ${printable(cause.message)}` : ''}.`,
    hint: 'Run the command again: it finds out from the catalog what was done, and goes on from there.',
    cause,
  })
}

export function directConnectionNeeded({ text }: Script, statement: Span): KeiError {
  return failureAt(text, statement, {
    code: 'direct-connection-needed',
    message: 'this statement runs outside a transaction, and the connection goes through a pooler',
    hint: 'Name the way to the server itself beside the pooled one: KEI_DIRECT_DATABASE_URL, --direct-url, or targets.NAME.directUrl in kei.jsonc.',
  })
}

/** @param duplicates lines; none where they could not be read. */
export function duplicateRows({ script, step }: PlacedStep, error: DatabaseError, duplicates: string[]): KeiError {
  const refused = statementRefusal(script, step, step.statements[0], error)
  const list = duplicates.length === 0 ? '' : `\n  Most frequent first:\n    ${duplicates.join('\n    ')}`
  return failure({
    code: 'duplicate-rows',
    message: `${refused.message}${list}`,
    hint: 'The unfinished index was dropped. Remove the duplicates, then run the command again.',
    cause: error,
  })
}

export function notInCatalog({ script, step }: PlacedStep): KeiError {
  return failureAt(script.text, step.statements[0], {
    code: 'not-in-catalog',
    message: 'PostgreSQL reported success, but the catalog does not show what the statement says',
    hint: 'Another session may have undone it at once. Run the command again.',
  })
}

/** One that commits by itself failed or was cut off: what it had committed stays. */
export function stoppedPartWay({ script, step }: PlacedStep, error: unknown): KeiError {
  const [statement] = step.statements
  const { message } = isAnswer(error)
    ? statementRefusal(script, step, statement, error)
    : failureAt(script.text, statement, { code: 'stopped-part-way', message: 'the connection was lost meanwhile' })
  return new KeiError({
    code: 'stopped-part-way',
    message,
    hint: `It commits by itself: what it did until then stays. ${resolveHint(script.migration.version, step.first)}`,
    exitCode: exitCodes.failedPartWay,
    cause: error,
  })
}

/** A run before this one was cut off in one that commits by itself. */
export function endUnknown({ migration, text }: Script, number: number): KeiError {
  return new KeiError({
    code: 'outcome-unknown',
    message: `${text.file}: a run was cut off in statement ${number}, which commits by itself: how far it came cannot be known.`,
    hint: resolveHint(migration.version, number),
    exitCode: exitCodes.failedPartWay,
  })
}

function resolveHint(version: string, number: number): string {
  return (
    `See in the database how far it came, then: kei migrate resolve ${version}:${number} --done --reason '…', ` +
    'or --redo in place of --done to run it again.'
  )
}
