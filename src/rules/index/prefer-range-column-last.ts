import { quoteIdentifier } from '../../sql/identifier.ts'
import { defineRule } from '../rule.ts'
import { partsOfTables } from '../schema/parts-of-table.ts'
import { columnOf } from '../schema/schema-columns.ts'
import type { SchemaState } from '../schema/schema-state.ts'
import { stateOf } from '../schema/schema-state.ts'
import { indexEvidence } from './index-evidence.ts'
import { keysText } from './index-shape.ts'
import type { SchemaIndex } from './schema-indexes.ts'
import { indexesByTable, indexesOf } from './schema-indexes.ts'

export default defineRule({
  id: 'prefer-range-column-last',
  since: '0.1.0',
  severity: 'note',
  category: 'index',
  subject: 'history',
  about: 'state',
  needs: ['source', 'trace'],
  summary: 'A B-tree with a time in the middle: a range of the time makes the columns behind it filters',
  why:
    'A B-tree is sorted by its first column, then the second, and so on. As long as columns are compared with =, each ' +
    'narrows what is read; a range ends that: WHERE tenant = 1 AND placed_at > … AND status = 2 reads every entry of the ' +
    'range and checks its status one by one. A time is nearly always asked for by a range.',
  instead:
    'Put what is compared with = first and the time last: (tenant, status, placed_at). A column that only makes the order ' +
    'certain, such as the primary key behind a time for paging, stays last, and is not reported; nor is a ' +
    'deleted_at, which is asked for by IS NULL. A column that is only there to be read from the index is better in INCLUDE.',
  examples: [
    {
      title: 'A status behind the time',
      bad:
        'CREATE TABLE orders (id bigint PRIMARY KEY, tenant int, status int, placed_at timestamptz);\n' +
        'CREATE INDEX orders_list_idx ON orders (tenant, placed_at, status);',
      at: 'CREATE INDEX orders_list_idx ON orders (tenant, placed_at, status)',
      good:
        'CREATE TABLE orders (id bigint PRIMARY KEY, tenant int, status int, placed_at timestamptz);\n' +
        'CREATE INDEX orders_list_idx ON orders (tenant, status, placed_at);',
    },
    {
      title: 'The primary key behind the time is for paging',
      bad:
        'CREATE TABLE orders (id bigint PRIMARY KEY, tenant int, status int, placed_at timestamp);\n' +
        'CREATE INDEX orders_page_idx ON orders (tenant, placed_at DESC, status, id);',
      at: 'CREATE INDEX orders_page_idx ON orders (tenant, placed_at DESC, status, id)',
      good:
        'CREATE TABLE orders (id bigint PRIMARY KEY, tenant int, status int, placed_at timestamp);\n' +
        'CREATE INDEX orders_page_idx ON orders (tenant, placed_at DESC, id);',
    },
  ],
  sources: ['https://www.postgresql.org/docs/17/indexes-multicolumn.html'],
  options: {},
  claims: [
    {
      says: 'With the choice of both PostgreSQL takes the one with the time last for a range of it.',
      setup:
        'CREATE TABLE t (a int, c timestamptz, s int); ' +
        "INSERT INTO t SELECT 1, timestamptz '2026-01-01 00:00Z' + g * interval '1 minute', g % 100 FROM generate_series(1, 20000) g; " +
        'CREATE INDEX middle_idx ON t (a, c, s); CREATE INDEX last_idx ON t (a, s, c); ANALYZE t; ' +
        "SELECT count(*) FROM t WHERE a = 1 AND s = 7 AND c > '2026-01-03 00:00Z'; SELECT pg_stat_force_next_flush();",
      statement: 'SELECT 1',
      then: {
        query: "SELECT indexrelname::text, idx_scan::text FROM pg_stat_user_indexes WHERE relname = 't' ORDER BY 1",
        rows: [
          ['last_idx', '1'],
          ['middle_idx', '0'],
        ],
      },
    },
  ],
  *check(history, { major }) {
    for (const { index, column, behind } of middleTimes(history)) {
      const facts = { [`${index.table}.${column}`]: columnOf(history, index.table, column)?.type ?? '' }
      yield { ...remarkOf(index, column, behind), at: index.place(), evidence: indexEvidence(major, index, facts) }
    }
  },
  *live(database) {
    for (const { index, column, behind } of middleTimes(stateOf(database))) {
      const { seen } = index
      if (seen === undefined || database.indexes.get(seen.name)?.partOf !== undefined) continue
      yield {
        ...remarkOf(index, column, behind),
        at: { kind: 'object', objectType: 'index', name: seen.name },
        evidence: [{ kind: 'catalog', facts: { definition: seen.definition } }],
      }
    }
  },
})

const times: ReadonlySet<string> = new Set(['timestamp', 'timestamptz'])
/** Of these queries ask IS NULL, which narrows as = does. */
const marks = /(?:delet|archiv|remov|cancel|revok|disabl|deactivat|expung)/i

function* middleTimes(state: SchemaState): Generator<{ index: SchemaIndex; column: string; behind: string[] }> {
  for (const index of indexesOf(state)) {
    const { shape, inherited, ofConstraint, table } = index
    // A unique index is first of all a promise; its order may be that of the promise.
    if (inherited || ofConstraint || shape.unique || shape.method !== 'btree') continue
    const columns = shape.keys.map(({ column }) => column)
    const at = columns.findIndex(
      (column, position) =>
        position > 0 &&
        column !== undefined &&
        !marks.test(column) &&
        times.has(columnOf(state, table, column)?.base ?? ''),
    )
    const column = columns[at]
    const rest = columns.slice(at + 1)
    if (column === undefined || rest.length === 0 || !rest.every((each) => each !== undefined)) continue
    const primary = primaryKey(state, table)
    const behind = rest.filter(
      (each) => !primary.includes(each) && !times.has(columnOf(state, table, each)?.base ?? ''),
    )
    if (behind.length > 0) yield { index, column, behind }
  }
}

function primaryKey(state: SchemaState, table: string): readonly string[] {
  const index = indexesByTable(state)
    .get(table)
    ?.find(({ primary }) => primary)
  const key = partsOfTables(state)
    .get(table)
    ?.keys.find(({ kind }) => kind === 'primary key')
  return index?.shape.keys.flatMap(({ column }) => column ?? []) ?? key?.columns ?? []
}

function remarkOf(index: SchemaIndex, column: string, behind: readonly string[]) {
  const names = behind.map(quoteIdentifier).join(', ')
  const other = [...index.shape.keys].filter((key) => key.column !== column)
  const time = index.shape.keys.filter((key) => key.column === column)
  return {
    kind: 'finding' as const,
    message: `${index.label} ${keysText(index.shape)} has the time ${quoteIdentifier(column)} before ${names}: a range of it reads every entry and only filters by ${names}`,
    next: `Where ${names} ${behind.length === 1 ? 'is' : 'are'} compared with =, put the time last: ${keysText({ keys: [...other, ...time] })}.`,
    identity: index.label,
    ...(index.printed !== undefined && { object: index.printed }),
  }
}
