import { quoteIdentifier } from '../../sql/identifier.ts'
import type { SchemaDraft } from '../../sql/schema-draft.ts'
import { schemaOfTextName, textName } from '../../sql/schema-draft.ts'
import { namesOf } from '../../sql/statement.ts'
import type { AddedConstraint } from '../added-constraint.ts'
import { constraintName } from '../constraint-name.ts'
import { fileWords } from '../next-step.ts'
import type { NamedConstraint } from '../not-valid-recipe.ts'
import { nameInSql } from '../search-path.ts'
import type { MigrationDraft, StatementSubject } from '../subject.ts'

/** Whether it is a PRIMARY KEY. */
export function isPrimary({ node }: AddedConstraint): boolean {
  return node.contype === 'CONSTR_PRIMARY'
}

/** A table as the statements of a key name it. */
export interface KeyTable {
  /** As SQL names it. */
  written: string
  /** An index of it as SQL names it. */
  inSchema(index: string): string
  /** A name that an index of these columns can have; another one each time. */
  freeName(columns: readonly string[]): string
}

/** @param written the table as SQL names it. */
export function keyTable(subject: StatementSubject, draft: SchemaDraft, table: string, written: string): KeyTable {
  const given: string[] = []
  return {
    written,
    inSchema: (index) => nameInSql(subject, textName(schemaOfTextName(table), index)),
    freeName(columns) {
      const name = constraintName(draft, table, columns, 'idx', given)
      given.push(name)
      return name
    },
  }
}

/** The statements that make one constraint: its index, then the constraint of it; and how each is taken back. */
export interface KeySteps {
  index: { up: string; down: string }
  constraint: { up: string; down: string }
  /** The command that makes the constraint of the index, and gives the index its name. */
  add: string
}

/** @param built the name that the index is built under. */
export function keySteps(
  { written, inSchema, freeName }: KeyTable,
  { constraint, name }: NamedConstraint,
  built = name,
): KeySteps {
  const { node, text } = constraint
  const own = quoteIdentifier(name)
  const ownIndex = quoteIdentifier(built)
  const list = (names: readonly string[]) => `(${names.map(quoteIdentifier).join(', ')})`
  const including = namesOf({ List: { items: node.including ?? [] } })
  const options = /\bWITH\s*\([^)]*\)/i.exec(text)?.[0]
  const deferred = /(?:\s+(?:(?:NOT\s+)?DEFERRABLE|INITIALLY\s+(?:DEFERRED|IMMEDIATE)))+$/i.exec(text)?.[0] ?? ''
  const definition = [
    `ON ${written} ${list(constraint.columns)}`,
    ...(including.length > 0 ? [`INCLUDE ${list(including)}`] : []),
    ...(node.nulls_not_distinct ? ['NULLS NOT DISTINCT'] : []),
    ...(options === undefined ? [] : [options]),
    ...(node.indexspace === undefined ? [] : [`TABLESPACE ${quoteIdentifier(node.indexspace)}`]),
  ].join(' ')
  const build = (index: string) => `CREATE UNIQUE INDEX CONCURRENTLY ${index} ${definition};`
  const add = `ADD CONSTRAINT ${own} ${isPrimary(constraint) ? 'PRIMARY KEY' : 'UNIQUE'} USING INDEX ${ownIndex}${deferred}`
  // The constraint takes its index along; another is there before that, so that no duplicate comes in between.
  const spare = freeName(constraint.columns)
  return {
    index: { up: build(ownIndex), down: `DROP INDEX CONCURRENTLY ${inSchema(built)};` },
    constraint: {
      up: `ALTER TABLE ${written} ${add};`,
      down: [
        build(quoteIdentifier(spare)),
        `ALTER TABLE ${written} DROP CONSTRAINT ${own};`,
        `ALTER INDEX ${inSchema(spare)} RENAME TO ${ownIndex};`,
      ].join('\n'),
    },
    add,
  }
}

/** The steps of a constraint as migrations. */
export function inFiles(
  { migration }: StatementSubject,
  name: string,
  { index, constraint }: KeySteps,
): MigrationDraft[] {
  return [
    { name: fileWords(`create_${name}`), ...index, outsideTransaction: true },
    { name: fileWords(`add_${name}`), up: constraint.up, ...backOutside(migration, constraint.down) },
  ]
}

/** A way back that builds indexes CONCURRENTLY; it has to block writes where a file is always one transaction. */
export function backOutside(
  { mode }: StatementSubject['migration'],
  down: string,
): Pick<MigrationDraft, 'down' | 'outsideTransaction' | 'downOutsideTransaction'> {
  if (mode !== 'simple-query') return { down, outsideTransaction: false, downOutsideTransaction: true }
  return { down: down.replaceAll(' CONCURRENTLY', ''), outsideTransaction: false }
}

/** Whether a CREATE INDEX CONCURRENTLY could stand in the statement's place: nothing opens a transaction around it. */
export function runsAlone({ migration }: StatementSubject): boolean {
  const { mode, statements } = migration
  const isSent = mode === 'grouped' || mode === 'statement'
  return isSent && !statements.some(({ statement }) => statement.tag === 'TransactionStmt')
}
