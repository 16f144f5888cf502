import type { A_Const, FuncCall, Node } from '@pgsql/types'
import { quoteIdentifier } from './identifier.ts'
import { nodeOf } from './statement.ts'

/** The texts that names stand for; a name that stands for no one text is not in it. */
export type ConstantNames = ReadonlyMap<string, string>

/**
 * The text that an expression is sure to have, by itself and by what the names in it stand for: literals, `||`,
 * `format`, `concat`, `quote_ident` and `quote_literal` of such. Undefined where something else decides, and for NULL.
 */
export function constantText(expression: Node | undefined, names: ConstantNames): string | undefined {
  return textOf(expression, names, 0)
}

/** Casts and calls within each other that are followed; nobody writes more. */
const deepest = 30

function textOf(expression: Node | undefined, names: ConstantNames, depth: number): string | undefined {
  if (expression === undefined || depth > deepest) return undefined
  // Leaf by leaf: `a || b || c …` makes trees deeper than JavaScript can recurse.
  let text = ''
  const waiting: Node[] = [expression]
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    const operation = nodeOf(next, 'A_Expr')
    if (operation) {
      const operator = nodeOf(operation.name?.at(-1), 'String')?.sval
      if (operator !== '||' || operation.lexpr === undefined || operation.rexpr === undefined) return undefined
      waiting.push(operation.rexpr, operation.lexpr)
      continue
    }
    const part = partText(next, names, depth)
    if (part === undefined) return undefined
    text += part
  }
  return text
}

function partText(node: Node, names: ConstantNames, depth: number): string | undefined {
  const constant = nodeOf(node, 'A_Const')
  if (constant) return textOfConstant(constant)
  const column = nodeOf(node, 'ColumnRef')
  if (column) {
    const name = nodeOf(column.fields?.[0], 'String')?.sval
    return column.fields?.length === 1 && name !== undefined ? names.get(name) : undefined
  }
  const parameter = nodeOf(node, 'ParamRef')
  if (parameter) return names.get(`$${parameter.number ?? 0}`)
  const cast = nodeOf(node, 'TypeCast')
  if (cast) {
    const type = nodeOf(cast.typeName?.names?.at(-1), 'String')?.sval ?? ''
    const isText = (type === 'text' || type === 'varchar') && (cast.typeName?.typmods ?? []).length === 0
    return isText ? textOf(cast.arg, names, depth + 1) : undefined
  }
  const call = nodeOf(node, 'FuncCall')
  return call && callText(call, names, depth)
}

function textOfConstant({ sval, ival, fval }: A_Const): string | undefined {
  // An empty text and zero are left out of the tree, their kind is not.
  if (sval !== undefined) return sval.sval ?? ''
  if (ival !== undefined) return String(ival.ival ?? 0)
  return fval?.fval
}

function callText(call: FuncCall, names: ConstantNames, depth: number): string | undefined {
  const values: string[] = []
  for (const argument of call.args ?? []) {
    const value = textOf(argument, names, depth + 1)
    if (value === undefined) return undefined
    values.push(value)
  }
  const [first, ...others] = values
  if (first === undefined || call.func_variadic) return undefined
  switch (nodeOf(call.funcname?.at(-1), 'String')?.sval) {
    case 'format':
      return formatted(first, others)
    case 'concat':
      return values.join('')
    case 'quote_ident':
      return quoteIdentifier(first)
    case 'quote_literal':
    case 'quote_nullable':
      return quoteLiteral(first)
    default:
      return undefined
  }
}

/**
 * As `format` does; undefined where it would fail, and for widths, which SQL is not written with.
 * Source: PostgreSQL manual, "String Functions and Operators", `format`.
 */
function formatted(format: string, values: readonly string[]): string | undefined {
  let next = 0
  let failed = false
  const text = format.replace(/%(?:(%)|(?:(\d+)\$)?([sIL])|)/g, (_, percent, position, type) => {
    if (percent !== undefined) return '%'
    if (position !== undefined) next = Number(position) - 1
    const value = values[next++]
    if (value === undefined || type === undefined) {
      failed = true
      return ''
    }
    return type === 'I' ? quoteIdentifier(value) : type === 'L' ? quoteLiteral(value) : value
  })
  return failed ? undefined : text
}

/** As PostgreSQL's `quote_literal` does. */
function quoteLiteral(value: string): string {
  const quoted = `'${value.replaceAll("'", "''")}'`
  return value.includes('\\') ? `E${quoted.replaceAll('\\', '\\\\')}` : quoted
}
