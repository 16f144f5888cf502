import type { Constraint, Node, RangeVar, ReturningClause } from '@pgsql/types'
import { namesOf, nodeOf } from '../../sql/statement.ts'
import type { NodeOf, NodeTag, Statement } from '../../sql/statement.ts'
import { findNodes, walk } from '../../sql/walk.ts'

/** Something in a statement that older majors of PostgreSQL do not have. */
export interface NewerFeature {
  /** The first major that has it. */
  since: 17 | 18
  /** What it is, in the plural or with an article, to be followed by "needs" or "need". */
  what: string
  /** What to write where it is not there. */
  instead: string
  /** The function, where it is one: the history may make its own of that name. */
  function?: string
}

type Found = Omit<NewerFeature, 'since'>

const eighteen = (what: string, instead: string): NewerFeature => ({ since: 18, what, instead })
const seventeen = (what: string, instead: string): NewerFeature => ({ since: 17, what, instead })

/** Functions that a major brings, by name. Source: pg_proc of PostgreSQL 16, 17 and 18. */
const newFunctions: ReadonlyMap<string, 17 | 18> = new Map([
  ...['to_bin', 'to_oct', 'to_regtypemod', 'unicode_assigned', 'unicode_version', 'uuid_extract_timestamp'].map(
    (name) => [name, 17] as const,
  ),
  ...['uuid_extract_version', 'xmltext', 'jsonb_populate_record_valid'].map((name) => [name, 17] as const),
  ...['array_reverse', 'array_sort', 'casefold', 'crc32', 'crc32c', 'gamma', 'lgamma', 'uuidv4', 'uuidv7'].map(
    (name) => [name, 18] as const,
  ),
])

/** Settings that a major brings. Source: pg_settings. */
const newSettings: ReadonlyMap<string, 17 | 18> = new Map([
  ['transaction_timeout', 17],
  ['event_triggers', 17],
  ['vacuum_truncate', 18],
])

/** Words without which a statement has none of it: most have none, and looking at words is cheap. */
const words = new RegExp(
  'generated|expression|enforced|inherit|overlaps|period|returning|merge|maintain|analy[sz]e|vacuum|json|local|' +
    'access\\s+method|statistics|on_error|log_verbosity|reject_limit|exclude|login|not\\s+valid|' +
    '(?:constraint\\s+\\S+|add|,)\\s+not\\s+null|random|' +
    [...newFunctions.keys(), ...newSettings.keys()].join('|'),
  'i',
)

/** What in a statement needs PostgreSQL 17 or 18, each once. */
export function newerFeatures({ node, text }: Statement): NewerFeature[] {
  if (!words.test(text)) return []
  const found = new Map<string, NewerFeature>()
  walk(node, (tag, fields) => {
    for (const feature of featuresOf(tag, fields, node)) found.set(feature.what, feature)
  })
  return [...found.values()]
}

/** The fields of a visited node, known to be of its tag. */
function as<T extends NodeTag>(_: T, fields: object): NodeOf<T> {
  return fields as NodeOf<T>
}

