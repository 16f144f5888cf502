import type { Node, RangeVar } from '@pgsql/types'
import type { SearchPath } from './search-path.ts'
import { defaultSearchPath } from './search-path.ts'
import type {
  SchemaText,
  Site,
  TextDomain,
  TextForeignKey,
  TextIndex,
  TextKey,
  TextRelationKind,
  TextTable,
} from './schema-text.ts'

/** The schema as it stands after the statements folded so far. */
export interface SchemaDraft {
  tables: Map<string, DraftTable>
  /** Tables by the name of an index or key that they have or once had. */
  owners: Map<string, DraftTable[]>
  /** The names that foreign keys and CHECK constraints have or once had. */
  constraintNames: Set<string>
  /** The names of tables that a foreign key references or once did. */
  referenced: Set<string>
  /** The names of tables that have or once had a partition. */
  partitioned: Set<string>
  /** The names of tables that another INHERITS from or once did. */
  inherited: Set<string>
  opaque: Site[]
  domains: Map<string, TextDomain>
  /** Functions and procedures the history creates: a SELECT that calls one may change the schema. */
  routines: Set<string>
  /** Schemas in which an unqualified name is looked up; the first is where it is created. */
  searchPath: SearchPath
  /** What `searchPath` falls back to at the end of the transaction. */
  sessionPath: SearchPath
}

/** A table while the history is folded: what belongs to it hangs on it, so that a rename is one change. */
export interface DraftTable extends TextTable {
  indexes: TextIndex[]
  keys: TextKey[]
  foreignKeys: TextForeignKey[]
  attachments: TextAttachment[]
  /** Set where it got columns, and constraints that the text does not list, from another: by LIKE or INHERITS. */
  madeFrom?: 'like' | 'inherits'
}

/** What is made for a table by a statement of its own and is no relation. */
export interface TextAttachment {
  kind: 'trigger' | 'policy' | 'rule' | 'statistics'
  name: string
  /** The parsed CREATE statement. */
  node: Node
  /** When a trigger fires, where an ALTER TABLE … TRIGGER says so. Default: for all but replicated changes. */
  firing?: 'disabled' | 'replica' | 'always'
}

export function emptyDraft(): SchemaDraft {
  return {
    tables: new Map(),
    owners: new Map(),
    constraintNames: new Set(),
    referenced: new Set(),
    partitioned: new Set(),
    inherited: new Set(),
    opaque: [],
    domains: new Map(),
    routines: new Set(),
    searchPath: defaultSearchPath,
    sessionPath: defaultSearchPath,
  }
}

/** The name that a schema-qualified object has in a `SchemaText`. */
export function textName(schema: string, name: string): string {
  return schema === 'public' ? name : `${schema}.${name}`
}

/** The schema that a name of a `SchemaText` lies in. A dot in an unqualified quoted name is taken for a qualifier. */
export function schemaOfTextName(name: string): string {
  const dot = name.indexOf('.')
  return dot === -1 ? 'public' : name.slice(0, dot)
}

/** The name of a relation that is created as `relation`. */
export function newName(draft: SchemaDraft, relation: RangeVar): string {
  return textName(relation.schemaname ?? creationSchema(draft), relation.relname ?? '')
}

/** The name of an existing relation, or the one it would have. */
export function resolveName(draft: SchemaDraft, schema: string | undefined, name: string): string {
  if (schema !== undefined) return textName(schema, name)
  for (const candidate of draft.searchPath) {
    const qualified = textName(candidate, name)
    if (draft.tables.has(qualified)) return qualified
  }
  return textName(creationSchema(draft), name)
}

function creationSchema(draft: SchemaDraft): string {
  return draft.searchPath[0] ?? 'public'
}

export function createTable(
  draft: SchemaDraft,
  table: { name: string; kind: TextRelationKind; columnsKnown: boolean; site: Site },
): DraftTable {
  const created = { ...table, columns: [], checks: [], indexes: [], keys: [], foreignKeys: [], attachments: [] }
  draft.tables.set(table.name, created)
  return created
}

/** The table `relation` names; one that the text never created is taken to exist. */
export function tableOf(draft: SchemaDraft, relation: RangeVar, site: Site): DraftTable {
  const name = resolveName(draft, relation.schemaname, relation.relname ?? '')
  return draft.tables.get(name) ?? createTable(draft, { name, kind: 'table', columnsKnown: false, site })
}

/** Drops a table with its partitions and the foreign keys that reference it. */
export function dropTable(draft: SchemaDraft, name: string): void {
  if (!draft.tables.delete(name)) return
  for (const other of [...draft.tables.values()]) {
    if (other.partitionOf === name) dropTable(draft, other.name)
    else other.foreignKeys = other.foreignKeys.filter((key) => key.referencedTable !== name)
  }
}

