import type { Catalog, CatalogRelation } from '../findings/catalog.ts'
import type { SchemaDifference } from '../findings/round-trip.ts'
import { wholeChanges } from '../postgres/catalog/whole-changes.ts'
import type { WholeChange } from '../postgres/catalog/whole-changes.ts'

/** What tells `after` from `before`, in as few words as name it; of a table that changed its columns are named. */
export function schemaDifferences(before: Catalog, after: Catalog): SchemaDifference[] {
  return wholeChanges(before, after).flatMap(inColumns)
}

function inColumns(change: WholeChange): SchemaDifference[] {
  const { objectType, name } = change
  if (change.change !== 'changed' || !objectType.endsWith('table')) return [{ objectType, name, change: change.change }]
  const before = columnsOf(change.before as CatalogRelation)
  const after = columnsOf(change.after as CatalogRelation)
  const columns = [...new Set([...before.keys(), ...after.keys()])].sort().flatMap((column): SchemaDifference[] => {
    const [was, is] = [before.get(column), after.get(column)]
    if (was === is) return []
    const kind = was === undefined ? 'added' : is === undefined ? 'removed' : 'changed'
    return [{ objectType: 'column', name: `${name}.${column}`, change: kind }]
  })
  // Attached to another table, or detached.
  return columns.length > 0 ? columns : [{ objectType, name, change: 'changed' }]
}

function columnsOf(relation: CatalogRelation): Map<string, string> {
  return new Map(relation.columns.map((column) => [column.name, JSON.stringify(column)]))
}
