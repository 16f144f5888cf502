import { quoteTextName } from '../../sql/identifier.ts'
import { resolveName } from '../../sql/schema-draft.ts'
import { nodeOf } from '../../sql/statement.ts'
import type { Statement } from '../../sql/statement.ts'
import { isOptionOn } from '../../sql/transactions.ts'
import { isUnused } from '../drops.ts'
import { effectOn } from '../effect.ts'
import { measured } from '../lock-table/lock-table.ts'
import { observationOf, traceEvidence } from '../observed.ts'
import { placeOfStatement } from '../place.ts'
import { defineRule } from '../rule.ts'

export default defineRule({
  id: 'no-vacuum-full',
  since: '0.1.0',
  severity: 'error',
  category: 'migration',
  subject: 'statement',
  statements: ['ClusterStmt', 'VacuumStmt'],
  about: 'change',
  needs: ['measured', 'trace'],
  summary: 'VACUUM FULL or CLUSTER, which write a table anew while nobody can use it',
  why:
    'VACUUM FULL and CLUSTER copy the whole table and build all its indexes again under ACCESS EXCLUSIVE: every read ' +
    'and write waits until they are done, and the disk has to hold both copies. The order that CLUSTER makes is not ' +
    'kept by later writes.',
  instead:
    'VACUUM without FULL makes the room of dead rows usable again and lets reads and writes go on; for most tables ' +
    'that is enough, and autovacuum does it. Before PostgreSQL 19 the server has no way of its own to give the room ' +
    'back to the disk or to order a table while it is in use: pg_repack does both, and is run beside migrations, not ' +
    'in one. Old rows that go by time are better dropped with their partition.',
  examples: [
    {
      title: 'VACUUM FULL',
      setup: 'CREATE TABLE orders (id bigint PRIMARY KEY, note text);',
      bad: 'VACUUM (FULL, ANALYZE) orders;',
      at: 'VACUUM (FULL, ANALYZE) orders',
      good: 'VACUUM (ANALYZE, FULL false) orders;',
    },
    {
      title: 'CLUSTER',
      setup: 'CREATE TABLE orders (id bigint PRIMARY KEY, placed_at timestamptz NOT NULL);',
      bad: 'CLUSTER orders USING orders_pkey;',
      at: 'CLUSTER orders USING orders_pkey',
      good:
        'ALTER TABLE orders CLUSTER ON orders_pkey;\n' +
        'CREATE TABLE totals AS SELECT 1 AS day;\nCREATE INDEX totals_day_idx ON totals (day);\n' +
        'CLUSTER totals USING totals_day_idx;',
    },
  ],
  sources: [
    'https://www.postgresql.org/docs/17/sql-vacuum.html',
    'https://www.postgresql.org/docs/17/sql-cluster.html',
    'https://www.postgresql.org/docs/17/routine-vacuuming.html#VACUUM-FOR-SPACE-RECOVERY',
    'https://github.com/reorg/pg_repack',
  ],
  options: {},
  claims: [
    {
      says: 'VACUUM FULL holds ACCESS EXCLUSIVE on the table and writes it anew.',
      setup: 'CREATE TABLE t AS SELECT 1 AS a;',
      statement: 'VACUUM FULL t',
      locks: { 'public.t': 'ACCESS EXCLUSIVE' },
      rewrites: ['public.t'],
    },
    {
      says: 'CLUSTER does the same.',
      setup: 'CREATE TABLE t (a int PRIMARY KEY); INSERT INTO t SELECT generate_series(1, 100);',
      statement: 'CLUSTER t USING t_pkey',
      locks: { 'public.t': 'ACCESS EXCLUSIVE' },
      rewrites: ['public.t'],
    },
    {
      says: 'VACUUM holds SHARE UPDATE EXCLUSIVE, which lets reads and writes through.',
      setup: 'CREATE TABLE t (a int PRIMARY KEY); INSERT INTO t SELECT generate_series(1, 100);',
      statement: 'VACUUM (TRUNCATE false) t',
      locks: { 'public.t': 'SHARE UPDATE EXCLUSIVE' },
      rewrites: [],
    },
  ],
  *check(subject, { major }) {
    const rewriting = rewritingOf(subject.statement)
    if (rewriting === undefined) return
    const { words, shape, relations } = rewriting
    const draft = subject.migration.history.before(subject)
    const tables = relations
      .map(({ schemaname, relname }) => resolveName(draft, schemaname, relname ?? ''))
      .filter((table) => !isUnused(subject, table))
    if (relations.length > 0 && tables.length === 0) return
    const printed = tables.map((table) => effectOn(subject, table)?.lock?.relation ?? table)
    const [first] = printed
    const observation = observationOf(subject)
    const shown = printed.map((table) => quoteTextName(table).replaceAll('"', ''))
    const whose = first === undefined ? 'one table of the database after the other' : printed.join(' and ')
    yield {
      kind: 'finding',
      at: placeOfStatement(subject),
      evidence: [
        observation
          ? traceEvidence(major, observation)
          : measured(shape, major, first === undefined ? {} : { t: first }),
      ],
      message: `${words} writes ${whose} anew while every read and write of it waits (ACCESS EXCLUSIVE)`,
      next: `Take it out. ${advice(words, shown)}`,
    }
  },
})

function rewritingOf({ tag, node }: Statement) {
  if (tag === 'ClusterStmt') {
    const { relation } = nodeOf(node, tag) ?? {}
    return { words: 'CLUSTER', shape: 'CLUSTER', relations: relation ? [relation] : [] } as const
  }
  const vacuum = tag === 'VacuumStmt' ? nodeOf(node, tag) : undefined
  if (!vacuum?.is_vacuumcmd || !isOptionOn(vacuum.options, 'full', false)) return undefined
  const relations = (vacuum.rels ?? []).flatMap((each) => nodeOf(each, 'VacuumRelation')?.relation ?? [])
  return { words: 'VACUUM FULL', shape: 'VACUUM FULL', relations } as const
}

function advice(words: string, tables: readonly string[]): string {
  const names = tables.map((table) => ` --table=${table}`).join('')
  const repack = words === 'CLUSTER' ? `pg_repack${names}` : `pg_repack --no-order${names}`
  const plain = words === 'CLUSTER' ? '' : 'VACUUM without FULL makes the room of dead rows usable again. '
  return (
    `${plain}Where that is not enough, ${repack} does it with a short lock, beside the migrations. If a quiet moment is ` +
    'agreed on: -- kei: ignore no-vacuum-full: REASON'
  )
}
