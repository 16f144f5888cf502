import type { Node } from '@pgsql/types'
import type { DefinedAt, DynamicPart } from '../rules/subject.ts'
import { atPlace, codeStatements } from '../sql/code-statements.ts'
import type { CodeStatements } from '../sql/code-statements.ts'
import { constantText } from '../sql/constant-text.ts'
import type { ConstantNames } from '../sql/constant-text.ts'
import { relationsIn } from '../sql/named-objects.ts'
import type { Parser } from '../sql/parse.ts'
import { namesOf, nodeOf } from '../sql/statement.ts'
import type { NodeOf, Statement } from '../sql/statement.ts'
import { findNodes } from '../sql/walk.ts'

/** A statement that another one's code sends. */
export interface InnerStatement {
  statement: Statement
  /** Whether the code may end without having run it, or may take back what it did. */
  conditional: boolean
  /** The function that sends it, where it is one of the history. */
  definedAt?: DefinedAt
}

/** What a statement's code does, through all functions of the history that it calls. */
export interface StatementCode {
  /** The statements that change something, in the order of the code. */
  inner: InnerStatement[]
  /** The trees of its queries. */
  reads: Node[]
  dynamic: DynamicPart[]
  /**
   * The statements that it is certain to run, where these are all and each is written out in the file: as if the file
   * sent them itself.
   */
  certain?: Statement[]
}

/** A file whose statements are read for code. */
interface CodeFile {
  file: string
  /** The decoded text of the whole file. */
  text: string
  statements: readonly Statement[]
}

/** A function or procedure of the history. */
interface Routine {
  create: NodeOf<'CreateFunctionStmt'>
  /** Types of its parameters, which tell it from others of its name. */
  signature: string
  statement: Statement
  definedAt: DefinedAt
}

/** Functions that call each other are followed so deep, each with the same arguments once. */
const deepestCall = 8

/**
 * Reads the code of a history's statements file by file, oldest first: of DO blocks, and of functions and prepared
 * statements that the history made before and a statement calls. A statement without such code has no entry.
 */
export function codeReader(parser: Parser): (file: CodeFile) => ReadonlyMap<Statement, StatementCode> {
  const routines = new Map<string, Routine[]>()
  return (file) => {
    const prepared = new Map<string, Statement>()
    const read = new Map<Statement, StatementCode>()
    for (const statement of file.statements) {
      const code = readStatement(statement, file, prepared)
      if (code) read.set(statement, code)
    }
    return read
  }

  function readStatement(
    statement: Statement,
    file: CodeFile,
    prepared: Map<string, Statement>,
  ): StatementCode | undefined {
    const { node, tag } = statement
    switch (tag) {
      case 'CreateFunctionStmt':
        noteRoutine(routines, statement, file, statement)
        return undefined
      case 'PrepareStmt':
        prepared.set(nodeOf(node, tag)?.name ?? '', statement)
        return undefined
      case 'ExecuteStmt': {
        const kept = prepared.get(nodeOf(node, tag)?.name ?? '')
        return kept && expand(statement, file, { code: codeStatements(parser, kept), place: statement })
      }
      case 'DoStmt':
        return expand(statement, file, { code: codeStatements(parser, statement) })
      case 'CallStmt':
        return expand(statement, file, {})
      case 'SelectStmt':
        if (routines.size === 0 || ownCalls(node).length === 0) return undefined
        return expand(statement, file, {})
      default:
        return undefined
    }
  }

  /** Calls of the history's routines. */
  function ownCalls(node: Node): NodeOf<'FuncCall'>[] {
    return callsIn(node).filter(({ funcname }) => routines.has(lastName(funcname)))
  }

  /** Of a statement that has code, given with it, or calls a routine. */
  function expand(
    outer: Statement,
    file: CodeFile,
    { code, place }: { code?: CodeStatements | undefined; place?: Statement },
  ): StatementCode {
    const read: StatementCode = { inner: [], reads: [], dynamic: [] }
    const dynamic = new Set<string>()
    const called = new Set<string>()
    let isCertain = outer.tag === 'DoStmt'
    if (code) send(code, { depth: 0, conditional: false, ...(place && { place }) })
    else call(outer, { depth: 0, conditional: false })
    const fromRows = [...read.reads, ...(code ? [] : [outer.node])].some(readsRows)
    read.dynamic = [...dynamic].map((text) => ({ text, fromRows }))
    if (isCertain && dynamic.size === 0) read.certain = read.inner.map(({ statement }) => statement)
    return read

    function send(found: CodeStatements | undefined, at: Sent): void {
      for (const text of found?.dynamic ?? []) dynamic.add(text)
      for (const { statement, written, ...each } of found?.sent ?? []) {
        const own = at.place ? { ...atPlace(statement, at.place), index: outer.index } : statement
        const isWritten = written && at.place === undefined
        const conditional = each.conditional || at.conditional
        switch (statement.tag) {
          case 'DoStmt':
            send(codeStatements(parser, own, { written: isWritten }), { ...at, conditional })
            continue
          case 'CallStmt':
            call(own, { ...at, conditional })
            continue
          case 'SelectStmt':
            if (nodeOf(statement.node, 'SelectStmt')?.intoClause) break
            read.reads.push(statement.node)
            call(own, { ...at, conditional })
            continue
          case 'CreateFunctionStmt':
            noteRoutine(routines, statement, file, outer)
            break
          default:
        }
        if (conditional || !isWritten) isCertain = false
        read.inner.push({ statement: own, conditional, ...(at.definedAt && { definedAt: at.definedAt }) })
      }
    }

    function call(caller: Statement, { depth, conditional }: Sent): void {
      const procedure = nodeOf(caller.node, 'CallStmt')?.funccall
      // PostgreSQL comes with functions, but hardly with procedures.
      if (procedure && !routines.has(lastName(procedure.funcname)))
        dynamic.add(`CALL of ${lastName(procedure.funcname)}`)
      for (const each of ownCalls(caller.node)) {
        for (const { create, statement, signature, definedAt } of routinesFor(routines, each)) {
          isCertain = false
          const given = constantArguments(create, each)
          const key = JSON.stringify([definedAt.name, signature, [...given]])
          if (called.has(key) || depth >= deepestCall) continue
          called.add(key)
          send(codeStatements(parser, statement, { given }), {
            depth: depth + 1,
            conditional,
            place: caller,
            definedAt,
          })
        }
      }
    }
  }
}

