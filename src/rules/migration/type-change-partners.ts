import { textNameOf } from '../../sql/identifier.ts'
import { alterCommands } from '../alter-command.ts'
import { observationOf } from '../observed.ts'
import type { StatementSubject } from '../subject.ts'
import { partitionsOf } from '../used-table.ts'
import type { UsedTable } from '../used-table.ts'

/** Tables that a foreign key on a column joins to its table: they are locked as it is while its type changes. */
export interface Partners {
  /** As PostgreSQL prints them where that was seen, else as written. */
  names: string[]
  /** Those of which only the shadow showed it. */
  hidden: string[]
}

/** By the text and, where the statement was traced, by the locks that it took. */
export function foreignKeyPartners(subject: StatementSubject, table: UsedTable, column: string): Partners {
  const byText = partnersByText(table, column)
  const observation = observationOf(subject)
  if (observation === undefined) return { names: byText, hidden: [] }
  const own = new Set([table.name, ...partitionsOf(table.draft, table.name).map(({ name }) => name)])
  const locked = observation.locks.flatMap(({ relation, mode }) => {
    const name = textNameOf(relation)
    return mode === 'ACCESS EXCLUSIVE' && table.draft.tables.has(name) && !own.has(name) ? [{ name, relation }] : []
  })
  const isAlone = alterCommands(subject.statement).length === 1 && subject.within === undefined
  const hidden = isAlone ? locked.filter(({ name }) => !byText.includes(name)) : []
  const known = locked.filter(({ name }) => byText.includes(name))
  const printed = (each: { relation: string }[]) => [...new Set(each.map(({ relation }) => relation))]
  return { names: printed([...known, ...hidden]), hidden: printed(hidden) }
}

function partnersByText({ name, declared, draft }: UsedTable, column: string): string[] {
  const found = new Set<string>()
  for (const { columns, referencedTable } of declared?.foreignKeys ?? []) {
    if (columns.includes(column)) found.add(referencedTable)
  }
  if (draft.referenced.has(name)) {
    const primary = declared?.keys.find(({ kind }) => kind === 'primary key')?.columns ?? []
    for (const other of draft.tables.values()) {
      for (const { referencedTable, referencedColumns } of other.foreignKeys) {
        if (referencedTable !== name) continue
        if ((referencedColumns.length > 0 ? referencedColumns : primary).includes(column)) found.add(other.name)
      }
    }
  }
  found.delete(name)
  return [...found]
}