/** Whether `table` is `parent` or lies below it; PostgreSQL refuses a circle, so text that asks for one makes none. */
export function isPartitionOf(draft: SchemaDraft, table: string, parent: string): boolean {
  for (let at: string | undefined = table; at !== undefined; at = draft.tables.get(at)?.partitionOf) {
    if (at === parent) return true
  }
  return false
}

export function dropSchema(draft: SchemaDraft, schema: string): void {
  for (const name of [...draft.tables.keys()]) if (schemaOfTextName(name) === schema) dropTable(draft, name)
}

/** Drops a column with the indexes and constraints it is part of. */
export function dropColumn(table: DraftTable, column: string): void {
  table.columns = table.columns.filter((each) => each.name !== column)
  table.indexes = table.indexes.filter((index) => !index.columns.includes(column))
  table.keys = table.keys.filter((key) => !key.columns.includes(column))
  table.foreignKeys = table.foreignKeys.filter((key) => !key.columns.includes(column))
  table.checks = table.checks.filter((check) => !check.columns.includes(column))
}

export function dropConstraint(table: DraftTable, name: string): void {
  table.keys = table.keys.filter((key) => key.name !== name)
  table.foreignKeys = table.foreignKeys.filter((key) => key.name !== name)
  table.checks = table.checks.filter((check) => check.name !== name)
}

export function renameTable(draft: SchemaDraft, name: string, to: string): void {
  const table = draft.tables.get(name)
  if (table === undefined) return
  draft.tables.delete(name)
  draft.tables.set(to, table)
  table.name = to
  for (const part of [...table.indexes, ...table.keys, ...table.foreignKeys, ...table.checks]) part.table = to
  for (const other of draft.tables.values()) {
    if (other.partitionOf === name) other.partitionOf = to
    for (const key of other.foreignKeys) if (key.referencedTable === name) key.referencedTable = to
  }
  if (draft.partitioned.has(name)) draft.partitioned.add(to)
  if (draft.inherited.has(name)) draft.inherited.add(to)
  if (draft.referenced.has(name)) draft.referenced.add(to)
}

export function renameSchema(draft: SchemaDraft, schema: string, to: string): void {
  for (const name of [...draft.tables.keys()]) {
    if (schemaOfTextName(name) === schema) renameTable(draft, name, textName(to, unqualified(name)))
  }
}

export function renameColumn(table: DraftTable, from: string, to: string): void {
  for (const column of table.columns) {
    if (column.name === from) column.name = to
    if (column.computedFrom) column.computedFrom = column.computedFrom.map((each) => (each === from ? to : each))
  }
  for (const index of table.indexes) {
    index.columns = index.columns.map((each) => (each === from ? to : each))
    const { predicate } = index
    if (predicate) predicate.notNullColumns = predicate.notNullColumns.map((each) => (each === from ? to : each))
  }
  for (const part of [...table.keys, ...table.foreignKeys, ...table.checks]) {
    part.columns = part.columns.map((each) => (each === from ? to : each))
  }
  for (const check of table.checks) {
    check.notNullColumns = check.notNullColumns.map((each) => (each === from ? to : each))
  }
}

/** The last part of a name of a `SchemaText`. */
export function unqualified(name: string): string {
  return name.slice(name.indexOf('.') + 1)
}

/** Notes that `table` has an index or key of that name, for `ownerOfIndex`. */
export function noteOwner(draft: SchemaDraft, name: string, table: DraftTable): void {
  const owners = draft.owners.get(name)
  if (owners === undefined) draft.owners.set(name, [table])
  else if (!owners.includes(table)) owners.push(table)
}

/** The table that holds the index or key `name`, when the text shows one. An index lies in its table's schema. */
export function ownerOfIndex(draft: SchemaDraft, schema: string | undefined, name: string): DraftTable | undefined {
  return draft.owners.get(name)?.find((table) => {
    if (draft.tables.get(table.name) !== table) return false
    if (schema !== undefined && schemaOfTextName(table.name) !== schema) return false
    return table.indexes.some((index) => index.name === name) || table.keys.some((key) => key.name === name)
  })
}

export function finishDraft(draft: SchemaDraft): SchemaText {
  const indexTables = new Map([...draft.owners].map(([name, tables]) => [name, tables.map((table) => table.name)]))
  const { opaque, domains } = draft
  const schema: SchemaText = { tables: [], indexes: [], keys: [], foreignKeys: [], indexTables, domains, opaque }
  for (const { indexes, keys, foreignKeys, attachments: _, madeFrom: __, ...table } of draft.tables.values()) {
    schema.tables.push(table)
    schema.indexes.push(...indexes)
    schema.keys.push(...keys)
    schema.foreignKeys.push(...foreignKeys)
  }
  return schema
}
