import { quoteIdentifier } from '../../sql/identifier.ts'
import type { DraftTable } from '../../sql/schema-draft.ts'
import type { TextColumn, TextForeignKey, TextKey } from '../../sql/schema-text.ts'
import { nodeOf, statementOf } from '../../sql/statement.ts'
import { alterCommands } from '../alter-command.ts'
import type { AlterCommand } from '../alter-command.ts'
import { constraintName } from '../constraint-name.ts'
import { statementsBefore } from '../domain.ts'
import type { StatementSubject } from '../subject.ts'
import { partitionsOf } from '../used-table.ts'
import type { UsedTable } from '../used-table.ts'
import {
  checkWith,
  defaultSetBy,
  defaultText,
  foreignKeyText,
  indexUses,
  indexWith,
} from './type-change-definitions.ts'
import { sequenceOfSerial, sequenceOwnedBy } from './type-change-sequence.ts'

/** What hangs on a column and has to be made for the one that takes its place. */
export interface Dependents {
  keys: MovedKey[]
  indexes: MovedIndex[]
  /** CHECK constraints and foreign keys of the table itself. */
  constraints: MovedConstraint[]
  /** Foreign keys that reference the column. */
  references: MovedConstraint[]
  default?: string
  numbering?: { kind: 'sequence'; sequence: string } | { kind: 'identity'; generated: string }
  notNull: boolean
  /** What cannot be written out, each as a clause; empty: the rest is all that hangs on it. */
  obstacles: string[]
}

export interface MovedKey {
  name: string
  kind: 'PRIMARY KEY' | 'UNIQUE'
  /** As CREATE INDEX wants its columns: `(id_new, tenant_id)`. */
  columns: string
}

export interface MovedIndex {
  name: string
  /** Whether it takes over the name of the one that was there. */
  takesName: boolean
  unique: boolean
  /** What follows the table's name in CREATE INDEX. */
  text: string
}

export interface MovedConstraint {
  /** As a `SchemaText` names it. */
  table: string
  name: string
  /** `CHECK (…)` or `FOREIGN KEY …`, without NOT VALID. */
  text: string
  /** Of a foreign key: what it was before, where it can be dropped as soon as its twin holds. */
  before?: string
  validated: boolean
}

/** The longest name that `_new` or `_old` can be put behind (NAMEDATALEN). */
const longestName = 63 - '_new'.length

/** Reads what hangs on a column whose type `command` changes. `refused`: why PostgreSQL would refuse it. */
export function dependents(
  subject: StatementSubject,
  table: UsedTable,
  command: AlterCommand,
  refused: readonly string[],
): Dependents {
  const name = command.node.name ?? ''
  const found: Dependents = {
    keys: [],
    indexes: [],
    constraints: [],
    references: [],
    notNull: false,
    obstacles: [...refused],
  }
  const own = table.declared
  const column = own?.columns.find((each) => each.name === name)
  if (own === undefined || column === undefined || !own.columnsKnown) {
    found.obstacles.push(`the migrations do not show what hangs on ${name}`)
    return found
  }
  const context: Context = { subject, table, own, column, name, found, dropped: droppedConstraints(subject) }
  aboutTable(context)
  aboutColumn(context)
  aboutStatement(context, command)
  moveIndexes(context)
  moveConstraints(context)
  moveReferences(context)
  const names = [...found.keys, ...found.indexes, ...found.constraints, ...found.references, { name }]
  for (const each of names) {
    if (new TextEncoder().encode(each.name).length > longestName)
      found.obstacles.push(`the name ${each.name} is too long for a _new`)
  }
  return found
}

interface Context {
  subject: StatementSubject
  table: UsedTable
  own: DraftTable
  column: TextColumn
  name: string
  found: Dependents
  /** Constraints that the same statement drops. */
  dropped: readonly string[]
}

function droppedConstraints({ statement }: StatementSubject): string[] {
  return alterCommands(statement).flatMap(({ node }) => (node.subtype === 'AT_DropConstraint' ? (node.name ?? []) : []))
}

function aboutTable({ table, own, name, found, column }: Context): void {
  const { obstacles } = found
  const { draft } = table
  if (own.madeFrom === 'inherits' || draft.inherited.has(own.name)) {
    obstacles.push('the table is part of an inheritance tree, whose other tables the trigger would not see')
  }
  if (own.madeFrom === 'like') {
    obstacles.push('the table was made LIKE another, whose constraints the migrations do not list for it')
  }
  for (const label of ['_new', '_old']) {
    if (own.columns.some((each) => each.name === `${name}${label}`)) obstacles.push(`there is a column ${name}${label}`)
  }
  for (const partition of partitionsOf(draft, own.name)) {
    const parts = [...partition.indexes, ...partition.keys, ...partition.checks, ...partition.foreignKeys]
    const twin = partition.columns.find((each) => each.name === name)
    const isOwn = parts.length > 0 || partition.madeFrom !== undefined || twin?.defaultSite !== column.defaultSite
    if (isOwn) obstacles.push(`the partition ${partition.name} has indexes, constraints or a default of its own`)
  }
  for (const { kind, name: made, node } of own.attachments) {
    const statistics = nodeOf(node, 'CreateStatsStmt')
    if (kind === 'rule') obstacles.push(`the rule ${made} rewrites what is sent to the table`)
    const isNamed = statistics?.exprs?.some((each) => {
      const element = nodeOf(each, 'StatsElem')
      return element?.name === name || element?.expr !== undefined
    })
    if (isNamed) obstacles.push(`the statistics ${made} may be about ${name}`)
  }
}

