import type { IndexStmt } from '@pgsql/types'
import { skipBlank } from '../../sql/blank.ts'
import type { Statement } from '../../sql/statement.ts'
import { tokenEnd } from '../../sql/token.ts'

/** What a CREATE INDEX is to be written with; the names as SQL. */
export interface IndexTextParts {
  concurrently?: true
  name: string
  only?: true
  relation: string
}

/**
 * The statement with another name and relation, with or without CONCURRENTLY and ONLY, and without IF NOT EXISTS. From
 * the access method on it is the statement's own text.
 */
export function indexText(statement: Statement, index: IndexStmt, parts: IndexTextParts): string {
  const words = [
    index.unique === true ? 'CREATE UNIQUE INDEX' : 'CREATE INDEX',
    ...(parts.concurrently ? ['CONCURRENTLY'] : []),
    parts.name,
    ...(parts.only ? ['ON ONLY'] : ['ON']),
    parts.relation,
    restAfterRelation(statement, index),
  ]
  return words.join(' ')
}

function restAfterRelation(statement: Statement, index: IndexStmt): string {
  const { text } = statement
  let at = statement.offsetOf(index.relation?.location ?? 0) - statement.start
  let end = nameEnd(text, at)
  for (at = skipBlank(text, end); text[at] === '.'; at = skipBlank(text, end)) {
    end = nameEnd(text, skipBlank(text, at + 1))
  }
  // What is left of `ONLY (name)` and `name *`.
  if (text[at] === ')' || text[at] === '*') end = at + 1
  return text.slice(skipBlank(text, end))
}

/** `U&"…"` is one name. */
function nameEnd(text: string, at: number): number {
  return tokenEnd(text, /^u&"/i.test(text.slice(at, at + 3)) ? at + 2 : at)
}
