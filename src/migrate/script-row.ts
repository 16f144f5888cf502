import { redactSql } from '../sql/redact.ts'
import type { HistoryEvent, NewHistoryRow } from './history.ts'
import type { Script } from './runner.ts'
import type { Step } from './step.ts'

/**
 * The history's row about a step of a file. The file is whole with its last step, and with one about no statement, which
 * says only that.
 */
export function scriptRow(
  { migration, direction, text, total }: Script,
  { first, last, hashes }: Step,
  event: Extract<HistoryEvent, 'ran' | 'intent' | 'withdrawn'>,
): NewHistoryRow {
  const complete = event === 'ran' && (first === 0 || last === total)
  const { version, name } = migration
  return {
    ...{ event, direction, version, name, first, last, hashes, complete },
    checksum: text.checksum,
    ...(complete && { text: redactSql(text.text) }),
  }
}
