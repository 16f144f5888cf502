import type { Database } from '../../findings/database.ts'
import type { Fix } from '../../findings/fix.ts'
import { quoteIdentifier, quoteTextName } from '../../sql/identifier.ts'
import { unqualified } from '../../sql/schema-draft.ts'
import { fileWords, showFiles } from '../next-step.ts'
import { nameBeside } from '../object-name.ts'
import { recipe } from '../recipe.ts'
import { defineRule } from '../rule.ts'
import { partsOfTables } from '../schema/parts-of-table.ts'
import type { SchemaState } from '../schema/schema-state.ts'
import { stateOf } from '../schema/schema-state.ts'
import type { HistorySubject } from '../subject.ts'
import { disorderOf, gate, measuredOrder, updatedColumns } from './column-order.ts'
import type { Disorder, MeasuredOrder } from './column-order.ts'
import { dropDraft, dropIndexRemedy, isEditable } from './drop-index.ts'
import { indexEvidence } from './index-evidence.ts'
import type { SchemaIndex } from './schema-indexes.ts'
import { indexesOf } from './schema-indexes.ts'

/** Makes a function that gives the plan of a query with what running it showed. */
const plan =
  "CREATE FUNCTION plan(query text) RETURNS text LANGUAGE plpgsql AS $$ DECLARE line text; plan text := ''; BEGIN " +
  "FOR line IN EXECUTE 'EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF) ' || query LOOP plan := plan || line; END LOOP; RETURN plan; END $$; "

