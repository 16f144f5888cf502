/**
 * The parsed code of a PL/pgSQL function or DO block, as libpg_query writes it. Each node is an object with one key,
 * its kind: `PLpgSQL_stmt_if`. Fields that are zero, false or empty are left out.
 */
export interface PlpgsqlFunction {
  /** Its variables; their place here is the number by which statements name them. */
  datums?: PlpgsqlNode[]
  action?: PlpgsqlNode
}

export type PlpgsqlNode = Readonly<Record<string, PlpgsqlFields | undefined>>

/** The fields that kei reads, of all kinds of nodes. */
export interface PlpgsqlFields {
  /** The 1-based line of the code on which the statement begins. */
  lineno?: number
  refname?: string
  /** The variable that an assignment sets. */
  varno?: number
  isconst?: boolean
  default_val?: PlpgsqlNode
  /** Of an expression: its text, with blanks for an INTO. */
  query?: string | PlpgsqlNode
  elog_level?: number
  [field: string]: unknown
}

/** A piece of a function's code that is SQL, or makes SQL. */
export interface SqlPiece {
  /**
   * - `statement`: sent as it stands.
   * - `perform`: `text` begins with SELECT where the code has PERFORM.
   * - `execute`: an expression whose value is sent.
   * - `query`: an expression whose value is sent as a query, for its rows alone.
   * - `expression`: evaluated.
   * - `default`: evaluated for a variable that is declared.
   */
  kind: 'statement' | 'perform' | 'execute' | 'query' | 'expression' | 'default'
  text: string
  /** The 1-based line of the code on which the PL/pgSQL statement around it begins. */
  line: number
  /** Whether the code may end without having run it, or may take back what it did. */
  conditional: boolean
}

/** A variable as the code declares and sets it. */
export interface PlpgsqlVariable {
  name: string
  /** The expressions that it is ever set to; undefined among them for what is not an expression: FETCH, INTO, a loop. */
  values: (string | undefined)[]
}

/** The fields of statements that hold other statements or expressions, in the order in which they run. */
const children: ReadonlyMap<string, number> = new Map(
  [
    't_expr',
    'cond',
    'lower',
    'upper',
    'step',
    'argquery',
    'expr',
    'sqlstmt',
    'query',
    'dynquery',
    'params',
    'options',
    'message',
    'then_body',
    'elsif_list',
    'else_body',
    'case_when_list',
    'else_stmts',
    'stmts',
    'body',
    'exceptions',
    'exc_list',
    'action',
  ].map((field, index) => [field, index]),
)

/** Kinds of nodes whose parts run sometimes, often, or are taken back. */
const conditionalKinds = /^PLpgSQL_(?:stmt_(?:if|case|loop|while|for|dynfors)|exception)/

/** The pieces of a function's code, in the order of the code. */
export function sqlPieces(code: PlpgsqlFunction): SqlPiece[] {
  const pieces: SqlPiece[] = []
  for (const datum of code.datums ?? []) {
    const { default_val: value, lineno = 1 } = onlyEntry(datum)?.[1] ?? {}
    const text = expressionText(value)
    if (text !== undefined) pieces.push({ kind: 'default', text, line: lineno, conditional: false })
  }
  // Whether the code may have ended early.
  let left = false
  // A stack of its own: the code may be nested deeper than JavaScript can recurse.
  const waiting: { node: PlpgsqlNode; field: string; parent: string; line: number; conditional: boolean }[] = []
  if (code.action) waiting.push({ node: code.action, field: 'action', parent: '', line: 1, conditional: false })
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    const entry = onlyEntry(next.node)
    if (entry === undefined) continue
    const [kind, fields] = entry
    const line = fields.lineno ?? next.line
    if (kind === 'PLpgSQL_expr') {
      const text = next.parent === 'PLpgSQL_stmt_assign' ? setExpression(fields.query) : fields.query
      if (typeof text !== 'string') continue
      const conditional = next.conditional || left
      pieces.push({ kind: pieceKind(next.parent, next.field), text, line, conditional })
      continue
    }
    const conditional = next.conditional || conditionalKinds.test(kind) || fields['exceptions'] !== undefined
    // Last first, so that the first is taken first.
    for (const field of partsOf(fields).toReversed()) {
      const value = fields[field]
      const nodes = Array.isArray(value) ? (value as unknown[]).toReversed() : [value]
      for (const node of nodes) if (isNode(node)) waiting.push({ node, field, parent: kind, line, conditional })
    }
    // Without a label EXIT leaves a loop, whose parts are conditional as it is.
    if (kind === 'PLpgSQL_stmt_return' || (kind === 'PLpgSQL_stmt_exit' && fields['label'] !== undefined)) left = true
  }
  return pieces
}