function featuresOf(tag: NodeTag, fields: object, root: Node): NewerFeature[] {
  switch (tag) {
    case 'Constraint':
      return ofConstraint(as(tag, fields), root)
    case 'AlterTableCmd':
      return ofCommand(as(tag, fields))
    case 'ATAlterConstraint': {
      const { alterEnforceability, alterInheritability } = as(tag, fields)
      if (alterEnforceability) return [eighteen('ALTER CONSTRAINT … ENFORCED', 'Drop the constraint and add it again.')]
      return alterInheritability
        ? [eighteen('ALTER CONSTRAINT … INHERIT', 'Drop the constraint and add it again.')]
        : []
    }
    case 'InsertStmt':
    case 'UpdateStmt':
    case 'DeleteStmt':
      return ofReturning(fields as NodeOf<'UpdateStmt'>, root)
    case 'MergeStmt':
      return ofMerge(as(tag, fields), root)
    case 'FuncCall':
      return ofCall(as(tag, fields))
    case 'JsonTable':
      return [seventeen('JSON_TABLE', 'Write jsonb_to_recordset or jsonb_path_query.')]
    case 'JsonFuncExpr': {
      const { op = '' } = as(tag, fields)
      return [
        seventeen(op.replace(/_OP$/, ''), 'Write jsonb_path_exists, jsonb_path_query_first or the operators of jsonb.'),
      ]
    }
    case 'JsonScalarExpr':
      return [seventeen('JSON_SCALAR', 'Write to_json.')]
    case 'JsonSerializeExpr':
      return [seventeen('JSON_SERIALIZE', 'Cast it to text.')]
    case 'VacuumRelation':
      return as(tag, fields).relation?.inh
        ? []
        : [eighteen('VACUUM and ANALYZE with ONLY', 'Leave ONLY out; the partitions are then looked at as well.')]
    case 'AccessPriv':
      return as(tag, fields).priv_name === 'maintain'
        ? [seventeen('The privilege MAINTAIN', 'Grant membership of the role that owns the table.')]
        : []
    case 'CopyStmt':
      return (as(tag, fields).options ?? []).flatMap((option) => ofCopyOption(nodeOf(option, 'DefElem')?.defname))
    case 'VariableSetStmt': {
      const { name = '', kind } = as(tag, fields)
      const since = kind === 'VAR_RESET_ALL' ? undefined : newSettings.get(name.toLowerCase())
      return since === undefined ? [] : [{ since, what: `The setting ${name}`, instead: 'Leave it out.' }]
    }
    case 'CreateStmt': {
      const { partspec, tableElts = [] } = as(tag, fields)
      const excludes = tableElts.some((each) => nodeOf(each, 'Constraint')?.contype === 'CONSTR_EXCLUSION')
      return partspec && excludes
        ? [seventeen('EXCLUDE on a partitioned table', 'Write the constraint on each partition.')]
        : []
    }
    case 'CreateEventTrigStmt':
      return as(tag, fields).eventname === 'login'
        ? [seventeen('An event trigger ON login', 'Set what it should do by ALTER ROLE … SET, or in the pool.')]
        : []
    default:
      return []
  }
}

function ofConstraint(constraint: Constraint, root: Node): NewerFeature[] {
  const isOfDomain = 'CreateDomainStmt' in root || 'AlterDomainStmt' in root
  switch (constraint.contype) {
    case 'CONSTR_GENERATED':
      return constraint.generated_kind === 'v'
        ? [
            eighteen(
              'VIRTUAL generated columns, which are meant where STORED is not written,',
              'Write STORED, which is computed once and kept; in a table in use that writes every row anew.',
            ),
          ]
        : []
    case 'CONSTR_ATTR_ENFORCED':
    case 'CONSTR_ATTR_NOT_ENFORCED':
      return [notEnforced]
    case 'CONSTR_CHECK':
      return isOfDomain || constraint.is_enforced ? [] : [notEnforced]
    case 'CONSTR_FOREIGN':
      if (constraint.fk_with_period) return [eighteen('A foreign key with PERIOD', 'Check it by a trigger.')]
      return constraint.is_enforced ? [] : [notEnforced]
    case 'CONSTR_PRIMARY':
    case 'CONSTR_UNIQUE':
      return constraint.without_overlaps
        ? [eighteen('WITHOUT OVERLAPS', 'Write EXCLUDE USING gist (… WITH =, … WITH &&).')]
        : []
    case 'CONSTR_NOTNULL':
      return isOfDomain ? [] : ofNotNull(constraint)
    default:
      return []
  }
}

const notEnforced = eighteen(
  'ENFORCED and NOT ENFORCED',
  'Write NOT VALID to leave the rows that are there unchecked, or leave the constraint out.',
)

function ofNotNull({ keys, skip_validation, is_no_inherit }: Constraint): NewerFeature[] {
  if (skip_validation) {
    return [
      eighteen(
        'A not-null constraint that is NOT VALID',
        'Write CHECK (… IS NOT NULL) NOT VALID, validate it, then SET NOT NULL.',
      ),
    ]
  }
  if (keys?.length) {
    return [
      eighteen(
        'NOT NULL as a constraint of the table',
        'Write NOT NULL on the column, or ALTER COLUMN … SET NOT NULL.',
      ),
    ]
  }
  return is_no_inherit ? [eighteen('NOT NULL NO INHERIT', 'Write CHECK (… IS NOT NULL) NO INHERIT.')] : []
}

