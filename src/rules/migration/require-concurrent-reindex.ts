import { compareLockModes } from '../../findings/lock-mode.ts'
import type { Observation } from '../../findings/observation.ts'
import { textNameOf } from '../../sql/identifier.ts'
import { ownerOfIndex, resolveName } from '../../sql/schema-draft.ts'
import type { DraftTable } from '../../sql/schema-draft.ts'
import type { NodeOf } from '../../sql/statement.ts'
import { statementOf } from '../../sql/statement.ts'
import { isOptionOn } from '../../sql/transactions.ts'
import { isUnused } from '../drops.ts'
import { measured } from '../lock-table/lock-table.ts'
import type { LockShapeName } from '../lock-table/lock-table.ts'
import { observationOf, traceEvidence } from '../observed.ts'
import { placeOfStatement } from '../place.ts'
import { defineRule } from '../rule.ts'
import type { StatementSubject } from '../subject.ts'
import { concurrentRemedy, withConcurrently } from './concurrent-remedy.ts'

export default defineRule({
  id: 'require-concurrent-reindex',
  since: '0.1.0',
  severity: 'error',
  category: 'migration',
  subject: 'statement',
  statements: ['ReindexStmt'],
  about: 'change',
  needs: ['measured', 'trace'],
  summary: 'REINDEX without CONCURRENTLY on tables that are already in use',
  why:
    'REINDEX takes SHARE on the table, so every INSERT, UPDATE and DELETE waits until the index is built, and ACCESS ' +
    'EXCLUSIVE on the index. Planning a query locks all indexes of its tables, so reads wait as well, whether they ' +
    'would use the index or not.',
  instead:
    'REINDEX … CONCURRENTLY takes SHARE UPDATE EXCLUSIVE: it builds a new index beside the old one and swaps them. It ' +
    'needs the room for both, waits for transactions that are older than it, and cannot run in a transaction block. ' +
    'When it fails it leaves an INVALID index whose name ends in _ccnew: drop that one with DROP INDEX CONCURRENTLY. ' +
    'System catalogs and the indexes of exclusion constraints have no concurrent way.',
  examples: [
    {
      title: 'One index',
      setup:
        'CREATE TABLE orders (id bigint PRIMARY KEY, customer_id bigint NOT NULL);\n' +
        'CREATE INDEX orders_customer_id_idx ON orders (customer_id);',
      bad: 'REINDEX INDEX orders_customer_id_idx;',
      at: 'REINDEX INDEX orders_customer_id_idx',
      good: 'REINDEX INDEX CONCURRENTLY orders_customer_id_idx;',
    },
    {
      title: 'All indexes of a table',
      setup: 'CREATE TABLE orders (id bigint PRIMARY KEY, number text UNIQUE);',
      bad: 'REINDEX (VERBOSE) TABLE orders;',
      at: 'REINDEX (VERBOSE) TABLE orders',
      good: 'REINDEX (CONCURRENTLY, VERBOSE) TABLE orders;',
    },
    {
      title: 'All tables of a schema',
      setup: 'CREATE TABLE orders (id bigint PRIMARY KEY);',
      bad: 'REINDEX SCHEMA public;',
      at: 'REINDEX SCHEMA public',
      good: 'REINDEX SCHEMA CONCURRENTLY public;',
    },
    {
      title: 'A table that the same file creates has no readers yet',
      setup: 'CREATE TABLE orders (id bigint PRIMARY KEY);',
      bad: 'BEGIN;\nREINDEX TABLE orders;\nCOMMIT;',
      at: 'REINDEX TABLE orders',
      good: 'CREATE TABLE drafts (id bigint PRIMARY KEY);\nREINDEX TABLE drafts;',
    },
  ],
  sources: [
    'https://www.postgresql.org/docs/17/sql-reindex.html#SQL-REINDEX-CONCURRENTLY',
    'https://www.postgresql.org/docs/17/explicit-locking.html#LOCKING-TABLES',
  ],
  options: {},
  changes: { objects: [] },
  claims: [
    {
      says: 'REINDEX INDEX holds SHARE on the table and ACCESS EXCLUSIVE on the index.',
      setup: 'CREATE TABLE t (a int); CREATE INDEX i ON t (a); INSERT INTO t SELECT generate_series(1, 100);',
      statement: 'REINDEX INDEX i',
      locks: { 'public.t': 'SHARE', 'public.i': 'ACCESS EXCLUSIVE' },
      scans: ['public.t'],
    },
    {
      says: 'REINDEX TABLE holds ACCESS EXCLUSIVE on every index of the table.',
      setup: 'CREATE TABLE t (a int); CREATE INDEX i ON t (a); CREATE INDEX j ON t (a);',
      statement: 'REINDEX TABLE t',
      locks: { 'public.t': 'SHARE', 'public.i': 'ACCESS EXCLUSIVE', 'public.j': 'ACCESS EXCLUSIVE' },
    },
    {
      says: 'REINDEX TABLE CONCURRENTLY holds SHARE UPDATE EXCLUSIVE on all of them.',
      setup: 'CREATE TABLE t (a int); CREATE INDEX i ON t (a);',
      statement: 'REINDEX TABLE CONCURRENTLY t',
      locks: { 'public.t': 'SHARE UPDATE EXCLUSIVE', 'public.i': 'SHARE UPDATE EXCLUSIVE' },
    },
    {
      says: 'REINDEX CONCURRENTLY cannot run in a transaction block.',
      setup: 'CREATE TABLE t (a int); CREATE INDEX i ON t (a);',
      statement: 'BEGIN; REINDEX INDEX CONCURRENTLY i;',
      fails: '25001',
    },
    {
      says: 'A query that would not use the index waits for its REINDEX too.',
      setup: 'CREATE TABLE t (a int, b int); CREATE INDEX i ON t (a);',
      statement: 'EXPLAIN SELECT b FROM t',
      locks: { 'public.i': 'ACCESS SHARE' },
    },
    {
      says: 'System catalogs cannot be rebuilt CONCURRENTLY.',
      setup: '',
      statement: 'REINDEX SYSTEM CONCURRENTLY',
      fails: '0A000',
    },
    {
      says: 'Nor can the index of an exclusion constraint.',
      setup: 'CREATE TABLE t (a int4range, CONSTRAINT i EXCLUDE USING gist (a WITH &&));',
      statement: 'REINDEX INDEX CONCURRENTLY i',
      fails: '0A000',
    },
  ],
  *check(subject, { major }) {
    const reindex = statementOf(subject.statement, 'ReindexStmt')
    if (reindex === undefined || isOptionOn(reindex.params, 'concurrently', false)) return
    const table = tableOf(subject, reindex)
    if (table !== undefined && isUnused(subject, table.name)) return
    const observation = observationOf(subject)
    const seen = observation && lockedTable(subject, observation, table?.name)
    // What stands outside a transaction, as SCHEMA and DATABASE do, is not seen while it runs.
    if (observation && seen === undefined && isOneRelation(reindex)) return
    const shape = shapeOf(reindex, table)
    const printed = seen ?? table?.name
    const evidence = measured(shape, major, printed === undefined ? {} : { t: printed })
    yield {
      kind: 'finding',
      at: placeOfStatement(subject),
      evidence: [
        ...(observation ? [traceEvidence(major, observation)] : []),
        ...(seen === undefined ? [evidence] : []),
      ] as [typeof evidence],
      message:
        `${wordsOf(reindex)} blocks every write to ${printed ?? whoseTables(reindex)} (SHARE), and every read that plans ` +
        'with its indexes (ACCESS EXCLUSIVE), until they are rebuilt',
      ...remedy(subject, reindex, table),
    }
  },
})

