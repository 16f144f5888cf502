import type { Node } from '@pgsql/types'
import type { NodeOf, NodeTag } from './statement.ts'

/**
 * Visits every tagged node below `root`, itself included, parents first, in the tree's order. A visitor that returns
 * `false` keeps the walk out of that node. A field that can only be of one kind (`IndexStmt.relation`, a RangeVar)
 * carries no tag in the tree: it is walked through but not visited.
 */
export function walk(root: Node | undefined, visit: (tag: NodeTag, fields: object) => boolean | void): void {
  // A stack of its own: `a || b || c …` makes trees deeper than JavaScript can recurse.
  const waiting: { tag: string; value: object }[] = []
  pushChildren(root, waiting)
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    if (isTag(next.tag) && visit(next.tag, next.value) === false) continue
    pushChildren(next.value, waiting)
  }
}

/** Last child first, so that the first is taken first. */
function pushChildren(parent: unknown, waiting: { tag: string; value: object }[]): void {
  if (typeof parent !== 'object' || parent === null) return
  const entries = Object.entries(parent)
  for (let i = entries.length - 1; i >= 0; i--) {
    const [key = '', value] = entries[i] ?? []
    if (typeof value === 'object' && value !== null) waiting.push({ tag: key, value: value as object })
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
