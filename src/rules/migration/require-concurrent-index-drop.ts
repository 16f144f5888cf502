import type { Observation } from '../../findings/observation.ts'
import { quoteIdentifier, quoteTextName, textNameOf } from '../../sql/identifier.ts'
import { ownerOfIndex } from '../../sql/schema-draft.ts'
import type { DraftTable } from '../../sql/schema-draft.ts'
import type { TextIndex } from '../../sql/schema-text.ts'
import type { NodeOf } from '../../sql/statement.ts'
import { namesOf, statementOf } from '../../sql/statement.ts'
import { isDefaultPath } from '../../sql/search-path.ts'
import { isUnused } from '../drops.ts'
import { effectOn, heldFacts } from '../effect.ts'
import { measured } from '../lock-table/lock-table.ts'
import { fileWords } from '../next-step.ts'
import { observationOf, traceEvidence } from '../observed.ts'
import { printedName } from '../object-name.ts'
import { placeOfStatement } from '../place.ts'
import { defineRule } from '../rule.ts'
import type { Verdict } from '../rule.ts'
import { isUnderOwnPath, searchPathAt } from '../search-path.ts'
import type { StatementSubject } from '../subject.ts'
import { concurrentRemedy, indexInSchemaOf, withConcurrently } from './concurrent-remedy.ts'
import type { ConcurrentStatement } from './concurrent-remedy.ts'
import { splitAtRelation } from './statement-words.ts'

