import { failure } from '../errors.ts'
import { statementOf } from '../sql/statement.ts'
import type { Statement } from '../sql/statement.ts'
import type { Parser } from '../sql/parse.ts'

/** A schema as one migration. */
export interface DumpedSchema {
  /** Statements with their semicolons; empty for an empty schema. */
  text: string
  /** What was left out, each as a sentence. */
  notices: string[]
}

/**
 * pg_dump's output as a migration: no psql command, no setting that outlives the transaction, no comments of
 * pg_dump's. Names are qualified as pg_dump writes them, and functions may stand before the tables that they read.
 * @param excluded extensions, and schemas whose extensions are left out: bare names
 * @throws KeiError `dump-not-read` when it is not what pg_dump writes
 */
export function readDump(
  parser: Parser,
  dump: string,
  excluded: { schemas: readonly string[]; extensions: readonly string[] },
): DumpedSchema {
  const parsed = parser.parse(withoutCommands(dump))
  if (parsed.kind === 'syntax-error') {
    throw failure({
      code: 'dump-not-read',
      message: `What pg_dump wrote cannot be parsed: ${parsed.message}`,
      hint: 'Nothing was written. Install pg_dump of the same major as the server.',
    })
  }
  const notices: string[] = []
  const kept = parsed.statements.filter((statement) => {
    const reason = leftOut(statement, excluded)
    if (reason !== undefined && reason !== '') notices.push(reason)
    return reason === undefined
  })
  const methods = accessMethods(parsed.statements)
  const texts = kept.flatMap((statement) => {
    if (statement.tag !== 'VariableSetStmt') return [statement.text]
    return methods.has(statement) ? [statement.text.replace(/^SET/, 'SET LOCAL')] : []
  })
  if (texts.length === 0) return { text: '', notices }
  const text = [
    "SET LOCAL search_path = '';",
    'SET LOCAL check_function_bodies = false;',
    ...texts.map((each) => `${each};`),
  ].join('\n\n')
  return { text: `${text}\n`, notices }
}

/** pg_dump's `\restrict KEY` and `\unrestrict KEY` lines; the key is random and occurs nowhere else. */
function withoutCommands(dump: string): string {
  const key = /^\\restrict ([A-Za-z0-9]+)$/m.exec(dump)?.[1]
  return key === undefined ? dump : dump.replaceAll(new RegExp(`^\\\\(?:un)?restrict ${key}$`, 'gm'), '')
}

/** Undefined to keep it, '' to leave it out without a word, else why. */
function leftOut(
  statement: Statement,
  excluded: { schemas: readonly string[]; extensions: readonly string[] },
): string | undefined {
  // set_config('search_path', '', false)
  if (statement.tag === 'SelectStmt') return ''
  if (statementOf(statement, 'CreateSchemaStmt')?.schemaname === 'public') return ''
  if (statementOf(statement, 'CommentStmt')?.objtype === 'OBJECT_EXTENSION') return ''
  const mapping = statementOf(statement, 'CreateUserMappingStmt')
  if (mapping !== undefined) {
    const server = mapping.servername ?? ''
    return `A user mapping of the server ${server} was left out, because it may hold a password.`
  }
  const extension = statementOf(statement, 'CreateExtensionStmt')
  if (extension === undefined) return undefined
  const { extname = '', options = [] } = extension
  const schema = options.flatMap((option) => {
    const element = 'DefElem' in option ? option.DefElem : undefined
    if (element?.defname !== 'schema' || element.arg === undefined || !('String' in element.arg)) return []
    return [element.arg.String.sval ?? '']
  })[0]
  if (excluded.extensions.includes(extname) || (schema !== undefined && excluded.schemas.includes(schema))) return ''
  return undefined
}

/** Settings of the tables' access method; none where every table has PostgreSQL's own, `heap`. */
function accessMethods(statements: readonly Statement[]): ReadonlySet<Statement> {
  const set = statements.filter(
    (statement) => statementOf(statement, 'VariableSetStmt')?.name === 'default_table_access_method',
  )
  return new Set(set.every(({ text }) => /=\s*heap$/.test(text)) ? [] : set)
}