function ofCommand({ subtype, name, def }: NodeOf<'AlterTableCmd'>): NewerFeature[] {
  switch (subtype) {
    case 'AT_SetExpression':
      return [seventeen('SET EXPRESSION', 'Add another column with the new expression and drop this one later.')]
    case 'AT_SetAccessMethod':
      return name === undefined ? [seventeen('SET ACCESS METHOD DEFAULT', 'Name the method: heap.')] : []
    case 'AT_SetStatistics':
      return def === undefined ? [seventeen('SET STATISTICS DEFAULT', 'Write SET STATISTICS -1.')] : []
    default:
      return []
  }
}

/** OLD and NEW in RETURNING, unless a table of the statement has that name. */
function ofReturning(
  { returningClause: clause, relation }: { returningClause?: ReturningClause; relation?: RangeVar },
  root: Node,
): NewerFeature[] {
  if (clause === undefined) return []
  const tables = [...findNodes(root, 'RangeVar'), ...(relation ? [relation] : [])]
  const taken = new Set(tables.map(({ alias, relname }) => alias?.aliasname ?? relname))
  const rows = (clause.exprs ?? [])
    .flatMap((each) => findNodes(each, 'ColumnRef'))
    .flatMap(({ fields = [] }) => {
      const [row = '', ...rest] = fields.map((field) => nodeOf(field, 'String')?.sval ?? '*')
      return rest.length > 0 && ['old', 'new'].includes(row) && !taken.has(row) ? [row] : []
    })
  if (rows.length === 0 && !clause.options?.length) return []
  return [eighteen('OLD and NEW in RETURNING', 'Read the rows before, in a WITH, or let a trigger note them.')]
}

function ofMerge(merge: NodeOf<'MergeStmt'>, root: Node): NewerFeature[] {
  const { returningClause, mergeWhenClauses = [] } = merge
  const bySource = mergeWhenClauses.some(
    (each) => nodeOf(each, 'MergeWhenClause')?.matchKind === 'MERGE_WHEN_NOT_MATCHED_BY_SOURCE',
  )
  return [
    ...(bySource
      ? [seventeen('MERGE … WHEN NOT MATCHED BY SOURCE', 'Write a DELETE or UPDATE of its own for those rows.')]
      : []),
    ...(returningClause ? [seventeen('MERGE … RETURNING', 'Write INSERT … ON CONFLICT … RETURNING.')] : []),
    ...ofReturning(merge, root),
  ]
}

function ofCall({ funcname, args = [], funcformat }: NodeOf<'FuncCall'>): NewerFeature[] {
  const [name = '', schema] = namesOf({ List: { items: funcname ?? [] } }).toReversed()
  if (schema !== undefined && schema !== 'pg_catalog') return []
  if (funcformat === 'COERCE_SQL_SYNTAX') {
    return name === 'timezone' && args.length === 1
      ? [seventeen('AT LOCAL', "Write AT TIME ZONE current_setting('TimeZone').")]
      : []
  }
  if (name === 'random' && args.length === 2) {
    return [{ ...seventeen('random(min, max)', 'Compute it from random().'), function: name }]
  }
  const since = newFunctions.get(name)
  return since === undefined ? [] : [{ since, ...functionOf(name) }]
}

function functionOf(name: string): Found {
  const instead = name.startsWith('uuidv') ? 'Write gen_random_uuid().' : 'Make a function of your own that does it.'
  return { what: `The function ${name}()`, instead, function: name }
}

function ofCopyOption(name: string | undefined): NewerFeature[] {
  if (name === 'reject_limit') return [eighteen('COPY … REJECT_LIMIT', 'Leave it out.')]
  if (name !== 'on_error' && name !== 'log_verbosity') return []
  return [seventeen(`COPY … ${name.toUpperCase()}`, 'Copy into a table of text columns and move on what fits.')]
}
