import type { Node } from '@pgsql/types'
import { nodeOf, statementOf } from '../sql/statement.ts'
import type { NodeOf, Statement } from '../sql/statement.ts'
import { findNodes } from '../sql/walk.ts'
import { droppedExtension, extensionCause, typesWithoutModifier } from './extensions.ts'
import type { ExtensionPlan } from './extensions.ts'

/** Changes with everything below that decides what is run; part of every cache key. */
export const editVersion = 1

/** What the shadow runs in place of a statement. */
export type EditedStatement =
  | { kind: 'run'; text: string; edited?: string }
  /** `leavesOut`: what follows may miss something that it would have made. */
  | { kind: 'skip'; cause: string; leavesOut: boolean }

/**
 * Decides how a statement runs as an ordinary role on a server that has neither a superuser for it, nor files, nor
 * other databases: as it is, with a small change that keeps its locks, or not at all.
 */
export function editStatement(statement: Statement, extensions: ExtensionPlan): EditedStatement {
  return skipped(statement, extensions) ?? edited(statement, extensions) ?? { kind: 'run', text: statement.text }
}

function skip(cause: string, leavesOut = false): EditedStatement {
  return { kind: 'skip', cause, leavesOut }
}

function skipped(statement: Statement, extensions: ExtensionPlan): EditedStatement | undefined {
  switch (statement.tag) {
    case 'AlterSystemStmt':
      return skip('ALTER SYSTEM changes the whole server')
    case 'LoadStmt':
      return skip('LOAD reads a library of the server')
    case 'CreateTableSpaceStmt':
    case 'DropTableSpaceStmt':
    case 'AlterTableSpaceOptionsStmt':
      return skip('tablespaces are folders of the server')
    case 'CreateSubscriptionStmt':
    case 'AlterSubscriptionStmt':
    case 'DropSubscriptionStmt':
      return skip('a subscription connects to another server')
    case 'CreateFdwStmt':
    case 'AlterFdwStmt':
    case 'CreateForeignServerStmt':
    case 'AlterForeignServerStmt':
    case 'CreateUserMappingStmt':
    case 'AlterUserMappingStmt':
    case 'DropUserMappingStmt':
    case 'CreateForeignTableStmt':
    case 'ImportForeignSchemaStmt':
      return skip('foreign servers are not reached from the shadow', true)
    case 'CreateEventTrigStmt':
    case 'AlterEventTrigStmt':
      return skip('an event trigger needs a superuser')
    case 'CreatedbStmt':
    case 'DropdbStmt':
    case 'AlterDatabaseStmt':
    case 'AlterDatabaseSetStmt':
    case 'AlterDatabaseRefreshCollStmt':
      return skip('the shadow has no database but its own')
    case 'CopyStmt':
      return skippedCopy(statement)
    case 'CommentStmt':
      switch (statementOf(statement, 'CommentStmt')?.objtype) {
        case 'OBJECT_EXTENSION':
          return skip('an extension of the shadow does not belong to the role that runs the migrations')
        case 'OBJECT_DATABASE':
          return skip('the shadow has no database but its own')
        default:
          return undefined
      }
    case 'GrantStmt':
      return statementOf(statement, 'GrantStmt')?.objtype === 'OBJECT_DATABASE'
        ? skip('the shadow has no database but its own')
        : undefined
    case 'GrantRoleStmt':
      return (statementOf(statement, 'GrantRoleStmt')?.granted_roles ?? []).some((role) =>
        nodeOf(role, 'AccessPriv')?.priv_name?.startsWith('pg_'),
      )
        ? skip('a predefined role is not given away on the shadow')
        : undefined
    case 'AlterOwnerStmt':
      return statementOf(statement, 'AlterOwnerStmt')?.objectType === 'OBJECT_DATABASE'
        ? skip('the shadow has no database but its own')
        : undefined
    case 'CreateExtensionStmt': {
      const found = extensionCause(statement, extensions)
      return found && skip(found.cause, !found.stubbed)
    }
    case 'AlterExtensionStmt':
    case 'AlterExtensionContentsStmt':
      return skip('an extension of the shadow stays as it was created')
    case 'DropStmt': {
      const name = droppedExtension(statement, extensions)
      return name === undefined ? undefined : skip(`extension ${name} was made by kei and stays`)
    }
    case 'InsertStmt':
    case 'UpdateStmt':
    case 'DeleteStmt':
      return isCatalogWrite(statement) ? skip('it writes to a system catalog') : undefined
    case 'DoStmt':
      return catalogWriteInCode.test(statement.text) ? skip('its code writes to a system catalog', true) : undefined
    case 'SelectStmt':
    case 'CallStmt':
      return skippedCall(statement, extensions)
    case 'IndexStmt': {
      const method = statementOf(statement, 'IndexStmt')?.accessMethod ?? 'btree'
      const known = ['btree', 'hash', 'gin', 'gist', 'spgist', 'brin', 'bloom'].includes(method)
      return known ? undefined : skip(`index access method ${method} is not available on the shadow`, true)
    }
    case 'AlterTableStmt':
    case 'CreateTableAsStmt':
    case 'ViewStmt':
      return /\btimescaledb\s*\./i.test(statement.text) && usesNamespace(statement.node, 'timescaledb')
        ? skip('extension timescaledb is not available on the shadow', statement.tag !== 'AlterTableStmt')
        : undefined
    default:
      return undefined
  }
}