export default defineRule({
  id: 'require-concurrent-index-drop',
  since: '0.1.0',
  severity: 'warning',
  category: 'migration',
  subject: 'statement',
  statements: ['DropStmt'],
  about: 'change',
  needs: ['measured', 'trace'],
  summary: 'DROP INDEX without CONCURRENTLY on a table that is already in use',
  why:
    'DROP INDEX takes ACCESS EXCLUSIVE on the index’s table. The drop itself is quick, but the lock is granted only ' +
    'once every query on the table has ended, and until then every new read and write queues behind it: one slow ' +
    'report is enough to stop the table. In a transaction the lock stays until its end.',
  instead:
    'DROP INDEX CONCURRENTLY takes SHARE UPDATE EXCLUSIVE, which lets reads and writes go on, and waits for the ' +
    'transactions that may still use the index. It cannot run in a transaction block, and takes one index and no ' +
    'CASCADE. When it is cancelled it leaves an INVALID index: run it again. The index of a partitioned table has no ' +
    'concurrent way: drop it in a quiet moment with a short lock_timeout. An index of a table that the same file ' +
    'creates needs none of this.',
  examples: [
    {
      title: 'An index of a table from an earlier migration',
      setup:
        'CREATE TABLE orders (id bigint PRIMARY KEY, customer_id bigint NOT NULL);\n' +
        'CREATE INDEX orders_customer_id_idx ON orders (customer_id);',
      bad: 'DROP INDEX orders_customer_id_idx;',
      at: 'DROP INDEX orders_customer_id_idx',
      good: 'DROP INDEX CONCURRENTLY orders_customer_id_idx;',
    },
    {
      title: 'Two indexes at once: CONCURRENTLY takes one',
      setup:
        'CREATE TABLE orders (id bigint PRIMARY KEY, customer_id bigint, placed_at timestamptz);\n' +
        'CREATE INDEX orders_customer_id_idx ON orders (customer_id);\n' +
        'CREATE INDEX orders_placed_at_idx ON orders (placed_at);',
      bad: 'DROP INDEX IF EXISTS orders_customer_id_idx, orders_placed_at_idx CASCADE;',
      at: 'DROP INDEX IF EXISTS orders_customer_id_idx, orders_placed_at_idx CASCADE',
      good:
        'DROP INDEX CONCURRENTLY IF EXISTS orders_customer_id_idx;\n' +
        'DROP INDEX CONCURRENTLY IF EXISTS orders_placed_at_idx;',
    },
    {
      title: 'In a transaction it is refused, so it moves out',
      setup:
        'CREATE TABLE orders (id bigint PRIMARY KEY, number text NOT NULL);\n' +
        'CREATE UNIQUE INDEX orders_number_idx ON orders (number);',
      bad: 'BEGIN;\nDROP INDEX orders_number_idx;\nCOMMIT;',
      at: 'DROP INDEX orders_number_idx',
      good:
        'CREATE TABLE drafts (number text);\nCREATE INDEX drafts_number_idx ON drafts (number);\n' +
        'DROP INDEX drafts_number_idx;',
    },
    {
      title: 'The index of a partitioned table',
      setup:
        'CREATE TABLE events (at timestamptz NOT NULL, kind text) PARTITION BY RANGE (at);\n' +
        "CREATE TABLE events_2026 PARTITION OF events FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');\n" +
        'CREATE INDEX events_kind_idx ON events (kind);\nCREATE INDEX events_2026_at_idx ON events_2026 (at);',
      bad: 'DROP INDEX events_kind_idx;',
      at: 'DROP INDEX events_kind_idx',
      good: 'DROP INDEX CONCURRENTLY events_2026_at_idx;',
    },
  ],
  sources: [
    'https://www.postgresql.org/docs/17/sql-dropindex.html',
    'https://www.postgresql.org/docs/17/explicit-locking.html#LOCKING-TABLES',
  ],
  options: {},
  changes: { objects: [] },
  claims: [
    {
      says: 'DROP INDEX holds ACCESS EXCLUSIVE on the table.',
      setup: 'CREATE TABLE t (a int); CREATE INDEX i ON t (a);',
      statement: 'DROP INDEX i',
      locks: { 'public.t': 'ACCESS EXCLUSIVE' },
    },
    {
      says: 'DROP INDEX CONCURRENTLY holds SHARE UPDATE EXCLUSIVE on it.',
      setup: 'CREATE TABLE t (a int); CREATE INDEX i ON t (a);',
      statement: 'DROP INDEX CONCURRENTLY i',
      locks: { 'public.t': 'SHARE UPDATE EXCLUSIVE' },
    },
    {
      says: 'DROP INDEX CONCURRENTLY cannot run in a transaction block.',
      setup: 'CREATE TABLE t (a int); CREATE INDEX i ON t (a);',
      statement: 'BEGIN; DROP INDEX CONCURRENTLY i;',
      fails: '25001',
    },
    {
      says: 'It takes one index.',
      setup: 'CREATE TABLE t (a int); CREATE INDEX i ON t (a); CREATE INDEX j ON t (a);',
      statement: 'DROP INDEX CONCURRENTLY i, j',
      fails: '0A000',
    },
    {
      says: 'It takes no CASCADE.',
      setup: 'CREATE TABLE t (a int); CREATE INDEX i ON t (a);',
      statement: 'DROP INDEX CONCURRENTLY i CASCADE',
      fails: '0A000',
    },
    {
      says: 'It is refused for the index of a partitioned table.',
      setup: 'CREATE TABLE t (a int) PARTITION BY RANGE (a); CREATE INDEX i ON t (a);',
      statement: 'DROP INDEX CONCURRENTLY i',
      fails: '0A000',
    },
    {
      says: 'DROP INDEX on a partitioned table holds ACCESS EXCLUSIVE on it and on every partition.',
      setup:
        'CREATE TABLE t (a int) PARTITION BY RANGE (a); ' +
        'CREATE TABLE p PARTITION OF t FOR VALUES FROM (0) TO (1000); CREATE INDEX i ON t (a);',
      statement: 'DROP INDEX i',
      locks: { 'public.t': 'ACCESS EXCLUSIVE', 'public.p': 'ACCESS EXCLUSIVE' },
    },
  ],
  *check(subject, { major }) {
    const drop = statementOf(subject.statement, 'DropStmt')
    if (drop?.removeType !== 'OBJECT_INDEX' || drop.concurrent) return
    const indexes = droppedIndexes(subject, drop)
    const others = indexes.filter((index) => !isOwn(subject, index))
    if (others.length === 0) return
    const observation = observationOf(subject)
    const tables = observation ? lockedTables(subject, observation, others) : undefined
    if (tables?.length === 0) return
    if (tables === undefined && drop.missing_ok && others.every(({ owner }) => owner === undefined)) {
      yield { kind: 'unknown', needs: 'a trace', file: subject.migration.file }
      return
    }
    const owners = tables ?? [...new Set(others.flatMap(({ owner }) => owner?.name ?? []))]
    const whose = owners.length === 0 ? 'its table' : owners.join(' and ')
    const isPartitioned = others.some(({ owner }) => owner?.kind === 'partitioned table')
    const [first] = owners
    yield {
      kind: 'finding',
      at: placeOfStatement(subject),
      evidence: [
        observation
          ? traceEvidence(
              major,
              observation,
              first === undefined ? undefined : heldFacts(effectOn(subject, textNameOf(first))),
            )
          : measured(isPartitioned ? 'DROP INDEX, partitioned table' : 'DROP INDEX', major, first ? { t: first } : {}),
      ],
      message:
        `DROP INDEX keeps every read and write of ${whose} waiting (ACCESS EXCLUSIVE) while it waits for the queries ` +
        `that run there${isPartitioned ? '; CONCURRENTLY is an error for the index of a partitioned table' : ''}`,
      // Nothing better is to be had there.
      ...(isPartitioned && { severity: 'note' as const }),
      ...remedy(subject, drop, indexes, isPartitioned),
    }
  },
})

type DropStmt = NodeOf<'DropStmt'>

interface DroppedIndex {
  /** As it is written, in SQL. */
  written: string
  name: string
  /** Undefined where the text does not show it. */
  owner: DraftTable | undefined
  /** Undefined also for the index of a key. */
  index: TextIndex | undefined
  /** Whether a foreign key may depend on it. */
  mayBeReferenced: boolean
}