/** The fields that hold other nodes, in the order in which these run. */
function partsOf(fields: PlpgsqlFields): string[] {
  const parts = Object.keys(fields).filter((field) => children.has(field))
  return parts.length < 2 ? parts : parts.sort((a, b) => (children.get(a) ?? 0) - (children.get(b) ?? 0))
}

function pieceKind(parent: string, field: string): SqlPiece['kind'] {
  switch (parent) {
    case 'PLpgSQL_stmt_execsql':
    case 'PLpgSQL_stmt_call':
      return 'statement'
    case 'PLpgSQL_stmt_fors':
    case 'PLpgSQL_stmt_return_query':
    case 'PLpgSQL_stmt_open':
      return field === 'query' ? 'statement' : field === 'dynquery' ? 'query' : 'expression'
    case 'PLpgSQL_stmt_perform':
      return 'perform'
    case 'PLpgSQL_stmt_dynexecute':
      return field === 'query' ? 'execute' : 'expression'
    case 'PLpgSQL_stmt_dynfors':
      return field === 'query' ? 'query' : 'expression'
    default:
      return 'expression'
  }
}

/** The function's variables of one value. Of a parameter the first value is the caller's, which is not here. */
export function variablesOf(code: PlpgsqlFunction): PlpgsqlVariable[] {
  const set = new Map<number, (string | undefined)[]>()
  const note = (variable: number, value: string | undefined) => {
    const values = set.get(variable)
    if (values === undefined) set.set(variable, [value])
    else values.push(value)
  }
  const calls: string[] = []
  const waiting: unknown[] = [code.action]
  while (waiting.length > 0) {
    const next = waiting.pop()
    if (!isNode(next)) continue
    for (const value of Object.values(next)) if (isNode(value)) waiting.push(value)
    const { PLpgSQL_stmt_assign: assign, PLpgSQL_row: row, PLpgSQL_diag_item: item } = next
    if (assign) note(assign.varno ?? 0, assignedExpression(expressionText(assign['expr'])))
    for (const field of Array.isArray(row?.['fields']) ? (row['fields'] as PlpgsqlFields[]) : []) {
      note(field.varno ?? 0, undefined)
    }
    if (item) note(typeof item['target'] === 'number' ? item['target'] : 0, undefined)
    const loop = next['PLpgSQL_stmt_foreach_a']
    if (loop) note(loop.varno ?? 0, undefined)
    // A procedure sets the arguments that it is given as INOUT.
    const called = expressionText(next['PLpgSQL_stmt_call']?.['expr'])
    if (called !== undefined) calls.push(called.toLowerCase())
  }
  return (code.datums ?? []).flatMap((datum, index) => {
    const variable = datum['PLpgSQL_var']
    const name = variable?.refname
    if (variable === undefined || name === undefined) return []
    const first = variable.default_val === undefined ? [] : [expressionText(variable.default_val)]
    const given = calls.some((call) => call.includes(name)) ? [undefined] : []
    return [{ name, values: [...first, ...(set.get(index) ?? []), ...given] }]
  })
}

/** Of `name := expression` alone. */
function assignedExpression(text: string | undefined): string | undefined {
  return /^\s*(?:[\w$\u0080-\uffff]+|"(?:[^"]|"")+")\s*:?=([\s\S]*)$/.exec(text ?? '')?.[1]
}

/** Of `name := expression`, and of `name[i] := expression` where nothing in the brackets hides it. */
function setExpression(text: PlpgsqlFields['query']): string | undefined {
  return typeof text === 'string' ? /^[^:=]*:?=\s*([\s\S]*)$/.exec(text)?.[1] : undefined
}

function expressionText(node: unknown): string | undefined {
  const query = isNode(node) ? node['PLpgSQL_expr']?.query : undefined
  return typeof query === 'string' ? query : undefined
}

function onlyEntry(node: PlpgsqlNode): [string, PlpgsqlFields] | undefined {
  const [entry] = Object.entries(node)
  return entry?.[1] === undefined ? undefined : [entry[0], entry[1]]
}

function isNode(value: unknown): value is PlpgsqlNode {
  return typeof value === 'object' && value !== null
}
