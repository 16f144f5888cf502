import type { Catalog, CatalogColumn } from '../../findings/catalog.ts'
import { diffCatalogs } from './diff.ts'
import type { CatalogChange } from './diff.ts'

/** A change with the relation that its object stands on, where it is not a relation itself. */
export type WholeChange = CatalogChange & { relation?: string }

/**
 * What must change for `before` to become `after`, in as few entries as name it: a relation that came or went stands
 * for all that belongs to it, a constraint for its index.
 *
 * Where a column stands in its table does not count: one that is dropped and added again comes last, and nothing can
 * put it back.
 */
export function wholeChanges(before: Catalog, after: Catalog): WholeChange[] {
  const [old, current] = [ownersIn(before), ownersIn(after)]
  const changes = diffCatalogs(withoutPositions(before), withoutPositions(after)).map((change): WholeChange => {
    if (isRelation(change.objectType)) return change
    const key = keyOf(change.objectType, change.name)
    const relation = change.change === 'added' ? current.get(key) : old.get(key)
    return relation === undefined ? change : { ...change, relation }
  })
  const there = new Set(changes.map(({ objectType, name, change }) => `${change} ${keyOf(objectType, name)}`))
  const whole = new Set(
    changes.flatMap(({ objectType, name, change }) => (isRelation(objectType) ? [`${change} ${name}`] : [])),
  )
  return changes.filter(({ objectType, name, change, relation }) => {
    if (relation === undefined || change === 'changed') return true
    if (whole.has(`${change} ${relation}`)) return false
    // A primary key and its index are one thing under two names.
    return objectType !== 'index' || !there.has(`${change} ${constraintKey(name, relation)}`)
  })
}

/** Whether an object of this type has columns. */
export function isRelation(objectType: string): boolean {
  return relationTypes.has(objectType)
}

const relationTypes: ReadonlySet<string> = new Set([
  'table',
  'partitioned table',
  'foreign table',
  'materialized view',
  'view',
])

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

/** The relation that each object goes with. */
function ownersIn(catalog: Catalog): Map<string, string> {
  const owners = new Map<string, string>()
  const relations = new Set(catalog.relations.map(({ name }) => name))
  for (const { name, table } of catalog.indexes) owners.set(keyOf('index', name), table)
  for (const { name, table } of catalog.constraints) owners.set(keyOf('constraint', `${name} on ${table}`), table)
  for (const { objectType, name, definition } of catalog.objects) {
    const owner = ownerOf(objectType, name, definition, relations)
    if (owner !== undefined) owners.set(keyOf(objectType, name), owner)
  }
  return owners
}

function ownerOf(
  objectType: string,
  name: string,
  definition: string,
  relations: ReadonlySet<string>,
): string | undefined {
  switch (objectType) {
    case 'sequence': {
      const column = / owned by (.*)$/.exec(definition)?.[1]
      return column === undefined ? undefined : withoutLastPart(column)
    }
    case 'statistics':
      return definition.split(' ').find((word) => relations.has(word))
    default:
      return ownerInName(name, relations)
  }
}

/** `touch on app.child`, `app.child.label`; row security and partition bounds have the table's own name. */
function ownerInName(name: string, relations: ReadonlySet<string>): string | undefined {
  if (relations.has(name)) return name
  const table = withoutLastPart(name)
  if (relations.has(table)) return table
  for (let at = name.indexOf(' on '); at !== -1; at = name.indexOf(' on ', at + 1)) {
    const table = name.slice(at + ' on '.length)
    if (relations.has(table)) return table
  }
  return undefined
}

function withoutLastPart(name: string): string {
  return name.replace(/\.(?:"(?:[^"]|"")*"|[^".]*)$/, '')
}

function keyOf(objectType: string, name: string): string {
  return `${objectType} ${name}`
}

/** The constraint that an index of this name would belong to. */
function constraintKey(index: string, table: string): string {
  return keyOf('constraint', `${index.replace(/^(?:"(?:[^"]|"")*"|[^".]*)\./, '')} on ${table}`)
}
