import type { Catalog, CatalogColumn, CatalogConstraint, CatalogIndex, CatalogRelation } from '../findings/catalog.ts'
import type { SchemaDifference } from '../findings/round-trip.ts'
import { diffCatalogs } from '../postgres/catalog/diff.ts'
import type { CatalogChange } from '../postgres/catalog/diff.ts'

/**
 * What tells `after` from `before`, in as few words as name it: a table that came or went stands for all that belongs
 * to it, a constraint for its index, and of a table that changed its columns are named.
 *
 * Where a column stands in its table does not count: one that is dropped and added again comes last, and nothing can
 * put it back.
 */
export function schemaDifferences(before: Catalog, after: Catalog): SchemaDifference[] {
  const changes = diffCatalogs(withoutPositions(before), withoutPositions(after))
  return changes.filter((change) => !isPartOfAnother(change, changes)).flatMap(inColumns)
}

function withoutPositions(catalog: Catalog): Catalog {
  return {
    ...catalog,
    relations: catalog.relations.map((relation) => ({ ...relation, columns: [...relation.columns].sort(byName) })),
    // PostgreSQL lists the columns that a CHECK reads, and those of extended statistics, as they stand in the table.
    constraints: catalog.constraints.map((constraint) =>
      constraint.type === 'c' ? { ...constraint, columns: [...constraint.columns].sort() } : constraint,
    ),
    objects: catalog.objects.map((object) =>
      object.objectType === 'statistics'
        ? { ...object, definition: object.definition.split(/,?\s+/).sort().join(' ') }
        : object,
    ),
  }
}

function byName(a: CatalogColumn, b: CatalogColumn): number {
  return a.name < b.name ? -1 : a.name > b.name ? 1 : 0
}

/** Whether an object came or went with another one that says so already. */
function isPartOfAnother(change: CatalogChange, changes: readonly CatalogChange[]): boolean {
  if (change.change === 'changed') return false
  const value = change.change === 'added' ? change.after : change.before
  return changes.some((other) => {
    if (other === change || other.change !== change.change) return false
    if (isRelation(other.objectType)) return belongsTo(other.name, change, value)
    if (other.objectType !== 'constraint' || change.objectType !== 'index') return false
    const { name, table } = (other.change === 'added' ? other.after : other.before) as CatalogConstraint
    return (value as CatalogIndex).table === table && change.name.endsWith(`.${name}`)
  })
}

function belongsTo(relation: string, { objectType, name }: CatalogChange, value: unknown): boolean {
  switch (objectType) {
    case 'index':
    case 'constraint':
      return (value as CatalogIndex | CatalogConstraint).table === relation
    case 'trigger':
    case 'rule':
    case 'policy':
      return name.endsWith(` on ${relation}`)
    case 'row security':
      return name === relation
    case 'sequence':
      return String(value).includes(` owned by ${relation}.`)
    case 'statistics':
      return String(value).split(' ').includes(relation)
    default:
      return false
  }
}

function isRelation(objectType: string): boolean {
  return /table$|view$/.test(objectType)
}

function inColumns(change: CatalogChange): SchemaDifference[] {
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