/** How code comes to be run. */
interface Sent {
  /** Calls around it. */
  depth: number
  conditional: boolean
  /** The call, for the code of a function or prepared statement. */
  place?: Statement
  definedAt?: DefinedAt
}

/** `statement` is where the file is to be looked at for the routine: in code, the statement around it. */
function noteRoutine(routines: Map<string, Routine[]>, create: Statement, file: CodeFile, statement: Statement): void {
  const fields = nodeOf(create.node, 'CreateFunctionStmt')
  if (fields === undefined) return
  const name = lastName(fields.funcname)
  const signature = parametersOf(fields)
    .map(({ argType }) => `${namesOf({ TypeName: argType ?? {} }).at(-1) ?? ''}${argType?.arrayBounds ? '[]' : ''}`)
    .join()
  const definedAt = {
    name,
    file: file.file,
    text: file.text,
    span: { start: statement.start, end: statement.end },
  }
  const others = (routines.get(name) ?? []).filter((each) => each.signature !== signature)
  routines.set(name, [...others, { create: fields, signature, statement: create, definedAt }])
}

/** The parameters that a caller gives. */
function parametersOf({ parameters }: NodeOf<'CreateFunctionStmt'>) {
  return (parameters ?? []).flatMap((each) => {
    const parameter = nodeOf(each, 'FunctionParameter')
    const isGiven = parameter && parameter.mode !== 'FUNC_PARAM_OUT' && parameter.mode !== 'FUNC_PARAM_TABLE'
    return isGiven ? [parameter] : []
  })
}

/** The routines that a call may mean, by its name and the number of its arguments. */
function routinesFor(routines: ReadonlyMap<string, Routine[]>, call: NodeOf<'FuncCall'>): Routine[] {
  const named = routines.get(lastName(call.funcname)) ?? []
  const count = call.args?.length ?? 0
  const fitting = named.filter(({ create }) => {
    const parameters = parametersOf(create)
    const needed = parameters.filter(({ defexpr, mode }) => !defexpr && mode !== 'FUNC_PARAM_VARIADIC').length
    const isVariadic = parameters.some(({ mode }) => mode === 'FUNC_PARAM_VARIADIC')
    return count >= needed && (isVariadic || count <= parameters.length)
  })
  // CALL gives OUT parameters too.
  return fitting.length > 0 ? fitting : named
}

function constantArguments(create: Routine['create'], call: NodeOf<'FuncCall'>): ConstantNames {
  const given = new Map<string, string>()
  const parameters = parametersOf(create)
  for (const [index, argument] of (call.args ?? []).entries()) {
    const named = nodeOf(argument, 'NamedArgExpr')
    const at = named === undefined ? index : parameters.findIndex(({ name }) => name === named.name)
    const parameter = parameters[at]
    const text = constantText(named?.arg ?? argument, new Map())
    if (parameter === undefined || parameter.mode === 'FUNC_PARAM_VARIADIC' || text === undefined) continue
    given.set(`$${at + 1}`, text)
    if (parameter.name !== undefined) given.set(parameter.name, text)
  }
  return given
}

/** CALL has its function without a tag. */
function callsIn(node: Node): NodeOf<'FuncCall'>[] {
  const called = nodeOf(node, 'CallStmt')?.funccall
  return [...(called ? [called] : []), ...findNodes(node, 'FuncCall')]
}

function lastName(names: readonly Node[] | undefined): string {
  return nodeOf(names?.at(-1), 'String')?.sval ?? ''
}

/** Whether a query reads tables other than the system's, whose rows are other ones in production. */
function readsRows(query: Node): boolean {
  const queries = new Set(findNodes(query, 'CommonTableExpr').map(({ ctename }) => ctename))
  return relationsIn(query).some(
    ({ schemaname, relname = '' }) =>
      schemaname !== 'pg_catalog' &&
      schemaname !== 'information_schema' &&
      !(schemaname === undefined && (relname.startsWith('pg_') || queries.has(relname))),
  )
}
