import { quoteIdentifier, quoteTextName } from '../../sql/identifier.ts'
import { bytesText, countText } from '../health/amounts.ts'
import { indexEvidence } from '../index/index-evidence.ts'
import type { SchemaIndex } from '../index/schema-indexes.ts'
import { indexesOf } from '../index/schema-indexes.ts'
import { defineRule } from '../rule.ts'
import type { HistorySubject } from '../subject.ts'
import { ginRemedy } from './gin-remedy.ts'
import { columnOf } from './schema-columns.ts'
import type { SchemaState } from './schema-state.ts'
import { stateOf } from './schema-state.ts'

export default defineRule({
  id: 'prefer-gin',
  since: '0.1.0',
  severity: 'warning',
  category: 'schema',
  subject: 'history',
  about: 'state',
  needs: ['trace', 'source'],
  summary: 'A B-tree index on a jsonb, array or tsvector column, which looks inside none of them',
  why:
    'A B-tree compares whole values. It serves data = \'{"a": 1}\' and ORDER BY data, and nothing else: ' +
      'not @>, ?, && ' +
    'or @@, which are what these types are for. It costs its share of every write all the same, and an INSERT fails ' +
    'when a value is larger than about 2,700 bytes after compression.',
  instead:
    'For jsonb, GIN with jsonb_path_ops when queries use @> or jsonpath (smaller and faster), with ' +
      'jsonb_ops when they ' +
    "also use ?, ?| or ?&. When queries compare one key, a B-tree on the expression: ((data ->> 'key')). For arrays, " +
    'GIN (array_ops): @>, && and <@. For tsvector, GIN: @@. GIN is dearer to write than a B-tree and cannot sort. A ' +
    'B-tree is right where whole values are compared or sorted, such as a tree’s path kept as an array; ' +
      'then say so in ' +
    'an ignore comment. Unique indexes, which compare whole values by nature, are not reported.',
  examples: [
    {
      title: 'jsonb',
      bad: 'CREATE TABLE events (id bigint, data jsonb);\nCREATE INDEX events_data_idx ON events (data);',
      at: 'CREATE INDEX events_data_idx ON events (data)',
      good: 'CREATE TABLE events (id bigint, data jsonb);\nCREATE INDEX events_data_idx ON events USING gin ' +
        '(data jsonb_path_ops);',
    },
    {
      title: 'One key of a jsonb column is an expression, and a B-tree is right for it',
      bad: 'CREATE TABLE events (id bigint, kind text, data jsonb);\nCREATE INDEX events_kind_idx ON events ' +
        '(kind, data);',
      at: 'CREATE INDEX events_kind_idx ON events (kind, data)',
      good: "CREATE TABLE events (id bigint, kind text, data jsonb);\nCREATE INDEX events_kind_idx ON events " +
        "(kind, (data ->> 'source'));",
    },
    {
      title: 'An array',
      bad: 'CREATE TABLE posts (id bigint, tags text[]);\nCREATE INDEX posts_tags_idx ON posts (tags);',
      at: 'CREATE INDEX posts_tags_idx ON posts (tags)',
      good: 'CREATE TABLE posts (id bigint, tags text[]);\nCREATE INDEX posts_tags_idx ON posts USING gin (tags);',
    },
    {
      title: 'A full-text document',
      bad: 'CREATE TABLE posts (id bigint, document tsvector);\nCREATE INDEX posts_document_idx ON posts (document);',
      at: 'CREATE INDEX posts_document_idx ON posts (document)',
      good: 'CREATE TABLE posts (id bigint, document tsvector);\nCREATE INDEX posts_document_idx ON posts ' +
        'USING gin (document);',
    },
  ],
  sources: [
    'https://www.postgresql.org/docs/17/datatype-json.html#JSON-INDEXING',
    'https://www.postgresql.org/docs/17/gin.html#GIN-BUILTIN-OPCLASSES',
    'https://www.postgresql.org/docs/17/textsearch-indexes.html',
    'https://www.postgresql.org/docs/17/btree.html#BTREE-BEHAVIOR',
  ],
  options: {},
  changes: {
    objects: ['index public.events_data_idx', 'index public.posts_tags_idx', 'index public.posts_document_idx'],
  },
  claims: [
    {
      says: 'A B-tree on jsonb does not serve @>: the table is read even when sequential scans are priced out.',
      setup:
        "CREATE TABLE t (id int, data jsonb); INSERT INTO t SELECT g, jsonb_build_object('a', g) FROM " +
          "generate_series(1, 1000) g; " +
        'CREATE INDEX ON t (data); ANALYZE t; SET enable_seqscan = off;',
      statement: 'SELECT min(id) FROM t WHERE data @> \'{"a": 7}\'',
      scans: ['public.t'],
    },
    {
      says: 'GIN does.',
      setup:
        "CREATE TABLE t (id int, data jsonb); INSERT INTO t SELECT g, jsonb_build_object('a', g) FROM " +
          "generate_series(1, 1000) g; " +
        'CREATE INDEX ON t USING gin (data jsonb_path_ops); ANALYZE t; SET enable_seqscan = off;',
      statement: 'SELECT min(id) FROM t WHERE data @> \'{"a": 7}\'',
      scans: [],
    },
    {
      says: 'jsonb_path_ops does not serve ?.',
      setup:
        "CREATE TABLE t (id int, data jsonb); INSERT INTO t SELECT g, jsonb_build_object('a', g) FROM " +
          "generate_series(1, 1000) g; " +
        'CREATE INDEX ON t USING gin (data jsonb_path_ops); ANALYZE t; SET enable_seqscan = off;',
      statement: "SELECT min(id) FROM t WHERE data ? 'a'",
      scans: ['public.t'],
    },
    {
      says: 'A B-tree on an array does not serve &&.',
      setup:
        'CREATE TABLE t (id int, tags text[]); INSERT INTO t SELECT g, ARRAY[g::text] FROM ' +
          'generate_series(1, 1000) g; ' +
        'CREATE INDEX ON t (tags); ANALYZE t; SET enable_seqscan = off;',
      statement: "SELECT min(id) FROM t WHERE tags && ARRAY['7']",
      scans: ['public.t'],
    },
    {
      says: 'GIN serves it.',
      setup:
        'CREATE TABLE t (id int, tags text[]); INSERT INTO t SELECT g, ARRAY[g::text] FROM ' +
          'generate_series(1, 1000) g; ' +
        'CREATE INDEX ON t USING gin (tags); ANALYZE t; SET enable_seqscan = off;',
      statement: "SELECT min(id) FROM t WHERE tags && ARRAY['7']",
      scans: [],
    },
    {
      says: 'An INSERT of a large value fails on a B-tree.',
      setup: 'CREATE TABLE t (data jsonb); CREATE INDEX ON t (data);',
      statement: 'INSERT INTO t SELECT jsonb_agg(md5(g::text)) FROM generate_series(1, 500) g',
      fails: '54000',
    },
    {
      says: 'A B-tree on json cannot be made at all.',
      setup: 'CREATE TABLE t (data json);',
      statement: 'CREATE INDEX ON t (data)',
      fails: '42704',
    },
  ],
  *check(history, { major }) {
    for (const unfit of unfitIndexes(history)) {
      if (unfit.kind === 'unclear') {
        yield { kind: 'unknown', needs: `the type of ${unfit.of}` }
        continue
      }
      const { index, of, type } = unfit
      yield {
        ...remedied(history, unfit),
        at: index.place(),
        evidence: indexEvidence(major, index, { [of]: type }),
      }
    }
  },
  *live(database) {
    const state = stateOf(database)
    for (const unfit of unfitIndexes(state)) {
      if (unfit.kind === 'unclear') continue
      const { seen } = unfit.index
      const statistics = seen && database.indexes.get(seen.name)
      if (seen === undefined || statistics === undefined || statistics.partOf !== undefined) continue
      yield {
        ...remarkOf(state, unfit),
        at: { kind: 'object', objectType: 'index', name: seen.name },
        evidence: [
          { kind: 'catalog', facts: { definition: seen.definition, [unfit.of]: unfit.type } },
          { kind: 'statistics', facts: { scans: countText(statistics.scans), size: bytesText(statistics.bytes) } },
        ],
      }
    }
  },
})

