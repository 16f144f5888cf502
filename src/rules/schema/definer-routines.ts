import type { CatalogObject } from '../../findings/catalog.ts'
import type { DefElem, FunctionParameter, Node } from '@pgsql/types'
import { typeNameOf } from '../../sql/declarations.ts'
import { quoteIdentifier, textNameOf } from '../../sql/identifier.ts'
import type { Span } from '../../sql/positions.ts'
import { textName } from '../../sql/schema-draft.ts'
import { namesOf, nodeOf } from '../../sql/statement.ts'
import type { NodeOf } from '../../sql/statement.ts'
import { tokenEnd } from '../../sql/token.ts'
import { skipBlank } from '../../sql/blank.ts'
import { printedName } from '../object-name.ts'
import type { StatementSubject } from '../subject.ts'
import type { SchemaState } from './schema-state.ts'

/** A function or procedure that runs as its owner and finds names by the caller's search_path. */
export interface ExposedRoutine {
  kind: 'function' | 'procedure'
  /** The name of a `SchemaText`. */
  name: string
  /** As PostgreSQL prints it, with its arguments; undefined where the text does not show that for certain. */
  printed?: string
  /** Whether it is the only one of its name. */
  isAlone: boolean
  /** The statement that makes it so, where the text shows it. */
  subject?: StatementSubject
  /** `SECURITY DEFINER` in that statement. */
  words?: Span
  seen?: CatalogObject
}

interface Routine {
  kind: 'function' | 'procedure'
  name: string
  types: string
  parameters: readonly FunctionParameter[]
  isDefiner: boolean
  hasPath: boolean
  subject: StatementSubject
  words?: Span
}

