import type { Node } from '@pgsql/types'
import { nodeOf } from './statement.ts'
import type { Statement } from './statement.ts'

/** Schemas in which an unqualified name is looked up, `"$user"` and `pg_catalog` left out; the first is where it is created. */
export type SearchPath = readonly string[]

/** That of a fresh session. */
export const defaultSearchPath: SearchPath = ['public']

/** Of a session and its transaction. */
export interface SearchPaths {
  /** In force. */
  now: SearchPath
  /** What it falls back to at the end of the transaction. */
  session: SearchPath
}

export const freshSearchPaths: SearchPaths = { now: defaultSearchPath, session: defaultSearchPath }

export function isDefaultPath(path: SearchPath): boolean {
  return path.length === 1 && path[0] === 'public'
}

/** The search paths after a statement, which SET, RESET, set_config() and the end of a transaction change. */
export function searchPathsAfter(paths: SearchPaths, node: Node): SearchPaths {
  const [tag] = Object.keys(node)
  switch (tag) {
    case 'VariableSetStmt': {
      const set = nodeOf(node, tag)
      if (set?.kind === 'VAR_RESET_ALL') return freshSearchPaths
      if (set?.name?.toLowerCase() !== 'search_path') return paths
      const now = set.kind === 'VAR_SET_VALUE' ? schemasOf((set.args ?? []).map(textOf)) : defaultSearchPath
      return { now, session: set.is_local ? paths.session : now }
    }
    case 'SelectStmt': {
      const [only, ...others] = nodeOf(node, tag)?.targetList ?? []
      const call = others.length === 0 ? nodeOf(nodeOf(only, 'ResTarget')?.val, 'FuncCall') : undefined
      if (nodeOf(call?.funcname?.at(-1), 'String')?.sval !== 'set_config') return paths
      const [name, value, local] = call?.args ?? []
      if (textOf(name)?.toLowerCase() !== 'search_path') return paths
      const written = textOf(value)
      if (written === undefined) return paths
      const now =
        written.trim() === '' ? [] : schemasOf(written.split(',').map((each) => each.trim().replaceAll('"', '')))
      return { now, session: nodeOf(local, 'A_Const')?.boolval?.boolval ? paths.session : now }
    }
    case 'TransactionStmt': {
      const kind = nodeOf(node, tag)?.kind
      const isEnd = kind === 'TRANS_STMT_COMMIT' || kind === 'TRANS_STMT_ROLLBACK'
      return isEnd && paths.now !== paths.session ? { now: paths.session, session: paths.session } : paths
    }
    default:
      return paths
  }
}

/** The search path before each statement of a file, which its runner begins in a fresh session. */
export function searchPathsOf(statements: readonly Statement[]): SearchPath[] {
  let paths = freshSearchPaths
  return statements.map(({ node }) => {
    const { now } = paths
    paths = searchPathsAfter(paths, node)
    return now
  })
}

function schemasOf(written: readonly (string | undefined)[]): SearchPath {
  const schemas = written.filter((schema) => schema !== undefined && schema !== '$user' && schema !== 'pg_catalog')
  // SET search_path = '' finds nothing; "$user" alone is what a fresh session has, where no schema is the role's own.
  if (schemas.length === 0 && written.includes('$user')) return defaultSearchPath
  return (schemas as string[]).filter((schema) => schema !== '')
}

function textOf(node: Node | undefined): string | undefined {
  return nodeOf(node, 'A_Const')?.sval?.sval ?? nodeOf(nodeOf(node, 'TypeCast')?.arg, 'A_Const')?.sval?.sval
}
