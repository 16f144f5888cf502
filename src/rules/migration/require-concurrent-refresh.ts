import type { Node } from '@pgsql/types'
import { quoteIdentifier, textNameOf } from '../../sql/identifier.ts'
import { resolveName, schemaOfTextName, textName, unqualified } from '../../sql/schema-draft.ts'
import type { Site } from '../../sql/schema-text.ts'
import { nodeOf, statementOf } from '../../sql/statement.ts'
import { findNodes } from '../../sql/walk.ts'
import { isUnused } from '../drops.ts'
import { effectOn, heldFacts } from '../effect.ts'
import { measured } from '../lock-table/lock-table.ts'
import { observationOf, traceEvidence } from '../observed.ts'
import { placeOfStatement } from '../place.ts'
import { recipe } from '../recipe.ts'
import { nameInSql } from '../search-path.ts'
import { defineRule } from '../rule.ts'
import { statementOfSite } from '../site-statement.ts'
import type { HistorySubject, StatementSubject } from '../subject.ts'
import { withConcurrently } from './concurrent-remedy.ts'

export default defineRule({
  id: 'require-concurrent-refresh',
  since: '0.1.0',
  severity: 'error',
  category: 'migration',
  subject: 'statement',
  statements: ['RefreshMatViewStmt'],
  about: 'change',
  needs: ['measured', 'trace'],
  summary: 'REFRESH MATERIALIZED VIEW without CONCURRENTLY on a view that is already in use',
  why:
    'REFRESH MATERIALIZED VIEW takes ACCESS EXCLUSIVE on the view: every query that reads it waits for as long as the ' +
    'view’s own query takes, and in a transaction until its end.',
  instead:
    'REFRESH MATERIALIZED VIEW CONCURRENTLY takes EXCLUSIVE, which lets reads go on, and changes only the rows that ' +
    'differ. It takes longer, and needs a unique index on plain columns of the view without a WHERE. A view that the ' +
    'same file creates, or that was never filled, has no readers: the plain form is right there, and the only one.',
  examples: [
    {
      title: 'A view with a unique index',
      setup:
        'CREATE TABLE orders (id bigint PRIMARY KEY, day date NOT NULL, total numeric NOT NULL);\n' +
        'CREATE MATERIALIZED VIEW sales AS SELECT day, sum(total) AS total FROM orders GROUP BY day;\n' +
        'CREATE UNIQUE INDEX sales_day_idx ON sales (day);',
      bad: 'REFRESH MATERIALIZED VIEW sales;',
      at: 'REFRESH MATERIALIZED VIEW sales',
      good: 'REFRESH MATERIALIZED VIEW CONCURRENTLY sales;',
    },
    {
      title: 'A view without one: what it is grouped by is unique',
      setup:
        'CREATE TABLE orders (id bigint PRIMARY KEY, day date NOT NULL, shop int NOT NULL, total numeric NOT NULL);\n' +
        'CREATE MATERIALIZED VIEW sales AS SELECT day AS sold_on, shop, sum(total) AS total FROM orders GROUP BY day, 2;\n' +
        'CREATE UNIQUE INDEX sales_large_idx ON sales (sold_on, shop) WHERE total > 1000;',
      bad: 'REFRESH MATERIALIZED VIEW sales WITH DATA;',
      at: 'REFRESH MATERIALIZED VIEW sales WITH DATA',
      good:
        'CREATE UNIQUE INDEX sales_key ON sales (sold_on, shop);\n' +
        'REFRESH MATERIALIZED VIEW CONCURRENTLY sales WITH DATA;',
    },
    {
      title: 'A view that nobody can have read',
      setup:
        'CREATE TABLE orders (id bigint PRIMARY KEY, day date NOT NULL);\n' +
        'CREATE MATERIALIZED VIEW days AS SELECT day FROM orders;\n' +
        'CREATE MATERIALIZED VIEW months AS SELECT day FROM orders WITH NO DATA;',
      bad: 'REFRESH MATERIALIZED VIEW days;',
      at: 'REFRESH MATERIALIZED VIEW days',
      good:
        'REFRESH MATERIALIZED VIEW months;\n' +
        'CREATE MATERIALIZED VIEW years AS SELECT day FROM orders;\nREFRESH MATERIALIZED VIEW years;',
    },
  ],
  sources: ['https://www.postgresql.org/docs/17/sql-refreshmaterializedview.html'],
  options: {},
  changes: { objects: ['index public.sales_key'] },
  claims: [
    {
      says: 'REFRESH MATERIALIZED VIEW holds ACCESS EXCLUSIVE on the view and writes it anew.',
      setup: 'CREATE MATERIALIZED VIEW v AS SELECT g AS a FROM generate_series(1, 100) g;',
      statement: 'REFRESH MATERIALIZED VIEW v',
      locks: { 'public.v': 'ACCESS EXCLUSIVE' },
      rewrites: ['public.v'],
    },
    {
      says: 'CONCURRENTLY it holds EXCLUSIVE, which lets reads through.',
      setup:
        'CREATE MATERIALIZED VIEW v AS SELECT g AS a FROM generate_series(1, 100) g; CREATE UNIQUE INDEX ON v (a);',
      statement: 'REFRESH MATERIALIZED VIEW CONCURRENTLY v',
      locks: { 'public.v': 'EXCLUSIVE' },
      rewrites: [],
    },
    {
      says: 'CONCURRENTLY is refused without a unique index.',
      setup: 'CREATE MATERIALIZED VIEW v AS SELECT 1 AS a; CREATE INDEX ON v (a);',
      statement: 'REFRESH MATERIALIZED VIEW CONCURRENTLY v',
      fails: '55000',
    },
    {
      says: 'A unique index with a WHERE does not do.',
      setup: 'CREATE MATERIALIZED VIEW v AS SELECT 1 AS a; CREATE UNIQUE INDEX ON v (a) WHERE a > 0;',
      statement: 'REFRESH MATERIALIZED VIEW CONCURRENTLY v',
      fails: '55000',
    },
    {
      says: 'Nor does one on an expression.',
      setup: 'CREATE MATERIALIZED VIEW v AS SELECT 1 AS a; CREATE UNIQUE INDEX ON v ((a + 1));',
      statement: 'REFRESH MATERIALIZED VIEW CONCURRENTLY v',
      fails: '55000',
    },
    {
      says: 'CONCURRENTLY is refused for a view that was never filled.',
      setup: 'CREATE MATERIALIZED VIEW v AS SELECT 1 AS a WITH NO DATA; CREATE UNIQUE INDEX ON v (a);',
      statement: 'REFRESH MATERIALIZED VIEW CONCURRENTLY v',
      fails: '0A000',
    },
    {
      says: 'A materialized view is read by nobody while an index on it is built plainly: readers are let through.',
      setup: 'CREATE MATERIALIZED VIEW v AS SELECT 1 AS a;',
      statement: 'CREATE UNIQUE INDEX ON v (a)',
      locks: { 'public.v': 'SHARE' },
    },
  ],
  *check(subject, { major }) {
    const refresh = statementOf(subject.statement, 'RefreshMatViewStmt')
    if (refresh?.relation === undefined || refresh.concurrent || refresh.skipData) return
    const { history } = subject.migration
    const draft = history.before(subject)
    const view = resolveName(draft, refresh.relation.schemaname, refresh.relation.relname ?? '')
    const known = draft.tables.get(view)
    const isUnique = (index: { unique: boolean; columns: (string | null)[]; predicate?: unknown }) =>
      index.unique && index.predicate === undefined && !index.columns.includes(null)
    const hasKey =
      known?.indexes.some(isUnique) === true ||
      (draft.opaque.length > 0 &&
        history.catalog?.indexes.some((index) => textNameOf(index.table) === view && isUnique(index)) === true)
    const columns = known && keyColumns(history, known.site)
    if (isUnused(subject, view) || (known && !isFilled(subject, view, known.site))) return
    const effect = effectOn(subject, view)
    if (effect && effect.lock?.mode !== 'ACCESS EXCLUSIVE') return
    const observation = observationOf(subject)
    const printed = effect?.lock?.relation ?? view
    yield {
      kind: 'finding',
      at: placeOfStatement(subject),
      evidence: [
        observation
          ? traceEvidence(major, observation, heldFacts(effect))
          : measured('REFRESH MATERIALIZED VIEW', major, { t: printed }),
      ],
      message: `REFRESH MATERIALIZED VIEW keeps every read of ${printed} waiting (ACCESS EXCLUSIVE) until its query has run`,
      ...remedy(subject, view, hasKey, columns),
    }
  },
})

