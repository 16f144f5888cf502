import type { Node } from '@pgsql/types'
import type { NodeOf, NodeTag } from './statement.ts'

/**
 * Visits every tagged node below `root`, itself included, parents first, in the tree's order. A visitor that returns
 * `false` keeps the walk out of that node. A field that can only be of one kind (`IndexStmt.relation`, a RangeVar)
 * carries no tag in the tree: it is walked through but not visited.
 */
export function walk(root: Node | undefined, visit: (tag: NodeTag, fields: object) => boolean | void): void {
  // A stack of its own: `a || b || c …` makes trees deeper than JavaScript can recurse.
  const keys: string[] = []
  const values: object[] = []
  if (root !== undefined) pushChildren(root, keys, values)
  for (let value = values.pop(); value !== undefined; value = values.pop()) {
    const key = keys.pop() ?? ''
    if (isTag(key) && visit(key, value) === false) continue
    pushChildren(value, keys, values)
  }
}

/** Last child first, so that the first is taken first. */
function pushChildren(parent: object, keys: string[], values: object[]): void {
  const own = Object.keys(parent)
  for (let i = own.length - 1; i >= 0; i--) {
    const key = own[i] ?? ''
    const value = (parent as Record<string, unknown>)[key]
    if (typeof value !== 'object' || value === null) continue
    keys.push(key)
    values.push(value)
  }
}

/** Node tags are the only keys of the parse tree that start with a capital letter. */
function isTag(key: string): key is NodeTag {
  return key >= 'A' && key < '['
}

/** All nodes of one kind that `walk` visits below `root`, in the tree's order. */
export function findNodes<T extends NodeTag>(root: Node | undefined, tag: T): NodeOf<T>[] {
  const found: NodeOf<T>[] = []
  walk(root, (seen, fields) => {
    if (seen === tag) found.push(fields as NodeOf<T>)
  })
  return found
}
