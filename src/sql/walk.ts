import type { Node } from '@pgsql/types'
import type { NodeOf, NodeTag } from './statement.ts'

/**
 * Visits every node below `root`, itself included, parents first. A visitor that returns `false` keeps the walk out
 * of that node.
 */
export function walk(root: Node | undefined, visit: (tag: NodeTag, fields: object) => boolean | void): void {
  if (root !== undefined) walkValue(root, visit)
}

function walkValue(value: unknown, visit: (tag: NodeTag, fields: object) => boolean | void): void {
  if (Array.isArray(value)) {
    for (const item of value) walkValue(item, visit)
    return
  }
  if (value === null || typeof value !== 'object') return
  for (const [key, child] of Object.entries(value)) {
    if (child === null || typeof child !== 'object') continue
    // Node tags are the only keys of the parse tree that start with a capital letter.
    const isTag = key >= 'A' && key < '['
    if (isTag && !Array.isArray(child) && visit(key as NodeTag, child) === false) continue
    walkValue(child, visit)
  }
}

/** All nodes of one kind below `root`, in the tree's order. */
export function findNodes<T extends NodeTag>(root: Node | undefined, tag: T): NodeOf<T>[] {
  const found: NodeOf<T>[] = []
  walk(root, (seen, fields) => {
    if (seen === tag) found.push(fields as NodeOf<T>)
  })
  return found
}