type ReindexStmt = NodeOf<'ReindexStmt'>

function isOneRelation({ kind }: ReindexStmt): boolean {
  return kind === 'REINDEX_OBJECT_INDEX' || kind === 'REINDEX_OBJECT_TABLE'
}

/** The table whose index or indexes are rebuilt, where it is one and the text shows it. */
function tableOf(subject: StatementSubject, { kind, relation }: ReindexStmt): DraftTable | undefined {
  if (relation?.relname === undefined) return undefined
  const draft = subject.migration.history.before(subject)
  if (kind === 'REINDEX_OBJECT_INDEX') return ownerOfIndex(draft, relation.schemaname, relation.relname)
  return draft.tables.get(resolveName(draft, relation.schemaname, relation.relname))
}

/** The table that the shadow showed the statement lock, as PostgreSQL prints it. */
function lockedTable(
  subject: StatementSubject,
  { locks, held }: Observation,
  table: string | undefined,
): string | undefined {
  const blocking = [...locks, ...held.filter(({ relation }) => textNameOf(relation) === table)].filter(
    ({ relation, mode }) => compareLockModes(mode, 'SHARE') >= 0 && !isUnused(subject, textNameOf(relation)),
  )
  if (table !== undefined) return blocking.find(({ relation }) => textNameOf(relation) === table)?.relation
  return blocking.find(({ mode }) => mode === 'SHARE')?.relation
}