export default defineRule({
  id: 'no-brin-on-unordered-column',
  since: '0.1.0',
  severity: 'warning',
  category: 'index',
  subject: 'history',
  about: 'state',
  needs: ['source', 'trace'],
  summary: 'A BRIN index on a column whose values do not stand in the order of the rows',
  why:
    'BRIN keeps the smallest and the largest value of every 128 pages and reads the pages between which a value may lie. ' +
    'Where rows are written in the order of the column that is a few pages. Where values stand in no order, every range ' +
    'spans nearly all of them: the index excludes nothing, and each query reads the whole table, and the index besides. ' +
    'A column that is set anew by UPDATE loses its order row by row.',
  instead:
    'A B-tree. BRIN is for a large table that is only added to, on the column that grows with it: an identity, a ' +
    'created_at. Measured, that is a correlation of at least 0.95 (pg_stats), a table of a gigabyte or more, and updates ' +
    'and deletes of at most 1 % of the inserts. A bloom or minmax-multi operator class is another matter and is not ' +
    'reported. Of a plain number that nothing shows to grow it is a note: say in an ignore comment what orders it.',
  examples: [
    {
      title: 'A random value',
      setup:
        'CREATE TABLE events (id bigint PRIMARY KEY, trace uuid DEFAULT gen_random_uuid(), at timestamptz NOT NULL DEFAULT now());',
      bad: 'CREATE INDEX CONCURRENTLY events_brin ON events USING brin (trace);',
      at: 'CREATE INDEX CONCURRENTLY events_brin ON events USING brin (trace)',
      good: 'CREATE INDEX CONCURRENTLY events_brin ON events USING brin (at);',
    },
    {
      title: 'An amount',
      setup: 'CREATE TABLE orders (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, total_cents integer);',
      bad: 'CREATE INDEX CONCURRENTLY orders_total_idx ON orders USING brin (total_cents);',
      at: 'CREATE INDEX CONCURRENTLY orders_total_idx ON orders USING brin (total_cents)',
      good: 'CREATE INDEX CONCURRENTLY orders_total_idx ON orders USING brin (id);',
    },
    {
      title: 'A time that a trigger sets anew with every UPDATE',
      setup:
        'CREATE TABLE orders (id bigint PRIMARY KEY, created_at timestamptz DEFAULT now(), updated_at timestamptz DEFAULT now());\n' +
        'CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.updated_at := now(); RETURN NEW; END $$;\n' +
        'CREATE TRIGGER touch BEFORE UPDATE ON orders FOR EACH ROW EXECUTE FUNCTION touch();',
      bad: 'CREATE INDEX CONCURRENTLY orders_updated_idx ON orders USING brin (updated_at);',
      at: 'CREATE INDEX CONCURRENTLY orders_updated_idx ON orders USING brin (updated_at)',
      good: 'CREATE INDEX CONCURRENTLY orders_created_idx ON orders USING brin (created_at);',
    },
  ],
  sources: ['https://www.postgresql.org/docs/17/brin.html'],
  options: {},
  changes: {
    objects: ['index public.events_brin', 'index public.orders_total_idx', 'index public.orders_updated_idx'],
  },
  claims: [
    {
      says: 'On random values BRIN excludes nothing: every page of the table is read through it.',
      setup:
        'CREATE TABLE t (a uuid); INSERT INTO t SELECT md5(g::text)::uuid FROM generate_series(1, 200000) g; ' +
        'CREATE INDEX ON t USING brin (a); ANALYZE t; SET enable_seqscan = off;' +
        plan,
      statement: 'SELECT 1',
      then: {
        query:
          "SELECT (substring(plan('SELECT * FROM t WHERE a = md5(''7'')::uuid') FROM 'lossy=([0-9]+)')::int = " +
          "pg_relation_size('t') / 8192)::text",
        rows: [['true']],
      },
    },
    {
      says: 'On values in the order of the rows it leaves one range of 128 pages.',
      setup:
        'CREATE TABLE t (a bigint, b uuid); INSERT INTO t SELECT g, md5(g::text)::uuid FROM generate_series(1, 200000) g; ' +
        'CREATE INDEX ON t USING brin (a); ANALYZE t; SET enable_seqscan = off;' +
        plan,
      statement: 'SELECT 1',
      then: {
        query: "SELECT substring(plan('SELECT * FROM t WHERE a = 7') FROM 'lossy=([0-9]+)')",
        rows: [['128']],
      },
    },
    {
      says: 'ANALYZE tells them apart by pg_stats.correlation.',
      setup:
        'CREATE TABLE t (a bigint, b uuid); INSERT INTO t SELECT g, md5(g::text)::uuid FROM generate_series(1, 20000) g; ANALYZE t;',
      statement: 'SELECT 1',
      then: {
        query: "SELECT attname::text, (abs(correlation) >= 0.95)::text FROM pg_stats WHERE tablename = 't' ORDER BY 1",
        rows: [
          ['a', 'true'],
          ['b', 'false'],
        ],
      },
    },
  ],
  *check(history, { major }) {
    for (const { index, column, disorder } of unorderedBrin(history)) {
      const facts = { [`${index.table}.${column}`]: disorder.why }
      yield {
        ...remarkOf(index, column, disorder),
        at: index.place(),
        evidence: indexEvidence(major, index, facts),
        ...remedy(history, index),
      }
    }
  },
  *live(database) {
    const state = stateOf(database)
    for (const { index, column, disorder } of brinKeys(state)) {
      const { seen } = index
      if (seen === undefined || database.indexes.get(seen.name)?.partOf !== undefined) continue
      const measured = measuredOrder(database, seen.table, column)
      const judged = liveDisorder(disorder, measured)
      if (judged === undefined) continue
      yield {
        ...remarkOf(index, column, judged),
        // A small table is read whole soon enough.
        ...(measured.state === 'unordered' && !measured.isLarge && { severity: 'note' as const }),
        at: { kind: 'object', objectType: 'index', name: seen.name },
        evidence: [
          { kind: 'catalog', facts: { definition: seen.definition } },
          { kind: 'statistics', facts: measured.facts },
        ],
        next:
          `In migrations, a B-tree in its place: CREATE INDEX CONCURRENTLY … ON ${seen.table} (${quoteIdentifier(column)});\n` +
          `  DROP INDEX CONCURRENTLY ${seen.name};`,
      }
    }
    if (database.denied.columns !== undefined && hasBrin(database)) {
      yield { kind: 'unknown', needs: database.denied.columns }
    }
  },
})

/** The BRIN indexes that keep the smallest and largest value, by column, with what the schema says against them. */
function* brinKeys(state: SchemaState): Generator<{ index: SchemaIndex; column: string; disorder?: Disorder }> {
  for (const index of indexesOf(state)) {
    if (index.shape.method !== 'brin' || index.inherited) continue
    for (const { column, operatorClass } of index.shape.keys) {
      if (column === undefined) continue
      if (operatorClass !== undefined && !operatorClass.endsWith('_minmax_ops')) continue
      const disorder = disorderOf(state, index.table, column) ?? updatesOf(state, index, column)
      yield { index, column, ...(disorder && { disorder }) }
    }
  }
}

