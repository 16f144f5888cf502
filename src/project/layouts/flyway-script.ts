import { skipSpace } from '../../sql/blank.ts'
import { tokenEnd } from '../../sql/token.ts'
import type { TransactionMode } from '../../sql/transactions.ts'
import type { FlywaySettings } from './flyway-settings.ts'

/**
 * How Flyway sends a script: what it is told, else by the statements. One that it knows as refused in a transaction
 * takes the whole file out of it; beside others Flyway refuses the file, unless `mixed` is set: what is then left is
 * the transaction in which PostgreSQL would refuse the statement.
 */
export function flywayMode(text: string, settings: FlywaySettings): TransactionMode {
  if (settings.executeInTransaction !== undefined) return settings.executeInTransaction ? 'transaction' : 'statement'
  const outside = beginnings(text).map((words) => runsOutside(words))
  const isOutside = settings.mixed ? outside.includes(true) : outside.length > 0 && !outside.includes(false)
  return isOutside ? 'statement' : 'transaction'
}

const known =
  /^(?:(?:CREATE|DROP) (?:DATABASE|TABLESPACE|SUBSCRIPTION)|ALTER SYSTEM|(?:CREATE|DROP)(?: UNIQUE)? INDEX CONCURRENTLY|REINDEX(?: VERBOSE)? (?:SCHEMA|DATABASE|SYSTEM)|VACUUM|DISCARD ALL)(?: |$)/

/**
 * Whether Flyway knows a statement that begins with these words as refused in a transaction. It does not know all:
 * REINDEX … CONCURRENTLY and DETACH PARTITION … CONCURRENTLY are not among them. Source: PostgreSQLParser of
 * flyway-database-postgresql.
 */
export function runsOutside(words: string): boolean {
  return known.test(words)
}

/** The first words of each statement in capitals, without what stands in parentheses. */
export function beginnings(text: string): string[] {
  const found: string[] = []
  let words: string[] = []
  let depth = 0
  let isEmpty = true
  const end = () => {
    if (!isEmpty) found.push(words.join(' '))
    words = []
    depth = 0
    isEmpty = true
  }
  for (let at = skipSpace(text, 0); at < text.length;) {
    const next = tokenEnd(text, at)
    const token = text.slice(at, next)
    at = skipSpace(text, next)
    if (token === ';') {
      end()
      continue
    }
    isEmpty = false
    if (token === '(') depth++
    else if (token === ')') depth--
    else if (depth === 0 && words.length < 4 && /^[a-z]+$/i.test(token)) words.push(token.toUpperCase())
  }
  end()
  return found
}

/**
 * The first `${…}` that stands in the SQL itself. In a string, a quoted name or a comment it is text like any other, and
 * the statement can be read as it is.
 */
export function barePlaceholder(text: string): { text: string; line: number } | undefined {
  if (!text.includes('${')) return undefined
  for (let at = skipSpace(text, 0); at < text.length;) {
    const end = tokenEnd(text, at)
    if (text.charAt(end - 1) === '$' && text.charAt(end) === '{') {
      const closing = text.indexOf('}', end)
      const placeholder = text.slice(end - 1, closing === -1 ? end + 20 : closing + 1)
      return { text: placeholder, line: text.slice(0, end).split('\n').length }
    }
    at = skipSpace(text, end)
  }
  return undefined
}
