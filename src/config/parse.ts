import { findNodeAtLocation, getNodeValue, parseTree, printParseErrorCode } from 'jsonc-parser'
import type { Node, ParseError } from 'jsonc-parser'
import * as v from 'valibot'
import { usageError } from '../errors.ts'
import { defaultConfig } from './config.ts'
import type { Config } from './config.ts'
import { nearest } from '../findings/nearest.ts'
import { holdsPassword } from './committed-password.ts'
import { configSchema } from './schema.ts'

interface Problem {
  offset: number
  message: string
}

/**
 * Reads the text of a `kei.jsonc`: JSON with comments and trailing commas. An empty file says nothing.
 * `shown` is how messages name the file.
 * @throws KeiError `invalid-config` with each problem as `file:line:column: …`; `password-in-config` for a connection
 * string with a password.
 */
export function parseConfig(text: string, shown: string): Omit<Config, 'file'> {
  try {
    return parse(text, shown)
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
    // The stack is used up.
    throw invalid(text, shown, [{ offset: 0, message: 'nested too deeply' }])
  }
}

function parse(text: string, shown: string): Omit<Config, 'file'> {
  const errors: ParseError[] = []
  const tree = parseTree(text, errors, { allowTrailingComma: true, allowEmptyContent: true })
  const [syntax] = errors
  // What follows the first syntax error is the parser's guess.
  if (syntax !== undefined) throw invalid(text, shown, [{ offset: syntax.offset, message: describeSyntax(syntax) }])
  if (tree === undefined) return structuredClone(defaultConfig)

  const misread = [...repeatedKeys(tree), ...arraysForObjects(tree, configSchema)]
  if (misread.length > 0) throw invalid(text, shown, misread)
  const result = v.safeParse(configSchema, getNodeValue(tree))
  if (!result.success) {
    throw invalid(
      text,
      shown,
      result.issues.map((issue) => describeIssue(issue, tree)),
    )
  }
  refusePasswords(text, shown, tree)
  const unfit = [...unknownTargets(tree, result.output), ...longNames(tree)]
  if (unfit.length > 0) throw invalid(text, shown, unfit)
  const { postgres, migrations, mainBranch, rules, trace, targets, migrate, failOn } = result.output
  return {
    postgres: { ...defaultConfig.postgres, ...postgres },
    ...(migrations !== undefined && { migrations }),
    ...(mainBranch !== undefined && { mainBranch }),
    rules: rules ?? {},
    trace: { ...structuredClone(defaultConfig.trace), ...trace },
    targets: Object.fromEntries(
      Object.entries(targets ?? {}).map(([name, target]) => [name, { production: false, ...target }]),
    ),
    migrate: { ...defaultConfig.migrate, ...migrate },
    failOn: failOn ?? defaultConfig.failOn,
  }
}

function invalid(text: string, shown: string, problems: Problem[]): Error {
  const inOrder = problems.sort((a, b) => a.offset - b.offset)
  return usageError({
    code: 'invalid-config',
    message: inOrder.map(({ offset, message }) => `${shown}:${lineAndColumn(text, offset)}: ${message}`).join('\n'),
    hint: `Correct ${shown}; its keys are described in schema/kei.schema.json of the package kei-postgres.`,
  })
}

function lineAndColumn(text: string, offset: number): string {
  const before = text.slice(0, offset)
  const lineStart = before.lastIndexOf('\n') + 1
  return `${before.split('\n').length}:${offset - lineStart + 1}`
}

/** `CommaExpected` as `expected a comma`; the rest of the parser's names read well as they are. */
function describeSyntax(error: ParseError): string {
  const words = printParseErrorCode(error.error)
    .replace(/([a-z])([A-Z])/g, '$1 $2')
    .toLowerCase()
  return words.endsWith(' expected') ? `expected a ${words.slice(0, -' expected'.length)}` : words
}

function refusePasswords(text: string, shown: string, tree: Node): void {
  const passwords = (findNodeAtLocation(tree, ['targets'])?.children ?? []).flatMap(
    ({ children: [name, target] = [] }) =>
      ['url', 'directUrl'].flatMap((key) => {
        const node = target && findNodeAtLocation(target, [key])
        if (node?.type !== 'string' || !holdsPassword(node.value)) return []
        return [`${shown}:${lineAndColumn(text, node.offset)}: targets.${name?.value}.${key} holds a password`]
      }),
  )
  if (passwords.length === 0) return
  throw usageError({
    code: 'password-in-config',
    message: passwords.join('\n'),
    hint:
      'Take it out, and change it if the file was ever committed. Keep it in ~/.pgpass or a service file, or keep the ' +
      'whole string in an environment variable: { "env": "NAME" } instead of it.',
  })
}

function unknownTargets(tree: Node, { targets = {}, migrations = [] }: v.InferOutput<typeof configSchema>): Problem[] {
  const known = Object.keys(targets)
  return migrations.flatMap(({ target }, index) => {
    if (target === undefined || known.includes(target)) return []
    const meant = nearest(target, known)
    const advice =
      meant !== undefined
        ? `did you mean ${quote(meant)}?`
        : known.length > 0
          ? `expected one of ${known.map(quote).join(', ')}`
          : '`targets` names none'
    const node = findNodeAtLocation(tree, ['migrations', index, 'target'])
    return [{ offset: node?.offset ?? 0, message: `unknown target ${quote(target)}; ${advice}` }]
  })
}

