import { quoteTextName } from '../../sql/identifier.ts'
import { nodeOf, statementOf } from '../../sql/statement.ts'
import { defineRule } from '../rule.ts'
import { partsOfTables } from '../schema/parts-of-table.ts'
import type { SchemaState } from '../schema/schema-state.ts'
import { stateOf } from '../schema/schema-state.ts'
import type { HistorySubject } from '../subject.ts'
import { indexEvidence } from './index-evidence.ts'
import type { SchemaIndex } from './schema-indexes.ts'
import { indexesOf } from './schema-indexes.ts'

export default defineRule({
  id: 'no-invalid-index',
  since: '0.1.0',
  severity: 'warning',
  category: 'index',
  subject: 'history',
  about: 'state',
  needs: ['source', 'trace'],
  summary: 'An index that is left INVALID: every write keeps it up to date and no query uses it',
  why:
    'CREATE INDEX CONCURRENTLY or REINDEX CONCURRENTLY that fails or is cancelled leaves its index behind, INVALID. ' +
    'A unique one refuses some duplicates all the same, and not those that were there. An index ON ONLY a partitioned ' +
    'table stays INVALID until one of every partition is attached to it: partitions that are made later get theirs, and ' +
    'those from before are read without one.',
  instead:
    'Drop it and build it again, or REINDEX INDEX CONCURRENTLY, once what made it fail is mended. What REINDEX ' +
    'CONCURRENTLY left is named …_ccnew or …_ccold and is only dropped. For a partitioned table attach the index of each ' +
    'partition; where old ones are left to age out, it is a note.',
  examples: [
    {
      title: 'An index ON ONLY the parent, and nothing attached',
      setup:
        'CREATE TABLE orders (id bigint, placed_on date) PARTITION BY RANGE (placed_on);\n' +
        "CREATE TABLE orders_2026 PARTITION OF orders FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');",
      bad: 'CREATE INDEX orders_id_idx ON ONLY orders (id);',
      at: 'CREATE INDEX orders_id_idx ON ONLY orders (id)',
      good:
        'CREATE INDEX orders_id_idx ON ONLY orders (id);\n' +
        'CREATE INDEX CONCURRENTLY orders_2026_id_idx ON orders_2026 (id);\n' +
        'ALTER INDEX orders_id_idx ATTACH PARTITION orders_2026_id_idx;',
    },
    {
      title: 'One partition forgotten',
      setup:
        'CREATE TABLE orders (id bigint, placed_on date) PARTITION BY RANGE (placed_on);\n' +
        "CREATE TABLE orders_2025 PARTITION OF orders FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');\n" +
        "CREATE TABLE orders_2026 PARTITION OF orders FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');",
      bad:
        'CREATE INDEX orders_id_idx ON ONLY orders (id);\n' +
        'CREATE INDEX CONCURRENTLY orders_2025_id_idx ON orders_2025 (id);\n' +
        'ALTER INDEX orders_id_idx ATTACH PARTITION orders_2025_id_idx;',
      at: 'CREATE INDEX orders_id_idx ON ONLY orders (id)',
      good:
        'CREATE INDEX orders_id_idx ON ONLY orders (id);\n' +
        'CREATE INDEX CONCURRENTLY orders_2025_id_idx ON orders_2025 (id);\n' +
        'CREATE INDEX CONCURRENTLY orders_2026_id_idx ON orders_2026 (id);\n' +
        'ALTER INDEX orders_id_idx ATTACH PARTITION orders_2025_id_idx;\n' +
        'ALTER INDEX orders_id_idx ATTACH PARTITION orders_2026_id_idx;',
    },
  ],
  sources: [
    'https://www.postgresql.org/docs/17/sql-createindex.html#SQL-CREATEINDEX-CONCURRENTLY',
    'https://www.postgresql.org/docs/17/ddl-partitioning.html#DDL-PARTITIONING-DECLARATIVE-MAINTENANCE',
  ],
  options: {},
  claims: [
    {
      says: 'CREATE INDEX CONCURRENTLY that fails leaves an INVALID index.',
      setup: 'CREATE TABLE t AS SELECT 1 AS a FROM generate_series(1, 2);',
      statement: 'CREATE UNIQUE INDEX CONCURRENTLY i ON t (a)',
      fails: '23505',
      then: { query: "SELECT indisvalid::text FROM pg_index WHERE indexrelid = 'i'::regclass", rows: [['false']] },
    },
    {
      says: 'An INSERT still writes to it, and a unique one refuses what it holds already.',
      setup:
        'CREATE TABLE t (a int); CREATE UNIQUE INDEX i ON t (a); UPDATE pg_index SET indisvalid = false WHERE indexrelid = ' +
        "'i'::regclass; INSERT INTO t VALUES (1);",
      statement: 'INSERT INTO t VALUES (1)',
      fails: '23505',
    },
    {
      says: 'No query uses it.',
      setup:
        'CREATE TABLE t (a int, b int); INSERT INTO t SELECT g, g FROM generate_series(1, 1000) g; CREATE INDEX i ON t (a); ' +
        "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'i'::regclass; ANALYZE t;",
      statement: 'SELECT min(b) FROM t WHERE a = 7',
      scans: ['public.t'],
    },
    {
      says: 'REINDEX makes it valid.',
      setup:
        "CREATE TABLE t (a int); CREATE INDEX i ON t (a); UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'i'::regclass;",
      statement: 'REINDEX INDEX CONCURRENTLY i',
      then: { query: "SELECT indisvalid::text FROM pg_index WHERE indexrelid = 'i'::regclass", rows: [['true']] },
    },
  ],
  *check(history, { major }) {
    for (const index of indexesOf(history)) {
      const isInvalid = index.seen ? !index.seen.valid : isUnfinished(history, index)
      if (!isInvalid) continue
      yield {
        kind: 'finding',
        ...(isOfPartitioned(history, index) && { severity: 'note' as const }),
        message: messageOf(history, index),
        at: index.place(),
        evidence: indexEvidence(major, index, { [index.label]: 'INVALID' }),
        next: nextOf(history, index),
        identity: index.label,
        ...(index.printed !== undefined && { object: index.printed }),
      }
    }
  },
  *live(database) {
    const state = stateOf(database)
    for (const index of indexesOf(state)) {
      const { seen } = index
      if (seen === undefined || seen.valid) continue
      yield {
        kind: 'finding',
        ...(isOfPartitioned(state, index) && { severity: 'note' as const }),
        message: messageOf(state, index),
        at: { kind: 'object', objectType: 'index', name: seen.name },
        evidence: [{ kind: 'catalog', facts: { definition: seen.definition, valid: 'no' } }],
        next: `${nextOf(state, index)}\nWhile a CREATE INDEX CONCURRENTLY or REINDEX CONCURRENTLY still runs (pg_stat_progress_create_index), wait for it instead.`,
        identity: index.label,
        object: seen.name,
      }
    }
  },
})