function aboutColumn({ subject, table, own, column, name, found }: Context): void {
  const { obstacles } = found
  if (column.generated !== undefined) {
    obstacles.push(`${name} is a generated column, whose value no trigger sees before it is stored`)
  }
  if (column.notNull === 'not valid') obstacles.push(`NOT NULL of ${name} is not validated`)
  found.notNull = column.notNull === 'yes'
  const companions = alterCommands(subject.statement).filter((each) => isDefaultOf(each, name))
  if (column.numbering === 'identity') {
    const text = column.site.fileText.slice(column.site.span.start, column.site.span.end)
    // Options of the sequence stand in parentheses behind it.
    const [, generated, options] = /\b(generated\s+(?:always|by\s+default)\s+as\s+identity)\s*(\()?/i.exec(text) ?? []
    if (generated === undefined || options !== undefined) obstacles.push(`the identity of ${name} has options`)
    else if (companions.length === 0) found.numbering = { kind: 'identity', generated }
  } else if (companions.length > 0) {
    const given = defaultSetBy(subject.statement, name)
    if (given !== undefined) found.default = given
  } else if (column.numbering === 'serial') {
    const sequence = sequenceOfSerial(column, own)
    if (sequence === undefined) obstacles.push(`the sequence of ${name} has kept a name from before a rename`)
    else found.numbering = { kind: 'sequence', sequence }
  } else if (column.hasDefault) {
    const text = defaultText(column, subject)
    const owned = text !== undefined && /\bnextval\s*\(/i.test(text) ? sequenceOwnedBy(subject, table, name) : undefined
    if (owned !== undefined) found.numbering = { kind: 'sequence', sequence: owned }
    else if (text === undefined) obstacles.push(`the default of ${name} stands in code`)
    else found.default = text
  }
  if (companions.length > 0 && column.numbering !== undefined) {
    obstacles.push(`the same statement changes where the numbers of ${name} come from`)
  }
  if (own.kind === 'partitioned table' && found.numbering)
    obstacles.push(`${name} of all partitions counts by one sequence`)
}

/** Whether a command sets or drops the column's default. */
export function isDefaultOf({ node }: AlterCommand, column: string): boolean {
  return node.subtype === 'AT_ColumnDefault' && node.name === column
}

/** Other commands of the statement would be about the old column. */
function aboutStatement({ subject, name, found }: Context, command: AlterCommand): void {
  for (const other of alterCommands(subject.statement)) {
    if (other.span.start === command.span.start || isDefaultOf(other, name)) continue
    const { subtype, def } = other.node
    const isAbout =
      (other.node.name === name && subtype !== 'AT_DropConstraint') ||
      (subtype !== 'AT_AlterColumnType' && JSON.stringify(def ?? null).includes(`"sval":${JSON.stringify(name)}`))
    if (isAbout) found.obstacles.push(`the same statement has another command about ${name}: ${other.text}`)
  }
}

function moveIndexes({ subject, table, own, name, found, dropped }: Context): void {
  const fresh = `${name}_new`
  const moved = (columns: readonly string[]) =>
    `(${columns.map((each) => quoteIdentifier(each === name ? fresh : each)).join(', ')})`
  for (const key of own.keys) {
    if (dropped.includes(key.name)) continue
    const text = key.site.fileText.slice(key.site.span.start, key.site.span.end)
    const isPlain =
      key.kind !== 'exclusion' &&
      !/\b(?:deferrable|initially|nulls|include|overlaps)\b/i.test(text) &&
      !hides(key, subject)
    // An exclusion constraint may name the column in an expression.
    if (!key.columns.includes(name) && key.kind !== 'exclusion') continue
    if (!isPlain) found.obstacles.push(`the constraint ${key.name} is more than a key by its columns`)
    else
      found.keys.push({
        name: key.name,
        kind: key.kind === 'unique' ? 'UNIQUE' : 'PRIMARY KEY',
        columns: moved(key.columns),
      })
  }
  const given: string[] = []
  for (const index of own.indexes) {
    const uses = indexUses(index, name, subject)
    if (uses === false) continue
    const text = uses === true ? indexWith(index, own, name, fresh, subject) : undefined
    const twin = index.name ?? freeName(table, index.columns, name, given)
    given.push(twin)
    if (text === undefined)
      found.obstacles.push(`the index ${index.name ?? `on ${name}`} cannot be read from the migrations`)
    else found.indexes.push({ name: twin, takesName: index.name !== undefined, unique: index.unique, text })
  }
  if (own.kind === 'partitioned table' && found.keys.length + found.indexes.length > 0) {
    found.obstacles.push(`indexes on ${name} have to be built for each partition and attached`)
  }
}

/** For the twin of an index without a name in the text: the server's choice for `n` is not known for sure. */
function freeName(
  { draft, name }: UsedTable,
  columns: readonly (string | null)[],
  column: string,
  taken: string[],
): string {
  const named = columns.map((each) => (each === column ? `${column}_new` : (each ?? 'expr')))
  return constraintName(draft, name, named, 'idx', taken)
}

/** Whether an index that became a key has what ADD CONSTRAINT … USING INDEX does not show. */
function hides(key: TextKey, subject: StatementSubject): boolean {
  const text = key.site.fileText.slice(key.site.span.start, key.site.span.end)
  const [, index] = /\busing\s+index\s+("(?:[^"]|"")+"|\w+)/i.exec(text) ?? []
  if (index === undefined) return false
  for (const statement of statementsBefore(subject)) {
    const made = statementOf(statement, 'IndexStmt')
    if (made?.idxname !== index.replaceAll('"', '') && made?.idxname !== index.toLowerCase()) continue
    if (made.nulls_not_distinct || made.indexIncludingParams?.length) return true
  }
  return false
}

function moveConstraints({ own, name, found, dropped }: Context): void {
  const fresh = `${name}_new`
  for (const check of own.checks) {
    if (!check.columns.includes(name) || dropped.includes(check.name)) continue
    const text = checkWith(check, own, name, fresh)
    if (text === undefined) found.obstacles.push(`the constraint ${check.name} cannot be read from the migrations`)
    else found.constraints.push({ table: own.name, name: check.name, text, validated: check.validated })
  }
  for (const key of own.foreignKeys) {
    if (!key.columns.includes(name) || dropped.includes(key.name)) continue
    const isOwn = key.referencedTable === own.name && key.referencedColumns.includes(name)
    const columns = key.columns.map((each) => (each === name ? fresh : each))
    const text = isOwn || own.kind !== 'table' ? undefined : foreignKeyTo(key, columns)
    const before = writesColumn(key) ? undefined : foreignKeyTo(key, key.columns)
    if (text === undefined) found.obstacles.push(`the foreign key ${key.name} has to be made for ${fresh} by hand`)
    else {
      const moved = { table: own.name, name: key.name, text, validated: key.validated }
      found.constraints.push({ ...moved, ...(before !== undefined && { before }) })
    }
  }
}

/** Whether its actions set the column: what they set in the twin the trigger would undo. */
function writesColumn({ definition }: TextForeignKey): boolean {
  const { fk_upd_action: onUpdate = 'a', fk_del_action: onDelete = 'a' } = definition
  return !['a', 'r'].includes(onUpdate) || !['a', 'r', 'c'].includes(onDelete)
}

/** Without referenced columns the primary key is meant, which is the same for the twin. */
function foreignKeyTo(key: TextForeignKey, columns: readonly string[]): string | undefined {
  if (key.referencedColumns.length > 0) return foreignKeyText(key, columns, key.referencedColumns)
  return foreignKeyText(key, columns, ['?'])?.replace(' ("?")', '')
}

function moveReferences({ table: { draft }, own, name, found, dropped }: Context): void {
  if (!draft.referenced.has(own.name)) return
  const primary = own.keys.find(({ kind }) => kind === 'primary key')?.columns ?? []
  for (const other of draft.tables.values()) {
    for (const key of other.foreignKeys) {
      if (key.referencedTable !== own.name || (other === own && dropped.includes(key.name))) continue
      const referenced = key.referencedColumns.length > 0 ? key.referencedColumns : primary
      if (!referenced.includes(name)) continue
      const moved = referenced.map((each) => (each === name ? `${name}_new` : each))
      const text = other.kind === 'table' ? foreignKeyText(key, key.columns, moved) : undefined
      const before = foreignKeyTo(key, key.columns)
      const isTwice = other === own && key.columns.includes(name)
      if (text === undefined || before === undefined || isTwice || other.partitionOf !== undefined) {
        found.obstacles.push(
          `the foreign key ${key.name} of ${other.name} references ${name} and has to be made anew by hand`,
        )
      } else found.references.push({ table: other.name, name: key.name, text, before, validated: key.validated })
    }
  }
}

/** A constraint's command with the name that it has until the swap. */
export function addTwin({ name, text }: MovedConstraint): { name: string; add: string } {
  const fresh = `${name}_new`
  return { name: fresh, add: `ADD CONSTRAINT ${quoteIdentifier(fresh)} ${text} NOT VALID` }
}