interface Unfit {
  kind: 'unfit'
  index: SchemaIndex
  /** The column with its table, or the expression. */
  of: string
  /** Undefined for an expression. */
  column?: string
  type: string
  family: Family
}

/**
 * The B-tree indexes that are neither unique nor a constraint's and have a key of a type that GIN is for; those of a
 * partition are its parent's.
 */
function* unfitIndexes(state: SchemaState): Generator<Unfit | { kind: 'unclear'; of: string }> {
  for (const index of indexesOf(state)) {
    const { shape, ofConstraint, inherited, table } = index
    if (shape.method !== 'btree' || shape.unique || ofConstraint || inherited) continue
    for (const { column, text } of shape.keys) {
      if (column === undefined) {
        const family = isDocument(text) ? familyOf('tsvector') : undefined
        if (family) yield { kind: 'unfit', index, of: `an expression of ${table}`, type: 'tsvector', family }
        continue
      }
      const found = columnOf(state, table, column)
      const of = `${table}.${column}`
      if (found === undefined) {
        yield { kind: 'unclear', of }
        continue
      }
      const family = familyOf(found.base)
      if (family) yield { kind: 'unfit', index, of, column, type: found.type, family }
    }
  }
}

/** Whether a key's expression, printed by PostgreSQL or as a tree, is a call of to_tsvector or setweight. */
function isDocument(text: string): boolean {
  return (
    /^\(*(?:to_tsvector|setweight)\(/.test(text) ||
    /^\{"FuncCall":\{"funcname":\[(?:\{"String":\{"sval":"pg_catalog"\}\},)?\{"String":\{"sval":"(?:to_tsvector|setweight)"/.test(text)
  )
}

function remarkOf(state: SchemaState, unfit: Unfit) {
  const { index, of, column, type, family } = unfit
  const { label, table, printed } = index
  const gin = ginOn(state, unfit)
  return {
    kind: 'finding' as const,
    message: `${label} is a B-tree on ${of} (${type}): it compares whole values and serves none of ${family.operators}`,
    next: gin
      ? `${gin.label} serves those already: take this one away (DROP INDEX CONCURRENTLY).`
      : family.advice(quoteTextName(table), column === undefined ? '(EXPRESSION)' : quoteIdentifier(column)),
    identity: `${label} (${column ?? 'expression'})`,
    ...(printed !== undefined && { object: printed }),
  }
}

/** The remark with the fix, where there is one and no other index serves the column already. */
function remedied(history: HistorySubject, unfit: Unfit) {
  const remark = remarkOf(history, unfit)
  const { index, column, family } = unfit
  if (column === undefined || ginOn(history, unfit)) return remark
  const remedy = ginRemedy(history, index, column, family.operatorClass ?? '')
  if (remedy === undefined) return remark
  // For jsonb there is a choice, which the remark explains.
  const next = family.operatorClass === undefined ? remedy.says : `${remark.next}\n${remedy.says}`
  return { ...remark, next, fixes: remedy.fixes }
}

/** A GIN index that serves the column already. */
function ginOn(state: SchemaState, { index, column }: Unfit): SchemaIndex | undefined {
  return indexesOf(state).find(
    (other) =>
      other.table === index.table &&
      other.shape.method === 'gin' &&
      column !== undefined &&
      other.shape.keys[0]?.column === column,
  )
}

interface Family {
  operators: string
  /** What a fix writes behind the column; default: nothing, for the type's own operator class. */
  operatorClass?: string
  advice(table: string, column: string): string
}

function familyOf(type: string): Family | undefined {
  if (type === 'jsonb') {
    return {
      operators: '@>, ?, ?|, ?& and jsonpath',
      operatorClass: ' jsonb_path_ops',
      advice: (table, column) =>
        `For @> and jsonpath: CREATE INDEX CONCURRENTLY ON ${table} USING gin (${column} jsonb_path_ops);\n` +
        `when ?, ?| or ?& are used too: CREATE INDEX CONCURRENTLY ON ${table} USING gin (${column});\n` +
        `for one key: CREATE INDEX CONCURRENTLY ON ${table} ((${column} ->> 'KEY'));`,
    }
  }
  if (type === 'tsvector') {
    return {
      operators: '@@',
      advice: (table, column) => `CREATE INDEX CONCURRENTLY ON ${table} USING gin (${column});`,
    }
  }
  if (type.endsWith('[]')) {
    return {
      operators: '@>, <@ and &&',
      advice: (table, column) => `CREATE INDEX CONCURRENTLY ON ${table} USING gin (${column});`,
    }
  }
  return undefined
}