function* unorderedBrin(state: SchemaState): Generator<{ index: SchemaIndex; column: string; disorder: Disorder }> {
  for (const { disorder, ...rest } of brinKeys(state)) if (disorder) yield { ...rest, disorder }
}

/** A trigger writes for ever; an UPDATE of a migration counts once there is an index that it can widen. */
function updatesOf(state: SchemaState, { table, order }: SchemaIndex, column: string): Disorder | undefined {
  const updated = updatedColumns(state).find(
    (each) =>
      each.table === table &&
      each.column === column &&
      (each.migration === undefined || (order !== undefined && each.migration > order[0])),
  )
  return updated && { why: `is set anew by ${updated.by}`, isCertain: updated.migration === undefined }
}

/** What ANALYZE measured counts for more than what types and triggers let expect. */
function liveDisorder(disorder: Disorder | undefined, measured: MeasuredOrder): Disorder | undefined {
  const { state, facts, isChurned } = measured
  if (state === 'unordered') {
    const why =
      `has a correlation of ${facts['correlation']} with the order of the rows (BRIN wants ${gate.correlation}), in ` +
      `${facts['size']} with ${facts['updates and deletes']} updates and deletes`
    return { why, isCertain: true }
  }
  if (state === 'ordered') {
    if (!isChurned) return undefined
    return {
      why: `is still in order (correlation ${facts['correlation']}), but ${facts['updates and deletes']} updates and deletes undo that`,
      isCertain: false,
    }
  }
  return disorder
}

function hasBrin({ catalog }: Database): boolean {
  return catalog.indexes.some(({ method }) => method === 'brin')
}

function remarkOf(index: SchemaIndex, column: string, { why, isCertain }: Disorder) {
  return {
    kind: 'finding' as const,
    ...(!isCertain && { severity: 'note' as const }),
    message: `${index.label} is a BRIN index, and ${index.table}.${quoteIdentifier(column)} ${why}`,
    identity: `${index.label} (${column})`,
    ...(index.printed !== undefined && { object: index.printed }),
  }
}

function remedy(history: HistorySubject, index: SchemaIndex): { next: string; fixes: Fix[] } {
  const { statement, shape, table, label } = index
  const columns = shape.keys.map((key) => key.column)
  const says = 'Make it a B-tree.'
  const tree = indexesOf(history).find(
    (other) =>
      other.table === table &&
      other.shape.method === 'btree' &&
      other.shape.predicate === undefined &&
      columns.every((column, position) => other.shape.keys[position]?.column === column),
  )
  if (tree) return dropIndexRemedy(history, index, `The B-tree ${tree.label} is there already.`)
  const isPlain = columns.every((column) => column !== undefined) && shape.predicate === undefined
  if (statement && isEditable(index) && isPlain && !/\bWITH\s*\(/i.test(statement.statement.text)) {
    const instead = `${statement.statement.text.replace(/\s+USING\s+brin\b/i, '')};`
    return recipe(statement, { title: `Make ${label} a B-tree`, says, instead, then: [] })
  }
  const drop = dropDraft(index)
  const isPartitioned = partsOfTables(history).get(table)?.kind === 'partitioned table'
  if (!isPlain || drop === undefined || isPartitioned || index.printed === undefined) {
    return { next: `${says} CREATE INDEX … USING btree, then DROP INDEX of this one.`, fixes: [] }
  }
  const list = columns.map((column) => quoteIdentifier(column ?? ''))
  const name = `${unqualified(table)}_${columns.join('_')}_btree_idx`.slice(0, 63)
  const newFiles = history.newMigrations([
    {
      name: fileWords(`create_${name}`),
      up: `CREATE INDEX CONCURRENTLY ${quoteIdentifier(name)} ON ${quoteTextName(table)} (${list.join(', ')});`,
      down: `DROP INDEX CONCURRENTLY ${nameBeside(table, name)};`,
      outsideTransaction: true,
    },
    drop,
  ])
  return {
    next: `Put a B-tree in its place:\n${showFiles(newFiles)}`,
    fixes: [{ title: `Replace ${label} by a B-tree`, safety: 'review', edits: [], newFiles }],
  }
}
