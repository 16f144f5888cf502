import type { IndexStmt } from '@pgsql/types'
import type { Client } from 'pg'
import { quoteIdentifier } from '../../sql/identifier.ts'
import type { Statement } from '../../sql/statement.ts'
import { readingSettings } from '../../postgres/read-only.ts'
import { definitionInText, readIndexesOf } from './index-definition.ts'
import type { IndexDefinition } from './index-definition.ts'
import { indexText } from './index-text.ts'
import { qualifiedName } from './relation.ts'
import type { Relation } from './relation.ts'

/**
 * The definition that the statement's index will have, computed by the target server itself: the same index is made on
 * an empty temporary table with the same columns and name, read, and rolled back. So the search_path, the user's
 * functions and types, and the server's version are the real ones, and a production host needs no shadow server.
 *
 * Where that is not possible (no TEMPORARY right on the database, an event trigger that refuses), the text tells what
 * it can: expressions, the predicate and operator classes are then not compared.
 *
 * Called in a transaction that is rolled back. Reads as `readOnly` does from then on.
 */
export async function expectedIndex(
  client: Client,
  statement: Statement,
  index: IndexStmt,
  table: Relation,
): Promise<IndexDefinition> {
  const own = await measuredIndex(client, statement, index, table)
  await client.query(readingSettings)
  if (own === undefined) return definitionInText(index)
  const [made] = await readIndexesOf(client, [own])
  if (made === undefined) return definitionInText(index)
  const { tablespace: _temporary, ...definition } = made.definition
  return { ...definition, ...(index.tableSpace ? { tablespace: index.tableSpace } : {}) }
}

/** The oid of the temporary table with the index. */
async function measuredIndex(
  client: Client,
  statement: Statement,
  index: IndexStmt,
  table: Relation,
): Promise<string | undefined> {
  // The same name, because an expression may name the table.
  const temporary = `pg_temp.${quoteIdentifier(table.name)}`
  await client.query('SAVEPOINT kei_expected')
  try {
    await client.query(`CREATE TEMPORARY TABLE ${quoteIdentifier(table.name)} (LIKE ${qualifiedName(table)})`)
    await client.query(indexText(statement, index, { name: quoteIdentifier('kei_expected'), relation: temporary }))
    const { rows } = await client.query<{ oid: string }>('SELECT $1::pg_catalog.regclass::oid::text AS oid', [
      temporary,
    ])
    return rows[0]?.oid
  } catch (error) {
    if (!(error instanceof Error && 'code' in error) || error.code === '57014') throw error
    await client.query('ROLLBACK TO SAVEPOINT kei_expected')
    return undefined
  }
}