const writtenCatalogs =
  'index|class|attribute|attrdef|proc|enum|constraint|type|trigger|namespace|depend|authid|database|extension|' +
  'rewrite|cast'
const catalogWriteInCode = new RegExp(
  String.raw`\b(?:update|insert\s+into|delete\s+from)\s+(?:only\s+)?(?:pg_catalog\.\w+|pg_(?:${writtenCatalogs})\b)`,
  'i',
)

function skippedCopy(statement: Statement): EditedStatement | undefined {
  const copy = statementOf(statement, 'CopyStmt')
  if (copy?.is_program === true) return skip('COPY … PROGRAM runs a program on the server')
  if (copy?.filename !== undefined) return skip('COPY reads or writes a file of the server')
  return skip('COPY needs data from the client')
}

function isCatalogWrite(statement: Statement): boolean {
  const target =
    statementOf(statement, 'InsertStmt')?.relation ??
    statementOf(statement, 'UpdateStmt')?.relation ??
    statementOf(statement, 'DeleteStmt')?.relation
  if (target?.schemaname !== undefined) return target.schemaname === 'pg_catalog'
  return target?.relname?.startsWith('pg_') === true
}

function skippedCall(statement: Statement, extensions: ExtensionPlan): EditedStatement | undefined {
  if (extensions.functions.size === 0) return undefined
  for (const call of findNodes(statement.node, 'FuncCall')) {
    const name = nodeOf(call.funcname?.at(-1), 'String')?.sval ?? ''
    const extension = extensions.functions.get(name)
    if (extension !== undefined) return skip(`${name}() belongs to extension ${extension}, which the shadow has not`)
  }
  return undefined
}

function usesNamespace(node: Node, namespace: string): boolean {
  return findNodes(node, 'DefElem').some((option) => option.defnamespace === namespace)
}

interface TextChange {
  start: number
  end: number
  text: string
}

function edited(statement: Statement, extensions: ExtensionPlan): EditedStatement | undefined {
  switch (statement.tag) {
    case 'AlterTableStmt':
    case 'DoStmt':
      if (/\btrigger\s+all\b/i.test(statement.text)) {
        const text = statement.text.replace(/\b((?:enable|disable)\s+trigger\s+)all\b/gi, '$1USER')
        if (text !== statement.text) return { kind: 'run', text, edited: 'TRIGGER ALL ran as TRIGGER USER' }
      }
      break
    case 'CreateRoleStmt':
    case 'AlterRoleStmt': {
      const options =
        statementOf(statement, 'CreateRoleStmt')?.options ?? statementOf(statement, 'AlterRoleStmt')?.options
      return withoutAttributes(statement, options ?? [])
    }
    default:
      break
  }
  return extensions.stubbed.some(({ stub }) => stub.types.some(({ typmod }) => !typmod))
    ? withoutModifiers(statement)
    : undefined
}

/** Attributes of a role that only a superuser gives; leaving them out changes nothing that a shadow shows. */
function withoutAttributes(statement: Statement, options: readonly Node[]): EditedStatement | undefined {
  const changes: TextChange[] = []
  const words: string[] = []
  for (const option of options) {
    const element = nodeOf(option, 'DefElem')
    if (!['superuser', 'isreplication', 'bypassrls'].includes(element?.defname ?? '')) continue
    const start = statement.offsetOf(element?.location ?? 0) - statement.start
    const word = /^\w+/.exec(statement.text.slice(start))?.[0] ?? ''
    changes.push({ start, end: start + word.length, text: '' })
    words.push(word.toUpperCase())
  }
  if (changes.length === 0) return undefined
  return { kind: 'run', text: applyChanges(statement.text, changes), edited: `ran without ${words.join(', ')}` }
}

/** `geometry(Point, 4326)` as `geometry`: the stub type takes no modifier. */
function withoutModifiers(statement: Statement): EditedStatement | undefined {
  const changes: TextChange[] = []
  const names = new Set<string>()
  for (const type of typeNames(statement.node)) {
    const name = nodeOf(type.names?.at(-1), 'String')?.sval ?? ''
    if (type.typmods === undefined || !typesWithoutModifier.has(name)) continue
    const at = statement.offsetOf(type.location ?? 0) - statement.start
    const modifier = /^[\w."]+\s*(\([^()]*\))/.exec(statement.text.slice(at))
    if (modifier?.[1] === undefined) continue
    const end = at + modifier[0].length
    changes.push({ start: end - modifier[1].length, end, text: '' })
    names.add(name)
  }
  if (changes.length === 0) return undefined
  const text = applyChanges(statement.text, changes)
  return { kind: 'run', text, edited: `${[...names].join(', ')} ran without a type modifier` }
}

/** The parse tree holds type names as tagged nodes and as plain fields; those with a modifier are what matters here. */
function typeNames(value: unknown): NodeOf<'TypeName'>[] {
  if (Array.isArray(value)) return value.flatMap(typeNames)
  if (value === null || typeof value !== 'object') return []
  const own = 'typmods' in value && 'names' in value ? [value as NodeOf<'TypeName'>] : []
  return [...own, ...Object.values(value).flatMap(typeNames)]
}

function applyChanges(text: string, changes: readonly TextChange[]): string {
  return [...changes]
    .sort((a, b) => b.start - a.start)
    .reduce((result, { start, end, text: by }) => result.slice(0, start) + by + result.slice(end), text)
}
