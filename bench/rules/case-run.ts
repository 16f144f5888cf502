import type { Client } from 'pg'
import { loadParser } from '../../src/sql/parse.ts'
import type { Statement } from '../../src/sql/statement.ts'
import { groupStatements } from '../../src/sql/transactions.ts'
import type { StatementGroup } from '../../src/sql/transactions.ts'
import type { RuleCase } from './case.ts'

const parser = await loadParser()

/** Runs the migration as its runner sends it. */
export async function runGroups(one: RuleCase, client: Client): Promise<void> {
  for (const { kind, statements } of groupsOf(one)) {
    if (kind === 'transaction') await client.query('BEGIN')
    for (const { text } of statements) await client.query(text)
    if (kind === 'transaction') await client.query('COMMIT')
  }
}

/** The statements of a case as its runner sends them. */
export function groupsOf(one: RuleCase): StatementGroup[] {
  return groupStatements(statementsOf(one.sql), one.runner ?? 'grouped')
}

/**
 * The statements of a text.
 * @throws Error when it does not parse.
 */
export function statementsOf(sql: string): Statement[] {
  const parsed = parser.parse(sql)
  if (parsed.kind === 'syntax-error') throw new Error(`${parsed.message}: ${sql}`)
  return parsed.statements
}