/** Whether the text shows an index ON ONLY a partitioned table with fewer attached to it than there were partitions. */
function isUnfinished(history: HistorySubject, { only, table, label, order, printed }: SchemaIndex): boolean {
  const parts = partsOfTables(history).get(table)
  if (!only || parts?.kind !== 'partitioned table' || order === undefined || printed === undefined) return false
  const [migration, statement] = order
  const numbers = new Map(history.migrations.map(({ file }, index) => [file, index]))
  // A partition that is made later is given its index by PostgreSQL.
  const waiting = history.schema.tables.filter(({ partitionOf, site }) => {
    const made = numbers.get(site.file) ?? 0
    return partitionOf === table && (made < migration || (made === migration && site.statement < statement))
  })
  return attachedTo(history, label) < waiting.length
}

function attachedTo({ migrations }: HistorySubject, index: string): number {
  let attached = 0
  for (const subject of migrations.flatMap(({ statements }) => statements.flatMap((each) => [each, ...each.inner]))) {
    const alter = statementOf(subject.statement, 'AlterTableStmt')
    if (alter?.objtype !== 'OBJECT_INDEX' || alter.relation?.relname !== index) continue
    attached += (alter.cmds ?? []).filter(
      (each) => nodeOf(each, 'AlterTableCmd')?.subtype === 'AT_AttachPartition',
    ).length
  }
  return attached
}

function isOfPartitioned(state: SchemaState, { table }: SchemaIndex): boolean {
  return partsOfTables(state).get(table)?.kind === 'partitioned table'
}

function messageOf(state: SchemaState, index: SchemaIndex): string {
  return isOfPartitioned(state, index)
    ? `${index.label} on the partitioned table ${index.table} is INVALID: partitions from before it have no index attached to it`
    : `${index.label} on ${index.table} is INVALID: every write keeps it up to date and no query uses it`
}

function nextOf(state: SchemaState, index: SchemaIndex): string {
  const name = index.printed ?? quoteTextName(index.label)
  if (isOfPartitioned(state, index)) {
    return `For each partition that has none: CREATE INDEX CONCURRENTLY PARTITION_INDEX ON PARTITION (…);\n  ALTER INDEX ${name} ATTACH PARTITION PARTITION_INDEX;`
  }
  return /_cc(?:new|old)\d*$/.test(index.label)
    ? `REINDEX CONCURRENTLY left it: DROP INDEX CONCURRENTLY ${name};`
    : `Build it anew: REINDEX INDEX CONCURRENTLY ${name};\nor take it away: DROP INDEX CONCURRENTLY ${name};`
}