/** PostgreSQL cuts a longer name, so that it would name something else. */
function longNames(tree: Node): Problem[] {
  return ['schema', 'role'].flatMap((key) => {
    const node = findNodeAtLocation(tree, ['migrate', key])
    if (node === undefined || Buffer.byteLength(node.value) <= 63) return []
    const message = `expected a name of at most 63 bytes for migrate.${key}, found one of ${Buffer.byteLength(node.value)}`
    return [{ offset: node.offset, message }]
  })
}

/** JSON readers differ in which of two equal keys holds, so neither does. */
function repeatedKeys(node: Node): Problem[] {
  const children = node.children ?? []
  const problems = children.flatMap(repeatedKeys)
  if (node.type !== 'object') return problems
  const seen = new Set<string>()
  for (const property of children) {
    const key = property.children?.[0]
    if (key === undefined) continue
    if (seen.has(key.value)) problems.push({ offset: key.offset, message: `the key ${quote(key.value)} stands twice` })
    seen.add(key.value)
  }
  return problems
}

/** The validator takes an array for an object without keys. */
function arraysForObjects(node: Node, schema: unknown): Problem[] {
  const { type, entries, item, value } = compositeOf(schema)
  const children = node.children ?? []
  if (node.type === 'object') {
    return children.flatMap(({ children: [key, child] = [] }) =>
      key === undefined || child === undefined ? [] : arraysForObjects(child, entries?.[key.value] ?? value),
    )
  }
  if (node.type !== 'array') return []
  if (type === 'array') return children.flatMap((child) => arraysForObjects(child, item))
  const takesObject = entries !== undefined || type === 'record' || type === 'union'
  return takesObject ? [{ offset: node.offset, message: 'expected an object, found an array' }] : []
}

type Issue = v.BaseIssue<unknown>

function describeIssue(issue: Issue, tree: Node): Problem {
  const { path, cause } = deepest(issue)
  const keys = path.map((item) => item.key as string | number)
  const last = path.at(-1)
  if (cause.type === 'strict_object' && cause.expected === 'never' && last !== undefined) {
    const known = Object.keys(schemaEntriesAt(keys.slice(0, -1)))
    const meant = nearest(String(last.key), known)
    const advice =
      meant === undefined ? `expected one of ${known.map(quote).join(', ')}` : `did you mean ${quote(meant)}?`
    const key = findNodeAtLocation(tree, keys)?.parent?.children?.[0]
    return { offset: key?.offset ?? 0, message: `unknown key ${quote(String(last.key))}; ${advice}` }
  }
  const node = findNodeAtLocation(tree, keys)
  if (node === undefined) {
    const owner = findNodeAtLocation(tree, keys.slice(0, -1)) ?? tree
    return { offset: owner.offset, message: `the key ${quote(String(last?.key))} is missing` }
  }
  const name = keys.length === 0 ? '' : ` for ${keys.map(String).join('.')}`
  return { offset: node.offset, message: `expected ${cause.message}${name}, found ${show(node)}` }
}

/** Of a union, the issue that goes furthest into the value: an object with one wrong option is meant as an object. */
function deepest(issue: Issue): { path: v.IssuePathItem[]; cause: Issue } {
  const path = issue.path ?? []
  const inner = (issue.issues ?? [])
    .filter((nested) => nested.path !== undefined)
    .map(deepest)
    .sort((a, b) => b.path.length - a.path.length)[0]
  return inner === undefined
    ? { path: [...path], cause: issue }
    : { path: [...path, ...inner.path], cause: inner.cause }
}

/** The keys that the schema knows for the object at `path`. */
function schemaEntriesAt(path: readonly (string | number)[]): Record<string, unknown> {
  let schema: unknown = configSchema
  for (const key of path) {
    const { entries, item, value } = compositeOf(schema)
    schema = entries?.[key] ?? item ?? value
  }
  return compositeOf(schema).entries ?? {}
}

/** The parts of an object, an array or a record in the validator's own form; of a union those of its object. */
interface Composite {
  type?: string
  entries?: Record<string, unknown>
  item?: unknown
  value?: unknown
}

function compositeOf(schema: unknown): Composite {
  let inner = schema
  while (typeof inner === 'object' && inner !== null && 'wrapped' in inner) inner = inner.wrapped
  const composite = (inner ?? {}) as Composite & { options?: unknown[] }
  const object = composite.options?.map(compositeOf).find(({ entries }) => entries !== undefined)
  return object === undefined ? composite : { ...object, type: 'union' }
}

function show(node: Node): string {
  switch (node.type) {
    case 'object':
      return 'an object'
    case 'array':
      return 'an array'
    default:
      // A connection string in the wrong place may hold a password.
      return /:\/\/|passw/i.test(String(node.value)) ? 'a text that is not shown' : quote(node.value)
  }
}

/** As JSON, cut to what fits a line. */
function quote(value: unknown): string {
  const json = JSON.stringify(value)
  return json.length > 60 ? `${json.slice(0, 57)}…` : json
}