function shapeOf({ kind }: ReindexStmt, table: DraftTable | undefined): LockShapeName {
  switch (kind) {
    case 'REINDEX_OBJECT_INDEX':
      return 'REINDEX INDEX'
    case 'REINDEX_OBJECT_TABLE':
      return table?.kind === 'partitioned table' ? 'REINDEX TABLE, partitioned table' : 'REINDEX TABLE'
    default:
      return 'REINDEX SCHEMA'
  }
}

function wordsOf({ kind }: ReindexStmt): string {
  return `REINDEX ${(kind ?? '').replace('REINDEX_OBJECT_', '')}`
}

function whoseTables({ kind, relation, name }: ReindexStmt): string {
  switch (kind) {
    case 'REINDEX_OBJECT_SCHEMA':
      return `one table of the schema ${name ?? ''} after the other`
    case 'REINDEX_OBJECT_DATABASE':
      return 'one table of the database after the other'
    case 'REINDEX_OBJECT_SYSTEM':
      return 'one system catalog after the other'
    default:
      return relation?.relname === undefined ? 'its table' : `the table of ${relation.relname}`
  }
}

function remedy(subject: StatementSubject, reindex: ReindexStmt, table: DraftTable | undefined) {
  const { kind, relation } = reindex
  const key = table?.keys.find(({ name }) => name === relation?.relname)
  // Of the constraints that have an index only exclusion constraints have one that is no B-tree.
  const isExclusion = kind === 'REINDEX_OBJECT_INDEX' && key !== undefined && key.method !== 'btree'
  if (kind === 'REINDEX_OBJECT_SYSTEM' || isExclusion) {
    const what = isExclusion ? 'the index of an exclusion constraint' : 'system catalogs'
    return {
      next:
        `PostgreSQL cannot rebuild ${what} CONCURRENTLY. Do it by hand in a quiet moment, or say why it may stand with ` +
        '-- kei: ignore require-concurrent-reindex: REASON',
    }
  }
  const firstWords = /^reindex\s*(?:\([^()]*\)\s*)?(?:index|table|schema|database)\b/i
  const text = withConcurrently(subject.statement.text, firstWords)
  if (text === undefined) {
    return { next: 'Write CONCURRENTLY after INDEX, TABLE, SCHEMA or DATABASE, outside of any transaction.' }
  }
  const note = 'If it fails, DROP INDEX CONCURRENTLY the INVALID index whose name ends in _ccnew before the next try.'
  return concurrentRemedy(subject, [{ text, name: 'reindex', down: '-- Rebuilt indexes are the same indexes.' }], {
    note,
    safety: 'safe',
  })
}
