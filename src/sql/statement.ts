import type { Node } from '@pgsql/types'
import type { Span } from './positions.ts'

type KeysOfUnion<T> = T extends unknown ? keyof T & string : never

/** The grammar's name for a node: `IndexStmt`, `CreateStmt`, `AlterTableStmt` … */
export type NodeTag = KeysOfUnion<Node>

/** The fields of one kind of node. */
export type NodeOf<T extends NodeTag> = Node extends infer U ? (U extends Record<T, infer F> ? F : never) : never

/** One SQL statement with its exact place. */
export interface Statement extends Span {
  /** 0-based, in its section. */
  index: number
  tag: NodeTag
  node: Node
  /** Without the comments and white space before it and without the semicolon. */
  text: string
  /** Turns a `location` of the parse tree (UTF-8 bytes into the parsed text) into a UTF-16 offset into the file. */
  offsetOf(location: number): number
}

/** The statement's fields when it is of kind `tag`: `statementOf(s, 'IndexStmt')?.relation`. */
export function statementOf<T extends NodeTag>(statement: Statement, tag: T): NodeOf<T> | undefined {
  return nodeOf(statement.node, tag)
}

/** The node's fields when it is of kind `tag`. */
export function nodeOf<T extends NodeTag>(node: Node | undefined, tag: T): NodeOf<T> | undefined {
  if (node === undefined) return undefined
  return (node as unknown as Record<string, unknown>)[tag] as NodeOf<T> | undefined
}

/** The parts of a (qualified) name in the parse tree: a list of strings, one string, a type's or a function's name. */
export function namesOf(name: Node | undefined): string[] {
  const list = nodeOf(name, 'List')?.items ?? nodeOf(name, 'TypeName')?.names ?? nodeOf(name, 'ObjectWithArgs')?.objname
  const items = list ?? (name ? [name] : [])
  return items.map((item) => nodeOf(item, 'String')?.sval).filter((part) => part !== undefined)
}