function remedy(subject: StatementSubject, view: string, hasKey: boolean, columns: readonly string[] | undefined) {
  const refresh = withConcurrently(subject.statement.text, /^refresh\s+materialized\s+view\b/i)
  if (refresh === undefined) return { next: 'Write CONCURRENTLY after MATERIALIZED VIEW.' }
  if (hasKey) {
    const title = 'Add CONCURRENTLY'
    const says = 'Write CONCURRENTLY; the view has the unique index that it needs.'
    return recipe(subject, { title, says, instead: refresh, then: [], safety: 'safe' })
  }
  const index = `CREATE UNIQUE INDEX ${quoteIdentifier(`${unqualified(view)}_key`)} ON ${nameInSql(subject, view)}`
  if (columns === undefined) {
    return {
      next:
        'CONCURRENTLY needs a unique index on plain columns without a WHERE, and the view has none that is known. Write ' +
        `the columns that tell its rows apart in the parentheses:\n  ${index} (…);\n  ${refresh}`,
    }
  }
  return recipe(subject, {
    title: 'Give the view a unique index and add CONCURRENTLY',
    says:
      'CONCURRENTLY needs a unique index on plain columns without a WHERE. Building it keeps no reader waiting; only ' +
      'REFRESH writes to the view.',
    instead: `${index} (${columns.map(quoteIdentifier).join(', ')});\n${refresh}`,
    then: [],
  })
}