function droppedIndexes(subject: StatementSubject, drop: DropStmt): DroppedIndex[] {
  const draft = subject.migration.history.before(subject)
  const referenced = new Set(
    [...draft.tables.values()].flatMap((table) => table.foreignKeys.map((key) => key.referencedTable)),
  )
  return (drop.objects ?? []).map((object) => {
    const names = namesOf(object)
    const [name = '', schema] = names.toReversed()
    const owner = ownerOfIndex(draft, schema, name)
    const index = owner?.indexes.find((each) => each.name === name)
    const mayBeReferenced = index === undefined || (index.unique && referenced.has(index.table))
    return { written: names.map(quoteIdentifier).join('.'), name, owner, index, mayBeReferenced }
  })
}

/** Of a table that nobody else uses, or made by the same file. */
function isOwn(subject: StatementSubject, { owner, index }: DroppedIndex): boolean {
  if (owner !== undefined && isUnused(subject, owner.name)) return true
  return index?.site.file === subject.migration.file
}

/** The tables that the shadow showed the statement lock, as PostgreSQL prints them. */
function lockedTables(subject: StatementSubject, observation: Observation, indexes: readonly DroppedIndex[]): string[] {
  const gone = new Set(observation.dropped.map(({ name }) => name))
  const owners = new Set(indexes.flatMap(({ owner }) => owner?.name ?? []))
  const locks = [...observation.locks, ...observation.held.filter(({ relation }) => owners.has(textNameOf(relation)))]
  const tables = locks
    .filter(({ relation, mode }) => mode === 'ACCESS EXCLUSIVE' && !gone.has(relation))
    .map(({ relation }) => relation)
    .filter((relation) => !isUnused(subject, textNameOf(relation)))
  // The owners first: the partitions of one are locked with it.
  return [...new Set(tables)].sort((a, b) => Number(owners.has(textNameOf(b))) - Number(owners.has(textNameOf(a))))
}

function remedy(
  subject: StatementSubject,
  drop: DropStmt,
  indexes: readonly DroppedIndex[],
  isPartitioned: boolean,
): Pick<Verdict & { kind: 'finding' }, 'next' | 'fixes'> {
  if (isPartitioned) {
    return {
      next:
        'There is no other way to drop the index of a partitioned table. Drop it alone, in a quiet moment, under a ' +
        'short lock_timeout, and try again when that ends it; or say why it may stand with ' +
        '-- kei: ignore require-concurrent-index-drop: REASON',
    }
  }
  const cascades = drop.behavior === 'DROP_CASCADE'
  if (cascades && mayDropMore(subject, indexes)) {
    return {
      next:
        'CONCURRENTLY takes no CASCADE: drop the foreign keys that depend on the index in a migration of their own, ' +
        `then write\n${indexes.map(({ written }) => `  DROP INDEX CONCURRENTLY ${written};`).join('\n')}`,
    }
  }
  const condition = drop.missing_ok ? 'IF EXISTS ' : ''
  const statements = indexes.map(({ written, name, owner, index }): ConcurrentStatement => {
    const qualified = owner === undefined ? written : indexInSchemaOf(subject, owner.name, name)
    const text =
      indexes.length === 1 && !cascades ? withConcurrently(subject.statement.text, /^drop\s+index\b/i) : undefined
    return {
      text: text ?? `DROP INDEX CONCURRENTLY ${condition}${written};`,
      ...(qualified !== written &&
        !written.includes('.') && { moved: `DROP INDEX CONCURRENTLY ${condition}${qualified};` }),
      name: fileWords(`drop_${name}`),
      down: index === undefined ? '' : indexAgain(subject, index),
    }
  })
  const several = statements.length > 1 ? 'It takes one index at a time. ' : ''
  const note = `${several}If it is cancelled it leaves the index INVALID: run it again.`
  return concurrentRemedy(subject, statements, { note, safety: cascades ? 'review' : 'safe' })
}

/** Whether CASCADE may take more than the indexes. */
function mayDropMore(subject: StatementSubject, indexes: readonly DroppedIndex[]): boolean {
  const observation = observationOf(subject)
  if (observation && subject.within === undefined) return observation.dropped.some(({ cascaded }) => cascaded)
  return indexes.some(({ mayBeReferenced }) => mayBeReferenced)
}

/** The CREATE INDEX CONCURRENTLY that brings an index back; empty where its text no longer says what it was. */
function indexAgain(subject: StatementSubject, { name, table, site }: TextIndex): string {
  const { start, end } = site.span
  const text = site.fileText
    .slice(start, end)
    .replace(/^(create\s+(?:unique\s+)?index\s+(?:concurrently\s+)?)if\s+not\s+exists\s+/i, '$1')
  const names = name !== undefined && text.includes(name) && text.includes(quoteTextName(table).split('.').at(-1) ?? '')
  if (!names) return ''
  const isConcurrent = /^create\s+(?:unique\s+)?index\s+concurrently\b/i.test(text)
  const again = isConcurrent ? `${text};` : (withConcurrently(text, /^create\s+(?:unique\s+)?index\b/i) ?? '')
  const isElsewhere = isUnderOwnPath(subject.migration.history, site) || !isDefaultPath(searchPathAt(subject))
  const parts = isElsewhere ? splitAtRelation(again) : undefined
  return parts === undefined ? again : `${parts.head}${printedName(table)}${parts.tail}`
}
