import type { DraftTable, SchemaDraft } from '../sql/schema-draft.ts'
import { statementOf } from '../sql/statement.ts'
import { textNameOf } from '../sql/identifier.ts'
import { alteredTable } from './alter-command.ts'
import { effectOn } from './effect.ts'
import { isNewTable } from './new-tables.ts'
import { observationOf } from './observed.ts'
import type { StatementSubject } from './subject.ts'

/** A table that an ALTER TABLE changes while others may be using it. */
export interface UsedTable {
  /** As a `SchemaText` names it. */
  name: string
  /** As PostgreSQL prints it where that was seen. */
  printed: string
  /** Undefined where the text never creates it. */
  declared: DraftTable | undefined
  /** The schema before the statement; to be read before another subject's is asked for. */
  draft: SchemaDraft
}

/** The table of an ALTER TABLE, unless its own file made it or nobody else can see its rows: temporary, foreign, a view. */
export function usedTable(subject: StatementSubject): UsedTable | undefined {
  const name = alteredTable(subject)
  if (name === undefined || !isInUse(subject, name)) return undefined
  const effect = effectOn(subject, name)
  const draft = subject.migration.history.before(subject)
  const isFound = effect ? effect.lock !== undefined || subject.within !== undefined : draft.tables.has(name)
  if (!isFound && (effect || statementOf(subject.statement, 'AlterTableStmt')?.missing_ok)) return undefined
  return { name, printed: effect?.lock?.relation ?? name, declared: draft.tables.get(name), draft }
}

/** Whether others may be using a table when a statement runs: it was there before the file, with rows of its own. */
export function isInUse(subject: StatementSubject, table: string): boolean {
  const { migration, statement, within } = subject
  if (isNewTable(migration, table, (within?.statement ?? statement).index)) return false
  const kind = migration.history.before(subject).tables.get(table)?.kind ?? 'table'
  return kind === 'table' || kind === 'partitioned table'
}

/** The partitions of a table and theirs, as far as the text shows. */
export function partitionsOf(draft: SchemaDraft, table: string): DraftTable[] {
  const found: DraftTable[] = []
  if (!draft.partitioned.has(table)) return found
  for (const each of draft.tables.values()) {
    if (each.partitionOf === table) found.push(each, ...partitionsOf(draft, each.name))
  }
  return found
}

/** Those of them that hold rows. */
export function leavesOf(draft: SchemaDraft, table: string): DraftTable[] {
  return partitionsOf(draft, table).filter(({ kind }) => kind !== 'partitioned table')
}

/** The table as the text has it and those that it is a partition of: what they demand holds for its rows. */
export function lineOf({ declared, draft }: UsedTable): DraftTable[] {
  const line: DraftTable[] = []
  for (let at = declared; at !== undefined && !line.includes(at);) {
    line.push(at)
    at = at.partitionOf === undefined ? undefined : draft.tables.get(at.partitionOf)
  }
  return line
}

/**
 * Whether the statement read the table from end to end, or a partition or child of it: as the shadow showed. Undefined
 * when it was not traced; in code only what is known to belong to the table counts.
 */
export function wasRead(subject: StatementSubject, table: UsedTable): boolean | undefined {
  return isAmong('scans', subject, table)
}

/** As `wasRead`, of writing the table anew. */
export function wasRewritten(subject: StatementSubject, table: UsedTable): boolean | undefined {
  return isAmong('rewrites', subject, table)
}

function isAmong(
  what: 'scans' | 'rewrites',
  subject: StatementSubject,
  { name, draft }: UsedTable,
): boolean | undefined {
  const seen = observationOf(subject)?.[what]
  if (seen === undefined || subject.within === undefined) return seen && seen.length > 0
  const own = [name, ...partitionsOf(draft, name).map((each) => each.name)]
  return seen.some((relation) => own.includes(textNameOf(relation)))
}

/** Whether the text shows that the table holds no rows: partitioned, without a partition. */
export function holdsNoRows({ name, declared, draft }: UsedTable): boolean {
  return declared?.kind === 'partitioned table' && leavesOf(draft, name).length === 0
}
