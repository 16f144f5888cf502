import type { RangeVar } from '@pgsql/types'
import { resolveName } from '../../sql/schema-draft.ts'
import { nodeOf, statementOf } from '../../sql/statement.ts'
import { findNodes } from '../../sql/walk.ts'
import type { LockShapeName } from '../lock-table/lock-table.ts'
import { observationOf } from '../observed.ts'
import type { StatementSubject } from '../subject.ts'
import { isInUse } from '../used-table.ts'

/** Work that takes as long as a table is big. */
export interface Work {
  /** As PostgreSQL calls the command. */
  command: string
  /** What it reads, as a `SchemaText` names it; empty where the text does not say. */
  reads: string[]
  /** Its row of the lock table, after a lock on what it reads, and after one on another table. */
  shapes: { same: LockShapeName; other: LockShapeName }
}

/** What takes long without taking ACCESS EXCLUSIVE by itself: what does both has a rule of its own. */
export function workOf(subject: StatementSubject): Work | undefined {
  for (const each of [subject, ...subject.inner]) {
    const work = writtenWork(each)
    if (work !== undefined) return work
  }
  return undefined
}

function writtenWork(subject: StatementSubject): Work | undefined {
  const { statement, migration } = subject
  const observation = observationOf(subject)
  const draft = migration.history.before(subject)
  const named = (relation: RangeVar | undefined) => resolveName(draft, relation?.schemaname, relation?.relname ?? '')
  const isUsed = (relation: RangeVar | undefined) =>
    relation?.relname !== undefined && isInUse(subject, named(relation))

  switch (statement.tag) {
    case 'IndexStmt': {
      const index = statementOf(statement, 'IndexStmt')
      if (index?.concurrent || !isUsed(index?.relation)) return undefined
      if (draft.tables.get(named(index?.relation))?.kind === 'partitioned table' && !index?.relation?.inh)
        return undefined
      // IF NOT EXISTS found the index: nothing was built.
      if (observation && !observation.created.some(({ objectType }) => objectType === 'index')) return undefined
      return {
        command: 'CREATE INDEX',
        reads: [named(index?.relation)],
        shapes: {
          same: 'ALTER TABLE, then CREATE INDEX in the same transaction',
          other: 'ALTER TABLE, then CREATE INDEX of another table in the same transaction',
        },
      }
    }
    case 'AlterTableStmt': {
      const alter = statementOf(statement, 'AlterTableStmt')
      if (alter?.objtype !== 'OBJECT_TABLE' || !isUsed(alter.relation)) return undefined
      const commands = (alter.cmds ?? []).flatMap((each) => nodeOf(each, 'AlterTableCmd') ?? [])
      if (observation && observation.scans.length === 0) return undefined
      if (commands.length > 0 && commands.every(({ subtype }) => subtype === 'AT_ValidateConstraint')) {
        return {
          command: 'VALIDATE CONSTRAINT',
          reads: [named(alter.relation)],
          shapes: {
            same: 'ALTER TABLE, then VALIDATE CONSTRAINT in the same transaction',
            other: 'ALTER TABLE, then VALIDATE CONSTRAINT of another table in the same transaction',
          },
        }
      }
      const readsForKey = commands.every(({ subtype, def }) => {
        const constraint = subtype === 'AT_AddConstraint' ? nodeOf(def, 'Constraint') : undefined
        return constraint?.contype === 'CONSTR_FOREIGN' && !constraint.skip_validation
      })
      if (commands.length === 0 || !readsForKey) return undefined
      const shape = 'ALTER TABLE, then ADD FOREIGN KEY in the same transaction'
      return { command: 'ADD FOREIGN KEY', reads: [named(alter.relation)], shapes: { same: shape, other: shape } }
    }
    case 'RefreshMatViewStmt': {
      const refresh = statementOf(statement, 'RefreshMatViewStmt')
      if (refresh?.skipData) return undefined
      const shape = 'REFRESH MATERIALIZED VIEW, after ALTER TABLE in the same transaction'
      return { command: 'REFRESH MATERIALIZED VIEW', reads: [], shapes: { same: shape, other: shape } }
    }
    case 'CreateTableAsStmt':
    case 'SelectStmt': {
      const create = statementOf(statement, 'CreateTableAsStmt')
      if (create?.into?.skipData || (create ?? statementOf(statement, 'SelectStmt')?.intoClause) === undefined)
        return undefined
      const sources = findNodes(statement.node, 'RangeVar').filter(
        (each) => draft.tables.has(named(each)) && isUsed(each),
      )
      if (sources.length === 0) return undefined
      const isView = create?.objtype === 'OBJECT_MATVIEW'
      return {
        command: isView ? 'CREATE MATERIALIZED VIEW' : create ? 'CREATE TABLE AS' : 'SELECT INTO',
        reads: sources.map(named),
        shapes: {
          same: 'ALTER TABLE, then CREATE TABLE AS in the same transaction',
          other: 'ALTER TABLE, then CREATE TABLE AS of another table in the same transaction',
        },
      }
    }
    case 'ReindexStmt': {
      const reindex = statementOf(statement, 'ReindexStmt')
      return {
        command: 'REINDEX',
        reads: reindex?.kind === 'REINDEX_OBJECT_TABLE' ? [named(reindex.relation)] : [],
        shapes: {
          same: 'ALTER TABLE, then REINDEX in the same transaction',
          other: 'ALTER TABLE, then REINDEX of another table in the same transaction',
        },
      }
    }
    default:
      return undefined
  }
}
