import type { Fix } from '../../findings/fix.ts'
import { quoteIdentifier, quoteTextName } from '../../sql/identifier.ts'
import { fileWords, indent, showFiles } from '../next-step.ts'
import { nameBeside } from '../object-name.ts'
import { recipe } from '../recipe.ts'
import { partsOfTables } from '../schema/parts-of-table.ts'
import type { HistorySubject, MigrationDraft } from '../subject.ts'
import type { SchemaIndex } from './schema-indexes.ts'

/** Whether an index is made by a statement of a file that can still be changed. */
export function isEditable({ statement }: SchemaIndex): boolean {
  return statement !== undefined && !statement.migration.released && statement.within === undefined
}

/** How an index is taken away: out of a file that can still be changed, else by a migration of its own. */
export function dropIndexRemedy(
  history: HistorySubject,
  index: SchemaIndex,
  says: string,
): { next: string; fixes: Fix[] } {
  const { statement, table, label, printed, ofConstraint } = index
  if (statement && isEditable(index)) {
    return recipe(statement, {
      title: `Take ${label} out`,
      says: `${says} Take the statement out.`,
      instead: '',
      then: [],
    })
  }
  if (printed === undefined) return { next: `${says} DROP INDEX CONCURRENTLY takes it away.`, fixes: [] }
  if (ofConstraint) {
    const command = `ALTER TABLE ${quoteTextName(table)} DROP CONSTRAINT ${quoteIdentifier(label)};`
    return { next: `${says} It belongs to a constraint, and goes with it:\n${indent(command)}`, fixes: [] }
  }
  const draft = partsOfTables(history).get(table)?.kind === 'partitioned table' ? undefined : dropDraft(index)
  if (draft === undefined) return { next: `${says}\n${indent(`DROP INDEX ${nameBeside(table, label)};`)}`, fixes: [] }
  const newFiles = history.newMigration(draft)
  return {
    next: `${says} Add a migration:\n${showFiles(newFiles)}`,
    fixes: [{ title: `Drop ${label} in a new migration`, safety: 'review', edits: [], newFiles }],
  }
}

/** A migration that drops an index; undefined where its definition, which the way back needs, is not known. */
export function dropDraft(index: SchemaIndex): MigrationDraft | undefined {
  const definition = index.statement?.statement.text ?? index.seen?.definition
  if (definition === undefined) return undefined
  return {
    name: fileWords(`drop_${index.label}`),
    up: `DROP INDEX CONCURRENTLY ${nameBeside(index.table, index.label)};`,
    down: `${concurrently(definition)};`,
    outsideTransaction: true,
  }
}

/** CREATE INDEX with CONCURRENTLY, and without IF NOT EXISTS. */
export function concurrently(definition: string): string {
  return definition.replace(
    /^(CREATE\s+(?:UNIQUE\s+)?INDEX\s+)(?:CONCURRENTLY\s+)?(?:IF\s+NOT\s+EXISTS\s+)?/i,
    '$1CONCURRENTLY ',
  )
}
