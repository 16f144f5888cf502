import type { ColumnStatistics } from '../../findings/database.ts'
import { bytesText } from '../health/amounts.ts'
import { percentText } from '../figures.ts'
import { defineRule } from '../rule.ts'
import { stateOf } from '../schema/schema-state.ts'
import { indexesOf } from './schema-indexes.ts'

export default defineRule({
  id: 'prefer-partial-index',
  since: '0.1.0',
  severity: 'note',
  category: 'index',
  subject: 'database',
  about: 'state',
  needs: ['catalog', 'statistics'],
  summary: 'An index most of which is one value or NULL, where a partial one would be a fraction of it',
  why:
    'A query for the value that nearly all rows have is not served by the index, since reading the table is cheaper. All ' +
    'those entries are written, kept in memory and vacuumed for the sake of the few others.',
  instead:
    "A partial index that leaves them out: WHERE deleted_at IS NOT NULL, WHERE state <> 'done'. Queries must show the " +
    'condition; c = 5 shows c IS NOT NULL by itself. Where queries ask for the NULLs (WHERE deleted_at IS NULL), index ' +
    'what else they look for under that condition.',
  examples: [
    {
      title: 'Hardly any row has a value',
      options: { megabytes: 0 },
      setup:
        'CREATE TABLE orders (id bigint PRIMARY KEY, refund_id bigint);\n' +
        'INSERT INTO orders SELECT n, CASE WHEN n % 50 = 0 THEN n END FROM generate_series(1, 10000) n;',
      bad: 'CREATE INDEX orders_refund_id_idx ON orders (refund_id);\nANALYZE orders;',
      at: 'index public.orders_refund_id_idx',
      good: 'CREATE INDEX orders_refund_id_idx ON orders (refund_id) WHERE refund_id IS NOT NULL;\nANALYZE orders;',
    },
    {
      title: 'Nearly all rows have the same value',
      options: { megabytes: 0 },
      setup:
        'CREATE TABLE jobs (id bigint PRIMARY KEY, state text);\n' +
        "INSERT INTO jobs SELECT n, CASE WHEN n % 100 = 0 THEN 'waiting' ELSE 'done' END FROM generate_series(1, 10000) n;",
      bad: 'CREATE INDEX jobs_state_idx ON jobs (state);\nANALYZE jobs;',
      at: 'index public.jobs_state_idx',
      good: "CREATE INDEX jobs_state_idx ON jobs (id) WHERE state <> 'done';\nANALYZE jobs;",
    },
  ],
  sources: ['https://www.postgresql.org/docs/17/indexes-partial.html'],
  options: {
    percent: { description: 'Share of the rows that are NULL, or have one value, from which it is said.', default: 90 },
    megabytes: { description: 'Smaller indexes are not reported.', default: 100 },
  },
  claims: [
    {
      says: 'A partial index WHERE the column IS NOT NULL is less than a tenth of the full one where 98 % are NULL.',
      setup:
        'CREATE TABLE t (a int); INSERT INTO t SELECT CASE WHEN g % 50 = 0 THEN g END FROM generate_series(1, 100000) g; ' +
        'CREATE INDEX full_idx ON t (a); CREATE INDEX partial_idx ON t (a) WHERE a IS NOT NULL;',
      statement: 'SELECT 1',
      then: {
        query: "SELECT (pg_relation_size('partial_idx') * 10 < pg_relation_size('full_idx'))::text",
        rows: [['true']],
      },
    },
    {
      says: 'It serves a = 7, which no NULL can meet.',
      setup:
        'CREATE TABLE t (a int, b int); INSERT INTO t SELECT CASE WHEN g % 50 = 0 THEN g END, g FROM generate_series(1, 100000) g; ' +
        'CREATE INDEX ON t (a) WHERE a IS NOT NULL; ANALYZE t;',
      statement: 'SELECT min(b) FROM t WHERE a = 50',
      scans: [],
    },
  ],
  *check(database, { options }) {
    const { columns, indexes, denied } = database
    if (denied.columns !== undefined) yield { kind: 'unknown', needs: denied.columns }
    for (const { seen, shape, ofConstraint } of indexesOf(stateOf(database))) {
      const own = seen && indexes.get(seen.name)
      const column = seen?.columns[0]
      if (!seen || !own || !column || ofConstraint || shape.unique || shape.predicate !== undefined) continue
      if (shape.method !== 'btree' || shape.keys.length > 1 || own.partOf !== undefined) continue
      if (own.bytes < Number(options['megabytes']) * 1024 ** 2) continue
      const ballast = ballastOf(columns.get(`${seen.table}.${column}`), Number(options['percent']) / 100)
      if (ballast === undefined) continue
      const what = ballast.kind === 'null' ? 'NULL' : 'one value'
      const where = ballast.kind === 'null' ? `${column} IS NOT NULL` : `${column} <> VALUE`
      yield {
        kind: 'finding',
        message: `${percentText(ballast.share)} of the rows in ${seen.name} have ${what} in ${column}: no query for that uses its ${bytesText(own.bytes)}`,
        at: { kind: 'object', objectType: 'index', name: seen.name },
        evidence: [
          { kind: 'catalog', facts: { definition: seen.definition } },
          {
            kind: 'statistics',
            facts: { [`rows with ${what}`]: percentText(ballast.share), size: bytesText(own.bytes) },
          },
        ],
        next: `In migrations, where queries ask for the others: CREATE INDEX CONCURRENTLY … ON ${seen.table} (${column}) WHERE ${where};\n  DROP INDEX CONCURRENTLY ${seen.name};`,
        identity: seen.name,
        object: seen.name,
      }
    }
  },
})

function ballastOf(
  statistics: ColumnStatistics | undefined,
  least: number,
): { kind: 'null' | 'value'; share: number } | undefined {
  if (statistics === undefined) return undefined
  const { nullShare, commonShares } = statistics
  if (nullShare >= least) return { kind: 'null', share: nullShare }
  const [most = 0] = commonShares
  return most >= least ? { kind: 'value', share: most } : undefined
}
