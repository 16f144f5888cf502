import type { Catalog } from '../../findings/catalog.ts'

/** One object that differs between two catalogs. `before` and `after` are its definition as plain data. */
export type CatalogChange =
  | { objectType: string; name: string; change: 'added'; after: unknown }
  | { objectType: string; name: string; change: 'removed'; before: unknown }
  | { objectType: string; name: string; change: 'changed'; before: unknown; after: unknown }

/**
 * What must change for `before` to become `after`: one entry for each relation, index, constraint and other object
 * that was added, removed or changed, by type and name. Empty when both say the same; the order within a catalog does
 * not count, the order of columns in a relation does.
 */
export function diffCatalogs(before: Catalog, after: Catalog): CatalogChange[] {
  const old = objectsOf(before)
  const current = objectsOf(after)
  const changes: CatalogChange[] = []
  for (const [key, was] of old) {
    const is = current.get(key)
    const { objectType, name } = was
    if (is === undefined) {
      changes.push({ objectType, name, change: 'removed', before: was.value })
    } else if (JSON.stringify(was.value) !== JSON.stringify(is.value)) {
      changes.push({ objectType, name, change: 'changed', before: was.value, after: is.value })
    }
  }
  for (const [key, { objectType, name, value }] of current) {
    if (!old.has(key)) changes.push({ objectType, name, change: 'added', after: value })
  }
  return changes.sort((a, b) => compare(a.objectType, b.objectType) || compare(a.name, b.name))
}

interface NamedObject {
  objectType: string
  name: string
  value: unknown
}

function objectsOf(catalog: Catalog): Map<string, NamedObject> {
  const found = new Map<string, NamedObject>()
  const add = (objectType: string, name: string, value: unknown) => {
    const key = `${objectType}\0${name}`
    const known = found.get(key)
    // A view is there twice: by its columns and by its definition.
    found.set(key, { objectType, name, value: known === undefined ? value : [known.value, value] })
  }
  for (const relation of catalog.relations) add(relation.kind, relation.name, relation)
  for (const index of catalog.indexes) add('index', index.name, index)
  for (const constraint of catalog.constraints)
    add('constraint', `${constraint.name} on ${constraint.table}`, constraint)
  for (const object of catalog.objects) add(object.objectType, object.name, object.definition)
  return found
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