/** Whether the view has rows that someone may read: what WITH NO DATA made or emptied cannot be read. */
function isFilled(subject: StatementSubject, view: string, site: Site): boolean {
  const create = creationOf(subject.migration.history, site)
  let filled = create?.into?.skipData !== true
  const { migrations } = subject.migration.history
  const last = (subject.within ?? subject).statement.index
  for (const migration of migrations.slice(0, migrations.indexOf(subject.migration) + 1)) {
    for (const { statement } of migration.statements) {
      if (migration === subject.migration && statement.index >= last) break
      const refresh = statementOf(statement, 'RefreshMatViewStmt')
      const { relation } = refresh ?? {}
      if (relation === undefined) continue
      const name = textName(relation.schemaname ?? schemaOfTextName(view), relation.relname ?? '')
      if (name === view) filled = refresh?.skipData !== true
    }
  }
  return filled
}

function creationOf({ migrations }: HistorySubject, site: Site) {
  const found = statementOfSite(migrations, site)?.statement
  return found && statementOf(found, 'CreateTableAsStmt')
}

/** The view's columns that hold what its query is grouped by, or all of them after DISTINCT: together they are unique. */
function keyColumns(history: HistorySubject, site: Site): string[] | undefined {
  const create = creationOf(history, site)
  const select = nodeOf(create?.query, 'SelectStmt')
  if (select === undefined || select.op !== 'SETOP_NONE') return undefined
  const renamed = (create?.into?.colNames ?? []).map((name) => nodeOf(name, 'String')?.sval)
  const targets = (select.targetList ?? []).map((each, index) => {
    const target = nodeOf(each, 'ResTarget')
    const source = columnOf(target?.val)
    return { name: renamed[index] ?? target?.name ?? source, source }
  })
  if (findNodes({ List: { items: select.targetList ?? [] } }, 'A_Star').length > 0) return undefined
  // DISTINCT without ON has one empty node.
  const [distinct] = select.distinctClause ?? []
  if (distinct !== undefined && Object.keys(distinct).length === 0) {
    const names = targets.flatMap(({ name }) => name ?? [])
    return names.length === targets.length ? names : undefined
  }
  const columns = (select.groupClause ?? []).map((group) => {
    const position = nodeOf(group, 'A_Const')?.ival?.ival
    if (position !== undefined) return targets[position - 1]?.name
    const source = columnOf(group)
    return source === undefined
      ? undefined
      : targets.find((target) => target.source === source || target.name === source)?.name
  })
  const named = columns.filter((name) => name !== undefined)
  return named.length > 0 && named.length === columns.length ? named : undefined
}

function columnOf(node: Node | undefined): string | undefined {
  return nodeOf(nodeOf(node, 'ColumnRef')?.fields?.at(-1), 'String')?.sval
}