/** The routines with SECURITY DEFINER, no `search_path` of their own, and a body that is looked up when it runs. */
export function* exposedRoutines(state: SchemaState): Generator<ExposedRoutine> {
  const { catalog, complete } = state
  const written = readText(state)
  const countOf = (name: string) => written.filter((routine) => routine.name === name).length
  const seenNames = new Set<string>()
  for (const seen of catalog?.objects ?? []) {
    if (seen.objectType !== 'function' && seen.objectType !== 'procedure') continue
    const name = textNameOf(seen.name.replace(/\(.*$/s, ''))
    seenNames.add(name)
    if (!isExposed(seen.definition)) continue
    const own = written.filter((routine) => routine.name === name && routine.isDefiner && !routine.hasPath)
    const text = own.length === 1 ? own[0] : own.find((routine) => printedOf(routine) === seen.name)
    yield {
      kind: seen.objectType,
      name,
      printed: seen.name,
      isAlone: (catalog?.objects ?? []).filter((each) => each.name.startsWith(`${seen.name.replace(/\(.*$/s, '')}(`)).length === 1,
      seen,
      ...(text && { subject: text.subject, ...(text.words && { words: text.words }) }),
    }
  }
  if (catalog !== undefined && complete) return
  for (const routine of written) {
    if (!routine.isDefiner || routine.hasPath || seenNames.has(routine.name)) continue
    yield {
      kind: routine.kind,
      name: routine.name,
      printed: printedOf(routine),
      isAlone: countOf(routine.name) === 1,
      subject: routine.subject,
      ...(routine.words && { words: routine.words }),
    }
  }
}

/** Whether `pg_get_functiondef` shows SECURITY DEFINER, no search_path, and a body that is text. */
function isExposed(definition: string): boolean {
  const body = /\n(?:AS |BEGIN ATOMIC\b|RETURN )/.exec(definition)
  const head = definition.slice(0, body?.index)
  return (
    /\bSECURITY DEFINER\b/.test(head) &&
    !/\n SET search_path TO /.test(head) &&
    !/\n LANGUAGE (?:c|internal)\b/.test(head) &&
    body?.[0].startsWith('\nAS') === true
  )
}

function readText({ migrations }: SchemaState): Routine[] {
  const routines = new Map<string, Routine>()
  for (const migration of migrations) {
    for (const outer of migration.statements) {
      for (const subject of [outer, ...outer.inner]) foldRoutine(routines, subject)
    }
  }
  return [...routines.values()]
}

function foldRoutine(routines: Map<string, Routine>, subject: StatementSubject): void {
  const { node, tag } = subject.statement
  switch (tag) {
    case 'CreateFunctionStmt': {
      const create = nodeOf(node, tag)
      const name = nameOf(create?.funcname)
      if (create === undefined || name === undefined) return
      const parameters = (create.parameters ?? []).flatMap((each) => nodeOf(each, 'FunctionParameter') ?? [])
      const types = inputTypes(parameters)
      const options = optionsOf(create.options)
      const language = nodeOf(option(options, 'language')?.arg, 'String')?.sval
      const security = option(options, 'security')
      routines.set(`${name}(${types})`, {
        kind: create.is_procedure ? 'procedure' : 'function',
        name,
        types,
        parameters,
        isDefiner: isTrue(security),
        // What is bound when it is made, or is no SQL, looks nothing up.
        hasPath: setsPath(options) === true || create.sql_body !== undefined || language === 'c' || language === 'internal',
        subject,
        ...(security && { words: wordsAt(subject, security) }),
      })
      return
    }
    case 'AlterFunctionStmt': {
      const alter = nodeOf(node, tag)
      const options = optionsOf(alter?.actions)
      const security = option(options, 'security')
      const path = setsPath(options)
      for (const routine of named(routines, alter?.func)) {
        if (security) {
          routine.isDefiner = isTrue(security)
          routine.subject = subject
          routine.words = wordsAt(subject, security)
        }
        if (path !== undefined) routine.hasPath = path
      }
      return
    }
    case 'DropStmt': {
      const drop = nodeOf(node, tag)
      const { removeType } = drop ?? {}
      if (removeType !== 'OBJECT_FUNCTION' && removeType !== 'OBJECT_PROCEDURE' && removeType !== 'OBJECT_ROUTINE') return
      for (const object of drop?.objects ?? []) {
        for (const routine of named(routines, nodeOf(object, 'ObjectWithArgs'))) {
          routines.delete(`${routine.name}(${routine.types})`)
        }
      }
      return
    }
    case 'RenameStmt': {
      const rename = nodeOf(node, tag)
      if (rename?.renameType !== 'OBJECT_FUNCTION' && rename?.renameType !== 'OBJECT_PROCEDURE') return
      for (const routine of named(routines, nodeOf(rename.object, 'ObjectWithArgs'))) {
        routines.delete(`${routine.name}(${routine.types})`)
        const dot = routine.name.lastIndexOf('.')
        routine.name = `${routine.name.slice(0, dot + 1)}${rename.newname}`
        routines.set(`${routine.name}(${routine.types})`, routine)
      }
      return
    }
    default:
  }
}

function named(routines: Map<string, Routine>, object: NodeOf<'ObjectWithArgs'> | undefined): Routine[] {
  const name = nameOf(object?.objname)
  if (object === undefined || name === undefined) return []
  const own = [...routines.values()].filter((routine) => routine.name === name)
  if (own.length <= 1 || object.args_unspecified) return own
  const types = (object.objargs ?? []).map((each) => typeNameOf(nodeOf(each, 'TypeName'))).join(',')
  return own.filter((routine) => routine.types === types)
}

function nameOf(names: readonly Node[] | undefined): string | undefined {
  const [name, schema] = namesOf({ List: { items: [...(names ?? [])] } }).toReversed()
  return name === undefined ? undefined : textName(schema ?? 'public', name)
}

function optionsOf(options: readonly Node[] | undefined): DefElem[] {
  return (options ?? []).flatMap((each) => nodeOf(each, 'DefElem') ?? [])
}

function option(options: readonly DefElem[], name: string): DefElem | undefined {
  return options.findLast(({ defname }) => defname === name)
}

function isTrue(option: DefElem | undefined): boolean {
  return nodeOf(option?.arg, 'Boolean')?.boolval === true
}

/** Whether the options set a search_path (true), take it away (false), or leave it. */
function setsPath(options: readonly DefElem[]): boolean | undefined {
  let path: boolean | undefined
  for (const each of options) {
    const set = each.defname === 'set' ? nodeOf(each.arg, 'VariableSetStmt') : undefined
    if (set?.kind === 'VAR_RESET_ALL') path = false
    else if (set?.name === 'search_path') path = set.kind === 'VAR_SET_VALUE' || set.kind === 'VAR_SET_CURRENT'
  }
  return path
}

/** `[EXTERNAL] SECURITY DEFINER` where the option stands. */
function wordsAt({ statement, migration: { text } }: StatementSubject, { location }: DefElem): Span {
  const start = statement.offsetOf(location ?? 0)
  let end = tokenEnd(text, start)
  for (let words = /^external$/i.test(text.slice(start, end)) ? 2 : 1; words > 0; words--) {
    end = tokenEnd(text, skipBlank(text, end))
  }
  return { start, end }
}

function inputs(parameters: readonly FunctionParameter[]): FunctionParameter[] {
  return parameters.filter(({ mode }) => mode !== 'FUNC_PARAM_OUT' && mode !== 'FUNC_PARAM_TABLE')
}

function inputTypes(parameters: readonly FunctionParameter[]): string {
  return inputs(parameters)
    .map(({ argType }) => typeNameOf(argType))
    .join(',')
}

/** As `pg_get_function_identity_arguments` prints it, for parameters that go in. */
function printedOf({ name, parameters }: Routine): string {
  const printed = parameters
    .filter(({ mode }) => mode !== 'FUNC_PARAM_TABLE')
    .map(({ name: own, argType, mode }) => {
      const type = typeNameOf(argType)
      const element = type.replace(/\[\]$/, '')
      const direction = mode === 'FUNC_PARAM_OUT' ? 'OUT ' : mode === 'FUNC_PARAM_INOUT' ? 'INOUT ' : mode === 'FUNC_PARAM_VARIADIC' ? 'VARIADIC ' : ''
      const full = `${formatNames[element] ?? element}${type.slice(element.length)}`
      return `${direction}${own === undefined ? '' : `${quoteIdentifier(own)} `}${full}`
    })
  return `${printedName(name)}(${printed.join(', ')})`
}

/** What `format_type()` prints for the parser's names. */
const formatNames: Readonly<Record<string, string>> = {
  int2: 'smallint',
  int4: 'integer',
  int8: 'bigint',
  float4: 'real',
  float8: 'double precision',
  bool: 'boolean',
  varchar: 'character varying',
  bpchar: 'character',
  timestamptz: 'timestamp with time zone',
  timestamp: 'timestamp without time zone',
  timetz: 'time with time zone',
  time: 'time without time zone',
}
